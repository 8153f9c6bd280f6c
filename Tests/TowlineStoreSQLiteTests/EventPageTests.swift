import Foundation
import GRDB
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@Suite("lists of many events and deliveries")
struct EventPageTests {
    private static let count = 12_000

    /// Files of a store whose oldest event alone is of another account, and whose oldest delivery alone is pending.
    private static let template = Task { try await makeFolder() }

    private static func makeFolder() async throws -> TestFolder {
        let folder = try TestFolder()
        let store = try await folder.open()
        _ = try await store.accept(JobSubmission(account: AccountID("2"), requests: [request()]))
        try await store.finish(try await store.claim()[0], .failed(JobFailure(.urlInvalid, "404")))
        try await store.sendEvents()
        try await store.accept(1)
        try await store.finish(try await store.claim()[0], .failed(JobFailure(.urlInvalid, "404")))
        let claim = try #require(await store.claimDeliveries().first)
        try await store.report(claim, .retry(after: .seconds(3600)))
        await store.close()
        let queue = try DatabaseQueue(path: folder.database)
        try await queue.write { database in
            let time = try Int64.fetchOne(database, sql: "SELECT max(created_at) FROM events") ?? 0
            let event = try database.makeStatement(
                sql: """
                    INSERT INTO events (id, account_id, app, job, run, type, body, created_at)
                    SELECT ?, account_id, app, ?, 1, type, body, ? FROM events WHERE seq = 2
                    """)
            let delivery = try database.makeStatement(
                sql: """
                    INSERT INTO deliveries (id, event, account_id, lane_id, policy, state, due, created_at, origin)
                    SELECT ?, ?, account_id, lane_id, policy, 2, due, ?, 0 FROM deliveries ORDER BY id LIMIT 1
                    """)
            for number in 1...Self.count {
                let id = EventID.make(time + Int64(number))
                try event.execute(arguments: [id, id, time + Int64(number)])
                try delivery.execute(arguments: [id, database.lastInsertedRowID, time + Int64(number)])
            }
        }
        try queue.close()
        return folder
    }

    @Test("pages look at a bounded number of rows and come to the end all the same")
    func bounded() async throws {
        let folder = try await Self.template.value.crashed()
        let store = try await folder.open()
        var filter = EventFilter()
        filter.account = AccountID("2")
        #expect(try await pages(store, filter) == [0, 0, 1])
        filter = EventFilter()
        filter.state = .pending
        // An event costs a look at itself and one at its delivery.
        #expect(try await pages(store, filter) == [0, 0, 0, 0, 1])
        filter.state = .dead
        #expect(try await pages(store, filter) == [0])

        let endpoint = try #require(await store.endpoints(matching: EndpointFilter(), limit: 1).items.first).id
        #expect(try await pages(store, DeliveryFilter(state: .pending)) == [1])
        #expect(try await pages(store, DeliveryFilter(state: .pending, endpoint: endpoint)) == [1])
        #expect(try await pages(store, DeliveryFilter(state: .dead)) == [0])
        #expect(try await pages(store, DeliveryFilter(endpoint: EndpointID(rawValue: 1))) == [0, 0, 0])
        await store.close()
    }

    @Test("what waits is listed newest first, also when it is more than one page looks at")
    func manyWaiting() async throws {
        let folder = try await Self.template.value.crashed()
        let queue = try DatabaseQueue(path: folder.database)
        try await queue.write { try $0.execute(sql: "UPDATE deliveries SET state = 0") }
        try queue.close()
        let store = try await folder.open()
        let endpoint = try #require(await store.endpoints(matching: EndpointFilter(), limit: 1).items.first).id
        _ = try await store.disableEndpoint(endpoint, reason: "maintenance")
        for filter in [DeliveryFilter(state: .held), DeliveryFilter(state: .held, endpoint: endpoint)] {
            var filter = filter
            var ids: [DeliveryID] = []
            while true {
                let page = try await store.deliveries(matching: filter, limit: 4000)
                ids += page.items.map(\.id)
                guard let next = page.next else { break }
                filter.before = DeliveryID(next)
            }
            #expect(ids.count == Self.count + 1)
            #expect(ids == ids.sorted(by: >))
        }
        await store.close()
    }

