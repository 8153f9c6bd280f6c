import NIOCore
import NIOHTTP1
import Testing
import TowlineCore
import TowlineOutbound
import TowlineTesting

@Suite("redirects", .timeLimit(.minutes(5)))
struct RedirectTests {
    @Test("redirects are followed and recorded, relative ones too", arguments: [301, 302, 303, 307, 308])
    func followed(status: Int) async throws {
        let origin = try await HTTPOrigin.start { request in
            switch request.path {
            case "/a/start": .redirect(to: "../b?token=x", status: status)
            case "/b": .redirect(to: "/end file", status: status)
            default: .text("arrived")
            }
        }
        try await withClient { client in
            let response = try await client.fetch(OutboundRequest(url: origin.url("/a/start?key=secret")))
            #expect(try await response.text() == "arrived")
            #expect(response.finalURL.requestTarget == "/end%20file")
            #expect(response.hops.map(\.status) == [status, status])
            #expect(response.hops.first?.maskedURL == "http://127.0.0.1:\(origin.port)/a/start?key=…")
            #expect(response.hops.last?.address.description == "127.0.0.1")
            #expect(response.connection.isReused)
        }
        #expect(origin.record.accepted == 1)
        await origin.stop()
    }

    @Test("other statuses with a Location are answers", arguments: [200, 201, 300, 304, 305, 306, 404])
    func notFollowed(status: Int) async throws {
        let origin = try await HTTPOrigin.start { _ in .redirect(to: "/elsewhere", status: status) }
        try await withClient { client in
            let response = try await client.fetch(OutboundRequest(url: origin.url()))
            #expect(response.status.code == UInt(status))
            #expect(response.hops.isEmpty)
        }
        #expect(origin.record.requests.count == 1)
        await origin.stop()
    }

    @Test("a call without following hands the redirect over")
    func executeDoesNotFollow() async throws {
        let origin = try await HTTPOrigin.start { _ in .redirect(to: "/elsewhere") }
        try await withClient { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            #expect(response.status.code == 302)
        }
        await origin.stop()
    }

