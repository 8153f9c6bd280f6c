import MNSWire
import Testing

@Suite("XML reader")
struct XMLReaderTests {
    private func read(_ document: String, limits: XMLLimits = .request) throws(XMLFailure) -> XMLTree.Element {
        try XMLTree(parsing: Array(document.utf8), limits: limits).root
    }

    @Test("names, text and offsets come out as they are in the document")
    func tree() throws {
        let root = try read("<?xml version='1.0'?><a x=\"1\">\n <b>one</b><p:c xmlns:p='u'> two </p:c>\r\n<d/></a>\n")
        #expect(root.name == "a")
        #expect(root.hasChildren)
        #expect(root.text.isEmpty)
        #expect(root.offset == 21)
        let children = Array(root.children)
        #expect(children.map(\.name) == ["b", "c", "d"])
        #expect(children.map(\.text) == ["one", " two ", ""])
        #expect(children.map(\.hasChildren) == [false, false, false])
        #expect(children[0].offset == 32)
    }

    @Test(
        "text is exact, whatever form it is written in",
        arguments: [
            ("", ""), ("plain", "plain"), ("&amp;&lt;&gt;&quot;&apos;", "&<>\"'"), ("&#65;&#x42;&#x0043;", "ABC"),
            ("&#x1F600;&#128512;", "😀😀"), ("<![CDATA[<a>&amp;]]>", "<a>&amp;"), ("<![CDATA[]]]]>", "]]"),
            ("a<!-- - -->b<![CDATA[c]]>d", "abcd"), ("] ]> ]]", "] ]> ]]"), ("a\r\nb\rc\td", "a\r\nb\rc\td"),
            ("&#13;&#10;&#9;", "\r\n\t"), (" \n ", " \n "), ("测试字符串 é e\u{301}", "测试字符串 é e\u{301}"),
            ("\u{7F}\u{85}\u{D7FF}\u{E000}\u{FFFD}\u{10FFFF}", "\u{7F}\u{85}\u{D7FF}\u{E000}\u{FFFD}\u{10FFFF}"),
            ("&#00000000000000000000065;", "A"), ("&amp;lt;", "&lt;"),
        ])
    func texts(_ written: String, _ expected: String) throws {
        let root = try read("<a>\(written)</a>")
        #expect(Array(root.text.utf8) == Array(expected.utf8))
    }

    @Test(
        "declarations of UTF-8, marks and comments around the root are fine",
        arguments: [
            "<a/>", "\u{FEFF}<a/>", "  <a></a>  ", "<!-- x --><a/><!-- y -->", "<?xml version=\"1.0\"?><a/>",
            "<?xml version=\"1.0\" ?>\n<a />", "<?xml version='1.1' encoding='Utf-8'?><a\n></a\t>",
            "\u{FEFF}<?xml version = \"1.0\" encoding=\"UTF8\" standalone='yes' ?><a/>",
            "<?xml\nversion='1.0' standalone='no'?><a/>", "<a b='>' c=\"&lt;'\"/>", "<_é.-·9 xmlns='' xmlns:x=''/>",
        ])
    func accepted(_ document: String) throws {
        let root = try read(document)
        #expect(!root.hasChildren && root.text.isEmpty)
    }

