package import TowlineCore
import TowlineStore

extension PostgresStore {
    package func prune(limit: Int) async throws -> Int {
        let limit = max(1, limit)
        return try await write { try $0.prune(limit: limit) }
    }

    package func reapLeases() async throws -> Int {
        let jobs = try await writeLate { try $0.takeBackJobs(limit: 256) }
        return jobs + (try await writeLate { try $0.takeBackDeliveries(limit: 256) })
    }

    package func abandonedObjects(limit: Int) async throws -> [ObjectKey] {
        let offset = configuration.clockOffset().wholeMilliseconds
        return try await read { connection in
            try connection.all(UpkeepSQL.abandoned, .integer(offset), .integer(limit)) { ObjectKey($0.text(0)) }
        }
    }

    package func forgetObjects(_ keys: [ObjectKey]) async throws {
        guard !keys.isEmpty else { return }
        try await writeLate { transaction in
            transaction.connection.add(RowSQL.forgetIntents, .texts(keys.map(\.description)))
            try transaction.start()
        }
    }
}

/// The statements of upkeep.
enum UpkeepSQL {
    static let touch = SQL("UPDATE meta SET value = value + 1 WHERE name = 'touched'")
    /// Transactions are numbered anew in a database that was restored from a dump.
    static let raiseCommitOffset = SQL(
        """
        UPDATE meta SET value = (SELECT max(committed) FROM events) + 1 WHERE name = 'commit_offset'
          AND (SELECT coalesce(max(committed), -1) FROM events)
            >= value + pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        """)
    static let abandoned = SQL(
        """
        SELECT object_key FROM object_intents WHERE sweep_at IS NOT NULL
          AND sweep_at <= \(ServerClock.plus("$1"))
        ORDER BY sweep_at LIMIT $2
        """)
}
