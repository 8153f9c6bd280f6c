import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

@Suite("times of exchanges", .timeLimit(.minutes(5)))
struct ExchangeTimeTests {
    @Test("a head that does not come in time fails the call, interim responses or not")
    func firstByteTimeout() async throws {
        for steps: [ScriptedOrigin.Step] in [
            [.expectHead, .stall],
            [.expectHead, .send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX: y"), .stall],
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
            let active = HTTP1ActiveExchange(exchange: HTTP1Exchange(connection: connection), call: call, now: longAgo)
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
}
