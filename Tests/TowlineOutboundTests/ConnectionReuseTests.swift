import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

@Suite("reuse of connections", .timeLimit(.minutes(5)))
struct ConnectionReuseTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test("calls one after the other share a connection")
    func reuse() async throws {
        let origin = try await HTTPOrigin.start { request in
            request.path == "/empty" ? OriginResponse(status: 204) : .text("ok")
        }
        try await withClient { client in
            for index in 0..<50 {
                let request = OutboundRequest(
                    url: try origin.url(index % 3 == 0 ? "/empty" : "/"), method: index % 2 == 0 ? .GET : .HEAD)
                let response = try await client.execute(request)
                _ = try await response.text()
                #expect(response.connection.isReused == (index > 0))
            }
            let fresh = OutboundRequest(url: try origin.url(), needsFreshConnection: true)
            #expect(try await client.execute(fresh).text() == "ok")
        }
        #expect(origin.record.accepted == 2)
        await origin.stop()
    }

    @Test("many calls at once all succeed, and their connections are kept within bounds")
    func manyAtOnce() async throws {
        let origin = try await HTTPOrigin.start { request in .text(request.path) }
        try await withClient(change: { $0.maxIdleConnections = 10 }) { client in
            let base = try origin.url()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        let path = "/\(index)"
                        let request = OutboundRequest(url: try base.resolving(path))
                        return try await client.execute(request).text() == path
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(client.pool.counts.idle <= 10)
        }
        await origin.stop()
    }

    @Test("an idle connection that the peer closed is not used")
    func closedWhileIdle() async throws {
        let origin = try await ScriptedOrigin.start { _ in [.expectHead, .send(Self.ok)] }
        try await withClient { client in
            for index in 0..<3 {
                let request = OutboundRequest(url: try origin.url(), method: .POST)
                #expect(try await client.execute(request).text() == "ok")
                await origin.wait { $0.ended.count == index + 1 }
            }
        }
        #expect(origin.record.accepted == 3)
        await origin.stop()
    }

    @Test("a connection that breaks when it is used again costs a GET nothing and fails a POST")
    func closedWhenReused() async throws {
        let origin = try await ScriptedOrigin.start { number in
            number == 1 || number == 3
                ? [.expectHead, .send(Self.ok)] : [.expectHead, .send(Self.ok), .expectHead, .reset]
        }
        try await withClient { client in
            let get = OutboundRequest(url: try origin.url())
            #expect(try await client.execute(get).text() == "ok")
            #expect(try await client.execute(get).text() == "ok")
            await origin.wait { $0.ended.count == 2 }
            #expect(origin.record.requests.map(\.connection) == [0, 0, 1])
            #expect(try await client.execute(get).text() == "ok")
            let post = OutboundRequest(url: try origin.url(), method: .POST)
            let error = await #expect(throws: OutboundError.self) { try await client.execute(post).text() }
            #expect(error?.code == .connectionClosed)
            #expect(error?.isRetryable == true)
        }
        #expect(origin.record.requests.map(\.connection) == [0, 0, 1, 2, 2])
        await origin.stop()
    }

    @Test(
        "bytes behind a response never answer the next request",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "HTTP/1.1 200 OK\r\nX-Part", "\r\n", "x",
        ]
    )
    func secondResponseInThePipe(extra: String) async throws {
        let origin = try await ScriptedOrigin.start { _ in [.expectHead, .send(Self.ok + extra), .stall] }
        try await withClient { client in
            for _ in 0..<2 {
                let response = try await client.execute(OutboundRequest(url: origin.url(), method: .POST))
                #expect(try await response.text() == "ok")
            }
            await origin.wait { $0.closedByClient.sorted() == [0, 1] }
        }
        await origin.stop()
    }

    @Test(
        "a connection that the response ends is not used again",
        arguments: [
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok",
        ]
    )
    func notReusable(text: String) async throws {
        let (result, record) = try await call([.expectHead, .send(text), .stall])
        #expect(try result.get() == "ok")
        #expect(record.closedByClient == [0])
    }

    @Test("an idle connection is closed when its time is over")
    func idleLifetime() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient(change: { $0.idleConnectionLifetime = .milliseconds(50) }) { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            #expect(try await response.text() == "ok")
            await origin.origin.wait { $0.closedByClient == [0] }
            #expect(client.pool.counts.idle == 0)
        }
        await origin.stop()
    }

    @Test("connections of one name are not used for another at the same address")
    func originsAreApart() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient(names: ["a.test": [["127.0.0.1"]], "b.test": [["127.0.0.1"]]]) { client in
            for name in ["a.test", "b.test", "a.test"] {
                let request = OutboundRequest(url: try url("http://\(name):\(origin.port)/"))
                #expect(try await client.execute(request).text() == "ok")
            }
        }
        #expect(origin.record.accepted == 2)
        await origin.stop()
    }

    @Test("connections that are closed leave nothing behind")
    func noLeaks() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        weak var connection: HTTP1Connection?
        weak var exchange: HTTP1Exchange?
        try await withClient { client in
            let first = try await client.execute(OutboundRequest(url: origin.url()))
            #expect(try await first.text() == "ok")
            let key = HTTP1Connection.Key(try origin.url(), first.remoteAddress)
            let taken = try #require(client.pool.take(key))
            connection = taken
            let call = HTTP1Call(
                head: ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                isHeadRequest: false,
                limits: .init(headBytes: 1_000, fields: 10),
                firstByteTimeout: .seconds(20),
                idleTimeout: .seconds(10)
            )
            let second = HTTP1Exchange(connection: taken)
            exchange = second
            taken.start(second, call: call)
            _ = try await second.head()
            #expect(connection != nil)
        }
        // What event loops and tasks still had to do is done after some more rounds; a leak stays.
        for _ in 0..<1_000 where connection != nil || exchange != nil {
            for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() { try await loop.submit {}.get() }
        }
        #expect(connection == nil)
        #expect(exchange == nil)
        await origin.stop()
    }

    @Test("a redirect's body that does not come holds nobody up for long")
    func stalledRedirectBody() async throws {
        let origin = try await ScriptedOrigin.start { number in
            number == 0
                ? [.expectHead, .send("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 9\r\n\r\nhello"), .stall]
                : [.expectHead, .send(Self.ok)]
        }
        try await withClient { client in
            let response = try await client.fetch(OutboundRequest(url: origin.url("/a")))
            #expect(try await response.text() == "ok")
            await origin.wait { $0.closedByClient.contains(0) }
        }
        await origin.stop()
    }
}
