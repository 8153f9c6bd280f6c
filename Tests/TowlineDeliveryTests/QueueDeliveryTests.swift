import Foundation
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineTesting

@testable import TowlineDelivery

@Suite("Built-in queues as targets", .timeLimit(.minutes(5)))
struct QueueDeliveryTests {
    private static let target = CallbackTarget.queue(name: "events")

    private static func address(_ name: String = "events") throws -> QueueAddress {
        QueueAddress(account: .standard, name: try QueueName(name))
    }

    private func attempt(
        _ store: MemoryQueueStore, encoding: EventBodyEncoding = .base64, createsMissing: Bool = false,
        _ claim: ClaimedDelivery
    ) async -> DeliveryReport {
        await TestDelivery.runner(
            ScriptedSender([:]),
            queues: StoreQueueSender(store: store, encoding: encoding, createsMissing: createsMissing)
        ).run(claim)
    }

    @Test(
        "the queue gets the event's bytes in the chosen encoding, and the log names queue and message",
        arguments: [
            EventBodyEncoding.base64, .plain,
        ])
    func delivered(encoding: EventBodyEncoding) async throws {
        let store = MemoryQueueStore([try Self.address(): QueueAttributes()])
        let claim = TestDelivery.claim(
            to: Self.target, origin: .redelivery,
            signing: DeliverySigning(authKey: "Abc123xyz", webhookSecrets: ["not even a secret"]))
        let report = await attempt(store, encoding: encoding, claim)
        #expect(report.next == .delivered)
        #expect(report.signal == .none)
        #expect(report.record.cause == nil)
        #expect(report.record.requestHead == "SendMessage queue:events")
        #expect(report.record.responseHead == "MessageId: \(MessageID(rawValue: 1))")
        #expect(report.record.httpStatus == nil)
        #expect(report.record.address == nil)
        let message = try #require(store.state.value.messages[try Self.address()]?.first)
        let body = encoding == .plain ? Data(message) : Data(base64Encoded: Data(message))
        #expect(body.map(Array.init) == claim.event.body)
    }

    @Test(
        "a missing queue is tried again by the policy with a cause that names it",
        arguments: DeliveryPolicy.Name.allCases)
    func missing(policy: DeliveryPolicy.Name) async throws {
        let report = await attempt(MemoryQueueStore(), TestDelivery.claim(to: Self.target, policy: policy))
        let cause = "there is no queue events in the account 1000000000000001; create it"
        #expect(report.record.cause == cause)
        #expect(report.next == .retry(after: policy == .exact ? .seconds(1) : .seconds(5)))
        #expect(report.signal == (policy == .exact ? .observed(cause: cause) : .failure(cause: cause)))
    }

    @Test("a missing queue is made where that is allowed")
    func creates() async throws {
        let store = MemoryQueueStore()
        let report = await attempt(store, createsMissing: true, TestDelivery.claim(to: Self.target))
        #expect(report.next == .delivered)
        #expect(report.signal == .success)
        #expect(store.state.value.messages[try Self.address()]?.count == 1)
    }

    @Test(
        "an event that is larger than the queue allows is dead at once with both sizes, and says nothing about the queue",
        arguments: DeliveryPolicy.Name.allCases)
    func tooLarge(policy: DeliveryPolicy.Name) async throws {
        var attributes = QueueAttributes()
        attributes.maximumMessageBytes = 1024
        let store = MemoryQueueStore([try Self.address(): attributes])
        let event = TestDelivery.event(body: [UInt8](repeating: 0x41, count: 900))
        let report = await attempt(store, TestDelivery.claim(to: Self.target, event, policy: policy))
        let cause = "the queue does not take the event: MessageBody has 1200 bytes; this queue allows 1 to 1024"
        #expect(report.next == .dead(reason: cause))
        #expect(report.signal == .none)
        #expect(store.state.value.messages.isEmpty)
    }

    @Test("a store in trouble is a failure, an interrupted call none")
    func trouble() async throws {
        let store = MemoryQueueStore([try Self.address(): QueueAttributes()])
        store.state.update { $0.failures = [StoreError(.unavailable, "The disk is full."), CancellationError()] }
        let failed = await attempt(store, TestDelivery.claim(to: Self.target))
        #expect(failed.next == .retry(after: .seconds(5)))
        #expect(failed.record.cause == "the queue events cannot be reached: the disk is full")
        let interrupted = await attempt(store, TestDelivery.claim(to: Self.target))
        #expect(interrupted.next == .released)
        #expect(interrupted.signal == .none)
    }

    @Test(
        "a name that no queue can have is dead at once",
        arguments: ["", "a b", "-a", String(repeating: "a", count: 121)])
    func names(name: String) async throws {
        let report = await attempt(MemoryQueueStore(), createsMissing: true, TestDelivery.claim(to: .queue(name: name)))
        let cause = report.record.cause ?? ""
        #expect(report.next == .dead(reason: cause))
        #expect(cause.hasPrefix("the queue's name is not usable: a queue name "))
    }

    @Test(
        "a node without queues fails the attempt and keeps the event",
        arguments: [
            target, .remoteQueue(endpoint: "http://mns.test", name: "events"),
        ])
    func noQueues(target: CallbackTarget) async {
        let report = await TestDelivery.runner(ScriptedSender([:])).run(TestDelivery.claim(to: target))
        #expect(report.next == .retry(after: .seconds(5)))
        #expect(report.record.cause == "this node has no connection to the queue events")
    }

    @Test("the engine gives each target to its sender, claims for all of them and records every outcome")
    func engine() async throws {
        let url = "https://hook.test/"
        let targets: [CallbackTarget] = [
            .http(url: url), Self.target, .remoteQueue(endpoint: "http://mns.test", name: "far"),
        ]
        let claims = (1...30).map { TestDelivery.claim(to: targets[$0 % 3], TestDelivery.event($0)) }
        let deliveries = MemoryDeliveryStore(claims)
        let queues = MemoryQueueStore([try Self.address(): QueueAttributes()])
        let http = ScriptedSender([url: [.status(200)]])
        let remote = CountingQueueSender()
        var configuration = DeliveryConfiguration(node: NodeID("test"))
        configuration.concurrency = 4
        let engine = DeliveryEngine(
            store: deliveries, signals: StoreSignals(), sender: http,
            queues: StoreQueueSender(store: queues, encoding: .plain, createsMissing: false), remoteQueues: remote,
            configuration: configuration, wallClock: { TestDelivery.now }, logger: .silent)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                await deliveries.state.wait { $0.reports.count == 30 }
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
        #expect(deliveries.state.value.reports.allSatisfy { $0.next == .delivered && $0.signal == .success })
        #expect(http.requests.count == 10)
        #expect(queues.state.value.messages[try Self.address()]?.count == 10)
        let sent = remote.requests.value
        #expect(sent.count == 10)
        #expect(sent.allSatisfy { $0.endpoint == "http://mns.test" && $0.queue == "far" && $0.account == .standard })
    }
}

/// A queue of another server that takes everything.
final class CountingQueueSender: QueueSender {
    let requests = Observed<[QueueEventRequest]>([])

    func send(_ request: QueueEventRequest) async -> EventExchange {
        requests.update { $0.append(request) }
        return EventExchange(.queued(.stored(messageID: "m"), answer: EventAnswer(status: 201)))
    }
}
