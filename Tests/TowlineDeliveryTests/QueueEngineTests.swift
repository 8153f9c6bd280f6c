import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineDelivery
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

/// What the engine does for all targets, shown for queues: shares, health, replays.
@Suite("The engine with queues as targets", .timeLimit(.minutes(5)))
struct QueueEngineTests {
    private let test: TestStore

    init() async throws {
        test = try await TestStore(policy: .durable)
        try await test.setCallback("https://configured.test/hook")
    }

    /// A queue service by script: what it says to an endpoint, and what came.
    private final class Sender: QueueSender {
        let arrived = Observed<[String: Int]>([:])
        private let verdict: @Sendable (QueueEventRequest) -> QueueVerdict?

        /// - Parameter verdict: Nil never answers.
        init(_ verdict: @escaping @Sendable (QueueEventRequest) -> QueueVerdict?) { self.verdict = verdict }

        func send(_ request: QueueEventRequest) async -> EventExchange {
            arrived.update { $0[request.endpoint, default: 0] += 1 }
            if let verdict = verdict(request) { return EventExchange(.queued(verdict)) }
            try? await Task.sleep(for: .seconds(3600))
            return EventExchange(.cancelled)
        }
    }

    /// Ends a job's run without an object; its one event goes to a target.
    private func endedJob(to target: CallbackTarget) async throws -> Job {
        let source = "https://media.example.com/a.mp4"
        let request = PullRequest(
            sourceURL: source, displayURL: source, origin: "https://media.example.com:443", callback: target)
        let job = try #require(
            try await test.store.accept(JobSubmission(account: .standard, requests: [request])).first)
        let claims = try await test.store.claimJobs(
            JobClaimRequest(node: NodeID("test"), limit: 1, perOrigin: 8, lease: .seconds(30)))
        let claim = try #require(claims.items.first)
        let report = JobAttemptReport(
            job: claim.job.id, lease: claim.lease, result: .failed(JobFailure(.urlInvalid, "HTTP 404")),
            record: JobAttemptRecord())
        #expect(try await test.store.finish([report]) == [.recorded])
        return job
    }

    private func withEngine(
        _ remote: Sender, perEndpoint: Int = 16, concurrency: Int = 24,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        var configuration = DeliveryConfiguration(node: NodeID("test"))
        configuration.concurrency = concurrency
        configuration.perEndpoint = perEndpoint
        configuration.grace = .zero
        let engine = DeliveryEngine(
            store: test.store, signals: test.store.signals, sender: ScriptedSender([:]),
            queues: StoreQueueSender(store: test.store, encoding: .plain, createsMissing: false), remoteQueues: remote,
            configuration: configuration, wallClock: { TestDelivery.now }, random: { 0 }, logger: .silent)
        let replays = ReplayEngine(store: test.store, signals: test.store.signals, logger: .silent)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                group.addTask { try await replays.run() }
                try await body()
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    private func delivery(of job: Job) async throws -> Delivery {
        try #require(try await test.store.jobDetail(job.id)?.deliveries.first)
    }

    /// Lets others go on between two looks; ends with the test's time.
    private func pause() async throws {
        try Task.checkCancellation()
        await Task.yield()
    }

    private func wait(for job: Job, _ state: DeliveryState) async throws {
        while try await delivery(of: job).state != state { try await pause() }
    }

    @Test("a queue service that hangs holds its own attempts and nobody else's")
    func hanging() async throws {
        let hanging = CallbackTarget.remoteQueue(endpoint: "http://hanging.test", name: "q")
        var jobs: [Job] = []
        // The hanging queue's events are the oldest, and there are more than it can have attempts.
        for _ in 0..<40 { _ = try await endedJob(to: hanging) }
        for number in 0..<20 {
            jobs.append(
                try await endedJob(to: .remoteQueue(endpoint: "http://healthy-\(number % 10).test", name: "q")))
        }
        let sender = Sender { $0.endpoint == "http://hanging.test" ? nil : .stored(messageID: "m") }
        let due = jobs
        try await withEngine(sender) {
            for job in due { try await wait(for: job, .delivered) }
            await sender.arrived.wait { $0["http://hanging.test"] == 16 }
        }
        #expect(sender.arrived.value["http://hanging.test"] == 16)
        for number in 0..<10 { #expect(sender.arrived.value["http://healthy-\(number).test"] == 2) }
    }

    @Test("failures in a row pause a queue's endpoint, as they do a callback's")
    func breaker() async throws {
        let target = CallbackTarget.remoteQueue(endpoint: "http://broken.test", name: "q")
        var jobs: [Job] = []
        for _ in 0..<12 { jobs.append(try await endedJob(to: target)) }
        let endpoint = try await delivery(of: jobs[0]).endpoint
        let sender = Sender { _ in .failed(cause: "no permission") }
        try await withEngine(sender, perEndpoint: 1) {
            while try await test.store.endpoint(endpoint)?.endpoint.health.isProbing != true { try await pause() }
        }
        let health = try #require(try await test.store.endpoint(endpoint)).endpoint.health
        #expect(health.failures == 8)
        #expect(health.lastCause == "no permission")
        #expect(sender.arrived.value["http://broken.test"] == 8)
    }

    @Test("messages that a queue can never take die without a word about its endpoint")
    func refused() async throws {
        let target = CallbackTarget.remoteQueue(endpoint: "http://picky.test", name: "q")
        var jobs: [Job] = []
        for _ in 0..<12 { jobs.append(try await endedJob(to: target)) }
        let sender = Sender { _ in .refused(cause: "too large") }
        let dying = jobs
        try await withEngine(sender) {
            for job in dying { try await wait(for: job, .dead) }
        }
        let endpoint = try await delivery(of: jobs[0]).endpoint
        let health = try #require(try await test.store.endpoint(endpoint)).endpoint.health
        #expect(health == EndpointHealth())
        #expect(sender.arrived.value["http://picky.test"] == 12)
        #expect(try await delivery(of: jobs[0]).reason == "too large")
    }

    @Test("a replay puts every event into its queue exactly once more, with the same bytes")
    func replay() async throws {
        let address = QueueAddress(account: .standard, name: try QueueName("events"))
        _ = try await test.store.createQueue(address, attributes: QueueAttributeChanges())
        for _ in 0..<7 { _ = try await endedJob(to: .queue(name: "events")) }
        let before = try await test.store.peek(16, in: address).count
        #expect(before == 7)
        let replay = try await test.store.startReplay(ReplayRequest(filter: EventFilter()))
        try await withEngine(Sender { _ in nil }) {
            while true {
                let now = try #require(try await test.store.replay(replay.id))
                if now.state == .done, now.delivered == 7 { break }
                try await pause()
            }
        }
        let bodies = try await test.store.peek(16, in: address).map(\.body)
        #expect(bodies.count == 14)
        // The first of each pair went in with its job in Base64, the second in the engine's encoding, which is plain here.
        let events = try await test.store.events(matching: EventFilter(), before: nil, limit: 100).items
        #expect(Set(bodies.suffix(7)) == Set(events.map(\.event.body)))
    }
}
