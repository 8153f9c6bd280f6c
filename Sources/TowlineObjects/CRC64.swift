import CTowlineDigest
package import NIOCore

/// The CRC-64 that OSS shows for an object: ECMA-182 polynomial, bits reflected, inverted at both ends.
package struct CRC64: Sendable, Hashable {
    /// The value for the bytes so far.
    package private(set) var value: UInt64

    /// Goes on after bytes of which the value is known; 0 stands for no bytes.
    package init(_ value: UInt64 = 0) { self.value = value }

    /// Takes further bytes.
    package mutating func update(_ bytes: ByteBuffer) {
        value = bytes.withUnsafeReadableBytes { ctowline_crc64(value, $0.baseAddress, $0.count) }
    }

    /// Takes further bytes.
    package mutating func update(_ bytes: [UInt8]) {
        value = bytes.withUnsafeBytes { ctowline_crc64(value, $0.baseAddress, $0.count) }
    }

    /// The value for two texts in a row.
    ///
    /// - Parameters:
    ///   - second: The value of the text that follows.
    ///   - count: How many bytes that text has.
    /// - Returns: The value of both.
    package func followed(by second: CRC64, count: Int64) -> CRC64 {
        CRC64(ctowline_crc64_combine(value, second.value, UInt64(max(0, count))))
    }
}
