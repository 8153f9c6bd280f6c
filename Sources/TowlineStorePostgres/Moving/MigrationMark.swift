import TowlineCore
import TowlineStore

/// What a database says about a migration into it: two tables that the migration makes, and nobody else.
///
/// Nodes refuse a database whose migration has not ended. Beside that, nodes hold a lock together that a migration wants
/// for itself; it only tells early what would otherwise be found when both sides are compared.
enum MigrationMark {
    /// Refuses a database that is not whole yet.
    ///
    /// - Throws: ``StoreError`` with code `locked`.
    static func refuseUnfinished(_ connection: PostgresConnection) throws {
        guard try isThere(connection) else { return }
        guard let found = try read(connection), found.endedAt == nil else { return }
        throw StoreError(
            .locked,
            "the database holds an unfinished migration from \(found.source), begun \(found.beganAt); run `towline migrate "
                + "--from \(found.source) --to` with this database again to finish it")
    }

    /// A migration as its row tells.
    struct Row {
        let source: String
        let identity: [UInt8]
        let clockFloor: Int64
        let layout: String
        let beganAt: Timestamp
        let endedAt: Timestamp?
    }

    /// Whether there ever was a migration.
    static func isThere(_ connection: PostgresConnection) throws -> Bool {
        try connection.first(exists, read: { !$0.isNull(0) }) == true
    }

    /// The migration; its table is there.
    static func read(_ connection: PostgresConnection) throws -> Row? {
        try connection.first(find) { row in
            Row(
                source: row.text(0), identity: row.blob(1), clockFloor: row.integer(2), layout: row.text(3),
                beganAt: row.time(4), endedAt: row.optionalTime(5))
        }
    }

    /// Tells migrations, for as long as the session lasts, that a node uses the database; a server that has no such locks
    /// is left alone.
    static func holdForNode(_ connection: PostgresConnection) {
        try? connection.runScript("SELECT pg_try_advisory_lock_shared(\(lockKey))")
    }

    /// Two numbers: `TOWM` in ASCII, and one for the schema.
    static let lockKey = "1414485837, hashtext(current_schema())"

    static let tables = """
        CREATE TABLE migration (
          id integer PRIMARY KEY CHECK (id = 1),
          source text NOT NULL,
          identity bytea NOT NULL,
          clock_floor bigint NOT NULL,
          layout text NOT NULL,
          began_at bigint NOT NULL,
          ended_at bigint
        );
        CREATE TABLE migration_tables (
          name text PRIMARY KEY,
          rows bigint NOT NULL,
          sum uuid NOT NULL,
          last bytea,
          is_done boolean NOT NULL,
          source_rows bigint,
          target_rows bigint
        );
        """

    private static let exists = SQL("SELECT to_regclass('migration')")
    private static let find = SQL(
        "SELECT source, identity, clock_floor, layout, began_at, ended_at FROM migration WHERE id = 1")
}