    @Test(
        "a redirect to an inner address or to what is no URL is refused with its hop",
        arguments: [
            ("http://10.0.0.1/", "address-forbidden"), ("//169.254.169.254/latest", "address-forbidden"),
            ("http://inner.test/", "address-forbidden"), ("http://[::ffff:10.0.0.1]/", "address-forbidden"),
            ("http://127.1/", "redirect-invalid"), ("http://0x7f000001/", "redirect-invalid"),
            ("unix:///run/x.sock", "redirect-invalid"), ("http+unix://%2Frun/", "redirect-invalid"),
            ("file:///etc/passwd", "redirect-invalid"), ("ftp://127.0.0.1/", "redirect-invalid"),
            ("http:\\\\127.0.0.1\\", "redirect-invalid"), ("http://missing.test/", "unresolved"),
        ]
    )
    func refused(location: String, code: String) async throws {
        let origin = try await HTTPOrigin.start { _ in .redirect(to: location) }
        try await withClient(names: ["inner.test": [["192.168.1.1"]]]) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.fetch(OutboundRequest(url: origin.url()))
            }
            #expect(error?.shortDescription == code)
            #expect(error?.isRetryable == false)
            #expect(error?.hops.map(\.status) == [302])
        }
        await origin.stop()
    }

    @Test("a redirect without a Location, or with two that differ, is refused", arguments: [[], ["/a", "/b"]])
    func withoutLocation(locations: [String]) async throws {
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(status: 302, headers: locations.map { ("Location", $0) })
        }
        try await withClient { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.fetch(OutboundRequest(url: origin.url()))
            }
            #expect(error?.code == .redirectInvalid)
        }
        await origin.stop()
    }

    @Test("a loop ends after the configured number of redirects")
    func loop() async throws {
        let origin = try await HTTPOrigin.start { _ in .redirect(to: "/again") }
        try await withClient(change: { $0.maxRedirects = 3 }) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.fetch(OutboundRequest(url: origin.url()))
            }
            #expect(error?.code == .tooManyRedirects)
            #expect(error?.hops.count == 4)
        }
        #expect(origin.record.requests.count == 4)
        await origin.stop()
    }

    @Test("exactly the configured number of redirects is followed")
    func limit() async throws {
        let origin = try await HTTPOrigin.start { request in
            let number = Int(request.path.dropFirst()) ?? 0
            return number == 10 ? .text("arrived") : .redirect(to: "/\(number + 1)")
        }
        try await withClient { client in
            let response = try await client.fetch(OutboundRequest(url: origin.url("/0")))
            #expect(try await response.text() == "arrived")
            #expect(response.hops.count == 10)
        }
        await origin.stop()
    }

    @Test("fields that are secret stay on their origin, for good")
    func secretFields() async throws {
        let second = try await HTTPOrigin.start(host: "127.0.0.2") { request in
            request.path == "/b" ? .redirect(to: request.header("x-back") ?? "") : .text("arrived")
        }
        let first = try await HTTPOrigin.start { request in
            switch request.path {
            case "/start": .redirect(to: "/here")
            case "/here": .redirect(to: "http://127.0.0.2:\(second.port)/b")
            default: .text("arrived")
            }
        }
        try await withClient { client in
            let headers: HTTPHeaders = [
                "authorization": "Bearer t", "Cookie": "c=1", "Proxy-Authorization": "p", "X-Api-Key": "k",
                "X-Plain": "p",
                "X-Back": "http://127.0.0.1:\(first.port)/end",
            ]
            let request = OutboundRequest(
                url: try first.url("/start"), headers: headers, sensitiveHeaders: ["x-api-key"])
            #expect(try await client.fetch(request).text() == "arrived")
        }
        let seen = first.record.requests + second.record.requests
        func secrets(of request: OriginRequest) -> [String] {
            ["Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key"].filter { request.header($0) != nil }
        }
        #expect(seen.first { $0.path == "/here" }.map(secrets)?.count == 4)
        #expect(seen.first { $0.path == "/b" }.map(secrets) == [])
        #expect(seen.first { $0.path == "/end" }.map(secrets) == [])
        #expect(seen.allSatisfy { $0.header("X-Plain") == "p" })
        await first.stop()
        await second.stop()
    }

    @Test("credentials of the URL are sent to its origin only; those of a redirect are ignored")
    func credentials() async throws {
        let other = try await HTTPOrigin.start(host: "127.0.0.2") { _ in .text("arrived") }
        let origin = try await HTTPOrigin.start { request in
            request.path == "/start"
                ? .redirect(to: "http://127.0.0.1:\(request.header("x-port") ?? "")/here")
                : .redirect(to: "http://evil:creds@127.0.0.2:\(other.port)/")
        }
        try await withClient { client in
            let target = try url("http://us%65r:p%40ss@127.0.0.1:\(origin.port)/start")
            let response = try await client.fetch(
                OutboundRequest(url: target, headers: ["X-Port": String(origin.port)])
            )
            #expect(try await response.text() == "arrived")
            #expect(response.finalURL.credentials == nil)
        }
        #expect(
            origin.record.requests.map { $0.header("authorization") } == ["Basic dXNlcjpwQHNz", "Basic dXNlcjpwQHNz"])
        #expect(other.record.requests.map { $0.header("authorization") } == [nil])
        await origin.stop()
        await other.stop()
    }

    @Test(
        "the method and the body go on as RFC 9110 says",
        arguments: [
            (301, "POST", "GET", ""), (302, "POST", "GET", ""), (303, "POST", "GET", ""), (307, "POST", "POST", "body"),
            (308, "POST", "POST", "body"), (303, "PUT", "GET", ""), (302, "PUT", "PUT", "body"),
            (303, "HEAD", "HEAD", ""),
        ]
    )
    func methods(status: Int, method: String, next: String, body: String) async throws {
        let origin = try await HTTPOrigin.start { request in
            request.path == "/" ? .redirect(to: "/next", status: status) : .text("arrived")
        }
        try await withClient { client in
            let request = OutboundRequest(
                url: try origin.url(),
                method: HTTPMethod(rawValue: method),
                headers: ["Content-Type": "text/plain"],
                body: method == "HEAD" ? nil : ByteBuffer(string: "body")
            )
            await (try client.fetch(request)).discardBody()
        }
        let last = origin.record.requests.last
        #expect(last?.method == next)
        #expect(last.map { String(buffer: $0.body) } == body)
        #expect((last?.header("content-type") == nil) == (next == "GET"))
        await origin.stop()
    }
}
