import MNSWire
import Testing

@Suite("XML writer")
struct XMLWriterTests {
    @Test("each side has its declaration and namespace, and nothing is empty")
    func sides() {
        func write(_ side: XMLWriter.Side) -> String {
            text(
                XMLWriter.document(side, root: "R") { writer in
                    writer.element("A", "x")
                    writer.element("B", "")
                    writer.element("C", nil as String?)
                    writer.element("D", nil as Int?)
                    writer.element("E", -5)
                    writer.element("F") { $0.element("G", Int64.max) }
                })
        }
        let content = "<A>x</A><E>-5</E><F><G>9223372036854775807</G></F>"
        #expect(write(.answer) == answer("R", content))
        #expect(write(.request) == request("R", content))
    }

    @Test(
        "text is escaped so that every reader gives it back",
        arguments: [
            ("a&b", "a&amp;b"), ("<a>", "&lt;a&gt;"), ("]]>", "]]&gt;"), ("\"'", "\"'"), ("\r", "&#13;"),
            ("a\r\nb", "a&#13;\nb"), ("\t\n", "\t\n"), (" ", " "), ("测试", "测试"), ("&amp;", "&amp;amp;"),
            ("\u{0}\u{1F}\u{B}", "\u{FFFD}\u{FFFD}\u{FFFD}"), ("a\u{FFFE}b\u{FFFF}", "a\u{FFFD}b\u{FFFD}"),
            ("\u{FFFD}\u{FFFC}\u{FEFF}", "\u{FFFD}\u{FFFC}\u{FEFF}"), ("\u{85}\u{2028}", "\u{85}\u{2028}"),
        ])
    func escapes(_ written: String, _ expected: String) {
        let document = XMLWriter.document(.answer, root: "R") { $0.element("A", written) }
        #expect(document == Array(answer("R", "<A>\(expected)</A>").utf8))
    }

    @Test(
        "every text of XML characters survives writing and reading, byte for byte", arguments: 0..<40 as Range<UInt64>)
    func roundTrip(_ seed: UInt64) throws {
        var random = Seeded(seed)
        let specials = Array("&<>\"'\r\n\t ]]>&#13;&lt;<![CDATA[--><!--\u{FEFF}\u{301}\u{85}".unicodeScalars)
        for _ in 0..<50 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                let wide = Unicode.Scalar(UInt32.random(in: 0...0x10_FFFF, using: &random))
                let scalar =
                    Bool.random(using: &random) ? wide : specials.randomElement(using: &random)
                if let scalar, XMLText.firstForbiddenCharacter(in: String(scalar)) == nil { text.append(scalar) }
            }
            let string = String(text)
            guard !string.isEmpty else { continue }
            for side in [XMLWriter.Side.answer, .request] {
                let document = XMLWriter.document(side, root: "R") { $0.element("A", string) }
                let read = try XMLTree(parsing: document).root.children.map(\.text)
                #expect(read.map { Array($0.utf8) } == [Array(string.utf8)])
            }
        }
    }

    @Test("the characters that XML cannot carry are exactly those of its definition")
    func forbidden() {
        for value in 0...0x10_FFFF as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let isForbidden = XMLText.firstForbiddenCharacter(in: String(scalar)) != nil
            let expected = value < 0x20 && ![9, 10, 13].contains(value) || value == 0xFFFE || value == 0xFFFF
            if isForbidden != expected { Issue.record("U+\(String(value, radix: 16))") }
        }
    }
}
