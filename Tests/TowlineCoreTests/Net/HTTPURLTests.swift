import Testing
import TowlineCore

@Suite("URLs")
struct HTTPURLTests {
    /// What the standard policy says about a URL's host, names resolved by the table.
    private func verdict(of url: HTTPURL) throws -> AddressVerdict {
        switch url.host {
        case .address(let address): return AddressPolicy.standard.judge(address)
        case .name(let name):
            return AddressPolicy.standard.judge(
                try #require(IPAddress(parsing: HostileURLs.names[name] ?? "93.184.216.34")))
        }
    }

    @Test("a hostile URL is stopped where the table says", arguments: HostileURLs.all)
    func hostile(entry: HostileURLs.Entry) throws {
        switch entry.barrier {
        case .parser(let code):
            let error = #expect(throws: HTTPURLError.self) { try HTTPURL(parsing: entry.url) }
            #expect(error?.code.rawValue == code)
        case .policy(let rule):
            let verdict = try verdict(of: HTTPURL(parsing: entry.url))
            #expect(!verdict.allowed)
            #expect(verdict.rule == rule)
        case .nothing(let host):
            let url = try HTTPURL(parsing: entry.url)
            #expect(url.hostName == host)
            #expect(try verdict(of: url).allowed)
        }
    }

    @Test("the table of hostile URLs has at least 250 that no connection may happen for, none twice")
    func sizeOfTable() {
        let stopped = HostileURLs.all.filter { entry in
            if case .nothing = entry.barrier { return false }
            return true
        }
        #expect(stopped.count >= 250)
        #expect(Set(HostileURLs.all.map(\.url)).count == HostileURLs.all.count)
        #expect(GoodURLs.all.count >= 40)
    }

    @Test("a good URL passes with its host and request target", arguments: GoodURLs.all)
    func good(entry: GoodURLs.Entry) throws {
        let url = try HTTPURL(parsing: entry.url)
        #expect(url.hostHeader == entry.hostHeader)
        #expect(url.requestTarget == entry.target)
        #expect(try verdict(of: url).allowed)
        #expect(try HTTPURL(parsing: url.absoluteString) == url.replacingCredentials(with: nil))
    }

    @Test("an error names what is allowed and never the URL")
    func errorsAreReadable() {
        let idn = #expect(throws: HTTPURLError.self) { try HTTPURL(parsing: "http://s\u{e9}cret.example/?key=k") }
        #expect(idn?.description == "The host holds characters outside ASCII; write it as punycode (xn--…).")
        let port = #expect(throws: HTTPURLError.self) { try HTTPURL(parsing: "http://example.com:0/") }
        #expect(port?.description.contains("1 to 65535") == true)
        let long = #expect(throws: HTTPURLError.self) {
            try HTTPURL(parsing: "http://example.com/" + String(repeating: "a", count: 65_536))
        }
        #expect(long?.code == .length)
    }

    @Test("credentials are kept apart from every text of the URL")
    func credentials() throws {
        let url = try HTTPURL(parsing: "https://us%40er:p%3Ass@media.example.com/a?token=secret&plain")
        #expect(url.credentials?.user == "us@er")
        #expect(url.credentials?.password == "p:ss")
        #expect(url.absoluteString == "https://media.example.com/a?token=secret&plain")
        #expect(url.masked == "https://media.example.com/a?token=…&…")
        #expect("\(url)" == url.masked)
        #expect(String(reflecting: url) == url.masked)
        #expect(try HTTPURL(parsing: "https://user@example.com/").credentials?.password == "")
        #expect(try HTTPURL(parsing: "https://example.com/").credentials == nil)
    }

    @Test("the origin leaves the scheme's own port out")
    func origin() throws {
        #expect(try HTTPURL(parsing: "HTTPS://Media.Example.com:443/a").origin == "https://media.example.com")
        #expect(try HTTPURL(parsing: "http://[2001:DB8::1]:8080/a").origin == "http://[2001:db8::1]:8080")
        let url = try HTTPURL(parsing: "https://example.com/a")
        #expect(url.port == 443)
        #expect(try url.isSameOrigin(as: HTTPURL(parsing: "https://EXAMPLE.com.:443/b?c")))
        #expect(try !url.isSameOrigin(as: HTTPURL(parsing: "http://example.com/a")))
        #expect(try !url.isSameOrigin(as: HTTPURL(parsing: "https://example.com:8443/a")))
        #expect(try !url.isSameOrigin(as: HTTPURL(parsing: "https://example.org/a")))
    }

