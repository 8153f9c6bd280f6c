package import TowlineCore
package import TowlineStore

extension SQLiteStore: SmallObjectStore {
    package func abandonedObjects(limit: Int) async throws -> [ObjectKey] {
        let now = clock.now()
        return try await read { connection in
            try connection.all(ObjectSQL.abandoned, .time(now), .integer(limit)) { ObjectKey($0.text(0)) }
        }
    }

    package func forgetObjects(_ keys: [ObjectKey]) async throws {
        guard !keys.isEmpty else { return }
        try await write(.bulk, cost: keys.count) { context in
            for key in keys { try context.connection.run(FinishSQL.forgetIntent, .text(key.description)) }
        }
    }

    package func lastSmallObject() async throws -> Int64? {
        try await read { try $0.first(ObjectSQL.last) { $0.optionalInteger(0) } ?? nil }
    }

    package func smallObjects(after sequence: Int64, limit: Int) async throws -> [SmallObject] {
        try await read { connection in
            try connection.all(ObjectSQL.after, .integer(sequence), .integer(limit)) { row in
                SmallObject(sequence: row.integer(0), key: ObjectKey(row.text(1)), bytes: row.blob(2))
            }
        }
    }

    package func releaseSmallObjects(upTo sequence: Int64) async throws {
        let step = 64
        while try await write(.bulk, cost: step, { context in
            try context.connection.change(ObjectSQL.release, .integer(sequence), .integer(step))
        }) == step {}
    }
}

/// The statements about objects that are not settled.
enum ObjectSQL {
    static let abandoned = SQL(
        "SELECT object_key FROM object_intents WHERE sweep_at IS NOT NULL AND sweep_at <= ? ORDER BY sweep_at LIMIT ?")
    static let last = SQL("SELECT max(sequence) FROM small_objects")
    static let after = SQL(
        """
        SELECT s.sequence, s.object_key, s.bytes FROM small_objects s
        WHERE s.sequence > ? AND EXISTS (SELECT 1 FROM media m WHERE m.id = s.media) ORDER BY s.sequence LIMIT ?
        """)
    static let release = SQL(
        """
        DELETE FROM small_objects WHERE sequence IN (
          SELECT sequence FROM small_objects WHERE sequence <= ? ORDER BY sequence LIMIT ?)
        """)
}
