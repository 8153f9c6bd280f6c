import GRDB
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

/// The texts of the statements that ran.
final class Statements: Sendable {
    private let state = Mutex((texts: Set<String>(), count: 0))

    var texts: Set<String> { state.withLock { $0.texts } }
    var count: Int { state.withLock { $0.count } }

    /// To be called with every statement.
    func pass(_ sql: String) {
        state.withLock { state in
            state.texts.insert(sql)
            state.count += 1
        }
    }
}

@Suite("the cost of statements")
struct PlanTests {
    /// Tables that stay small, or statements that run once when a store is opened.
    private static let allowed = [
        "SCAN counters", "UPDATE lane_groups SET in_use = 0, blocked_lanes = 0",
        "UPDATE lanes SET ready_at = ?, blocked_turn = NULL WHERE blocked_turn IS NOT NULL",
        "UPDATE lane_accounts SET in_use = 0, blocked = 0",
        "UPDATE object_intents SET sweep_at = ?1 WHERE sweep_at IS NULL", "FROM access_keys ORDER BY",
        "FROM listeners l LEFT JOIN events e ON e.seq = l.acknowledged_seq ORDER BY l.name",
        // The events of one job are few.
        "WHERE e.job = ?",
        // The first row is enough.
        "SELECT id FROM dropped_queues",
    ]

    @Test("no statement of the whole conformance suite scans or sorts a table")
    func plans() async throws {
        let statements = Statements()
        for storeCase in StoreSuite.allCases {
            try await storeCase.run(SQLiteUnderTest { statements.pass($0) })
        }
        for queueCase in StoreSuite.queueCases {
            try await queueCase.run(SQLiteQueuesUnderTest { statements.pass($0) })
        }
        let folder = try TestFolder()
        await (try folder.open()).close()
        let queries = statements.texts.filter { $0.contains(" ") && !$0.hasPrefix("BEGIN") && !$0.hasPrefix("PRAGMA") }
        #expect(queries.count > 60)
        try await DatabaseQueue(path: folder.database).read { database in
            for query in queries where !Self.allowed.contains(where: { query.contains($0) }) {
                let count = try database.makeStatement(sql: query).arguments.isEmpty ? query.parameterCount : 0
                let plan = try Row.fetchAll(
                    database, sql: "EXPLAIN QUERY PLAN \(query)",
                    arguments: StatementArguments(Array(repeating: DatabaseValue.null, count: count)))
                for step in plan {
                    let detail: String = step["detail"]
                    let isCheap = !detail.hasPrefix("SCAN") || Self.allowed.contains(detail)
                    #expect(isCheap && !detail.contains("TEMP B-TREE"), "\(detail) in \(query)")
                }
            }
        }
    }

    @Test("a claim runs as many statements with a long backlog as with a short one")
    func backlog() async throws {
        let statements = Statements()
        let folder = try TestFolder()
        let clock = MonotonicStoreClock()
        let store = try await folder.open(clock: clock) { $0.intercept = { statements.pass($0) } }
        func cost() async throws -> Int {
            try await store.accept(30, origin: "https://measured.test:443")
            let before = statements.count
            let claims = try await store.claim(10)
            let cost = statements.count - before
            #expect(claims.count == 10)
            for claim in claims + (try await store.claim(1000)) { try await store.finish(claim) }
            return cost
        }
        let short = try await cost()
        // Five hundred lanes that wait for the future, and a long lane whose origin is busy.
        for number in 0..<500 { try await store.accept(1, origin: "https://later-\(number).test:443") }
        while true {
            let claims = try await store.claim(500)
            if claims.isEmpty { break }
            let failure = JobFailure(.sourceUnavailable, "503")
            for claim in claims {
                try await store.finish(claim, .retry(failure, after: .seconds(3600), madeProgress: false))
            }
        }
        try await store.accept(2000, origin: "https://busy.test:443")
        #expect(try await store.claim(3000, perOrigin: 1).count == 1)
        #expect(try await cost() == short)
        await store.close()
    }
}

extension String {
    /// The number of parameters of a statement with `?`, or with `?1` to `?n`.
    fileprivate var parameterCount: Int {
        var plain = 0
        var highest = 0
        for part in split(separator: "?", omittingEmptySubsequences: false).dropFirst() {
            if let number = Int(part.prefix(while: \.isNumber)) {
                highest = max(highest, number)
            } else {
                plain += 1
            }
        }
        return max(plain, highest)
    }
}
