package import TowlineCore
package import TowlineStore

extension SQLiteStore: SmallObjectStore {
    package func abandonedObjects(limit: Int) async throws -> AbandonedObjects {
        let now = clock.now()
        return try await read { connection in
            let keys = try connection.all(ObjectSQL.abandoned, .time(now), .integer(limit)) { ObjectKey($0.text(0)) }
            return AbandonedObjects(keys: keys, time: now)
        }
    }

    package func forgetObjects(_ keys: [ObjectKey], asOf time: Timestamp) async throws {
        guard !keys.isEmpty else { return }
        try await write(.bulk, cost: keys.count) { context in
            for key in keys { try context.connection.run(ObjectSQL.forget, .text(key.description), .time(time)) }
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
        while try await write(.bulk, cost: 64, { try $0.releaseSmallObjects(upTo: sequence) }) {}
    }
}

extension WriteContext {
    /// Removes the first small objects up to a sequence: as many as are freed within a few milliseconds.
    ///
    /// - Returns: Whether more may be left.
    func releaseSmallObjects(upTo sequence: Int64) throws -> Bool {
        var last: Int64?
        var rows = 0
        var bytes: Int64 = 0
        try connection.each(ObjectSQL.sizes, .integer(sequence)) { row in
            last = row.integer(0)
            rows += 1
            bytes += row.integer(1)
            return rows < 256 && bytes < 2 << 20
        }
        guard let last else { return false }
        try connection.run(ObjectSQL.release, .integer(last))
        return last < sequence
    }
}

/// The statements about objects that are not settled.
enum ObjectSQL {
    static let abandoned = SQL(
        "SELECT object_key FROM object_intents WHERE sweep_at IS NOT NULL AND sweep_at <= ? ORDER BY sweep_at LIMIT ?")
    static let forget = SQL("DELETE FROM object_intents WHERE object_key = ? AND sweep_at <= ?")
    static let last = SQL("SELECT max(sequence) FROM small_objects")
    static let after = SQL(
        """
        SELECT s.sequence, s.object_key, s.bytes FROM small_objects s
        WHERE s.sequence > ? AND EXISTS (SELECT 1 FROM media m WHERE m.id = s.media) ORDER BY s.sequence LIMIT ?
        """)
    static let sizes = SQL(
        "SELECT sequence, length(bytes) FROM small_objects WHERE sequence <= ? ORDER BY sequence LIMIT 256")
    static let release = SQL("DELETE FROM small_objects WHERE sequence <= ?")
}
