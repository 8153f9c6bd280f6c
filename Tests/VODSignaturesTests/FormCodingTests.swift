import Testing
import VODSignatures

/// Pairs as text, since tuples cannot be compared in arrays.
private func lines(_ pairs: [NameValuePair]) -> [String] {
    pairs.map { "\($0.name)=\($0.value)" }
}

@Suite("Form coding")
struct FormCodingTests {
    @Test(
        "queries and form bodies are decoded in order",
        arguments: [
            ("", []),
            ("&&", []),
            ("a=1", ["a=1"]),
            ("b=2&a=1&b=", ["b=2", "a=1", "b="]),
            ("flag&x=1", ["flag=", "x=1"]),
            ("=v", ["=v"]),
            ("a=b=c", ["a=b=c"]),
            ("a+b=c+d", ["a b=c d"]),
            ("a%20b=c%2Bd%2b%26%3D", ["a b=c+d+&="]),
            ("t=%E8%A7%86%E9%A2%91", ["t=视频"]),
            ("t=视频", ["t=视频"]),
            ("u=https%253A%252F%252Fe.com", ["u=https%3A%2F%2Fe.com"]),
            ("a=100%&b=%zz&c=%4&d=%4g&e=%", ["a=100%", "b=%zz", "c=%4", "d=%4g", "e=%"]),
            ("a=%%41", ["a=%A"]),
            ("n=%00x", ["n=\u{0}x"]),
            ("a;b=1", ["a;b=1"]),
        ] as [(String, [String])]
    )
    func decoding(_ text: String, _ expected: [String]) throws {
        #expect(lines(try FormCoding.decode(text)) == expected)
        #expect(lines(try FormCoding.decode(Array(text.utf8))) == expected)
    }

    @Test("text that is not UTF-8 names the parameter")
    func invalidUTF8() {
        #expect(throws: FormCodingError.invalidUTF8(field: "Title")) { try FormCoding.decode("a=1&Title=%FF") }
        #expect(throws: FormCodingError.invalidUTF8(field: "Title")) { try FormCoding.decode("Title=%ED%A0%80") }
        #expect(throws: FormCodingError.invalidUTF8(field: "T\u{FFFD}")) { try FormCoding.decode("T%FF=1") }
        #expect(throws: FormCodingError.invalidUTF8(field: "a")) { try FormCoding.decode([0x61, 0x3D, 0xC3]) }
        #expect(FormCodingError.invalidUTF8(field: "Title").description == "The parameter \"Title\" must be UTF-8.")
    }

    @Test("more fields than allowed are refused")
    func tooManyFields() throws {
        #expect(try FormCoding.decode("a&b&c", maximumFields: 3).count == 3)
        #expect(throws: FormCodingError.tooManyFields(maximum: 2)) {
            try FormCoding.decode("a&b&c", maximumFields: 2)
        }
        let flood = String(repeating: "a&", count: 100_000)
        #expect(throws: FormCodingError.tooManyFields(maximum: 1024)) { try FormCoding.decode(flood) }
    }

    @Test("what was encoded is decoded to the same pairs")
    func roundTrip() throws {
        let pairs: [NameValuePair] = [
            ("Title", "a b*c~d+e/f'(g)!视频"), ("empty", ""), ("Title", "%41&="), ("ü=&", "\u{1F600}\r\n\u{0}"),
        ]
        let text = FormCoding.encode(pairs)
        #expect(text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
        #expect(lines(try FormCoding.decode(text)) == lines(pairs))
        #expect(FormCoding.encode([("a b", "*"), ("c", "")]) == "a%20b=%2A&c=")
    }
}
