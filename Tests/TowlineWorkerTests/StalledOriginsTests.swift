import NIOPosix
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineObjects
import TowlineOutbound
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import TowlineWorker

@Suite("Origins that stand still", .timeLimit(.minutes(2)))
struct StalledOriginsTests {
    /// Every name is 127.0.0.1.
    private struct OneHost: HostResolver {
        func resolve(_ name: String, within limit: Duration) async throws -> [IPAddress] {
            [IPAddress(v4: 0x7f00_0001)]
        }
    }

    private static func accept(_ url: String, _ store: SQLiteStore) async throws -> Job {
        let request = PullRequest(sourceURL: url, displayURL: url, origin: try HTTPURL(parsing: url).origin)
        return try #require(
            try await store.accept(JobSubmission(account: .standard, requests: [request])).first)
    }

    private static func withEngine(
        _ test: TestStore, _ client: OutboundClient, running: RunningAttempts,
        clock: any MonotonicClock = SystemMonotonicClock(),
        configure: (inout PullConfiguration) -> Void = { _ in }, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        var configuration = PullConfiguration(node: NodeID("test"))
        configuration.grace = .zero
        configure(&configuration)
        let engine = PullEngine(
            store: test.store, signals: test.store.signals,
            objects: try DiskObjectStore(root: test.folder.path + "/media", threads: .singleton),
            fetcher: OutboundSourceFetcher(client: client, wallClock: { Timestamp(milliseconds: 1_770_000_000_000) }),
            configuration: configuration, running: running,
            clock: clock, logger: .silent)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                try await body()
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    private static func client() -> OutboundClient {
        var limits = OutboundConfiguration()
        limits.firstByteTimeout = .seconds(600)
        limits.idleTimeout = .seconds(600)
        return OutboundClient(
            configuration: limits, policy: AddressPolicy(allow: [CIDR(IPAddress(v4: 0x7f00_0001), prefixLength: 32)]),
            resolver: OneHost(), logger: .silent, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    @Test(
        "a hundred of them at once keep no good job waiting, with the default number of transfers",
        arguments: [[], [.send(OriginText.whole(sent: 5_000))]] as [[ScriptedOrigin.Step]])
    func good(beginning: [ScriptedOrigin.Step]) async throws {
        let still = try await ScriptedOrigin.start { _ in [.expectHead] + beginning + [.stall] }
        let good = try await ScriptedOrigin.start { _ in [.expectHead, .send(OriginText.whole())] }
        let test = try await TestStore()
        let client = Self.client()
        for number in 0..<100 { _ = try await Self.accept("http://s\(number).test:\(still.port)/a.mp4", test.store) }
        let running = RunningAttempts()
        try await Self.withEngine(test, client, running: running) {
            // More than the number of transfers at once: those that stand still hold none of them.
            await still.wait { $0.requests.count == 100 }
            for number in 0..<20 {
                let job = try await Self.accept("http://good.test:\(good.port)/\(number).mp4", test.store)
                #expect(try await test.wait(for: job.id) { $0.state.isTerminal }.state == .succeeded)
            }
            #expect(running.count >= 100)
            #expect(still.record.closedByClient.isEmpty)
        }
        await client.shutdown()
        await still.stop()
        await good.stop()
        await test.store.close()
    }

    @Test("no more stand still at once than three times the number of transfers")
    func most() async throws {
        let still = try await ScriptedOrigin.start { _ in [.expectHead, .stall] }
        let test = try await TestStore()
        let client = Self.client()
        for number in 0..<20 { _ = try await Self.accept("http://s\(number).test:\(still.port)/a.mp4", test.store) }
        let running = RunningAttempts()
        let clock = ManualClock()
        try await Self.withEngine(test, client, running: running, clock: clock, configure: { $0.concurrency = 4 }) {
            for expected in [4, 8, 12, 16, 16, 16] {
                await still.wait { $0.requests.count >= expected }
                // The loop and the beat: nothing starts until one of them is woken.
                await clock.waitForSleepers(2)
                #expect(running.count == expected)
                clock.advance(by: .seconds(1))
            }
        }
        #expect(still.record.requests.count == 16)
        await client.shutdown()
        await still.stop()
        await test.store.close()
    }
}
