import Crypto
package import NIOCore
package import TowlineCore

/// The digests of a file on its way: CRC-64 always, the others where they are asked for.
package struct ContentDigest: Sendable {
    /// The CRC-64 of the bytes so far.
    package private(set) var crc64 = CRC64()
    private var sha256: SHA256?
    private var md5: Insecure.MD5?

    /// Digests of no bytes yet, with those that an expectation needs.
    package init(for expected: ExpectedContent = ExpectedContent()) {
        if expected.sha256 != nil { sha256 = SHA256() }
        if expected.md5 != nil { md5 = Insecure.MD5() }
    }

    /// Takes further bytes.
    package mutating func update(_ bytes: ByteBuffer) {
        crc64.update(bytes)
        catchUp(bytes)
    }

    /// Whether there are digests that need every byte in order.
    package var needsOrder: Bool { sha256 != nil || md5 != nil }

    /// Takes note of bytes of which only the CRC-64 is known, which is now this; the others must ``catchUp(_:)``.
    package mutating func skip(to crc64: CRC64) { self.crc64 = crc64 }

    /// Takes bytes that the CRC-64 has already.
    package mutating func catchUp(_ bytes: ByteBuffer) {
        guard needsOrder else { return }
        bytes.withUnsafeReadableBytes { bytes in
            sha256?.update(bufferPointer: bytes)
            md5?.update(bufferPointer: bytes)
        }
    }

    /// The digests of the bytes so far.
    package var value: ContentDigests {
        ContentDigests(
            crc64: crc64.value, sha256: sha256.map { Self.hexadecimal($0.finalize()) },
            md5: md5.map { Self.hexadecimal($0.finalize()) })
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
