import Testing
import TowlineCore
import TowlineOutbound

@testable import TowlineServer

@Suite("What settings take")
struct SettingsKindTests {
    private static let acceptedTexts: [(SettingsKind, String, SettingsValue)] = [
        (SettingsKind.integer(1...100), "1", SettingsValue.integer(1)),
        (.integer(1...100), "100", .integer(100)),
        (.bytes(0...1 << 50), "0", .integer(0)),
        (.bytes(0...1 << 50), "1048576", .integer(1_048_576)),
        (.bytes(0...1 << 50), "512 KiB", .integer(524_288)),
        (.bytes(0...1 << 50), "512KiB", .integer(524_288)),
        (.bytes(0...1 << 50), "3 mib", .integer(3_145_728)),
        (.bytes(0...1 << 50), "20 GiB", .integer(21_474_836_480)),
        (.bytes(0...1 << 50), "2 TiB", .integer(2_199_023_255_552)),
        (.seconds(0.1...60), "60", .duration(.seconds(60))),
        (.seconds(0.1...60), "0.1", .duration(.milliseconds(100))),
        (.seconds(0.1...60), "2.125", .duration(.milliseconds(2_125))),
        (.rate(0...100), "0", .number(0)),
        (.rate(0...100), "0.125", .number(0.125)),
        (.boolean, "true", .boolean(true)),
        (.boolean, "YES", .boolean(true)),
        (.boolean, "on", .boolean(true)),
        (.boolean, "1", .boolean(true)),
        (.boolean, "false", .boolean(false)),
        (.boolean, "no", .boolean(false)),
        (.boolean, "Off", .boolean(false)),
        (.boolean, "0", .boolean(false)),
        (.choice(["exact", "durable"]), "exact", .text("exact")),
        (.choices(["a", "b", "c"]), "c, a", .list(["c", "a"])),
        (.networks, "", .networks([])),
        (
            .networks, "10.0.0.0/8,fd00::/8, 192.0.2.7,0.0.0.0/0",
            .networks([
                CIDR(IPAddress(v4: 0x0a00_0000), prefixLength: 8),
                CIDR(IPAddress(v6High: 0xfd00 << 48, low: 0), prefixLength: 8),
                CIDR(IPAddress(v4: 0xc000_0207), prefixLength: 32), CIDR(IPAddress(v4: 0), prefixLength: 0),
            ])
        ),
        (.waits(1...3), "0.5, 10,2592000", .durations([.milliseconds(500), .seconds(10), .seconds(2_592_000)])),
        (.nameServers, "192.0.2.53", .servers([.init(host: "192.0.2.53", port: 53)])),
        (
            .nameServers, "192.0.2.53:5353,2001:db8::53,[2001:db8::54]:54,[2001:db8::55]",
            .servers([
                .init(host: "192.0.2.53", port: 5353), .init(host: "2001:db8::53", port: 53),
                .init(host: "2001:db8::54", port: 54), .init(host: "2001:db8::55", port: 53),
            ])
        ),
        (.listen, "127.0.0.1:8787", .listen(.init(host: "127.0.0.1", port: 8787))),
        (.listen, "[::1]:0", .listen(.init(host: "::1", port: 0))),
        (.listen, "media-1.example:65535", .listen(.init(host: "media-1.example", port: 65_535))),
        (.webURL, "http://towline.example", .text("http://towline.example")),
        (.webURL, "https://[2001:db8::1]:8443/", .text("https://[2001:db8::1]:8443")),
        (.webURL, "https://towline.example/vod//", .text("https://towline.example/vod")),
        (.storeURL, "sqlite:towline.db", .store(.sqlite(path: "towline.db"))),
        (.storeURL, "sqlite:/srv/a b.db", .store(.sqlite(path: "/srv/a b.db"))),
        (.storeURL, "sqlite:///srv/a.db", .store(.sqlite(path: "/srv/a.db"))),
        (.objectsURL, "file:./media", .objects(.folder(path: "./media"))),
        (.objectsURL, "file:///srv/media", .objects(.folder(path: "/srv/media"))),
        (.proxyExceptions, "", .list([])),
        (
            .proxyExceptions, "files.example.com, *.example.org,10.0.0.0/8,2001:db8::1",
            .list(["files.example.com", "*.example.org", "10.0.0.0/8", "2001:db8::1"])
        ),
        (.path, "./a b", .text("./a b")),
        (.nodeName, "Node_1.example-a", .text("Node_1.example-a")),
        (.token, "s3cr3t/+=~", .text("s3cr3t/+=~")),
    ]

    @Test("is read as what it means", arguments: acceptedTexts)
    func accepted(kind: SettingsKind, text: String, value: SettingsValue) {
        #expect(kind.parse(.scalar(text)) == value)
    }

