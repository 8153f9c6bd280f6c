import GRDB
import TowlineCore
package import TowlineStore

/// The rows of a store that nobody uses, in one snapshot, for a move to another database.
///
/// Holds the lock that a node would take, and changes nothing.
package final class SQLiteMoveSource: MoveSource {
    /// Most rows of a page, unless somebody asks for less.
    package static let pageRows = 1000
    /// Bytes after which a page takes no more rows.
    static let pageBytes = 4 << 20

    /// What tells this database and its copies from all others: what its first opening has sealed.
    package let identity: [UInt8]
    /// How far the store's clock was at the last commit: it moves on with every change, and with every opening.
    package let clockFloor: Int64
    /// The greatest number that a queue ever had.
    package let lastQueue: Int64
    /// Whether the store can be read as it is; what an older version has written, attempts that are under way by their
    /// rows, and small files that lie in rows are settled by opening it.
    package let isSettled: Bool
    /// Whether the tables are those of this version; others are not read.
    package let isCurrent: Bool

    private let connection: SQLConnection
    private let pageRows: Int

    /// Lends the rows of a database to a closure, on the thread that reads.
    ///
    /// - Parameters:
    ///   - path: The database file.
    ///   - lockPath: The file whose lock keeps nodes away.
    ///   - pageRows: Most rows of a page.
    ///   - body: Reads.
    /// - Returns: What the closure returns.
    /// - Throws: What the closure throws; ``StoreError`` with code `locked` while a node has the store open, `notFound`
    ///   when there is no store at the path, `newerSchema` or `corrupted` when this version cannot read it.
    package static func read<T>(
        path: String, lockPath: String, pageRows: Int = pageRows, _ body: (SQLiteMoveSource) throws -> T
    ) throws -> T {
        guard SQLiteStore.isStore(at: path) else {
            throw StoreError(.notFound, "there is no Towline database at \(path)")
        }
        let lock = try StoreLock(path: lockPath)
        defer { lock.release() }
        var settings = GRDB.Configuration()
        settings.label = "towline-move"
        settings.busyMode = .timeout(5)
        let queue: DatabaseQueue
        do {
            queue = try DatabaseQueue(path: path, configuration: settings)
        } catch {
            throw storeError(from: error, path: path)
        }
        defer { try? queue.close() }
        var outcome: Result<T, any Error>?
        do {
            try queue.read { database in
                try Schema.verify(database, path: path)
                let source = try SQLiteMoveSource(
                    SQLConnection(database), pageRows: pageRows, isCurrent: Schema.isComplete(database))
                outcome = Result { try body(source) }
            }
        } catch {
            throw storeError(from: error, path: path)
        }
        guard let outcome else { throw StoreError(.unavailable, "the database \(path) was not read") }
        do {
            return try outcome.get()
        } catch let failure as SQLFailure {
            throw failure.storeError(path: path)
        }
    }

    private init(_ connection: SQLConnection, pageRows: Int, isCurrent: Bool) throws {
        self.connection = connection
        self.pageRows = max(1, pageRows)
        self.isCurrent = isCurrent
        guard isCurrent else {
            (identity, clockFloor, lastQueue, isSettled) = ([], 0, 0, false)
            return
        }
        identity = try connection.first(SourceSQL.identity) { $0.blob(0) } ?? []
        clockFloor = try connection.first(SourceSQL.floor) { $0.integer(0) } ?? 0
        lastQueue = try connection.first(SourceSQL.lastQueue) { $0.integer(0) } ?? 0
        isSettled = try connection.first(SourceSQL.unsettled) { $0.integer(0) } == 0
    }

    package func count(_ table: MovedTable) throws -> Int64 {
        guard let selection = MovedSelection.all[table] else { return 0 }
        return try connection.first(selection.count) { $0.integer(0) } ?? 0
    }

    package func page(of table: MovedTable, after key: [MovedValue]?) throws -> MovedPage {
        guard let selection = MovedSelection.all[table] else { return MovedPage(rows: [], last: nil, isLast: true) }
        let columns = table.columns
        var rows: [[MovedValue]] = []
        var last: [MovedValue]?
        var bytes = 0
        var isCut = false
        let values = try (key ?? []).map { try SQLValue($0) } + [.integer(pageRows)]
        try connection.each(key == nil ? selection.first : selection.next, values) { row in
            let values = try columns.enumerated().map { try row.value($0.offset, $0.element.kind) }
            rows.append(values.map(\.storable))
            last = try columns.prefix(table.keyCount).enumerated().map { index, column in
                try row.value(columns.count + index, column.kind)
            }
            bytes += values.reduce(0) { $0 + $1.size }
            isCut = bytes >= Self.pageBytes
            return !isCut
        }
        if table == .callbacks { rows = try rows.map { try withEndpoint($0) } }
        return MovedPage(rows: rows, last: last, isLast: !isCut && rows.count < pageRows)
    }

    /// Adds the group of the endpoint that a callback configuration names.
    private func withEndpoint(_ row: [MovedValue]) throws -> [MovedValue] {
        let names = MovedTable.callbacks.columns.map(\.name)
        func text(_ name: String) -> String {
            if let index = names.firstIndex(of: name), case .text(let text) = row[index] { text } else { "" }
        }
        var configuration = CallbackConfiguration(account: AccountID(text("account_id")), app: AppID(text("app")))
        configuration.callbackType = text("callback_type")
        configuration.callbackURL = text("callback_url")
        configuration.mnsEndpoint = text("mns_endpoint")
        configuration.mnsQueueName = text("mns_queue_name")
        configuration.isOwnQueue = names.firstIndex(of: "is_own_queue").map { row[$0] } == .boolean(true)
        guard let target = configuration.target, let column = names.firstIndex(of: "endpoint_group") else { return row }
        let key = StoredEndpoint.groupKey(account: configuration.account, url: target.text)
        var row = row
        row[column] = try connection.first(SourceSQL.group, .text(key)) { .integer($0.integer(0)) } ?? .null
        return row
    }
}

