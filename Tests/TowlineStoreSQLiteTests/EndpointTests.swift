import GRDB
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite

/// The statements that ran, in their order.
private final class Trace: Sendable {
    private let state = Mutex<[String]>([])

    /// To be called with every statement.
    func pass(_ sql: String) { state.withLock { $0.append(sql) } }

    /// The statements since the last call.
    func take() -> [String] {
        state.withLock { texts in
            defer { texts = [] }
            return texts
        }
    }
}

/// A filter for a subscription that gets one event of each job.
private var oneEvent: EndpointOptions {
    var options = EndpointOptions()
    options.eventTypes = [.uploadByURLComplete]
    return options
}

extension SQLiteStore {
    fileprivate func subscribe(_ url: String) async throws -> Endpoint {
        try await createSubscription(
            account: .standard, url: url, options: oneEvent, authKey: nil, webhookSecret: nil)
    }

    fileprivate func finishJobs(_ count: Int) async throws {
        try await accept(count)
        var left = count
        while left > 0 {
            let claims = try await claim(min(left, 500))
            left -= claims.count
            _ = try await finish(
                claims.map {
                    JobAttemptReport(
                        job: $0.job.id, lease: $0.lease, result: .stored(bytes: 1, small: nil),
                        record: JobAttemptRecord())
                })
        }
    }

    fileprivate func report(_ claim: ClaimedDelivery, _ next: DeliveryNext, _ signal: EndpointSignal) async throws {
        _ = try await recordDeliveries([
            DeliveryReport(
                delivery: claim.id, lease: claim.lease, next: next, signal: signal, record: DeliveryAttemptRecord())
        ])
    }
}

@Suite("what endpoints cost")
struct EndpointTests {
    @Test("a claim and a success at a healthy endpoint touch no endpoint's row, however many are disabled or paused")
    func healthyEndpoint() async throws {
        let trace = Trace()
        let folder = try TestFolder()
        let store = try await folder.open { $0.intercept = { trace.pass($0) } }
        func cost() async throws -> [String] {
            try await store.finishJobs(3)
            for _ in 0..<2 {
                for claim in try await store.claimDeliveries(1) { try await store.report(claim, .delivered, .success) }
            }
            _ = trace.take()
            let claims = try await store.claimDeliveries(1)
            #expect(claims.map(\.target) == [.http(url: "https://healthy.test/")])
            for claim in claims { try await store.report(claim, .delivered, .success) }
            return trace.take()
        }
        _ = try await store.subscribe("https://healthy.test/")
        let alone = try await cost()
        #expect(!alone.contains { $0.contains("endpoints") })
        for number in 0..<40 {
            let sub = try await store.subscribe("https://sick-\(number).test/")
            if number.isMultiple(of: 2) { _ = try await store.disableEndpoint(sub.id, reason: "x") }
        }
        // The first half is disabled already; the other is paused by its first attempt.
        try await store.finishJobs(1)
        while true {
            let claims = try await store.claimDeliveries(100)
            if claims.isEmpty { break }
            for claim in claims {
                let isHealthy = claim.target == .http(url: "https://healthy.test/")
                try await store.report(
                    claim, isHealthy ? .delivered : .retry(after: .zero),
                    isHealthy ? .success : .slowDown(cause: "429", pause: .seconds(3600)))
            }
        }
        let among = try await cost()
        #expect(among == alone)
        await store.close()
    }