    private static let refusedTexts: [(SettingsKind, [String])] = [
        (
            SettingsKind.integer(1...100),
            ["", "0", "101", "-1", "+5", "1.0", "1e1", " 5", "5 ", "many", "1_0", "0x10", "99999999999999999999"]
        ),
        (
            .bytes(8...1 << 40),
            [
                "", "7", "2 TiB", "-1", "1.5 GiB", "KiB", "1 KB", "1K", "1 GB", "1 GiB 2", "KiB 1",
                "9223372036854775807 KiB",
            ]
        ),
        (
            .seconds(0.1...60),
            ["", "0", "0.099", "60.001", "1.2345", "1.", ".5", "1e1", "inf", "nan", "1s", "1.2.3", "-1", "0x1"]
        ),
        (.boolean, ["", "2", "enabled", "y"]),
        (.choice(["exact", "durable"]), ["", "Exact", "other", "exact,durable"]),
        (.choices(["a", "b"]), ["", "c", "a,c", "a,a", "a,,b", ","]),
        (
            .networks,
            [
                "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0/8", "::1/129",
                "fe80::1%eth0", "example.com", "10.0.0.0/8,", "/8", "[::1]/128", "010.0.0.1", "10.0.0.1/8",
                "::ffff:10.0.0.1",
            ]
        ),
        (.waits(1...3), ["", "0", "5,", "1,2,3,4", "5s", "1,x", "2592001"]),
        (.nameServers, ["dns.example", "192.0.2.53:0", "192.0.2.53:65536", "[2001:db8::53]:", "1.1.1", ","]),
        (
            .listen,
            [
                "", "8787", ":8787", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
                "[::1]", "[::1]80", "[127.0.0.1]:80", "[::1:80", "a b:80", "1.2.3.4.5:80", "1.2.3:80",
                "99999999999999999999:80",
                "-a.example:80",
                "a..b:80", "http://127.0.0.1:80", "a:b:80",
            ]
        ),
        (
            .webURL,
            [
                "", "towline.example", "ftp://towline.example", "http://", "http:///path", "http://u:p@a.example",
                "http://a.example?x", "http://a.example#x", "http://a.example:0x50", "http://a b", "HTTP//a",
                "http://a.example\\b", "http://ä.example", "//a.example",
            ]
        ),
        (
            .storeURL,
            [
                "", "towline.db", "sqlite:", "sqlite://host/a.db", "sqlite::memory:", "postgres:db", "postgres://",
                "mysql:x", "SQLITE:a.db",
            ]
        ),
        (.objectsURL, ["", "media", "file:", "file://host/media", "s3://b", "s3://bucket?size=1"]),
        (
            .proxy,
            [
                "", "proxy.example:3128", "https://proxy.example", "http://proxy.example/x", "http://proxy.example?",
                "http://proxy.example#x", "socks5://proxy.example", "http://", "http://proxy.example:0",
            ]
        ),
        (
            .proxyExceptions,
            [",", "*", "*.", "a*.example.com", "http://a.example", "a.example:80", "10.0.0.1/8", "a b", "*.10.0.0.5"]
        ),
        (.path, ["", "a\0b"]),
        (.nodeName, ["", "a b", "a/b", "ä", String(repeating: "a", count: 65)]),
        (.token, ["", "a b", "a\tb", "ä", String(repeating: "a", count: 257)]),
    ]

    @Test("is refused when it is malformed or out of bounds", arguments: refusedTexts)
    func refused(kind: SettingsKind, texts: [String]) {
        for text in texts {
            #expect(kind.parse(.scalar(text)) == nil, "\"\(text)\"")
        }
    }

    @Test(
        "is the URL of a proxy, whose login no text shows",
        arguments: [
            ("http://proxy.example", "proxy.example:80"), ("http://me:hush@proxy.example:3128/", "proxy.example:3128"),
            ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080"), ("HTTP://10.0.0.5:3128", "10.0.0.5:3128"),
        ])
    func proxy(text: String, shown: String) throws {
        guard case .proxy(let proxy) = try #require(SettingsKind.proxy.parse(.scalar(text))) else {
            Issue.record("no proxy")
            return
        }
        var dumped = ""
        dump(proxy, to: &dumped)
        #expect(proxy.description == shown)
        #expect(!"\(dumped)\(String(reflecting: proxy))".contains("hush"))
    }

    @Test("is a list only where a list is due")
    func sequences() {
        #expect(SettingsKind.networks.parse(.sequence([])) == .networks([]))
        let loopback = CIDR(IPAddress(v6High: 0, low: 1), prefixLength: 128)
        #expect(SettingsKind.networks.parse(.sequence(["::1"])) == .networks([loopback]))
        #expect(SettingsKind.networks.parse(.sequence(["10.0.0.0/8,::1"])) == nil)
        #expect(SettingsKind.choices(["a", "b"]).parse(.sequence(["b"])) == .list(["b"]))
        #expect(SettingsKind.integer(1...9).parse(.sequence(["1"])) == nil)
        #expect(SettingsKind.path.parse(.sequence(["a"])) == nil)
    }

    @Test(
        "counts as loopback only where no other machine can reach it",
        arguments: [
            ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("localhost", true),
            ("LOCALHOST", true), ("0.0.0.0", false), ("::", false), ("10.0.0.1", false), ("::2", false),
            ("::ffff:10.0.0.1", false), ("localhost.example", false), ("2001:db8::1", false),
            ("127.0.0.1.example", false),
        ])
    func loopback(host: String, isLoopback: Bool) {
        #expect(Settings.HostPort(host: host, port: 80).isLoopback == isLoopback)
    }

    @Test("names an address with a port as a URL does")
    func hostPortText() {
        #expect(Settings.HostPort(host: "::1", port: 80).description == "[::1]:80")
        #expect(Settings.HostPort(host: "127.0.0.1", port: 80).description == "127.0.0.1:80")
        #expect(Settings.HostPort("127.0.0.1\0:80") == nil)
    }
}