    @Test(
        "what is not well-formed or not wanted is refused with its place",
        arguments: [
            ("", XMLFailure.Code.truncated, 0), ("  ", .truncated, 2), ("<!-- x", .truncated, 6), ("x", .malformed, 0),
            ("<!DOCTYPE a><a/>", .documentType, 0), ("<!doctype a []><a/>", .documentType, 0),
            ("<!-- --><!ENTITY", .documentType, 8), ("<a><!DOCTYPE b></a>", .documentType, 3),
            ("<a/><!DOCTYPE a>", .documentType, 4), ("<![CDATA[x]]><a/>", .documentType, 0),
            ("<?php ?><a/>", .processingInstruction, 0), ("<a><?x?></a>", .processingInstruction, 3),
            (" <?xml version='1.0'?><a/>", .processingInstruction, 1), ("<a/><?x?>", .processingInstruction, 4),
            ("<?xml-stylesheet href='x'?><a/>", .processingInstruction, 0),
            ("<?xml version='1.0' encoding='gbk'?><a/>", .encoding, 20),
            ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", .encoding, 20),
            ("<?xml version='2.0'?><a/>", .malformed, 6), ("<?xml encoding='utf-8'?><a/>", .malformed, 6),
            ("<?xml ?><a/>", .malformed, 6), ("<?xml version='1.0' x='y'?><a/>", .malformed, 20),
            ("<?xml version='1.0' standalone='maybe'?><a/>", .malformed, 20),
            ("<?xml version='1.0' version='1.0'?><a/>", .malformed, 20),
            ("<a></b>", .unbalanced, 3), ("<a><b></a></b>", .unbalanced, 6), ("<p:a></q:a>", .unbalanced, 5),
            ("<a>x</A>", .unbalanced, 4), ("<a", .truncated, 2), ("<a>", .truncated, 3), ("<a><b>", .truncated, 6),
            ("<a/>x", .trailingContent, 4), ("<a/><b/>", .trailingContent, 4), ("<a/></a>", .trailingContent, 4),
            ("<a>\0</a>", .invalidCharacter, 3), ("<a>\u{1}</a>", .invalidCharacter, 3),
            ("<a>\u{FFFE}</a>", .invalidCharacter, 3), ("<a b='\u{8}'/>", .invalidCharacter, 6),
            ("<a><![CDATA[\u{B}]]></a>", .invalidCharacter, 12), ("<a><!-- \u{C} --></a>", .invalidCharacter, 8),
            ("<a>&#0;</a>", .invalidCharacter, 3), ("<a>&#xFFFF;</a>", .invalidCharacter, 3),
            ("<a>&#xD800;</a>", .invalidCharacter, 3), ("<a>&#x110000;</a>", .invalidCharacter, 3),
            ("<a>&#99999999999999999999999;</a>", .invalidCharacter, 3), ("<a b='&#27;'/>", .invalidCharacter, 6),
            ("<a>&nbsp;</a>", .unknownEntity, 3), ("<a b='&x;'/>", .unknownEntity, 6),
            ("<a>&AMP;</a>", .unknownEntity, 3),
            ("<a>x & y</a>", .malformed, 5), ("<a>&;</a>", .malformed, 3), ("<a>&#;</a>", .malformed, 3),
            ("<a>&#x;</a>", .malformed, 3), ("<a>&#12a;</a>", .malformed, 3), ("<a>]]></a>", .malformed, 3),
            ("<a b='<'/>", .malformed, 6), ("<a b/>", .malformed, 4), ("<a b=c/>", .malformed, 5),
            ("<a b='1'c='2'/>", .malformed, 8), ("<a / >", .malformed, 4), ("< a/>", .malformed, 1),
            ("<1a/>", .malformed, 1), ("<a:/>", .malformed, 3), ("<:a/>", .malformed, 1), ("<a:b:c/>", .malformed, 4),
            ("<a><!-- -- --></a>", .malformed, 8), ("<a></a b='c'>", .malformed, 7),
            ("<a b='1' b='2'/>", .duplicateAttribute, 9), ("<a xmlns='' xmlns=''/>", .duplicateAttribute, 12),
            ("<a>x<b/></a>", .mixedContent, 4), ("<a><b/>x</a>", .mixedContent, 8),
            ("<a><b>1</b>&#65;<b/></a>", .mixedContent, 16), ("<a>hello <b>x</b></a>", .mixedContent, 9),
        ])
    func refused(_ document: String, _ code: XMLFailure.Code, _ offset: Int) {
        let error = #expect(throws: XMLFailure.self) { try read(document) }
        #expect(error?.code == code, "\(document): \(error?.description ?? "")")
        #expect(error?.offset == offset, "\(document)")
        #expect(error?.description.hasSuffix("(byte \(error?.offset ?? -1)).") == true)
    }

    @Test(
        "bytes that are not UTF-8 are refused wherever they stand",
        arguments: [
            [0xFF], [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xC3], [0xE4, 0xB8], [0xE4, 0x41, 0x41],
        ] as [[UInt8]])
    func invalidUTF8(_ bytes: [UInt8]) {
        for (head, tail) in [
            ("<a>", "</a>"), ("<a b='", "'/>"), ("<a", "/>"), ("<a><![CDATA[", "]]></a>"), ("<!--", "--><a/>"),
        ] {
            let document = Array(head.utf8) + bytes + Array(tail.utf8)
            let error = #expect(throws: XMLFailure.self) { try XMLTree(parsing: document) }
            #expect(error?.code == .invalidUTF8)
            #expect(error?.offset == head.utf8.count)
        }
    }

    @Test("UTF-16 and UTF-32 are told apart from other rubbish", arguments: [true, false])
    func wideEncodings(_ bigEndian: Bool) {
        let utf16 = "<a/>".utf8.flatMap { byte -> [UInt8] in bigEndian ? [0, byte] : [byte, 0] }
        let mark: [UInt8] = bigEndian ? [0xFE, 0xFF] : [0xFF, 0xFE]
        for document in [utf16, mark + utf16] {
            let error = #expect(throws: XMLFailure.self) { try XMLTree(parsing: document) }
            #expect(error?.code == .encoding)
        }
    }

    @Test("a document that is cut off anywhere is refused", arguments: ClientForms.all)
    func truncated(_ document: String) throws {
        let bytes = Array(document.utf8)
        let end = (bytes.lastIndex(of: UInt8(ascii: ">")) ?? 0) + 1
        for length in 0..<end {
            #expect(throws: XMLFailure.self) { try XMLTree(parsing: Array(bytes[..<length])) }
        }
        #expect(throws: Never.self) { try XMLTree(parsing: bytes) }
    }

    @Test("a document with any byte changed is read or refused, never a crash", arguments: ClientForms.all)
    func changedBytes(_ document: String) {
        var random = Seeded(7)
        let bytes = Array(document.utf8)
        for index in bytes.indices {
            for byte in [0, 0x26, 0x3C, 0x3E, 0x5D, 0x80, 0xEF, 0xFF, UInt8.random(in: 0...255, using: &random)] {
                var changed = bytes
                changed[index] = byte
                let tree = try? XMLTree(parsing: changed)
                #expect(tree == nil || tree?.root.name.isEmpty == false)
            }
        }
    }
}