    @Test("new events for a disabled or paused endpoint wake nobody")
    func quietEndpoints() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        let gone = try await store.subscribe("https://gone.test/")
        _ = try await store.subscribe("https://slow.test/")
        try await store.finishJobs(1)
        for claim in try await store.claimDeliveries() {
            let signal = EndpointSignal.slowDown(cause: "429", pause: .seconds(3600))
            try await store.report(
                claim, .retry(after: .zero), claim.endpoint == gone.id ? .gone(cause: "410") : signal)
        }
        #expect(try await store.claimDeliveries().isEmpty)
        let before = store.signals.generation(of: .deliveriesDue)
        try await store.finishJobs(5)
        #expect(store.signals.generation(of: .deliveriesDue) == before)
        #expect(try await store.claimDeliveries().isEmpty)
        await store.close()
    }

    @Test("disabling an endpoint where much waits writes one row, and its jobs are let go in bounded steps")
    func holdingMuch() async throws {
        let trace = Trace()
        let folder = try TestFolder()
        let store = try await folder.open { $0.intercept = { trace.pass($0) } }
        try await store.sendEvents()
        try await store.finishJobs(1200)
        let id = try #require(try await store.endpoints(matching: EndpointFilter(), limit: 1).items.first).id
        _ = trace.take()
        _ = try await store.disableEndpoint(id, reason: "x")
        #expect(trace.take().count < 12)
        var steps = 1
        while try await store.tendEndpoints() {
            steps += 1
            #expect(trace.take().count < 520)
        }
        #expect(steps >= 5)
        #expect(try await store.jobCounts()[.succeeded] == 1200)
        #expect(try await store.deliveryCounts()[.held] == 2400)
        _ = trace.take()
        _ = try await store.enableEndpoint(id)
        #expect(trace.take().count < 15)
        #expect(try await store.claimDeliveries(50).count == 50)
        await store.close()
    }

    @Test("what waits for a removed subscription ends in bounded steps, also after the store was opened again")
    func removingMuch() async throws {
        let folder = try TestFolder()
        var store = try await folder.open()
        let sub = try await store.subscribe("https://gone.test/")
        try await store.finishJobs(1200)
        try await store.removeSubscription(sub.id)
        #expect(try await store.tendEndpoints())
        #expect(try await store.deliveryCounts()[.dead] == 500)
        await store.close()
        store = try await folder.open()
        #expect(try await store.claimDeliveries().isEmpty)
        while try await store.tendEndpoints() {}
        let counts = try await store.deliveryCounts()
        #expect(counts[.dead] == 1200)
        #expect(counts[.pending] == 0)
        await store.close()
    }

    @Test("endpoints take turns when they are tended")
    func tendingTurns() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        let subs = [try await store.subscribe("https://a.test/"), try await store.subscribe("https://b.test/")]
        try await store.finishJobs(1100)
        for sub in subs { try await store.removeSubscription(sub.id) }
        #expect(try await store.tendEndpoints())
        #expect(try await store.tendEndpoints())
        for sub in subs { #expect(try await store.endpoint(sub.id)?.waiting == 600) }
        await store.close()
    }

    @Test("health, options and keys are there after the store was opened again, and no key lies in clear")
    func reopening() async throws {
        let folder = try TestFolder()
        let clock = MonotonicStoreClock()
        var store = try await folder.open(clock: clock)
        var options = oneEvent
        options.maxConcurrency = 1
        let sub = try await store.createSubscription(
            account: .standard, url: "https://sub.test/", options: options, authKey: "auth-in-clear",
            webhookSecret: "whsec_old-in-clear")
        try await store.setWebhookSecret("whsec_new-in-clear", of: sub.id, keepingPreviousFor: .seconds(3600))
        try await store.finishJobs(2)
        for claim in try await store.claimDeliveries() {
            try await store.report(claim, .retry(after: .zero), .slowDown(cause: "429", pause: .seconds(600)))
        }
        let before = try #require(try await store.endpoint(sub.id))
        await store.close()
        store = try await folder.open(clock: clock)
        let after = try #require(try await store.endpoint(sub.id))
        #expect(after.endpoint.health == before.endpoint.health)
        #expect(after.endpoint.options == options)
        #expect(try await store.claimDeliveries().isEmpty)
        clock.advance(by: .seconds(600))
        let claims = try await store.claimDeliveries()
        #expect(claims.count == 1)
        let keys = DeliverySigning(
            authKey: "auth-in-clear", webhookSecrets: ["whsec_new-in-clear", "whsec_old-in-clear"])
        #expect(claims.map(\.signing) == [keys])
        await store.close()
        try folder.expectNowhere("in-clear")
    }
}
