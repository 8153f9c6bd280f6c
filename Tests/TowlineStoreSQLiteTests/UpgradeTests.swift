import Foundation
import GRDB
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite

@Suite("upgrading a database of an earlier version")
struct UpgradeTests {
    private static let box = try? SecretBox(key: [UInt8](repeating: 7, count: 32))
    private static let url = "https://receiver.test/hook"
    private static let accounts = ["1000000000000001", "1000000000000002"]

    /// An identifier of 16 bytes whose last is given.
    private static func id(_ number: Int) -> Data { Data([UInt8](repeating: 0, count: 15) + [UInt8(number)]) }

    /// Writes a database as the first version left it when it was killed, or as the second made it of that: two accounts that share a URL and its group,
    /// for each a stored job whose callback waits, one of them sending; one lane blocked; and a callback that was never
    /// used.
    private func writeOldDatabase(_ folder: TestFolder, version: Int) async throws {
        let box = try #require(Self.box)
        let queue = try DatabaseQueue(path: folder.database)
        try await queue.write { database in
            try database.execute(sql: schemaV1)
            try database.execute(sql: "PRAGMA application_id = \(0x544F_574C)")
            try database.execute(
                sql: """
                    CREATE TABLE schema_versions (name TEXT PRIMARY KEY) WITHOUT ROWID, STRICT;
                    INSERT INTO schema_versions VALUES ('v1');
                    UPDATE meta SET value = 1700000000000;
                    INSERT INTO lane_groups (id, kind, key, in_use, blocked_lanes) VALUES
                      (1, 0, 'https://origin.test:443', 0, 0), (2, 1, '\(Self.url)', 1, 1);
                    INSERT INTO lanes (id, kind, group_id, account_id, key, ready_at, blocked_turn) VALUES
                      (1, 0, 1, '\(Self.accounts[0])', 'https://origin.test:443', NULL, NULL),
                      (2, 1, 2, '\(Self.accounts[0])', '\(Self.url)', 1700000000000, NULL),
                      (3, 1, 2, '\(Self.accounts[1])', '\(Self.url)', NULL, 5);
                    UPDATE counters SET value = 2 WHERE id = 3;
                    UPDATE counters SET value = 2 WHERE id = 8;
                    UPDATE counters SET value = 1 WHERE id = 9;
                    """)
            for (account, url) in [
                (Self.accounts[0], Self.url), (Self.accounts[1], Self.url), (Self.accounts[1], "https://unused.test/"),
            ] {
                let app = url == Self.url ? "app-1000000" : "app-2"
                let key = try box.seal("key-\(account)", for: "callback-key:\(account):\(app)")
                try database.execute(
                    sql: "INSERT INTO callbacks VALUES (?, ?, 'HTTP', ?, 'ALL', 'on', ?, 1)",
                    arguments: [account, app, url, Data(key)])
            }
            for number in 1...2 { try insertJob(number, account: Self.accounts[number - 1], into: database) }
            // A second delivery of the first account was being sent.
            try database.execute(
                sql: """
                    INSERT INTO deliveries (
                      id, event, account_id, lane_id, policy, state, due, attempts, lease, lease_until,
                      attempt_started_at, created_at)
                    VALUES (?, 1, ?, 2, 'exact', 1, 1700000000000, 1, ?, 1700000030000, 1700000000000, 1700000000000)
                    """, arguments: [Self.id(9), Self.accounts[0], Self.id(77)])
            if version > 1 { try database.execute(sql: schemaV2 + "INSERT INTO schema_versions VALUES ('v2');") }
        }
        try queue.close()
    }

    /// A stored job with its event and the callback that gates it.
    private func insertJob(_ number: Int, account: String, into database: Database) throws {
        let id = Self.id(number)
        try database.execute(
            sql: """
                INSERT INTO jobs (
                  seq, id, account_id, app, media, lane_id, run, priority, origin, source_url, source_hash, title,
                  created_at)
                VALUES (?, ?, ?, 'app-1000000', ?, 1, 1, 8, 'https://origin.test:443', 'https://origin.test:443/a', 0, '',
                  1700000000000)
                """, arguments: [number, id, account, id])
        try database.execute(
            sql: """
                INSERT INTO runs (job, run, lane_id, priority, state, started_at, ended_at)
                VALUES (?, 1, 1, 8, 3, 1700000000000, 1700000000000)
                """, arguments: [number])
        try database.execute(
            sql: """
                INSERT INTO events (seq, id, account_id, app, job, run, type, body, created_at)
                VALUES (?, ?, ?, 'app-1000000', ?, 1, 1, x'7B7D', 1700000000000)
                """, arguments: [number, id, account, id])
        try database.execute(
            sql: """
                INSERT INTO deliveries (
                  id, event, account_id, lane_id, gates_job, policy, state, due, created_at)
                VALUES (?, ?, ?, ?, ?, 'exact', 0, 1700000000000, 1700000000000)
                """, arguments: [id, number, account, number + 1, number])
    }

