import Testing
import TowlineOutbound

@testable import TowlineServer

@Suite("What sources get beside the limits")
struct SourceAccessTests {
    private func access(_ flags: [String: String]) throws -> OutboundConfiguration {
        var configuration = OutboundConfiguration()
        try SourceAccess(try loadSettings(flags: flags)).apply(to: &configuration)
        return configuration
    }

    @Test("is a proxy with its exceptions")
    func proxy() throws {
        #expect(try access([:]).proxy == nil)
        let proxy = try access([
            "net.proxy": "http://me:hush@proxy.example:3128", "net.no-proxy": "files.example.com,10.0.0.0/8",
        ]).proxy
        #expect(proxy?.description == "proxy.example:3128")
        #expect(proxy?.exceptions.count == 2)
    }

    @Test(
        "is no proxy that is one of the own listeners",
        arguments: [
            ("http://127.0.0.1:8787", "127.0.0.1:8787"), ("http://localhost:8787", "127.0.0.1:8787"),
            ("http://127.0.0.1:8787", "0.0.0.0:8787"), ("http://towline.example:8787", "towline.example:8787"),
            ("http://127.0.0.1:8788", "127.0.0.1:8787"),
        ])
    func loop(proxy: String, listen: String) {
        let error = #expect(throws: ServerError.self) { try access(["net.proxy": proxy, "api.listen": listen]) }
        #expect(error?.description.contains("net.proxy") == true)
    }

    @Test("is a proxy at another port of the same machine, or at the same port of another one")
    func neighbour() throws {
        #expect(try access(["net.proxy": "http://127.0.0.1:3128"]).proxy != nil)
        #expect(try access(["net.proxy": "http://10.0.0.5:8787"]).proxy != nil)
    }

    @Test("shows nothing of a proxy that is malformed")
    func malformed() {
        let error = settingsError { _ = try loadSettings(flags: ["net.proxy": "https://me:hush@proxy.example"]) }
        #expect(error?.description.contains("net.proxy") == true)
        #expect(error?.description.contains("hush") == false)
    }
}
