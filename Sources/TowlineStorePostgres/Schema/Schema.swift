import TowlineStore

/// The tables and how a database of an earlier version becomes one of this version.
///
/// Why they look as they do is in docs/proposals/0008-postgres-store.md.
enum Schema {
    /// The versions in order; a released one never changes.
    static let versions: [(name: String, sql: String)] = [("v1", v1), ("v2", v2)]

    /// Brings a database to this version, all in one transaction.
    ///
    /// An advisory lock lets one node do it while others wait. Should a server not know it, the primary key of
    /// `schema_versions` and the names of the tables let only one of them commit.
    ///
    /// - Throws: ``StoreError`` with code `newerSchema`; ``PostgresFailure``.
    static func migrate(_ connection: PostgresConnection) throws {
        if try isUpToDate(connection) { return }
        do {
            connection.add(begin)
            _ = try connection.run(lock)
            if try !isUpToDate(connection) {
                try connection.runScript("CREATE TABLE IF NOT EXISTS schema_versions (name text PRIMARY KEY)")
                let applied = try names(connection)
                for version in versions where !applied.contains(version.name) {
                    try connection.runScript(version.sql)
                    connection.add(insert, .text(version.name))
                }
            }
            _ = try connection.run(commit)
        } catch {
            connection.discard()
            if !connection.isBroken { _ = try? connection.run(rollback) }
            throw error
        }
    }

    /// Whether the database has tables of Towline's.
    ///
    /// - Throws: ``StoreError`` with code `newerSchema`.
    static func isKnown(_ connection: PostgresConnection) throws -> Bool {
        _ = try isUpToDate(connection)
        return try connection.first(exists, read: { !$0.isNull(0) }) == true && !names(connection).isEmpty
    }

    /// Whether every version was applied.
    ///
    /// - Throws: ``StoreError`` with code `newerSchema` when others were applied too.
    static func isUpToDate(_ connection: PostgresConnection) throws -> Bool {
        guard try connection.first(exists, read: { !$0.isNull(0) }) == true else { return false }
        let applied = try names(connection)
        if let unknown = applied.subtracting(versions.map(\.name)).min() {
            throw StoreError(
                .newerSchema,
                "the database was written by a newer version of Towline (it has \(unknown)); install that version")
        }
        return applied.count == versions.count
    }

    private static func names(_ connection: PostgresConnection) throws -> Set<String> {
        Set(try connection.all(applied) { $0.text(0) })
    }

    private static let begin = SQL("BEGIN")
    private static let commit = SQL("COMMIT")
    private static let rollback = SQL("ROLLBACK")
    /// `TOWL` in ASCII, and a number for the schema.
    private static let lock = SQL("SELECT pg_advisory_xact_lock(1414485836, hashtext(current_schema()))")
    private static let exists = SQL("SELECT to_regclass('schema_versions')")
    private static let applied = SQL("SELECT name FROM schema_versions")
    private static let insert = SQL("INSERT INTO schema_versions (name) VALUES ($1)")
}
