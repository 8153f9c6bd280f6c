import GRDB
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

/// Fails one statement of many: the n-th after it was armed.
private final class StatementFault: Sendable {
    private let state = Mutex((left: Int?.none, hasFailed: false))

    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    func arm(at number: Int) { state.withLock { $0.left = number } }

    func disarm() { state.withLock { $0.left = nil } }

    func pass(_ sql: String) throws {
        let fails = state.withLock { state in
            guard let left = state.left else { return false }
            state.left = left - 1
            state.hasFailed = state.hasFailed || left == 1
            return left == 1
        }
        if fails { throw DatabaseError(resultCode: .SQLITE_IOERR_WRITE) }
    }
}

/// A delivery's event and endpoint.
private struct Pair: Hashable {
    let event: EventID
    let endpoint: EndpointID
}

extension SQLiteStore {
    /// Makes a subscription to everything and stores jobs, whose deliveries all end.
    fileprivate func makeHistory(_ jobs: Int, endpoints: Int) async throws {
        for number in 0..<endpoints {
            _ = try await createSubscription(
                account: .standard, url: "https://r\(number).test/", options: EndpointOptions(), authKey: nil,
                webhookSecret: nil)
        }
        try await accept(jobs)
        for claim in try await claim(jobs) { try await finish(claim) }
        try await deliverAll()
    }

    /// Claims and delivers everything that is due.
    @discardableResult
    fileprivate func deliverAll() async throws -> [ClaimedDelivery] {
        var all: [ClaimedDelivery] = []
        while true {
            let claims = try await claimDeliveries()
            if claims.isEmpty { return all }
            for claim in claims { try await report(claim, .delivered) }
            all += claims
        }
    }

    /// Does steps until no replay runs.
    fileprivate func runReplays(_ clock: MonotonicStoreClock) async throws {
        while let wait = try await stepReplays() { clock.advance(by: wait) }
    }

    /// Every delivery of a replay, or of all.
    fileprivate func allDeliveries(of replay: ReplayID?) async throws -> [Delivery] {
        var filter = DeliveryFilter(replay: replay)
        var all: [Delivery] = []
        while true {
            let page = try await deliveries(matching: filter, limit: 500)
            all += page.items
            guard let next = page.next else { return all }
            filter.before = DeliveryID(next)
        }
    }
}

@Suite("replays on SQLite")
struct ReplayTests {
    @Test("a store that is killed in the middle of a replay goes on: one delivery for each event and endpoint")
    func killed() async throws {
        let clock = MonotonicStoreClock()
        let folder = try TestFolder()
        let store = try await folder.open(clock: clock)
        try await store.makeHistory(150, endpoints: 2)
        let request = ReplayRequest(filter: EventFilter(), perSecond: 5000)
        let id = try await store.startReplay(request).id
        var copies: [TestFolder] = [try folder.crashed()]
        while let wait = try await store.stepReplays() {
            clock.advance(by: wait)
            copies.append(try folder.crashed())
        }
        #expect(copies.count >= 5)
        await store.close()
        for copy in copies {
            let opened = try await copy.open(clock: clock)
            try await opened.runReplays(clock)
            let claims = try await opened.deliverAll()
            #expect(claims.count == 600)
            let pairs = Set(claims.map { Pair(event: $0.event.id, endpoint: $0.endpoint) })
            #expect(pairs.count == 600)
            let replay = try #require(try await opened.replay(id))
            #expect(replay.state == .done)
            #expect(replay.request == request)
            #expect(replay.eventsInRange == 300)
            #expect(replay.eventsSeen == 300)
            #expect(replay.created == 600)
            #expect(replay.delivered == 600)
            #expect(replay.dead == 0)
            await opened.close()
        }
    }

