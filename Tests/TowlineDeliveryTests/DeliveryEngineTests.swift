import Foundation
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineDelivery
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import VODEvents

@Suite("The delivery engine over a real store", .timeLimit(.minutes(5)))
struct DeliveryEngineTests {
    private static let url = "https://hook.example.com/vod/events"
    private static let now: Int64 = 1_767_323_045

    private let test: TestStore

    init() async throws { test = try await TestStore() }

    private func withEngine(
        _ sender: ScriptedSender, clock: any MonotonicClock = SystemMonotonicClock(),
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        var configuration = DeliveryConfiguration(node: NodeID("test"))
        configuration.grace = .zero
        let engine = DeliveryEngine(
            store: test.store, signals: test.store.signals, sender: sender, configuration: configuration, clock: clock,
            wallClock: { Timestamp(milliseconds: Self.now * 1000) }, random: { 0 }, logger: .silent)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                try await body()
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    /// Accepts a job and ends its run; the store makes the events and deliveries.
    private func endedJob(_ result: JobAttemptResult = .stored(bytes: 3, small: [1, 2, 3])) async throws -> Job {
        let job = try await test.accept("a.mp4")
        let claims = try await test.store.claimJobs(
            JobClaimRequest(node: NodeID("test"), limit: 1, perOrigin: 8, lease: .seconds(30)))
        let claim = try #require(claims.items.first)
        let report = JobAttemptReport(
            job: claim.job.id, lease: claim.lease, result: result, record: JobAttemptRecord())
        #expect(try await test.store.finish([report]) == [.recorded])
        return job
    }

    private func delivery(_ job: Job, _ type: EventType) async throws -> Delivery {
        let detail = try #require(try await test.store.jobDetail(job.id))
        return try #require(detail.deliveries.first { $0.eventType == type })
    }

    /// Waits until the event of a run's end is in a state.
    private func wait(for job: Job, _ state: DeliveryState) async throws {
        while try await delivery(job, .uploadByURLComplete).state != state {
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    @Test("both events of a stored file arrive as the stored bytes, and the job is done with the second's delivery")
    func delivered() async throws {
        try await test.setCallback(Self.url)
        let job = try await endedJob()
        #expect(try await test.store.jobs([job.id], account: nil).first?.state == .stored)
        let sender = ScriptedSender([Self.url: [.status(200)]])
        try await withEngine(sender) { _ = try await test.wait(for: job.id) { $0.state == .succeeded } }
        let detail = try #require(try await test.store.jobDetail(job.id))
        let delivered = try await self.delivery(job, .uploadByURLComplete)
        #expect(delivered.state == .delivered)
        #expect(Set(detail.events.map(\.body)).isSuperset(of: Set(sender.requests.map(\.body)) as Set<[UInt8]>))
        #expect(sender.requests.contains { $0.header("webhook-id") == delivered.event.description })
        #expect(sender.requests.allSatisfy { $0.header("Content-Type") == "application/json" })
        #expect(sender.requests.allSatisfy { $0.header("X-VOD-SIGNATURE") == nil })
    }

    @Test("with a key the signature is the reference's, over the configured URL byte for byte")
    func signed() async throws {
        try await test.setCallback(Self.url, authKey: "Abc123xyz")
        let job = try await endedJob(.failed(JobFailure(.urlInvalid, "HTTP 404")))
        let sender = ScriptedSender([Self.url: [.status(200)]])
        try await withEngine(sender) {
            try await wait(for: job, .delivered)
        }
        let request = try #require(sender.requests.first)
        #expect(request.header("X-VOD-TIMESTAMP") == "1767323045")
        // The first vector of vod-api.md 5.2.
        #expect(request.header("X-VOD-SIGNATURE") == "4d3aaa81695ec402eaa6db22ff85fc11")
    }

    @Test(
        "anything but 200 fails; the third failure is the last, the bytes are the same each time",
        arguments: [
            201, 204, 301, 302, 404, 410, 500, 503,
        ])
    func refused(status: Int) async throws {
        try await test.setCallback(Self.url)
        let job = try await endedJob(.failed(JobFailure(.urlInvalid, "HTTP 404")))
        let sender = ScriptedSender([Self.url: [.status(status)]])
        try await withEngine(sender) {
            try await wait(for: job, .dead)
        }
        #expect(sender.requests.count == 3)
        #expect(Set(sender.requests.map(\.body)).count == 1)
        #expect(Set(sender.requests.map { $0.header("webhook-id") }).count == 1)
        let dead = try await delivery(job, .uploadByURLComplete)
        #expect(dead.reason?.contains("\(status)") == true)
        let attempts = try #require(try await test.store.delivery(dead.id)).attempts
        #expect(attempts.map(\.number) == [1, 2, 3])
        #expect(attempts.allSatisfy { $0.record.httpStatus == status && $0.record.responseBody == Array("ok".utf8) })
        for (earlier, later) in zip(attempts, attempts.dropFirst()) {
            #expect(later.startedAt - earlier.startedAt >= .milliseconds(999))
        }
    }

    @Test("a stored job is done when its last attempt has failed, and its event stays")
    func deadButDone() async throws {
        try await test.setCallback(Self.url)
        let job = try await endedJob()
        let sender = ScriptedSender([Self.url: [.status(500)]])
        try await withEngine(sender) { _ = try await test.wait(for: job.id) { $0.state == .succeeded } }
        #expect(try await delivery(job, .uploadByURLComplete).state == .dead)
        #expect(try #require(try await test.store.jobDetail(job.id)).events.count == 2)
    }

    @Test("a URL that cannot be called ends the delivery at once with its reason")
    func unusable() async throws {
        try await test.setCallback(Self.url)
        let job = try await endedJob(.failed(JobFailure(.urlInvalid, "HTTP 404")))
        let sender = ScriptedSender([Self.url: [.unusable("the URL is no URL")]])
        try await withEngine(sender) {
            try await wait(for: job, .dead)
        }
        #expect(sender.requests.count == 1)
        #expect(try await delivery(job, .uploadByURLComplete).reason == "the URL is no URL")
    }

    @Test("shutdown gives a running delivery back without using up an attempt")
    func shutdown() async throws {
        try await test.setCallback(Self.url)
        let job = try await endedJob(.failed(JobFailure(.urlInvalid, "HTTP 404")))
        let sender = ScriptedSender([Self.url: [.hangs]])
        try await withEngine(sender) { await sender.waitForRequests(1) }
        let back = try await delivery(job, .uploadByURLComplete)
        #expect(back.state == .pending)
        #expect(back.attempts == 0)
    }
}