    @Test("a listener of an account is passed over others' events once")
    func listener() async throws {
        let folder = try await Self.template.value.crashed()
        let store = try await folder.open()
        let account = AccountID("2")
        _ = try await store.openListener("l", account: account, start: .beginning)
        let first = try await store.events(for: "l", limit: 10)
        #expect(first.map(\.account) == [account])
        try await store.acknowledge(first[0].id, by: "l")
        #expect(try await store.events(for: "l", limit: 10).isEmpty)
        for _ in 0..<100 { #expect(try await store.events(for: "l", limit: 10).isEmpty) }
        _ = try await store.accept(JobSubmission(account: account, requests: [request()]))
        try await store.finish(try await store.claim()[0])
        #expect(try await store.events(for: "l", limit: 10).count == 2)
        await store.close()
    }

    @Test("a listener's place survives closing the store")
    func reopened() async throws {
        let folder = try TestFolder()
        var store = try await folder.open()
        try await store.accept(2)
        for claim in try await store.claim() { try await store.finish(claim) }
        let opened = try await store.openListener("l", account: .standard, start: .beginning)
        let events = try await store.events(for: "l", limit: 10)
        try await store.acknowledge(events[1].id, by: "l")
        await store.close()
        store = try await folder.open()
        let again = try #require(try await store.listeners().first)
        #expect(again.name == "l")
        #expect(again.account == opened.account)
        #expect(again.acknowledged == events[1].id)
        #expect(again.createdAt == opened.createdAt)
        #expect(try await store.events(for: "l", limit: 10) == Array(events.dropFirst(2)))
        await store.close()
    }

    @Test("trimming passes over open deliveries, however many there are, and comes round to them again")
    func trimming() async throws {
        let folder = try await Self.template.value.crashed()
        let queue = try DatabaseQueue(path: folder.database)
        try await queue.write { database in
            // Every delivery has two attempts; nine of ten deliveries are open.
            try database.execute(
                sql: """
                    UPDATE deliveries SET state = 0 WHERE event % 10 <> 0;
                    DELETE FROM delivery_attempts;
                    INSERT INTO delivery_attempts (delivery, record, number, started_at, duration_us, request_head)
                    SELECT id, 1, 1, created_at, 1, '' FROM deliveries;
                    INSERT INTO delivery_attempts (delivery, record, number, started_at, duration_us, request_head)
                    SELECT id, 2, 2, created_at, 1, '' FROM deliveries;
                    """)
        }
        try queue.close()
        let clock = MonotonicStoreClock()
        clock.advance(by: .seconds(3600))
        let store = try await folder.open(clock: clock)
        var removed = 0
        for _ in 0..<2 { removed += try await store.trimDeliveryLog(olderThan: .seconds(60), limit: 10_000) }
        #expect(removed == Self.count / 10 * 2)
        #expect(try await store.trimDeliveryLog(olderThan: .seconds(60), limit: 10_000) == 0)
        await store.close()
        let after = try DatabaseQueue(path: folder.database)
        let (open, ended) = try await after.write { database in
            try database.execute(sql: "UPDATE deliveries SET state = 2 WHERE event = 5")
            return (
                try Int.fetchOne(
                    database,
                    sql: """
                        SELECT count(*) FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery WHERE d.state = 0
                        """) ?? -1,
                try Int.fetchOne(
                    database,
                    sql: """
                        SELECT count(*) FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery WHERE d.state = 2
                        """) ?? -1
            )
        }
        try after.close()
        #expect(ended == 2)
        #expect(open == (Self.count - Self.count / 10) * 2)
    }

    private func pages(_ store: SQLiteStore, _ filter: EventFilter) async throws -> [Int] {
        var before: EventID?
        var counts: [Int] = []
        while true {
            let page = try await store.events(matching: filter, before: before, limit: 10)
            counts.append(page.items.count)
            guard let next = page.next else { return counts }
            before = EventID(next)
        }
    }

    private func pages(_ store: SQLiteStore, _ filter: DeliveryFilter) async throws -> [Int] {
        var filter = filter
        var counts: [Int] = []
        while true {
            let page = try await store.deliveries(matching: filter, limit: 10)
            counts.append(page.items.count)
            guard let next = page.next else { return counts }
            filter.before = DeliveryID(next)
        }
    }
}

extension EventID {
    /// The bytes of an identifier of a moment.
    fileprivate static func make(_ milliseconds: Int64) -> Data {
        var random = SystemRandomNumberGenerator()
        return Data(EventID(at: Timestamp(milliseconds: milliseconds), using: &random).bytes)
    }
}
