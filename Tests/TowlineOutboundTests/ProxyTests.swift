import Foundation
import NIOCore
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

@Suite("calls through a proxy", .timeLimit(.minutes(5)))
struct ProxyTests {
    private let names = ["origin.test": [["127.0.0.1"]], "dead.test": [["127.0.0.3"]], "proxy.test": [["127.0.0.1"]]]

    private static func proxy(_ text: String, except exceptions: [String] = []) throws -> OutboundProxy {
        var proxy = try #require(OutboundProxy(parsing: text))
        proxy.exceptions = exceptions.compactMap(OutboundProxy.Exception.init)
        return proxy
    }

    @Test("a plain call goes through a tunnel to the approved address, and the tunnel is used again")
    func plain() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        let tunnel = try await TunnelProxy.start()
        let proxy = try Self.proxy("http://me:pa%3Ass@127.0.0.1:\(tunnel.port)")
        try await withClient(names: names, change: { $0.proxy = proxy }) { client in
            for round in 0..<2 {
                let response = try await client.fetch(OutboundRequest(url: url("http://origin.test:\(origin.port)/a")))
                #expect(try await response.text() == "ok")
                #expect(response.remoteAddress.description == "127.0.0.1")
                #expect(response.trace.connection?.isThroughProxy == true)
                #expect(response.trace.connection?.isReused == (round == 1))
            }
        }
        let head = try #require(tunnel.heads.first)
        #expect(tunnel.heads.count == 1)
        #expect(
            head == """
                CONNECT 127.0.0.1:\(origin.port) HTTP/1.1\r
                Host: 127.0.0.1:\(origin.port)\r
                User-Agent: Towline\r
                Proxy-Authorization: Basic bWU6cGE6c3M=\r
                \r\n
                """)
        let request = try #require(origin.record.requests.first)
        #expect(request.header("host") == "origin.test:\(origin.port)")
        #expect(request.header("proxy-authorization") == nil)
        await tunnel.stop()
        await origin.stop()
    }

    @Test("TLS is spoken with the origin, not with the proxy, whose name is resolved but not judged")
    func encrypted() async throws {
        let origin = try await HTTPOrigin.start(setUp: TLSTests.tls()) { _ in
            OriginResponse(body: .repeated(ByteBuffer(repeating: 7, count: 50_000), total: 1_000_000))
        }
        let tunnel = try await TunnelProxy.start(host: "127.0.0.4")
        let proxy = try Self.proxy("http://proxy.test:\(tunnel.port)")
        var names = names
        // 127.0.0.4 is not open to sources.
        names["proxy.test"] = [["127.0.0.3", "127.0.0.4"]]
        try await TLSTests.withAuthority { file in
            try await withClient(
                names: names,
                change: {
                    $0.extraCAFile = file
                    $0.proxy = proxy
                }
            ) { client in
                let response = try await client.fetch(OutboundRequest(url: url("https://origin.test:\(origin.port)/")))
                #expect(response.connection.tlsVersion == "TLSv1.3")
                #expect(response.connection.isThroughProxy)
                #expect(try await response.collectBody(upTo: 2_000_000).bytes.readableBytes == 1_000_000)
            }
        }
        #expect(tunnel.heads.count == 1)
        await tunnel.stop()
        await origin.stop()
    }

    @Test("an address that the policy refuses is never asked for")
    func refused() async throws {
        let tunnel = try await TunnelProxy.start()
        let proxy = try Self.proxy("http://127.0.0.1:\(tunnel.port)")
        try await withClient(names: ["inner.test": [["10.0.0.1"]]], change: { $0.proxy = proxy }) { client in
            for target in ["http://inner.test/", "https://inner.test/", "http://169.254.169.254/", "http://[::1]/"] {
                let error = await #expect(throws: OutboundError.self) {
                    try await client.fetch(OutboundRequest(url: url(target)))
                }
                #expect(error?.code == .addressForbidden)
            }
        }
        #expect(tunnel.heads.isEmpty)
        await tunnel.stop()
    }

    @Test(
        "exceptions go without",
        arguments: [["origin.test"], ["*.test"], ["127.0.0.0/8"], ["other.test", "127.0.0.1"]])
    func exceptions(exceptions: [String]) async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        let tunnel = try await TunnelProxy.start()
        let proxy = try Self.proxy("http://127.0.0.1:\(tunnel.port)", except: exceptions)
        try await withClient(names: names, change: { $0.proxy = proxy }) { client in
            let response = try await client.fetch(OutboundRequest(url: url("http://origin.test:\(origin.port)/")))
            #expect(try await response.text() == "ok")
            #expect(response.connection.isThroughProxy == false)
        }
        #expect(tunnel.heads.isEmpty)
        await tunnel.stop()
        await origin.stop()
    }

    @Test("exceptions are compared as labels and blocks")
    func exceptionRule() throws {
        let proxy = try Self.proxy("http://127.0.0.1", except: ["a.test", "*.b.test", "10.0.0.0/8"])
        func isUsed(_ target: String, _ address: String) throws -> Bool {
            proxy.isUsed(for: try url(target), at: try #require(IPAddress(parsing: address)))
        }
        #expect(try !isUsed("http://a.test", "1.1.1.1"))
        #expect(try isUsed("http://x.a.test", "1.1.1.1"))
        #expect(try isUsed("http://xa.test", "1.1.1.1"))
        #expect(try !isUsed("http://x.b.test", "1.1.1.1"))
        #expect(try isUsed("http://xb.test", "1.1.1.1"))
        #expect(try isUsed("http://b.test", "1.1.1.1"))
        #expect(try !isUsed("http://c.test", "10.1.1.1"))
        #expect(try !isUsed("http://10.1.1.1", "10.1.1.1"))
        #expect(try !isUsed("http://c.test", "::ffff:10.1.1.1"))
    }

    @Test("an address that the proxy cannot connect is followed by the next")
    func nextAddress() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        let tunnel = try await TunnelProxy.start()
        let proxy = try Self.proxy("http://127.0.0.1:\(tunnel.port)")
        try await withClient(
            names: ["origin.test": [["127.0.0.3", "127.0.0.1"]]], change: { $0.proxy = proxy }
        ) { client in
            let response = try await client.fetch(OutboundRequest(url: url("http://origin.test:\(origin.port)/")))
            #expect(try await response.text() == "ok")
            #expect(response.trace.failedAddresses.map(\.code) == [.proxyFailed])
        }
        #expect(tunnel.heads.count == 2)
        await tunnel.stop()
        await origin.stop()
    }

    private static let answers: [(String, Bool, String)] = [
        ("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nabc", true, "net.proxy"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", false, "does not allow"),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", true, "HTTP 502"),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", false, "HTTP 302"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", true, "not valid"),
        ("SSH-2.0-OpenSSH_9.2\r\n", true, "not valid"),
        ("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, "bytes follow"),
        ("HTTP/1.1 200 OK\r\nX: \u{1}\r\n\r\n", true, "not valid"),
        ("HTTP/1.1 200", true, "closed the connection"),
        ("", true, "closed the connection"),
    ]

    @Test("an answer that opens no tunnel is a clear failure", arguments: answers)
    func failures(answer: String, isRetryable: Bool, part: String) async throws {
        let proxyServer = try await ScriptedOrigin.start { _ in [.expectHead, .send(answer)] }
        let proxy = try Self.proxy("http://me:hush@127.0.0.1:\(proxyServer.port)")
        try await withClient(names: names, change: { $0.proxy = proxy }) { client in
            for target in ["http://origin.test:81/?hush=1", "https://origin.test/"] {
                let error = await #expect(throws: OutboundError.self) {
                    try await client.fetch(OutboundRequest(url: url(target)))
                }
                #expect(error?.code == .proxyFailed)
                #expect(error?.isRetryable == isRetryable)
                #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
                #expect(error?.message.contains("hush") == false)
                #expect(error?.trace.failedAddresses.count == 1)
            }
        }
        await proxyServer.wait { $0.ended.count == 2 }
        #expect(proxyServer.record.requests.allSatisfy { $0.method == "CONNECT" })
        await proxyServer.stop()
    }

    @Test("a head without end is cut off")
    func endlessHead() async throws {
        let line = Array("X-Filler: 0123456789012345678901234567890123456789\r\n".utf8)
        let proxyServer = try await ScriptedOrigin.start { _ in
            [.expectHead, .send("HTTP/1.1 200 OK\r\n"), .sendRepeated(line, times: 1_000_000)]
        }
        let proxy = try Self.proxy("http://127.0.0.1:\(proxyServer.port)")
        try await withClient(names: names, change: { $0.proxy = proxy }) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.fetch(OutboundRequest(url: url("http://origin.test/")))
            }
            #expect(error?.code == .proxyFailed)
            #expect(error?.message.contains("larger than allowed") == true)
        }
        await proxyServer.wait { $0.ended.count == 1 }
        await proxyServer.stop()
    }

    @Test("a proxy that does not answer costs the time for connecting, and the whole time holds too")
    func slow() async throws {
        let proxyServer = try await ScriptedOrigin.start { _ in [.expectHead, .send("HTTP/1.1 200 OK\r\n"), .stall] }
        let proxy = try Self.proxy("http://127.0.0.1:\(proxyServer.port)")
        try await withClient(
            names: names,
            change: {
                $0.proxy = proxy
                $0.connectTimeout = .milliseconds(100)
            }
        ) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.fetch(OutboundRequest(url: url("http://origin.test/")))
            }
            #expect(error?.code == .connectTimeout)
        }
        try await withClient(names: names, change: { $0.proxy = proxy }) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.fetch(
                    OutboundRequest(url: url("http://origin.test/"), totalTimeout: .milliseconds(100)))
            }
            #expect(error?.code == .totalTimeout)
        }
        // On a busy machine the time may be over before the connection is there.
        await proxyServer.wait { $0.ended.count == $0.accepted }
        await proxyServer.stop()
    }

    @Test("a proxy that cannot be reached or has no address is named, and asked once for all addresses")
    func unreachable() async throws {
        for text in ["http://127.0.0.3:1", "http://nowhere.test:1"] {
            let proxy = try Self.proxy(text)
            try await withClient(
                names: ["origin.test": [["127.0.0.1", "127.0.0.2"]]], change: { $0.proxy = proxy }
            ) { client in
                let error = await #expect(throws: OutboundError.self) {
                    try await client.fetch(OutboundRequest(url: url("http://origin.test/")))
                }
                #expect(error?.code == .proxyFailed)
                #expect(error?.isRetryable == true)
                #expect(error?.message.contains("net.proxy") == true)
                #expect(error?.trace.failedAddresses.count == 1)
            }
        }
    }

    @Test("IPv6 addresses stand in brackets, mapped ones as IPv4")
    func targets() throws {
        let proxy = try Self.proxy("http://127.0.0.1")
        let v6 = try #require(IPAddress(parsing: "2001:db8::1"))
        let mapped = try #require(IPAddress(parsing: "::ffff:192.0.2.1"))
        #expect(
            String(buffer: proxy.connectRequest(to: v6, port: 443, userAgent: "T"))
                == "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nUser-Agent: T\r\n\r\n")
        #expect(
            String(buffer: proxy.connectRequest(to: mapped, port: 80, userAgent: "T"))
                == "CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\nUser-Agent: T\r\n\r\n")
    }
}