    @Test(
        "callbacks and lanes become endpoints, one for each account and URL, and nothing that waits is lost",
        arguments: [1, 2])
    func endpoints(version: Int) async throws {
        let folder = try TestFolder()
        try await writeOldDatabase(folder, version: version)
        let clock = MonotonicStoreClock(startingAt: Timestamp(milliseconds: 1_700_000_100_000))
        let store = try await folder.open(clock: clock)

        let found = try await store.endpoints(matching: EndpointFilter(), limit: 10).items
        #expect(found.count == 3)
        #expect(Set(found.map(\.id)).count == 3)
        let names = Set(found.map { "\($0.account) \($0.target)" })
        let expected = [(0, Self.url), (1, Self.url), (1, "https://unused.test/")].map { account, url in
            "\(Self.accounts[account]) \(CallbackTarget.http(url: url))"
        }
        #expect(names == Set(expected))
        for endpoint in found {
            #expect(endpoint.kind == .callback)
            #expect(endpoint.health == EndpointHealth())
            #expect(endpoint.createdAt == Timestamp(milliseconds: 1_700_000_000_000))
        }

        // Each account has slots of its own now.
        #expect(try await store.deliveryCounts()[.pending] == 3)
        let claims = try await store.claimDeliveries(
            DeliveryClaimRequest(node: NodeID("n"), limit: 10, perEndpoint: 1, lease: .seconds(30))
        ).items
        #expect(Set(claims.map(\.endpoint)).count == 2)
        for claim in claims {
            #expect(claim.signing.authKey == "key-\(claim.event.account)")
            #expect(claim.origin == .event)
            try await store.report(claim, .delivered)
        }
        for claim in try await store.claimDeliveries() { try await store.report(claim, .delivered) }
        let counts = try await store.deliveryCounts()
        #expect(counts[.delivered] == 3)
        #expect(counts[.pending] == 0)
        #expect(try await store.jobCounts()[.succeeded] == 2)
        await store.close()
    }

    @Test(
        "new events go to the endpoint that the upgrade made, and newer endpoints come before it in lists",
        arguments: [1, 2])
    func afterwards(version: Int) async throws {
        let folder = try TestFolder()
        try await writeOldDatabase(folder, version: version)
        let clock = MonotonicStoreClock(startingAt: Timestamp(milliseconds: 1_700_000_100_000))
        var store = try await folder.open(clock: clock)
        await store.close()
        store = try await folder.open(clock: clock)
        let sub = try await store.createSubscription(
            account: .standard, url: "https://new.test/", options: EndpointOptions(), authKey: nil, webhookSecret: nil)
        try await store.accept(1)
        try await store.finish(try await store.claim()[0])
        let list = try await store.endpoints(matching: EndpointFilter(), limit: 10).items
        #expect(list.count == 4)
        #expect(list.first?.id == sub.id)
        let callback = try #require(list.first { $0.account == .standard && $0.kind == .callback })
        let detail = try #require(try await store.endpoint(callback.id))
        // Two of the old database and two of the new job.
        #expect(detail.waiting == 4)
        await store.close()
    }

    @Test("callbacks stay what they were and can become queues", arguments: [1, 2])
    func queues(version: Int) async throws {
        let folder = try TestFolder()
        try await writeOldDatabase(folder, version: version)
        let clock = MonotonicStoreClock(startingAt: Timestamp(milliseconds: 1_700_000_100_000))
        var store = try await folder.open(clock: clock)
        var expected = CallbackConfiguration(account: AccountID(Self.accounts[0]), app: AppID("app-1000000"))
        expected.callbackURL = Self.url
        expected.eventTypeList = "ALL"
        expected.authSwitch = "on"
        expected.authKey = "key-\(Self.accounts[0])"
        #expect(try await store.callback(account: expected.account, app: expected.app) == expected)

        try await store.sendEvents(into: orders.name)
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        let before = try await store.deliveryCounts()
        try await store.accept(1)
        try await store.finish(try await store.claim()[0])
        await store.close()
        store = try await folder.open(clock: clock)
        #expect(try await store.receive().count == 2)
        let after = try await store.deliveryCounts()
        #expect(after[.pending] == before[.pending])
        #expect(after[.delivered] == 2)
        await store.close()
    }
}
