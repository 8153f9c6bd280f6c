import GRDB
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite

/// Fails one statement of many: the n-th after it was armed.
private final class Fault: Sendable {
    private let state = Mutex((left: Int?.none, hasFailed: false))
    private let code: ResultCode

    init(_ code: ResultCode) { self.code = code }

    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    func arm(at number: Int) { state.withLock { $0.left = number } }

    func disarm() { state.withLock { $0.left = nil } }

    /// To be called with every statement.
    func pass(_ sql: String) throws {
        let fails = state.withLock { state in
            guard let left = state.left else { return false }
            state.left = left - 1
            state.hasFailed = state.hasFailed || left == 1
            return left == 1
        }
        if fails { throw DatabaseError(resultCode: code) }
    }
}

/// What callers were told while a statement failed.
private struct Acknowledged {
    var accepted: Set<JobID> = []
    var stored: Set<JobID> = []
    var cancelled: Set<JobID> = []
    var retried: Set<JobID> = []
}

@Suite("a statement that fails")
struct FaultTests {
    @Test(
        "whichever statement fails, every accepted job ends once and every event is delivered",
        arguments: [ResultCode.SQLITE_FULL, .SQLITE_IOERR_WRITE])
    func failAtEveryStatement(code: ResultCode) async throws {
        var number = 1
        while true {
            let fault = Fault(code)
            let clock = MonotonicStoreClock()
            let folder = try TestFolder()
            var store = try await folder.open(clock: clock) { $0.intercept = { try fault.pass($0) } }
            try await store.sendEvents()
            fault.arm(at: number)
            let told = await work(store)
            fault.disarm()
            if code != .SQLITE_FULL {
                await store.close()
                store = try await folder.open(clock: clock)
            }
            clock.advance(by: .seconds(31))
            try await settle(store, clock)
            try await check(store, told, "statement \(number) failed with \(code)")
            await store.close()
            try checkRows(folder, "statement \(number) failed with \(code)")
            guard fault.hasFailed else { break }
            number += 1
        }
        #expect(number > 100)
    }

    @Test(
        "whichever statement fails, health, holding and removal leave no delivery behind",
        arguments: [ResultCode.SQLITE_FULL, .SQLITE_IOERR_WRITE])
    func failAmongEndpoints(code: ResultCode) async throws {
        var number = 1
        while true {
            let fault = Fault(code)
            let clock = MonotonicStoreClock()
            let folder = try TestFolder()
            var store = try await folder.open(clock: clock) { $0.intercept = { try fault.pass($0) } }
            try await store.sendEvents()
            fault.arm(at: number)
            await useEndpoints(store, clock)
            fault.disarm()
            if code != .SQLITE_FULL {
                await store.close()
                store = try await folder.open(clock: clock)
            }
            clock.advance(by: .seconds(3600))
            for endpoint in try await store.endpoints(matching: EndpointFilter(), limit: 10).items
            where endpoint.removedAt == nil {
                _ = try await store.enableEndpoint(endpoint.id)
                _ = try await store.setOptions(EndpointOptions(), of: endpoint.id)
            }
            while try await store.tendEndpoints() {}
            try await settle(store, clock)
            let when = "statement \(number) failed with \(code)"
            let counts = try await store.deliveryCounts()
            let open = [DeliveryState.pending, .sending, .held].map { counts[$0] ?? 0 }
            #expect(open == [0, 0, 0], "\(when): deliveries are left")
            #expect(try await store.jobCounts()[.stored] == 0, "\(when): a job waits for ever")
            await store.close()
            try checkRows(folder, when)
            guard fault.hasFailed else { break }
            // Opening the store anew each time takes long: a sample of the statements does.
            number += code == .SQLITE_FULL ? 1 : 4
        }
        #expect(number > 100)
    }

    /// Makes a subscription, pauses, disables, enables and removes; goes on after every error.
    private func useEndpoints(_ store: SQLiteStore, _ clock: MonotonicStoreClock) async {
        func finishOne() async {
            _ = try? await store.accept(1)
            for claim in (try? await store.claim()) ?? [] { _ = try? await store.finish(claim) }
        }
        func report(_ claim: ClaimedDelivery, _ next: DeliveryNext, _ signal: EndpointSignal) async {
            _ = try? await store.recordDeliveries([
                DeliveryReport(
                    delivery: claim.id, lease: claim.lease, next: next, signal: signal,
                    record: DeliveryAttemptRecord())
            ])
        }
        var options = EndpointOptions()
        options.maxPerSecond = 1
        let sub = try? await store.createSubscription(
            account: .standard, url: "https://sub.test/", options: options, authKey: "k", webhookSecret: "whsec_1")
        await finishOne()
        for claim in (try? await store.claimDeliveries()) ?? [] {
            if claim.endpoint == sub?.id {
                await report(claim, .retry(after: .seconds(60)), .slowDown(cause: "429", pause: nil))
            } else {
                await report(claim, .held(reason: "410"), .gone(cause: "410"))
            }
        }
        await finishOne()
        _ = try? await store.tendEndpoints()
        let callback = try? await store.endpoints(matching: EndpointFilter(kind: .callback), limit: 1).items.first
        if let callback { _ = try? await store.enableEndpoint(callback.id) }
        _ = try? await store.tendEndpoints()
        clock.advance(by: .seconds(10))
        for claim in (try? await store.claimDeliveries()) ?? [] { await report(claim, .delivered, .success) }
        guard let sub else { return }
        try? await store.setWebhookSecret("whsec_2", of: sub.id, keepingPreviousFor: .seconds(60))
        _ = try? await store.setOptions(EndpointOptions(), of: sub.id)
        await finishOne()
        _ = try? await store.disableEndpoint(sub.id, reason: "x")
        try? await store.removeSubscription(sub.id)
        _ = try? await store.tendEndpoints()
    }

