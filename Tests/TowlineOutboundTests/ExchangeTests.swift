import NIOCore
import NIOHTTP1
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

@Suite("exchanges", .timeLimit(.minutes(1)))
struct ExchangeTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// Calls an origin whose connections run the steps, and reads the whole body.
    private func call(
        _ steps: [ScriptedOrigin.Step],
        method: HTTPMethod = .GET,
        totalTimeout: Duration? = nil,
        connects: Bool = true,
        change: (inout OutboundConfiguration) -> Void = { _ in }
    ) async throws -> (result: Result<String, OutboundError>, record: OriginRecord) {
        let origin = try await ScriptedOrigin.start { _ in steps }
        var result: Result<String, OutboundError>?
        try await withClient(change: change) { client in
            let request = OutboundRequest(url: try origin.url("/f"), method: method, totalTimeout: totalTimeout)
            do throws(OutboundError) {
                result = .success(try await client.execute(request).text())
            } catch {
                result = .failure(error)
            }
        }
        if connects { await origin.wait { $0.accepted > 0 && $0.ended.count == $0.accepted } }
        let record = origin.record
        await origin.stop()
        return (try #require(result), record)
    }

    @Test("a request is sent with the fields that every call has, and no others twice")
    func requestFields() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient(change: { $0.userAgent = "Towline/1" }) { client in
            let headers: HTTPHeaders = [
                "Accept": "video/*", "X-Mine": "1", "Host": "evil.test", "Content-Length": "99", "Transfer-Encoding": "chunked",
                "Connection": "close", "Expect": "100-continue",
            ]
            let request = OutboundRequest(url: try origin.url("/f?a=b c"), headers: headers)
            #expect(try await client.execute(request).text() == "ok")
        }
        let head = try #require(origin.record.requests.first?.head)
        #expect(
            head == """
                GET /f?a=b%20c HTTP/1.1\r
                Host: 127.0.0.1:\(origin.port)\r
                Accept: video/*\r
                X-Mine: 1\r
                User-Agent: Towline/1\r
                Accept-Encoding: identity\r
                \r

                """
        )
        await origin.stop()
    }

    @Test(
        "a field that could end its line is refused before anything is sent",
        arguments: [("X", "a\r\nY: b"), ("X\r\nY", "b"), ("X:", "b"), ("", "b"), ("X Y", "b"), ("X", "a\0")]
    )
    func fieldInjection(name: String, value: String) async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient { client in
            var headers = HTTPHeaders()
            headers.add(name: name, value: value)
            let error = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: origin.url(), headers: headers))
            }
            #expect(error?.code == .invalidRequest)
        }
        #expect(origin.record.accepted == 0)
        await origin.stop()
    }

    @Test("a body is sent with its length, small and large", arguments: [0, 1, 100_000, 3_000_000])
    func requestBody(size: Int) async throws {
        let origin = try await HTTPOrigin.start { request in .text("\(request.body.readableBytes)") }
        try await withClient { client in
            let body = ByteBuffer(repeating: 7, count: size)
            let request = OutboundRequest(url: try origin.url(), method: .POST, body: body)
            #expect(try await client.execute(request).text() == "\(size)")
            #expect(try await client.execute(request).connection.isReused)
        }
        #expect(origin.record.requests.first?.body == ByteBuffer(repeating: 7, count: size))
        await origin.stop()
    }

    @Test(
        "a large body arrives whole, framed by length, by chunks or by the end",
        arguments: [nil, 1_000, 65_536] as [Int?]
    )
    func largeBody(chunkSize: Int?) async throws {
        let piece = ByteBuffer(bytes: (0..<100_003).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(body: .repeated(piece, total: 20_000_000), chunkSize: chunkSize)
        }
        try await withClient { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            #expect(response.bodyLength == (chunkSize == nil ? 20_000_000 : nil))
            var pattern = ByteBuffer()
            for _ in 0..<12 { pattern.writeImmutableBuffer(piece) }
            var position = 0
            for try await chunk in response.body {
                #expect(pattern.getSlice(at: position % piece.readableBytes, length: chunk.readableBytes) == chunk)
                position += chunk.readableBytes
            }
            #expect(position == 20_000_000)
        }
        await origin.stop()
    }

    @Test(
        "a response that ends too early is truncated, and what came before is delivered",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello",
        ]
    )
    func truncated(text: String) async throws {
        let origin = try await ScriptedOrigin.start { _ in [.expectHead, .send(text)] }
        try await withClient { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            var received = ""
            let error = await #expect(throws: OutboundError.self) {
                for try await chunk in response.body { received += String(buffer: chunk) }
            }
            #expect(received == "hello")
            #expect(error?.code == .truncated)
            #expect(error?.isRetryable == true)
        }
        await origin.stop()
    }

    @Test("a reset in the middle of a body fails the call as one that may pass")
    func reset() async throws {
        let (result, _) = try await call([
            .expectHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), .reset,
        ])
        let error = #expect(throws: OutboundError.self) { try result.get() }
        #expect(error.map { [.connectionClosed, .truncated].contains($0.code) } == true)
        #expect(error?.isRetryable == true)
    }

    @Test(
        "a response that is no valid HTTP/1.1 is refused and its connection closed",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", "SSH-2.0-server",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "<html>",
        ]
    )
    func badResponse(text: String) async throws {
        let (result, record) = try await call([.expectHead, .send(text), .stall])
        let error = #expect(throws: OutboundError.self) { try result.get() }
        #expect(error?.code == .badResponse)
        #expect(error?.isRetryable == false)
        #expect(record.closedByClient == [0])
    }

    @Test(
        "heads without end are cut off and the connection closed",
        arguments: ["X-Bomb: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", "HTTP/1.1 100 Continue\r\n\r\n"]
    )
    func headerBomb(line: String) async throws {
        let start = line.hasPrefix("HTTP") ? "" : "HTTP/1.1 200 OK\r\n"
        let (result, record) = try await call([
            .expectHead, .send(start), .sendRepeated(Array(String(repeating: line, count: 100).utf8), times: 100_000),
        ])
        let error = #expect(throws: OutboundError.self) { try result.get() }
        #expect(error?.code == .headerTooLarge)
        #expect(record.closedByClient == [0])
    }

    @Test("300 small fields are honest")
    func manyFields() async throws {
        let fields = (0..<300).map { "X-\($0): value\r\n" }.joined()
        let (result, _) = try await call([.expectHead, .send("HTTP/1.1 200 OK\r\n\(fields)Content-Length: 2\r\n\r\nok")])
        #expect(try result.get() == "ok")
    }

    @Test("a server that answers before it was asked is understood after it was asked")
    func earlyAnswer() async throws {
        let (result, _) = try await call([.send(Self.ok), .expectHead, .stall])
        #expect(try result.get() == "ok")
    }

    // MARK: Times

    @Test("a head that does not come in time fails the call, interim responses or not")
    func firstByteTimeout() async throws {
        for steps: [ScriptedOrigin.Step] in [
            [.expectHead, .stall], [.expectHead, .send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX: y"), .stall],
        ] {
            let (result, record) = try await call(steps, change: { $0.firstByteTimeout = .milliseconds(50) })
            let error = #expect(throws: OutboundError.self) { try result.get() }
            #expect(error?.code == .firstByteTimeout)
            #expect(error?.isRetryable == true)
            #expect(record.closedByClient == [0])
        }
    }

    @Test("a body that stops coming fails the call")
    func idleTimeout() async throws {
        let (result, record) = try await call(
            [.expectHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), .stall],
            change: { $0.idleTimeout = .milliseconds(50) }
        )
        let error = #expect(throws: OutboundError.self) { try result.get() }
        #expect(error?.code == .idleTimeout)
        #expect(record.closedByClient == [0])
    }

    @Test("the time for everything ends a call at its head and in its body")
    func totalTimeout() async throws {
        for steps: [ScriptedOrigin.Step] in [
            [.expectHead, .stall], [.expectHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), .stall],
        ] {
            // On a busy machine the time may be over before the connection is there: the failure is the same.
            let (result, _) = try await call(steps, totalTimeout: .milliseconds(80), connects: false)
            let error = #expect(throws: OutboundError.self) { try result.get() }
            #expect(error?.code == .totalTimeout)
            #expect(error?.isRetryable == true)
        }
        let (none, record) = try await call([.expectHead, .stall], totalTimeout: .zero, connects: false)
        let error = #expect(throws: OutboundError.self) { try none.get() }
        #expect(error?.code == .totalTimeout)
        #expect(record.accepted == 0)
    }

    @Test("the time for a body does not run while its reader is busy")
    func slowReader() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            #expect(try await response.text() == "ok")
            let connection = try #require(client.pool.take(HTTP1Connection.Key(origin.url(), response.remoteAddress)))
            let call = HTTP1Call(
                head: ByteBuffer(),
                isHeadRequest: false,
                limits: .init(headBytes: 1_000, fields: 10),
                firstByteTimeout: .seconds(20),
                idleTimeout: .seconds(10)
            )
            let longAgo = NIODeadline.now() - .hours(1)
            var active = HTTP1ActiveExchange(exchange: HTTP1Exchange(connection: connection), call: call, now: longAgo)
            #expect(active.limit(isReadHeld: false) == (longAgo + .seconds(20), .firstByte))
            let head = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
            _ = active.receive(head, budget: ReadBudget(bytes: 1))
            active.lastActivity = longAgo
            #expect(active.limit(isReadHeld: false) == (longAgo + .seconds(10), .idle))
            #expect(active.limit(isReadHeld: true).deadline >= NIODeadline.now() + .seconds(9))
        }
        await origin.stop()
    }

    @Test("a cancelled call closes its connection at once", arguments: [true, false])
    func cancellation(inBody: Bool) async throws {
        let arrived = TestSignal()
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
        let origin = try await ScriptedOrigin.start { _ in
            [.expectHead, .send(inBody ? head : ""), .fire(arrived), .stall]
        }
        try await withClient { client in
            let target = try origin.url()
            let call = Task { try await client.execute(OutboundRequest(url: target)).text() }
            await arrived.wait()
            call.cancel()
            let error = await #expect(throws: OutboundError.self) { try await call.value }
            #expect(error?.code == .cancelled)
            await origin.wait { $0.closedByClient == [0] }
        }
        await origin.stop()
    }

    @Test("a call of a cancelled task connects nothing")
    func cancelledBefore() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient { client in
            let target = try origin.url()
            let start = TestSignal()
            let call = Task {
                await start.wait()
                return try await client.execute(OutboundRequest(url: target)).text()
            }
            call.cancel()
            start.fire()
            let error = await #expect(throws: OutboundError.self) { try await call.value }
            #expect(error?.code == .cancelled)
        }
        #expect(origin.record.requests.isEmpty)
        await origin.stop()
    }

    // MARK: Bodies that are not read

    @Test("a response that is dropped unread closes its connection")
    func dropped() async throws {
        let origin = try await ScriptedOrigin.start { _ in
            [.expectHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"), .stall]
        }
        try await withClient { client in
            _ = try await client.execute(OutboundRequest(url: origin.url()))
            await origin.wait { $0.closedByClient == [0] }
        }
        await origin.stop()
    }

    @Test("an endless body is cut at the limit and its connection closed")
    func endless() async throws {
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(body: .repeated(ByteBuffer(repeating: 65, count: 65_536), total: .max), chunkSize: 65_536)
        }
        try await withClient { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            let prefix = try await response.collectBody(upTo: 16_384)
            #expect(prefix.isCut)
            #expect(prefix.bytes == ByteBuffer(repeating: 65, count: 16_384))
            await origin.origin.wait { $0.closedByClient == [0] }
        }
        await origin.stop()
    }

    @Test("a body of exactly the limit is not cut", arguments: [0, 1, 16_384])
    func exactLimit(size: Int) async throws {
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(body: .bytes(ByteBuffer(repeating: 1, count: size)))
        }
        try await withClient { client in
            let prefix = try await client.execute(OutboundRequest(url: origin.url())).collectBody(upTo: size)
            #expect(!prefix.isCut)
            #expect(prefix.bytes.readableBytes == size)
        }
        await origin.stop()
    }

    // MARK: Reuse

    @Test("calls one after the other share a connection")
    func reuse() async throws {
        let origin = try await HTTPOrigin.start { request in
            request.path == "/empty" ? OriginResponse(status: 204) : .text("ok")
        }
        try await withClient { client in
            for index in 0..<50 {
                let request = OutboundRequest(url: try origin.url(index % 3 == 0 ? "/empty" : "/"), method: index % 2 == 0 ? .GET : .HEAD)
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
            number == 1 || number == 3 ? [.expectHead, .send(Self.ok)] : [.expectHead, .send(Self.ok), .expectHead, .reset]
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
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
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
}
