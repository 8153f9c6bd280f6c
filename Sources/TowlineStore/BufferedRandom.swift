#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The system's random numbers, fetched 256 bytes at a time: an identifier needs three numbers, and a call of the
/// kernel for each would cost more than the row that it names.
package struct BufferedRandom: RandomNumberGenerator, Sendable {
    private var buffer: [UInt64] = []

    /// A generator with an empty buffer.
    package init() {}

    /// The next 64 random bits.
    package mutating func next() -> UInt64 {
        if buffer.isEmpty { refill() }
        return buffer.popLast() ?? SystemRandomNumberGenerator().nextBits()
    }

    private mutating func refill() {
        var words = [UInt64](repeating: 0, count: 32)
        let result = words.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
        buffer = result == 0 ? words : []
    }
}

extension SystemRandomNumberGenerator {
    fileprivate consuming func nextBits() -> UInt64 {
        var generator = self
        return generator.next()
    }
}
