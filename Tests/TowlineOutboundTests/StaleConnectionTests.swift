import Dispatch
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

/// What a peer did to a connection before the client's event loop could see it.
///
/// The event loop is held while the peer acts and the next call is started:
///
///     loop:   held ........................ | start of the call | first look at the socket
///     peer:        ends, resets or answers
///     caller:                       start
@Suite("connections that changed while idle", .timeLimit(.minutes(5)))
struct StaleConnectionTests {
    enum Change: CaseIterable {
        case end
        case reset
        case answer
        case answerAndEnd
        case answerAndReset

        func steps(_ done: TestSignal) -> [ScriptedOrigin.Step] {
            switch self {
            case .end: [.close]
            case .reset: [.reset]
            case .answer: [.send(StaleConnectionTests.ok), .fire(done), .stall]
            case .answerAndEnd: [.send(StaleConnectionTests.ok), .close]
            case .answerAndReset: [.send(StaleConnectionTests.ok), .reset]
            }
        }
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// An event loop that does nothing until it is let go.
    private struct HeldLoop {
        private let release = DispatchSemaphore(value: 0)

        init(_ eventLoop: any EventLoop) async {
            let release = release
            await withCheckedContinuation { continuation in
                eventLoop.execute {
                    continuation.resume()
                    release.wait()
                }
            }
        }

        func letGo() { release.signal() }
    }

    private func call(_ origin: ScriptedOrigin) throws -> HTTP1Call {
        let request = OutboundRequest(url: try origin.url(), method: .POST, body: ByteBuffer(string: "event"))
        return HTTP1Call(
            head: try HTTP1RequestEncoder.encode(request, userAgent: "Test").head, isHeadRequest: false,
            limits: .init(headBytes: 1_000, fields: 10), firstByteTimeout: .seconds(20), idleTimeout: .seconds(10))
    }

    /// Starts a call on a connection after the peer has acted and before the event loop knows.
    private func callAfter(
        _ change: Change, on connection: HTTP1Connection, of origin: ScriptedOrigin, go: TestSignal, done: TestSignal
    ) async throws -> OutboundError? {
        let held = await HeldLoop(connection.channel.eventLoop)
        go.fire()
        if change == .answer { await done.wait() } else { await origin.wait { $0.ended.contains(0) } }
        let exchange = HTTP1Exchange(connection: connection)
        connection.start(exchange, call: try call(origin))
        held.letGo()
        do throws(OutboundError) {
            _ = try await exchange.head()
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "a call never takes what came before it for its answer, and is known to be unsent", arguments: Change.allCases)
    func unseen(change: Change) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let go = TestSignal()
        let done = TestSignal()
        let origin = try await ScriptedOrigin.start { number in
            guard number == 0 else { return [.expectHead, .expectBody, .send(Self.ok)] }
            return [.expectHead, .expectBody, .send(Self.ok), .wait(go)] + change.steps(done)
        }
        try await withClient(group: group) { client in
            let request = OutboundRequest(url: try origin.url(), method: .POST, body: ByteBuffer(string: "event"))
            let first = try await client.execute(request)
            #expect(try await first.text() == "ok")
            let key = HTTP1Connection.Key(try origin.url(), first.remoteAddress)
            let connection = try #require(client.pool.take(key))
            let error = try await callAfter(change, on: connection, of: origin, go: go, done: done)
            #expect(error?.code == .connectionClosed)
            #expect(error?.isUnsent == true)
            // The client as a whole goes on with a connection of its own, whatever the method.
            #expect(try await client.execute(request).text() == "ok")
        }
        #expect(origin.record.requests.map(\.connection) == [0, 1])
        await origin.stop()
        try await group.shutdownGracefully()
    }

    @Test("an answer that was there before a new connection could be written to is none")
    func unseenOnFresh() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let go = TestSignal()
        let origin = try await ScriptedOrigin.start { _ in [.wait(go), .send(Self.ok), .reset] }
        try await withClient(group: group) { client in
            let connection = try await client.connector.connect(
                ConnectRoute(key: client.key(for: origin.url(), at: IPAddress(v4: 0x7f00_0001))), within: .seconds(20))
            let error = try await callAfter(
                .answerAndReset, on: connection, of: origin, go: go, done: TestSignal())
            #expect(error?.code == .connectionClosed)
            #expect(error?.isUnsent == true)
        }
        #expect(origin.record.requests.isEmpty)
        await origin.stop()
        try await group.shutdownGracefully()
    }

    @Test("buffers for small answers begin small and stay small")
    func smallBuffers() {
        var allocator = BudgetedRecvAllocator(budget: ReadBudget(bytes: 64 << 20, isSmall: true), isTLS: false)
        #expect(allocator.nextBufferSize() == ReadBudget.firstOfSmall)
        for _ in 0..<20 { _ = allocator.record(actualReadBytes: allocator.nextBufferSize() ?? 0) }
        #expect(allocator.nextBufferSize() == ReadBudget.largestOfSmall)
        for _ in 0..<40 { _ = allocator.record(actualReadBytes: 10) }
        #expect(allocator.nextBufferSize() == ReadBudget.firstOfSmall)
        #expect(ReadBudget(bytes: 64 << 20, isSmall: true).windowLimit == ReadBudget.windowOfSmall)
    }
}
