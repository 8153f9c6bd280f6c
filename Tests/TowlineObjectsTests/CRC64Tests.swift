import CTowlineDigest
import NIOCore
import Testing
import TowlineObjects

@Suite("CRC-64 as OSS computes it")
struct CRC64Tests {
    /// The definition, bit by bit.
    private static func reference(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var value = UInt64.max
        for byte in bytes {
            value ^= UInt64(byte)
            for _ in 0..<8 { value = (value >> 1) ^ (value & 1 == 0 ? 0 : 0xC96C_5795_D787_0F42) }
        }
        return ~value
    }

    private static let bytes = (0..<1500).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31 &+ $0 / 7) }

    @Test("the published check value")
    func check() {
        var digest = CRC64()
        digest.update(Array("123456789".utf8))
        #expect(digest.value == 0x995D_C9BB_DF19_39FA)
        #expect(CRC64().value == 0)
    }

    @Test("every length and every place gives what the definition gives, with and without the fast instruction")
    func lengths() {
        for count in Array(0...300) + [1023, 1024, 1400] {
            for start in [0, 1, 7, 64] {
                let part = Array(Self.bytes[start..<(start + count)])
                var digest = CRC64()
                digest.update(ByteBuffer(bytes: part))
                let expected = Self.reference(part)
                #expect(digest.value == expected, "\(count) bytes from \(start)")
                let portable = part.withUnsafeBytes { ctowline_crc64_portable(0, $0.baseAddress, $0.count) }
                #expect(portable == expected, "\(count) bytes from \(start), by table")
            }
        }
    }

    @Test(
        "pieces in order give what the whole gives, and so do digests that are joined", arguments: [0, 1, 63, 64, 700])
    func pieces(cut: Int) {
        let whole = Self.reference(Self.bytes)
        var digest = CRC64()
        digest.update(Array(Self.bytes[..<cut]))
        let first = digest
        digest.update(Array(Self.bytes[cut...]))
        #expect(digest.value == whole)
        var second = CRC64()
        second.update(Array(Self.bytes[cut...]))
        #expect(first.followed(by: second, count: Int64(Self.bytes.count - cut)).value == whole)
        var resumed = CRC64(first.value)
        resumed.update(Array(Self.bytes[cut...]))
        #expect(resumed.value == whole)
    }
}
