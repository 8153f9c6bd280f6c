import TowlineCore
import TowlineStore

/// How a table that is moved is read here.
struct MovedReading {
    /// Rows that are read at once.
    static let step = 500

    /// Begins to read, in one snapshot.
    let open: String
    /// The next rows.
    let fetch: SQL
    /// Ends the reading.
    let close = "COMMIT"

    /// The readings of all tables, made once.
    static let all: [MovedTable: MovedReading] = Dictionary(
        uniqueKeysWithValues: MovedTable.allCases.map { ($0, MovedReading($0)) })

    private init(_ table: MovedTable) {
        let columns = table.columns.map { table.expression(of: $0.name) }.joined(separator: ", ")
        open = """
            BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
            DECLARE moved_\(table.name) NO SCROLL CURSOR FOR SELECT \(columns) FROM \(table.origin)
            """
        fetch = SQL("FETCH \(Self.step) FROM moved_\(table.name)")
    }
}

extension MovedTable {
    /// What is read from, as `x`.
    fileprivate var origin: String {
        switch self {
        case .counters: "(SELECT slot, sum(value)::bigint AS value FROM counters GROUP BY slot) x"
        case .queueMessages:
            """
            queue_messages x
            LEFT JOIN queue_hidden h ON h.message = x.id AND h.queue = x.queue AND h.priority = x.priority
              AND h.enqueued_at = x.enqueued_at
            LEFT JOIN queue_ready r ON r.queue = x.queue AND r.lane = 2 * x.priority + 1
              AND r.place = (x.enqueued_at << 20 | (x.id & 1048575)) AND r.message = x.id
              AND r.enqueued_at = x.enqueued_at
            """
        default: "\(name) x"
        }
    }

    /// What gives a column of the rows that are moved.
    fileprivate func expression(of column: String) -> String {
        switch (self, column) {
        // A lane hangs on a row of its account that is made here.
        case (.lanes, "account_id"):
            """
            (SELECT a.account_id FROM lane_accounts a
             WHERE a.id = x.owner_id AND a.kind = x.kind AND a.account_id = x.account_id)
            """
        case (.queues, "shown"), (.queues, "received"), (.queues, "delayed"):
            "(SELECT coalesce(sum(c.\(column)), 0)::bigint FROM queue_counts c WHERE c.queue = x.id)"
        case (.queueMessages, "hiding"): "coalesce(h.hiding, 0)"
        case (.queueMessages, "dequeue_count"), (.queueMessages, "first_dequeued_at"):
            "coalesce(h.\(column), r.\(column))"
        case (.queueMessages, "visible_at"), (.queueMessages, "receive"), (.queueMessages, "revision"): "h.\(column)"
        default: "x.\(column)"
        }
    }

    /// Inserts rows given as one array for each of some columns; `extra` adds columns with constants.
    static func insertion(into table: String, _ columns: [MovedColumn], extra: [(String, String)] = []) -> SQL {
        let arrays = columns.enumerated().map { "$\($0.offset + 1)::\($0.element.kind.arrayType)" }
        return SQL(
            """
            INSERT INTO \(table) (\((columns.map(\.name) + extra.map(\.0)).joined(separator: ", ")))
            OVERRIDING SYSTEM VALUE
            SELECT \((["v.*"] + extra.map(\.1)).joined(separator: ", "))
            FROM unnest(\(arrays.joined(separator: ", "))) v
            """)
    }

    /// The insertions of the tables whose rows go into one table as they are.
    static let insertions: [MovedTable: SQL] = Dictionary(
        uniqueKeysWithValues: MovedTable.allCases.map { table in
            let extra: [(String, String)] =
                switch table {
                // Before every event that comes here: their order is that of their numbers.
                case .events: [("committed", "0")]
                case .listeners: [("acknowledged_commit", "0")]
                case .counters: [("shard", "0")]
                default: []
                }
            return (table, insertion(into: table.name, table.columns, extra: extra))
        })
}

extension MovedColumn.Kind {
    /// The server's type of an array of such values.
    var arrayType: String {
        switch self {
        case .integer: "bigint[]"
        case .boolean: "boolean[]"
        case .text: "text[]"
        case .blob: "bytea[]"
        case .id: "uuid[]"
        }
    }
}

/// Rows by columns, as statements take them.
struct MovedColumns {
    private let columns: [MovedColumn]
    private let rows: [[MovedValue]]

    /// Some rows of a table.
    init(_ rows: [[MovedValue]], of table: MovedTable) {
        columns = table.columns
        self.rows = rows
    }

    /// Every column.
    var all: [PostgresValue] { columns.indices.map { values(at: $0) } }

    /// Some columns by their names.
    subscript(_ names: String...) -> [PostgresValue] {
        names.compactMap { name in columns.firstIndex { $0.name == name }.map { values(at: $0) } }
    }

    /// An integer of each row.
    func integers(_ name: String) -> [Int64] {
        column(name) { if case .integer(let value) = $0 { value } else { 0 } }
    }

    /// A text of each row.
    func texts(_ name: String) -> [String] {
        column(name) { if case .text(let value) = $0 { value } else { "" } }
    }

    private func column<T>(_ name: String, _ read: (MovedValue) -> T) -> [T] {
        guard let index = columns.firstIndex(where: { $0.name == name }) else { return [] }
        return rows.map { read($0[index]) }
    }

    private func values(at index: Int) -> PostgresValue {
        switch columns[index].kind {
        case .integer: .integers(rows.map { if case .integer(let value) = $0[index] { value } else { nil } })
        case .boolean: .booleans(rows.map { $0[index] == .boolean(true) })
        case .text: .texts(rows.map { if case .text(let value) = $0[index] { value } else { nil } })
        case .blob: .blobs(rows.map { if case .blob(let value) = $0[index] { value } else { nil } })
        case .id: .ids(rows.map { if case .id(let value) = $0[index] { value } else { nil } as UInt128? })
        }
    }
}

extension PostgresRow {
    /// A column as a value on its way.
    func value(_ column: Int, _ kind: MovedColumn.Kind) throws -> MovedValue {
        if isNull(column) { return .null }
        return switch kind {
        case .integer: .integer(integer(column))
        case .boolean: .boolean(isTrue(column))
        case .text: .text(text(column))
        case .blob: .blob(blob(column))
        case .id: .id(try id(column, as: LeaseToken.self).rawValue)
        }
    }
}
