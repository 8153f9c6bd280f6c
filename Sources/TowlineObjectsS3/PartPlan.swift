/// How large the parts of an upload are.
///
/// A store takes 10,000 parts of one upload, and none below 5 MiB but the last. Sizes begin small, since a part is held
/// in memory until the store has it, and double every thousand parts up to what the memory for parts allows: with parts
/// of at most 16 MiB an object can have 148 GiB, with 64 MiB 492 GiB, and with 4 GiB 7.8 TiB.
struct PartPlan: Sendable, Hashable {
    /// The smallest part that is not the last.
    static let smallest: Int64 = 5 << 20
    /// The largest part that a store makes of another object's bytes.
    static let largestCopy: Int64 = 5 << 30
    /// Most parts of an upload.
    static let mostParts = 10_000
    /// How many parts have one size.
    private static let step = 1000

    private let first: Int
    private let most: Int

    /// A plan.
    ///
    /// - Parameters:
    ///   - first: The size of the first parts in bytes; at least 5 MiB.
    ///   - most: The largest size in bytes; `first` where that is more.
    init(first: Int = 8 << 20, most: Int) {
        self.first = max(Int(Self.smallest), first)
        self.most = max(self.first, most)
    }

    /// The size of a part; nil when there can be no more.
    ///
    /// - Parameter number: The part's number, from 1.
    /// - Returns: Bytes.
    func size(of number: Int) -> Int? {
        guard (1...Self.mostParts).contains(number) else { return nil }
        return min(most, first << ((number - 1) / Self.step))
    }

    /// The largest object.
    var mostBytes: Int64 {
        (1...Self.mostParts).reduce(0) { $0 + Int64(size(of: $1) ?? 0) }
    }

    /// Ranges that are copied from another object, all of a size that a part may have.
    ///
    /// - Parameter bytes: How much to copy from the beginning; at least 5 MiB.
    /// - Returns: Ranges in order, of 512 MiB or more where there is so much, at most a tenth of all parts.
    static func copies(of bytes: Int64) -> [Range<Int64>] {
        let size = min(largestCopy, max(512 << 20, bytes / Int64(mostParts / 10)))
        let count = max(1, (bytes + size - 1) / size)
        let (share, rest) = bytes.quotientAndRemainder(dividingBy: count)
        var start: Int64 = 0
        return (0..<count).map { index in
            let end = start + share + (index < rest ? 1 : 0)
            defer { start = end }
            return start..<end
        }
    }
}