    @Test(
        "the file name is the last segment, decoded and harmless",
        arguments: [
            ("http://e.com/a/b.mp4?x=1", "b.mp4", "mp4"),
            ("http://e.com/a/b%20c.MP4", "b c.MP4", "mp4"),
            ("http://e.com/a/视频.mov", "视频.mov", "mov"),
            ("http://e.com/a%2Fb%5Cc.ts", "c.ts", "ts"),
            ("http://e.com/..%2f..%2fetc%2fpasswd", "passwd", nil),
            ("http://e.com/a%00b%0a.mp4", "ab.mp4", "mp4"),
            ("http://e.com/.hidden", ".hidden", nil),
            ("http://e.com/archive.tar.gz", "archive.tar.gz", "gz"),
            ("http://e.com/a.", "a.", nil),
            ("http://e.com/a.mp4%3Fx", "a.mp4?x", nil),
            ("http://e.com/%ff.mp4", "\u{fffd}.mp4", "mp4"),
            ("http://e.com/a.verylongextensionname", "a.verylongextensionname", nil),
            ("http://e.com/", nil, nil), ("http://e.com", nil, nil), ("http://e.com/a/", nil, nil),
            ("http://e.com/%2e%2e", nil, nil), ("http://e.com/a/..", nil, nil), ("http://e.com/a%2f", "a", nil),
        ] as [(String, String?, String?)]
    )
    func fileName(url: String, name: String?, ending: String?) throws {
        let url = try HTTPURL(parsing: url)
        #expect(url.fileName == name)
        #expect(url.fileExtension == ending)
    }

    @Test(
        "a reference is resolved as RFC 3986 section 5.4 says",
        arguments: [
            ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
            ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"), ("g?y#s", "http://a/b/c/g?y"), (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"), ("../", "http://a/b/"),
            ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../", "http://a/"), ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"), ("../../../../g", "http://a/g"), ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."), (".g", "http://a/b/c/.g"), ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"), ("./g/.", "http://a/b/c/g/"), ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"), ("g;x=1/./y", "http://a/b/c/g;x=1/y"), ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"), ("g?y/../x", "http://a/b/c/g?y/../x"), ("https://h/x", "https://h/x"),
            ("/a b.mp4", "http://a/a%20b.mp4"), ("视频.mp4?标题", "http://a/b/c/%E8%A7%86%E9%A2%91.mp4?%E6%A0%87%E9%A2%98"),
            ("//user:pw@g:81/x", "http://g:81/x"), ("HTTP://G/x", "http://g/x"), ("/x:y", "http://a/x:y"),
        ]
    )
    func resolving(reference: String, result: String) throws {
        #expect(try HTTPURL(parsing: "http://a/b/c/d;p?q").resolving(reference).absoluteString == result)
    }

    @Test(
        "a reference that leaves http and https, or that hides something, is refused",
        arguments: [
            "file:///etc/passwd", "unix:///run/x.sock", "g:h", "http:g", "javascript:x", "///127.0.0.1/", "//127.1/x",
            "\\\\127.0.0.1\\x", "/a\r\nSet-Cookie: b", "//[::1%25lo]/", "http://", "//@h/", " /a", "/a\u{0}",
        ]
    )
    func refusedReference(reference: String) throws {
        let base = try HTTPURL(parsing: "http://a/b/c/d;p?q")
        #expect(throws: HTTPURLError.self) { try base.resolving(reference) }
    }

    @Test("parsing and judging a URL takes less than 50 µs")
    func speed() throws {
        let urls = GoodURLs.all.map(\.url)
        let rounds = 50
        var allowed = 0
        let elapsed = try ContinuousClock().measure {
            for _ in 0..<rounds {
                for text in urls where try verdict(of: HTTPURL(parsing: text)).allowed { allowed += 1 }
            }
        }
        #expect(allowed == rounds * urls.count)
        // A build without optimisation may take longer by far; ten times the bar still shows a quadratic mistake.
        #if DEBUG
            let bar = Duration.microseconds(500)
        #else
            let bar = Duration.microseconds(50)
        #endif
        #expect(elapsed / (rounds * urls.count) < bar)
    }
}