    /// Uses the store as the engines do; goes on after every error.
    private func work(_ store: SQLiteStore) async -> Acknowledged {
        var told = Acknowledged()
        let nonce = RequestNonce(accessKeyID: "key", value: "n")
        let call = JobSubmission(
            account: .standard, sessionID: "s", nonce: nonce, requests: (0..<3).map { request("\($0).mp4") })
        if let jobs = try? await store.accept(call) { told.accepted.formUnion(jobs.map(\.id)) }
        let results: [JobAttemptResult] = [
            .stored(bytes: 3, small: [1, 2, 3]), .failed(JobFailure(.urlInvalid, "404")),
            .retry(JobFailure(.sourceUnavailable, "503"), after: .seconds(1), madeProgress: false),
        ]
        let claims = (try? await store.claim()) ?? []
        _ = try? await store.renewJobs(claims.map { ($0.job.id, $0.lease) }, lease: .seconds(30))
        for (claim, result) in zip(claims, results) {
            guard (try? await store.finish(claim, result)) == .recorded else { continue }
            if case .stored = result { told.stored.insert(claim.job.id) }
        }
        let deliveries = (try? await store.claimDeliveries()) ?? []
        for (index, claim) in deliveries.enumerated() {
            _ = try? await store.report(claim, index == 0 ? .delivered : .retry(after: .zero))
        }
        if let job = try? await store.accept(1).first {
            told.accepted.insert(job.id)
            _ = try? await store.claim()
            let failure = JobFailure(.cancelled, "x")
            let ids = try? await store.cancel([job.id], account: nil, onlyPending: false, failure: failure, nonce: nil)
            told.cancelled.formUnion(ids ?? [])
            if (try? await store.retry(job.id)) != nil { told.retried.insert(job.id) }
        }
        return told
    }

    /// Brings everything to its end.
    private func settle(_ store: SQLiteStore, _ clock: MonotonicStoreClock) async throws {
        _ = try await store.reapLeases()
        while true {
            let claims = try await store.claim()
            for claim in claims { try await store.finish(claim) }
            let deliveries = try await store.claimDeliveries()
            for claim in deliveries { try await store.report(claim, .delivered) }
            if claims.isEmpty, deliveries.isEmpty { break }
        }
        clock.advance(by: .seconds(31))
        let objects = try await store.abandonedObjects(limit: 100)
        try await store.forgetObjects(objects.keys, asOf: objects.time)
    }

    private func check(_ store: SQLiteStore, _ told: Acknowledged, _ when: String) async throws {
        let page = try await store.jobs(matching: JobFilter(), limit: 100)
        #expect(Set(page.items.map(\.id)).isSuperset(of: told.accepted), "\(when): an accepted job is missing")
        for job in page.items {
            #expect(job.state.isTerminal && job.state != .stored, "\(when): a job is \(job.state)")
            let detail = try #require(try await store.jobDetail(job.id))
            for run in 1...job.run {
                let ends = detail.events.filter { $0.run == run && $0.type == .uploadByURLComplete }
                #expect(ends.count == 1, "\(when): run \(run) has \(ends.count) events")
            }
            for delivery in detail.deliveries {
                #expect(delivery.state == .delivered, "\(when): a delivery is \(delivery.state)")
            }
            #expect(detail.deliveries.count == detail.events.count, "\(when): an event is delivered to nobody")
            if told.stored.contains(job.id) { #expect(job.state == .succeeded, "\(when)") }
            if told.cancelled.contains(job.id), !told.retried.contains(job.id), job.run == 1 {
                #expect(job.state == .cancelled, "\(when)")
            }
            if told.retried.contains(job.id) { #expect(job.run == 2, "\(when)") }
        }
    }

    /// Compares what is derived with what it is derived from.
    private func checkRows(_ folder: TestFolder, _ when: String) throws {
        let queue = try DatabaseQueue(path: folder.database)
        try queue.read { database in
            func number(_ sql: String) throws -> Int { try Int.fetchOne(database, sql: sql) ?? -1 }
            for state in JobState.allCases.indices {
                let counted = try number("SELECT count(*) FROM runs WHERE superseded = 0 AND state = \(state)")
                #expect(try number("SELECT value FROM counters WHERE id = \(state)") == counted, "\(when)")
            }
            for state in DeliveryState.allCases.indices {
                let counted = try number("SELECT count(*) FROM deliveries WHERE state = \(state)")
                #expect(try number("SELECT value FROM counters WHERE id = 8 + \(state)") == counted, "\(when)")
            }
            #expect(try number("SELECT coalesce(sum(in_use), 0) FROM lane_groups") == 0, "\(when): slots in use")
            #expect(try number("SELECT count(*) FROM lanes WHERE ready_at IS NOT NULL") == 0, "\(when): ready lanes")
            #expect(try number("SELECT count(*) FROM runs WHERE lease IS NOT NULL") == 0, "\(when): leases")
            #expect(try number("SELECT count(*) FROM endpoints WHERE tend_from IS NOT NULL") == 0, "\(when): to tend")
            #expect(try number("SELECT count(*) FROM object_intents") == 0, "\(when): intents")
        }
        try queue.close()
    }
}