    @Test("whichever statement of a replay fails, it ends with one delivery for each event and endpoint")
    func failAtEveryStatement() async throws {
        var number = 1
        while true {
            let fault = StatementFault()
            let clock = MonotonicStoreClock()
            let folder = try TestFolder()
            var store = try await folder.open(clock: clock) { $0.intercept = { try fault.pass($0) } }
            try await store.makeHistory(2, endpoints: 2)
            fault.arm(at: number)
            // One event a step.
            let request = ReplayRequest(filter: EventFilter(), perSecond: 20)
            var id = try? await store.startReplay(request).id
            for _ in 0..<3 {
                _ = try? await store.stepReplays()
                if let claim = try? await store.claimDeliveries(1).first {
                    _ = try? await store.report(claim, .delivered)
                }
                clock.advance(by: .milliseconds(101))
            }
            fault.disarm()
            await store.close()
            store = try await folder.open(clock: clock)
            if id == nil { id = try await store.startReplay(request).id }
            try await store.runReplays(clock)
            clock.advance(by: .seconds(31))
            try await store.deliverAll()
            let started = try #require(id)
            let made = try await store.allDeliveries(of: started)
            let when = "statement \(number) failed"
            #expect(made.count == 8, "\(when)")
            #expect(Set(made.map { Pair(event: $0.event, endpoint: $0.endpoint) }).count == 8, "\(when)")
            #expect(made.allSatisfy { $0.state == .delivered }, "\(when)")
            let replay = try #require(try await store.replay(started))
            #expect(replay.created == 8, "\(when)")
            #expect(replay.delivered == 8, "\(when)")
            #expect(replay.dead == 0, "\(when)")
            #expect(replay.eventsSeen == 4, "\(when)")
            try await checkCounters(store, when)
            await store.close()
            guard fault.hasFailed else { break }
            number += 1
        }
        #expect(number > 80)
    }

    @Test("whichever statement of a cancel fails, it ends with nothing left that was not tried")
    func failAtEveryStatementOfCancel() async throws {
        var number = 1
        while true {
            let fault = StatementFault()
            let clock = MonotonicStoreClock()
            let folder = try TestFolder()
            var store = try await folder.open(clock: clock) { $0.intercept = { try fault.pass($0) } }
            try await store.makeHistory(4, endpoints: 2)
            // So slow that the steps below cannot reach the end, however long the machine takes.
            let id = try await store.startReplay(ReplayRequest(filter: EventFilter(), perSecond: 20)).id
            _ = try await store.stepReplays()
            let created = try #require(try await store.replay(id)).created
            #expect(created > 1 && created < 16)
            let claim = try #require(try await store.claimDeliveries(1).first)
            try await store.report(claim, .delivered)
            fault.arm(at: number)
            var isCancelled = (try? await store.cancelReplay(id)) != nil
            for _ in 0..<2 { _ = try? await store.stepReplays() }
            fault.disarm()
            await store.close()
            store = try await folder.open(clock: clock)
            if !isCancelled {
                isCancelled = (try? await store.cancelReplay(id)) != nil
            }
            try await store.runReplays(clock)
            let when = "statement \(number) failed"
            #expect(isCancelled, "\(when)")
            let replay = try #require(try await store.replay(id))
            #expect(replay.state == .cancelled, "\(when)")
            #expect(replay.delivered == 1, "\(when)")
            #expect(replay.dead == replay.created - 1, "\(when)")
            #expect(try await store.deliverAll().isEmpty, "\(when)")
            try await checkCounters(store, when)
            await store.close()
            guard fault.hasFailed else { break }
            number += 1
        }
        #expect(number > 10)
    }

    @Test("a replay's step runs as many statements in a long history as in a short one")
    func bounded() async throws {
        let counter = StatementCounter()
        let clock = MonotonicStoreClock()
        let folder = try TestFolder()
        let store = try await folder.open(clock: clock) { $0.intercept = { counter.pass($0) } }
        try await store.makeHistory(20, endpoints: 1)
        func cost() async throws -> Int {
            let id = try await store.startReplay(ReplayRequest(filter: EventFilter(), perSecond: 40)).id
            _ = try await store.stepReplays()
            let before = counter.count
            clock.advance(by: .milliseconds(101))
            _ = try await store.stepReplays()
            let cost = counter.count - before
            _ = try await store.cancelReplay(id)
            try await store.runReplays(clock)
            return cost
        }
        // The first replay finds events without deliveries in the lane of what is sent again.
        _ = try await cost()
        let short = try await cost()
        try await store.accept(500)
        for claim in try await store.claim(500) { try await store.finish(claim) }
        let long = try await cost()
        #expect(long == short)
        await store.close()
    }

    private func checkCounters(_ store: SQLiteStore, _ when: String) async throws {
        let all = try await store.allDeliveries(of: nil)
        let counts = try await store.deliveryCounts()
        for state in [DeliveryState.pending, .sending, .delivered, .dead] {
            let rows = all.filter { $0.state == state }.count
            #expect(counts[state, default: 0] == rows, "\(when): \(state)")
        }
    }
}

/// Counts statements.
private final class StatementCounter: Sendable {
    private let state = Mutex(0)
    var count: Int { state.withLock { $0 } }
    func pass(_ sql: String) { state.withLock { $0 += 1 } }
}
