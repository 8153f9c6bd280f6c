import Foundation
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineDelivery
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@Suite("Queues as targets over a real store", .timeLimit(.minutes(5)))
struct QueueStoreTests {
    private let test: TestStore

    init() async throws { test = try await TestStore() }

    private static func address(_ name: String = "events") throws -> QueueAddress {
        QueueAddress(account: .standard, name: try QueueName(name))
    }

    private func withEngine(
        createsMissing: Bool = false, remote: any QueueSender = NoQueueSender(),
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        var configuration = DeliveryConfiguration(node: NodeID("test"))
        configuration.grace = .zero
        let engine = DeliveryEngine(
            store: test.store, signals: test.store.signals, sender: ScriptedSender([:]),
            queues: StoreQueueSender(store: test.store, encoding: .base64, createsMissing: createsMissing),
            remoteQueues: remote, configuration: configuration, wallClock: { TestDelivery.now }, random: { 0 },
            logger: .silent)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                try await body()
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    /// Accepts a job and ends its run without an object: one event.
    private func failedJob() async throws -> Job {
        let job = try await test.accept("a.mp4")
        let claims = try await test.store.claimJobs(
            JobClaimRequest(node: NodeID("test"), limit: 1, perOrigin: 8, lease: .seconds(30)))
        let claim = try #require(claims.items.first)
        let report = JobAttemptReport(
            job: claim.job.id, lease: claim.lease, result: .failed(JobFailure(.urlInvalid, "HTTP 404")),
            record: JobAttemptRecord())
        #expect(try await test.store.finish([report]) == [.recorded])
        return job
    }

    private func onlyDelivery(of job: Job) async throws -> Delivery {
        let detail = try #require(try await test.store.jobDetail(job.id))
        return try #require(detail.deliveries.first)
    }

    private func wait(for delivery: DeliveryID, _ state: DeliveryState) async throws -> DeliveryDetail {
        while true {
            let detail = try #require(try await test.store.delivery(delivery))
            if detail.delivery.state == state { return detail }
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    private func bodies() async throws -> [[UInt8]] {
        try await test.store.peek(16, in: Self.address()).map(\.body)
    }

    @Test(
        "sent again into a missing queue, an event uses up the attempts; after it was made it gets into the queue")
    func missing() async throws {
        try await test.setCallback(queue: "events")
        let job = try await failedJob()
        let delivery = try await onlyDelivery(of: job)
        #expect(delivery.target == .queue(name: "events"))
        #expect(delivery.state == .dead)
        try await withEngine {
            let second = try #require(try await test.store.redeliver(delivery.event, to: nil).first)
            let dead = try await wait(for: second.id, .dead)
            #expect(dead.attempts.map(\.number) == [1, 2, 3])
            #expect(
                dead.attempts.allSatisfy {
                    $0.record.cause == "there is no queue events in the account 1000000000000001; create it"
                        && $0.record.requestHead == "SendMessage queue:events"
                })
            _ = try await test.store.createQueue(Self.address(), attributes: QueueAttributeChanges())
            let again = try #require(try await test.store.redeliver(delivery.event, to: nil).first)
            let done = try await wait(for: again.id, .delivered)
            #expect(done.attempts.first?.record.responseHead?.hasPrefix("MessageId: ") == true)
            #expect(try await bodies() == [Array(Data(done.event.body).base64EncodedData())])
        }
    }

    @Test("an engine that may make queues makes the missing one")
    func creates() async throws {
        try await test.setCallback(queue: "events")
        let job = try await failedJob()
        let delivery = try await onlyDelivery(of: job)
        try await withEngine(createsMissing: true) {
            let again = try #require(try await test.store.redeliver(delivery.event, to: nil).first)
            _ = try await wait(for: again.id, .delivered)
        }
        #expect(try await bodies().count == 1)
    }

    @Test("a queue of another server is a target like others: one attempt by the engine, with its log")
    func remote() async throws {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackType = "mns"
        configuration.mnsEndpoint = "https://mns.example.com/"
        configuration.mnsQueueName = "far"
        configuration.eventTypeList = "ALL"
        try await test.store.setCallback(configuration, nonce: nil)
        let job = try await failedJob()
        let delivery = try await onlyDelivery(of: job)
        #expect(delivery.target == .remoteQueue(endpoint: "https://mns.example.com", name: "far"))
        let remote = CountingQueueSender()
        try await withEngine(remote: remote) {
            let done = try await wait(for: delivery.id, .delivered)
            #expect(done.attempts.map(\.record.httpStatus) == [201])
        }
        #expect(remote.requests.value.map(\.endpoint) == ["https://mns.example.com"])
        #expect(remote.requests.value.map(\.queue) == ["far"])
    }

    @Test("a subscription may be a queue, built in or of another server, beside the callback")
    func subscriptions() async throws {
        _ = try await test.store.createQueue(Self.address(), attributes: QueueAttributeChanges())
        for text in ["queue:events", "mns+https://mns.example.com/queues/far"] {
            let endpoint = try await test.store.createSubscription(
                account: .standard, url: text, options: EndpointOptions(), authKey: nil, webhookSecret: nil)
            #expect(endpoint.target.text == text)
        }
        let job = try await failedJob()
        let remote = CountingQueueSender()
        try await withEngine(remote: remote) {
            await remote.requests.wait { $0.count == 1 }
        }
        let detail = try #require(try await test.store.jobDetail(job.id))
        #expect(
            Set(detail.deliveries.map(\.target))
                == [.queue(name: "events"), .remoteQueue(endpoint: "https://mns.example.com", name: "far")])
        #expect(detail.deliveries.allSatisfy { $0.state == .delivered })
        #expect(try await bodies().count == 1)
    }
}
