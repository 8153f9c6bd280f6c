import Synchronization
package import TowlineCore
import TowlineStore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Wall time at its making plus monotonic time since then, plus an offset that only tests and the virtual clock set
/// (design 4.10).
///
/// Moving the machine's wall clock does not move it.
package final class MonotonicStoreClock: StoreClock {
    private let start: Timestamp
    private let origin: ContinuousClock.Instant
    private let offset = Mutex(Duration.zero)

    /// A clock that starts at the wall clock's time, or at a given moment.
    package init(startingAt start: Timestamp? = nil) {
        self.start = start ?? Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        origin = .now
    }

    /// The current moment.
    package func now() -> Timestamp {
        start + (.now - origin) + offset.withLock { $0 }
    }

    /// Moves the clock forward.
    package func advance(by duration: Duration) {
        offset.withLock { $0 += duration }
    }
}

/// Keeps a clock from falling behind what was committed under it, also by earlier processes.
final class FlooredClock: StoreClock {
    private struct State {
        var shift: Duration
        var latest: Timestamp
    }

    private let base: any StoreClock
    private let state: Mutex<State>

    /// A clock that goes on from the floor where the base is behind it.
    init(_ base: any StoreClock, floor: Timestamp) {
        self.base = base
        let now = base.now()
        state = Mutex(State(shift: now < floor ? floor - now : .zero, latest: floor))
    }

    func now() -> Timestamp {
        let reading = base.now()
        return state.withLock { state in
            state.latest = max(state.latest, reading + state.shift)
            return state.latest
        }
    }
}
