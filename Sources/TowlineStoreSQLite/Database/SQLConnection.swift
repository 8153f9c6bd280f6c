import GRDB
import GRDBSQLite
import TowlineStore

/// What the hook of the write-ahead log last reported.
private final class LogMeter {
    var frames = 0
}

/// Runs prepared statements on one connection of GRDB, which opens, isolates and closes it.
///
/// Statements are prepared once for each connection. Rows are handed out one by one inside a closure and never
/// outlive it, so that a statement is always reset when a call returns.
final class SQLConnection {
    private let database: Database
    private let handle: OpaquePointer
    private var statements: [Statement?] = []
    private let intercept: (@Sendable (String) throws -> Void)?
    private let meter = LogMeter()

    /// Wraps a connection for as long as GRDB lends it.
    ///
    /// - Parameters:
    ///   - database: The connection.
    ///   - intercept: Called with each statement's text before it runs; what it throws is the statement's failure.
    ///     Only tests set it.
    /// - Throws: ``StoreError`` with code `unavailable` when the connection is closed.
    init(_ database: Database, intercept: (@Sendable (String) throws -> Void)? = nil) throws {
        guard let handle = database.sqliteConnection else { throw StoreError(.unavailable, "the store is closed") }
        self.database = database
        self.handle = handle
        self.intercept = intercept
    }

    /// Runs a statement that gives no rows.
    func run(_ sql: SQL, _ values: SQLValue...) throws {
        try step(sql, values) { _ in false }
    }

    /// Runs a statement that gives no rows.
    ///
    /// - Returns: The number of rows that it inserted, updated or deleted.
    func change(_ sql: SQL, _ values: SQLValue...) throws -> Int {
        try step(sql, values) { _ in false }
        return Int(sqlite3_changes(handle))
    }

    /// The first row of a query, read by a closure; nil without rows.
    func first<T>(_ sql: SQL, _ values: SQLValue..., read: (borrowing SQLRow) throws -> T) throws -> T? {
        var result: T?
        try step(sql, values) { row in
            result = try read(row)
            return false
        }
        return result
    }

    /// All rows of a query, each read by a closure.
    func all<T>(_ sql: SQL, _ values: SQLValue..., read: (borrowing SQLRow) throws -> T) throws -> [T] {
        var result: [T] = []
        try step(sql, values) { row in
            result.append(try read(row))
            return true
        }
        return result
    }

    /// The rows of a query, one by one, until the closure returns false.
    func each(_ sql: SQL, _ values: SQLValue..., read: (borrowing SQLRow) throws -> Bool) throws {
        try step(sql, values, read: read)
    }

    /// The same with the values in an array.
    func each(_ sql: SQL, _ values: [SQLValue], read: (borrowing SQLRow) throws -> Bool) throws {
        try step(sql, values, read: read)
    }

    /// The row id of the last insert into a table that has row ids.
    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    /// Rows changed since the connection was opened.
    var totalChanges: Int { Int(sqlite3_total_changes(handle)) }

    /// Whether a transaction is open.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Begins a transaction that may write.
    func begin() throws { try run(Self.beginStatement) }

    /// Makes the transaction durable.
    func commit() throws { try run(Self.commitStatement) }

    // GRDB would prepare these anew each time.
    private static let beginStatement = SQL("BEGIN IMMEDIATE")
    private static let commitStatement = SQL("COMMIT")

    /// Undoes the transaction, where one is open.
    func rollback() throws {
        guard isInTransaction else { return }
        try database.rollback()
    }

    /// Counts the frames of the write-ahead log from now on and leaves checkpoints to the caller.
    func takeOverCheckpoints() {
        let meter = Unmanaged.passUnretained(meter).toOpaque()
        sqlite3_wal_hook(
            handle,
            { meter, _, _, frames in
                if let meter { Unmanaged<LogMeter>.fromOpaque(meter).takeUnretainedValue().frames = Int(frames) }
                return SQLITE_OK
            }, meter)
    }

    /// Stops counting; to be called before the connection outlives this value.
    func endCheckpoints() { sqlite3_wal_hook(handle, nil, nil) }

    /// Frames of the write-ahead log after the last commit.
    var logFrames: Int { meter.frames }

    /// Folds the write-ahead log into the database file, as far as readers allow.
    ///
    /// - Parameter truncate: Whether to wait for readers and to empty the log's file.
    /// - Throws: SQLite's failure; the log is as it was.
    func checkpoint(truncate: Bool) throws {
        try intercept?("CHECKPOINT")
        _ = try database.checkpoint(truncate ? .truncate : .passive)
    }

    private func step(_ sql: SQL, _ values: [SQLValue], read: (borrowing SQLRow) throws -> Bool) throws {
        try intercept?(sql.text)
        let statement = try prepared(sql).sqliteStatement
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        assert(sqlite3_bind_parameter_count(statement) == Int32(values.count), "wrong number of values: \(sql.text)")
        var index: Int32 = 1
        for value in values {
            guard value.bind(to: statement, at: index) == SQLITE_OK else { throw failure() }
            index += 1
        }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: if try !read(SQLRow(statement)) { return }
            case SQLITE_DONE: return
            default: throw failure()
            }
        }
    }

    private func prepared(_ sql: SQL) throws -> Statement {
        if sql.slot < statements.count, let statement = statements[sql.slot] { return statement }
        let statement = try database.cachedStatement(sql: sql.text)
        while statements.count <= sql.slot { statements.append(nil) }
        statements[sql.slot] = statement
        return statement
    }

    private func failure() -> SQLFailure {
        SQLFailure(code: sqlite3_extended_errcode(handle), message: String(cString: sqlite3_errmsg(handle)))
    }
}
