import NIOCore
import NIOHTTP1
import Testing
import TowlineCore
import TowlineOutbound
import TowlineTesting

@Suite("header rules of sources", .timeLimit(.minutes(5)))
struct SourceHeaderRulesTests {
    private static func rules(_ text: String) throws -> SourceHeaderRules { try SourceHeaderRules(parsing: text) }

    @Test(
        "a pattern is an origin",
        arguments: [
            ("files.example.com", "https://files.example.com/a?b=c", true),
            ("Files.Example.COM.", "https://files.example.com/", true),
            ("files.example.com", "https://files.example.com.:443/", true),
            ("files.example.com", "http://files.example.com/", false),
            ("files.example.com", "https://files.example.com:8443/", false),
            ("files.example.com", "https://a.files.example.com/", false),
            ("files.example.com", "https://files.example.com.evil.test/", false),
            ("files.example.com", "https://evilfiles.example.com/", false),
            ("files.example.com:*", "https://files.example.com:8443/", true),
            ("files.example.com:8443", "https://files.example.com:8443/", true),
            ("files.example.com:8443", "https://files.example.com/", false),
            ("http://files.example.com", "http://files.example.com/", true),
            ("http://files.example.com", "http://files.example.com:8080/", false),
            ("http://files.example.com:*", "https://files.example.com/", false),
            ("HTTPS://files.example.com", "https://files.example.com/", true),
            ("*.example.com", "https://a.example.com/", true),
            ("*.example.com", "https://a.b.example.com/", true),
            ("*.example.com", "https://example.com/", false),
            ("*.example.com", "https://evilexample.com/", false),
            ("*.example.com", "https://a.example.com.evil.test/", false),
            ("*.example.com", "https://a.example.com:8443/", false),
            ("*.example.com:*", "https://a.example.com:8443/", true),
            ("10.0.0.5", "https://10.0.0.5/", true),
            ("10.0.0.5", "https://10.0.0.50/", false),
            ("[2001:DB8::1]", "https://[2001:db8:0::1]/", true),
            ("http://[2001:db8::1]:*", "http://[2001:db8::1]:81/", true),
        ])
    func matching(pattern: String, target: String, matches: Bool) throws {
        let rules = try Self.rules("[\(pattern)]\nX-Key: secret\n")
        #expect(rules.fields(for: try url(target))["X-Key"] == (matches ? ["secret"] : []))
    }

    @Test("the most specific rule gives a field, and others add what it does not have")
    func order() throws {
        let rules = try Self.rules(
            """
            # comments and blank lines mean nothing

            [*.example.com]
            X-A: wide
            X-B: wide
            X-C: wide\r
            [*.cdn.example.com]
              X-B :ignored
            """.replacing("  X-B :ignored", with: "  x-b: narrow  ") + "\n[a.cdn.example.com]\nx-c: exact")
        let fields = rules.fields(for: try url("https://a.cdn.example.com/"))
        #expect(fields["X-A"] == ["wide"])
        #expect(fields["X-B"] == ["narrow"])
        #expect(fields["X-C"] == ["exact"])
        #expect(rules.fields(for: try url("https://b.example.com/"))["X-C"] == ["wide"])
        #expect(rules.count == 3)
    }

    @Test("a login is a Basic field")
    func login() throws {
        let rules = try Self.rules("[a.example.com]\nLogin: me:pa:ss word")
        let fields = rules.fields(for: try url("https://a.example.com/"))
        #expect(fields["Authorization"] == ["Basic bWU6cGE6c3Mgd29yZA=="])
        #expect(rules.fields(for: try url("https://you:too@a.example.com/")).isEmpty)
    }

    @Test("no text of the rules holds a secret")
    func masked() throws {
        let rules = try Self.rules("[a.example.com]\nX-Key: hush")
        var dumped = ""
        dump(rules, to: &dumped)
        #expect(!"\(rules) \(String(reflecting: rules)) \(dumped)".contains("hush"))
    }

