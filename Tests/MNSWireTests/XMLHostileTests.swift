import MNSWire
import Testing

@Suite("Hostile XML")
struct XMLHostileTests {
    private func failure(_ document: String, limits: XMLLimits = .request) -> XMLFailure? {
        #expect(throws: XMLFailure.self) { try XMLTree(parsing: Array(document.utf8), limits: limits) }
    }

    @Test(
        "entity bombs and external entities are refused at their document type",
        arguments: [
            """
            <?xml version="1.0"?>
            <!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;"><!ENTITY lol3 "&lol2;&lol2;">]>
            <Message><MessageBody>&lol3;</MessageBody></Message>
            """,
            """
            <?xml version="1.0"?>
            <!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Message><MessageBody>&x;</MessageBody></Message>
            """,
            "<?xml version=\"1.0\"?>\n<!DOCTYPE a PUBLIC \"x\" \"http://example.com/a.dtd\"><Message/>",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://example.com/\">%p;",
        ])
    func documentTypes(_ document: String) {
        let error = failure(document)
        #expect(error?.code == .documentType)
        #expect(error?.offset == 22)
    }

    @Test("what follows a document type is not looked at: rubbish of a mebibyte costs nothing")
    func unread() {
        let bytes = Array("<!DOCTYPE".utf8) + [UInt8](repeating: 0xFF, count: (1 << 20) - 9)
        let error = #expect(throws: XMLFailure.self) { try XMLTree(parsing: bytes) }
        #expect(error?.code == .documentType)
    }

    @Test("nesting is limited to the level, and the deepest document that is allowed is read")
    func depth() throws {
        func nested(_ levels: Int, leaf: String = "") -> String {
            String(repeating: "<a>", count: levels) + leaf + String(repeating: "</a>", count: levels)
        }
        #expect(throws: Never.self) { try XMLTree(parsing: Array(nested(16).utf8)) }
        #expect(throws: Never.self) { try XMLTree(parsing: Array(nested(15, leaf: "<a/>").utf8)) }
        #expect(failure(nested(17))?.code == .tooDeep)
        #expect(failure(nested(16, leaf: "<a/>"))?.code == .tooDeep)
        let error = failure(String(repeating: "<a>", count: 340_000))
        #expect(error?.code == .tooDeep)
        #expect(error?.offset == 48)
        // The limit is the only one: a caller who raises it can have any depth, for nothing recurses.
        let deep = XMLLimits(depth: 100_000, elements: 100_000)
        #expect(throws: Never.self) { try XMLTree(parsing: Array(nested(100_000).utf8), limits: deep) }
    }

    @Test("elements, attributes, text and bytes are limited, each to the last one that is allowed")
    func counts() throws {
        let limits = XMLLimits(totalBytes: 60, elements: 3, attributes: 2, textBytes: 5)
        func accepts(_ document: String) -> Bool {
            (try? XMLTree(parsing: Array(document.utf8), limits: limits)) != nil
        }
        #expect(accepts("<a><b/><b/></a>"))
        #expect(failure("<a><b/><b/><b/></a>", limits: limits)?.code == .tooManyElements)
        #expect(accepts("<a b='' c=''/>"))
        #expect(failure("<a b='' c='' d=''/>", limits: limits)?.code == .tooManyAttributes)
        #expect(accepts("<a>12&lt;<![CDATA[45]]></a>"))
        for text in ["123456", "12345&lt;", "12345<![CDATA[6]]>", "1234é"] {
            #expect(failure("<a>\(text)</a>", limits: limits)?.code == .textTooLong)
        }
        #expect(accepts("<a>" + "</a>" + String(repeating: " ", count: 53)))
        #expect(failure("<a>" + "</a>" + String(repeating: " ", count: 54), limits: limits)?.code == .tooLarge)
    }

    @Test("the limits of requests stop floods of elements, attributes, text and bytes")
    func floods() {
        let attributes = (0..<100_000).map { " a\($0)=''" }.joined()
        #expect(failure("<a\(attributes)/>", limits: .answer)?.code == .tooManyAttributes)
        #expect(failure("<a>" + String(repeating: "<b/>", count: 100_000) + "</a>")?.code == .tooManyElements)
        #expect(failure("<a>" + String(repeating: "x", count: 600_000) + "</a>")?.code == .textTooLong)
        #expect(failure("<a>" + String(repeating: "&#65;", count: 150_000) + "<")?.code == .truncated)
        #expect(failure("<a>" + String(repeating: "x", count: 1 << 20) + "</a>")?.code == .tooLarge)
        #expect(failure("<a>" + String(repeating: "<!-->", count: 200_000))?.code == .truncated)
        #expect(failure("<a>" + String(repeating: "]", count: 500_000))?.code == .truncated)
        #expect(failure("<a>&" + String(repeating: "a", count: 500_000))?.code == .truncated)
        #expect(failure("<" + String(repeating: "a", count: 1_000_000))?.code == .truncated)
        #expect(failure(String(repeating: " ", count: 1_000_000))?.code == .truncated)
    }

    @Test("a message shows at most the beginning of a hostile name")
    func shortMessages() {
        let name = "a" + String(repeating: "\u{301}", count: 100_000)
        for document in [
            "<\(name)></b>", "<a \(name)='' \(name)=''/>", "<a>&\(String(repeating: "x", count: 9000));</a>",
        ] {
            #expect((failure(document)?.description.utf8.count ?? 9999) < 250)
        }
        let error = #expect(throws: MNSError.self) { try MNSSendRequest(decoding: Array("<\(name)/>".utf8)) }
        #expect((error?.description.utf8.count ?? 9999) < 250)
    }
}
