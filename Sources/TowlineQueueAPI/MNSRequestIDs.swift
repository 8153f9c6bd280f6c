import Synchronization

/// Request ids in the vendor's form: 24 upper-case hexadecimal digits.
///
/// The first sixteen are random and stay for the life of this value, the last eight count.
package final class MNSRequestIDs: Sendable {
    private let prefix: UInt64
    private let counter: Atomic<UInt32>

    /// Ids that begin anywhere.
    package init() {
        prefix = .random(in: .min ... .max)
        counter = Atomic(.random(in: .min ... .max))
    }

    /// The next id.
    @Sendable package func next() -> String {
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return String(unsafeUninitializedCapacity: 24) { text in
            for index in 0..<16 { text[index] = Self.digit(UInt8(prefix >> UInt64(60 - 4 * index) & 15)) }
            for index in 0..<8 { text[16 + index] = Self.digit(UInt8(number >> UInt32(28 - 4 * index) & 15)) }
            return 24
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