    private static let faults: [(String, Int, String)] = [
        ("X-Key: hush", 1, "must come before"),
        ("[a.example.com]\n[b.example.com]\nX-Key: hush", 1, "no fields"),
        ("[a.example.com]\nX-Key: hush\n\n[b.example.com]\n", 4, "no fields"),
        ("[a.example.com]\nX-Key: hush\n[A.example.com:443]\nX-Key: hush", 3, "line 1"),
        ("[a.example.com]\nX-Key hush", 2, "Name: value"),
        ("[a.example.com]\nX Key: hush", 2, "name"),
        ("[a.example.com]\nX-Key : hush", 2, "colon"),
        ("[a.example.com]\n: hush", 2, "name"),
        ("[a.example.com]\nX-Key:", 2, "empty"),
        ("[a.example.com]\nX-Key: hu\u{1}sh", 2, "control"),
        ("[a.example.com]\nX-Key: hush\nx-key: hush", 3, "already"),
        ("[a.example.com]\nlogin: me:hush\nAuthorization: hush", 3, "already"),
        ("[a.example.com]\nlogin: hush", 2, "user:password"),
        ("[a.example.com]\nlogin: :hush", 2, "user:password"),
        ("[a.example.com]\nX-Key: " + String(repeating: "hush", count: 5_000), 2, "bytes"),
    ]

    @Test("a wrong line is named with what is allowed, and no value is shown", arguments: faults)
    func wrongLine(text: String, line: Int, part: String) throws {
        let error = #expect(throws: SourceHeaderRulesError.self) { try Self.rules(text) }
        #expect(error?.line == line)
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("hush") == false)
    }

    @Test(
        "a pattern that is no origin is refused",
        arguments: [
            "", "*", "*.com", "*.", "*example.com", "a.*.com", "a*.example.com", "example.*", "ftp://a.example.com",
            "a.example.com/", "a.example.com/x", "u@a.example.com", "a.example.com?x", "a.example.com:",
            "a.example.com:0",
            "a.example.com:99999", "a.example.com:80:*", "a.example.com:**", "*.10.0.0.5", "*.[2001:db8::1]",
            "2001:db8::1", "a b", "ä.example.com", "https://", "[2001:db8::1]:80:*", "a.example.com\\",
        ])
    func badPattern(pattern: String) throws {
        let error = #expect(throws: SourceHeaderRulesError.self) { try Self.rules("[\(pattern)]\nX-Key: hush") }
        #expect(error?.line == 1)
    }

    @Test("names that are the client's own are refused", arguments: SourceHeader.reservedNames.sorted())
    func reserved(name: String) throws {
        let error = #expect(throws: SourceHeaderRulesError.self) {
            try Self.rules("[a.example.com]\n\(name.uppercased()): hush")
        }
        #expect(error?.reason.contains("set by Towline") == true)
    }

    @Test("each hop gets the fields of its own host and of no other")
    func hops() async throws {
        let end = try await HTTPOrigin.start { _ in .text("ok") }
        let last = end.port
        let middle = try await HTTPOrigin.start { _ in
            OriginResponse(status: 302, headers: [("Location", "http://c.test:\(last)/")])
        }
        let between = middle.port
        let begin = try await HTTPOrigin.start { _ in
            OriginResponse(status: 302, headers: [("Location", "http://b.test:\(between)/")])
        }
        let rules = try Self.rules(
            """
            [http://a.test:\(begin.port)]
            Authorization: Bearer a
            X-A: a
            [http://*.c.test:*]
            X-C: below
            [http://c.test:*]
            X-C: c
            X-Own: rule
            """)
        let here = [["127.0.0.1"]]
        try await withClient(
            names: ["a.test": here, "b.test": here, "c.test": here], change: { $0.headerRules = rules }
        ) { client in
            let request = OutboundRequest(
                url: try url("http://a.test:\(begin.port)/"), headers: ["X-Own": "request", "X-Plain": "1"],
                sensitiveHeaders: ["x-own"])
            let response = try await client.fetch(request)
            #expect(try await response.text() == "ok")
        }
        let first = try #require(begin.record.requests.first)
        let second = try #require(middle.record.requests.first)
        let third = try #require(end.record.requests.first)
        #expect(first.header("authorization") == "Bearer a")
        #expect(first.header("x-a") == "a")
        #expect(first.header("x-own") == "request")
        for name in ["authorization", "x-a", "x-c", "x-own"] { #expect(second.header(name) == nil) }
        #expect(third.header("x-c") == "c")
        #expect(third.header("x-own") == "rule")
        for name in ["authorization", "x-a"] { #expect(third.header(name) == nil) }
        #expect([first, second, third].allSatisfy { $0.header("x-plain") == "1" })
        await begin.stop()
        await middle.stop()
        await end.stop()
    }
}
