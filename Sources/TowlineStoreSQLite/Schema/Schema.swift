import GRDB
import GRDBSQLite
import TowlineStore

/// The tables and how a database of an earlier version becomes one of this version.
///
/// Why they look as they do is in docs/proposals/0002-sqlite-store.md.
enum Schema {
    /// `TOWL` in ASCII, in the file's header: whose database it is.
    static let applicationID: Int64 = 0x544F_574C

    /// Refuses a database that is not ours to change, before anything of it is changed.
    ///
    /// - Throws: ``StoreError`` with code `newerSchema` when a newer version of Towline has written it, `corrupted`
    ///   when another program has.
    static func verify(_ database: Database, path: String) throws {
        let owner = try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema WHERE type = 'table'") ?? 0
        guard owner == applicationID || tables == 0 else {
            throw StoreError(.corrupted, "\(path) is a database of another program")
        }
        try refuseNewer(database, path: path)
    }

    /// Brings a database that was verified to this version.
    static func migrate(_ database: Database) throws {
        if try !hasAll(database) { try apply(database) }
    }

    /// The versions in order; a released one never changes.
    static let versions: [(name: String, sql: String)] = [("v1", v1), ("v2", v2), ("v3", v3), ("v4", v4), ("v5", v5)]

    private static func refuseNewer(_ database: Database, path: String) throws {
        guard try database.tableExists("schema_versions") else { return }
        let known = Set(versions.map(\.name))
        let applied = try String.fetchAll(database, sql: "SELECT name FROM schema_versions")
        if let unknown = applied.first(where: { !known.contains($0) }) {
            throw StoreError(
                .newerSchema,
                "the database \(path) was written by a newer version of Towline (it has \(unknown)); install that version"
            )
        }
    }

    private static func hasAll(_ database: Database) throws -> Bool {
        guard try database.tableExists("schema_versions") else { return false }
        return try Int.fetchOne(database, sql: "SELECT count(*) FROM schema_versions") == versions.count
    }

    private static func apply(_ database: Database) throws {
        try database.inTransaction(.immediate) {
            try database.execute(sql: "PRAGMA application_id = \(applicationID)")
            try database.execute(
                sql: "CREATE TABLE IF NOT EXISTS schema_versions (name TEXT PRIMARY KEY) WITHOUT ROWID, STRICT")
            let applied = Set(try String.fetchAll(database, sql: "SELECT name FROM schema_versions"))
            for version in versions where !applied.contains(version.name) {
                try database.execute(sql: version.sql)
                try database.execute(sql: "INSERT INTO schema_versions (name) VALUES (?)", arguments: [version.name])
            }
            return .commit
        }
    }
}