extension Schema {
    /// Whether every version was applied.
    fileprivate static func isComplete(_ database: Database) throws -> Bool {
        guard try database.tableExists("schema_versions") else { return false }
        return try Int.fetchOne(database, sql: "SELECT count(*) FROM schema_versions") == versions.count
    }
}

extension SQLRow {
    /// A column as a value on its way.
    fileprivate func value(_ column: Int, _ kind: MovedColumn.Kind) throws -> MovedValue {
        if isNull(column) { return .null }
        return switch kind {
        case .integer: .integer(integer(column))
        case .boolean: .boolean(integer(column) != 0)
        case .text: .text(text(column))
        case .blob: .blob(blob(column))
        case .id: .id(try id(column, as: LeaseToken.self).rawValue)
        }
    }
}

extension SQLValue {
    /// A value of a key.
    fileprivate init(_ value: MovedValue) throws {
        self =
            switch value {
            case .null: .null
            case .integer(let value): .integer(value)
            case .boolean(let value): .integer(value ? 1 : 0)
            case .text(let value): .text(value)
            case .blob(let value): .blob(value)
            case .id(let value): .id(value)
            }
    }
}

extension MovedValue {
    /// The value as PostgreSQL can keep it: its text has no NUL characters.
    fileprivate var storable: MovedValue {
        guard case .text(let text) = self, text.utf8.contains(0) else { return self }
        return .text(text.replacing("\0", with: "\u{FFFD}"))
    }

    /// About how many bytes it has.
    fileprivate var size: Int {
        switch self {
        case .null, .boolean: 1
        case .integer: 8
        case .text(let value): value.utf8.count
        case .blob(let value): value.count
        case .id: 16
        }
    }
}

/// The questions about a source as a whole.
private enum SourceSQL {
    static let identity = SQL("SELECT sealed FROM seal_check WHERE id = 1")
    static let floor = SQL("SELECT value FROM meta WHERE name = 'clock_floor'")
    static let lastQueue = SQL(
        """
        SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'queues'), 0),
          ifnull((SELECT max(id) FROM queues), 0))
        """)
    static let unsettled = SQL(
        """
        SELECT (SELECT count(*) FROM runs WHERE lease_until IS NOT NULL)
          + (SELECT count(*) FROM deliveries WHERE lease_until IS NOT NULL) + (SELECT count(*) FROM small_objects)
        """)
    static let group = SQL("SELECT id FROM lane_groups WHERE kind = 1 AND key = ?")
}
