package import TowlineCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The machine's wall clock: dates signatures and log lines, and never what is stored (design 4.10).
package enum WallClock {
    /// The current moment.
    package static func now() -> Timestamp {
        Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }
}
