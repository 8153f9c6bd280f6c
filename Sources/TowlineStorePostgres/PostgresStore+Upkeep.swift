package import TowlineCore
package import TowlineStore

extension PostgresStore {
    package func prune(limit: Int) async throws -> Int {
        let limit = max(1, limit)
        return try await write { try $0.prune(limit: limit) }
    }

    package func reapLeases() async throws -> Int {
        let jobs = try await writeLate { try $0.takeBackJobs(limit: 256) }
        return jobs + (try await writeLate { try $0.takeBackDeliveries(limit: 256) })
    }

    package func abandonedObjects(limit: Int) async throws -> AbandonedObjects {
        try await read { [self] connection in
            // Looked at before the keys: a row whose time is later than this was changed after they were read.
            let time = try now(connection)
            let keys = try connection.all(UpkeepSQL.abandoned, .time(time), .integer(limit)) { ObjectKey($0.text(0)) }
            return AbandonedObjects(keys: keys, time: time)
        }
    }

    package func forgetObjects(_ keys: [ObjectKey], asOf time: Timestamp) async throws {
        guard !keys.isEmpty else { return }
        let keys = PostgresValue.texts(keys.map(\.description))
        try await write { [configuration] transaction in
            transaction.connection.add(UpkeepSQL.forget, keys, .time(time))
            transaction.connection.add(
                UpkeepSQL.lookAgain, keys, .time(time), .time(transaction.now + configuration.lookAgainAfter))
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
        SELECT object_key FROM object_intents WHERE sweep_at IS NOT NULL AND sweep_at <= $1
        ORDER BY sweep_at LIMIT $2
        """)
    static let forget = SQL(
        "DELETE FROM object_intents WHERE object_key = ANY($1::text[]) AND sweep_at <= $2 AND NOT unheard")
    static let lookAgain = SQL(
        """
        UPDATE object_intents SET unheard = false, sweep_at = $3
        WHERE object_key = ANY($1::text[]) AND sweep_at <= $2 AND unheard
        """)
}
