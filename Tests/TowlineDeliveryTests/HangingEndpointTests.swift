import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineDelivery
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@Suite("One endpoint that hangs", .timeLimit(.minutes(5)))
struct HangingEndpointTests {
    private static let hanging = "https://hanging.test/hook"

    /// Never answers one URL and answers the others at once.
    private struct Sender: EventSender {
        let arrived = Observed<[String: Int]>([:])

        func send(_ request: EventRequest) async -> EventExchange {
            arrived.update { $0[request.url, default: 0] += 1 }
            guard request.url == hanging else { return EventExchange(.answered(EventAnswer(status: 200))) }
            try? await Task.sleep(for: .seconds(3600))
            return EventExchange(.cancelled)
        }
    }

    @Test("fifty healthy endpoints get all their events while one holds all the attempts that it may have")
    func hanging() async throws {
        let test = try await TestStore(policy: .durable)
        try await test.setCallback("https://configured.test/hook")
        let healthy = (0..<50).map { "https://healthy-\($0).test/hook" }
        var jobs: [Job] = []
        // The hanging endpoint's events are the oldest, and there are more than it can have attempts.
        for url in [String](repeating: Self.hanging, count: 40) + healthy + healthy {
            jobs.append(try await endedJob(in: test.store, to: url))
        }
        var configuration = DeliveryConfiguration(node: NodeID("test"))
        configuration.concurrency = 24
        configuration.perEndpoint = 16
        configuration.grace = .zero
        let sender = Sender()
        let engine = DeliveryEngine(
            store: test.store, signals: test.store.signals, sender: sender, configuration: configuration,
            wallClock: { TestDelivery.now }, logger: .silent)
        let due = jobs.dropFirst(40)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                for job in due {
                    _ = try await test.wait(for: job.id) { $0.state == .succeeded }
                }
                await sender.arrived.wait { $0[Self.hanging] == 16 }
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
        #expect(sender.arrived.value[Self.hanging] == 16)
        // Two jobs for each, and a stored file has two events.
        for url in healthy { #expect(sender.arrived.value[url] == 4) }
    }

    /// Accepts a job whose events go to a URL, and ends its run.
    private func endedJob(in store: SQLiteStore, to url: String) async throws -> Job {
        let source = "https://media.example.com/a.mp4"
        let request = PullRequest(
            sourceURL: source, displayURL: source, origin: "https://media.example.com:443", callback: .http(url: url))
        let job = try #require(
            try await store.accept(JobSubmission(account: .standard, requests: [request])).first)
        let claims = try await store.claimJobs(
            JobClaimRequest(node: NodeID("test"), limit: 1, perOrigin: 8, lease: .seconds(30)))
        let claim = try #require(claims.items.first)
        let report = JobAttemptReport(
            job: claim.job.id, lease: claim.lease, result: .stored(bytes: 3, small: [1, 2, 3]),
            record: JobAttemptRecord())
        #expect(try await store.finish([report]) == [.recorded])
        return job
    }
}
