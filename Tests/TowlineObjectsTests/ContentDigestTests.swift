import NIOCore
import Testing
import TowlineCore
import TowlineObjects

@Suite("The digests of a file")
struct ContentDigestTests {
    private static var all: ExpectedContent {
        var expected = ExpectedContent()
        expected.sha256 = ""
        expected.md5 = ""
        return expected
    }

    @Test("published values, in one piece or in many")
    func vectors() {
        let text = Array("The quick brown fox jumps over the lazy dog".utf8)
        for size in [1, 7, 100] {
            var digest = ContentDigest(for: Self.all)
            for start in stride(from: 0, to: text.count, by: size) {
                digest.update(ByteBuffer(bytes: text[start..<min(start + size, text.count)]))
            }
            #expect(digest.value.sha256 == "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592")
            #expect(digest.value.md5 == "9e107d9d372bb6826bd81d3542a419d6")
            #expect(digest.value.crc64 == digest.crc64.value)
        }
        let empty = ContentDigest(for: Self.all).value
        #expect(empty.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(empty.md5 == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(empty.crc64 == 0)
    }

    @Test("what nobody asked for is not computed")
    func onRequest() {
        var digest = ContentDigest()
        digest.update(ByteBuffer(string: "123456789"))
        #expect(digest.value == ContentDigests(crc64: 0x995D_C9BB_DF19_39FA))
    }
}
