import TowlineStore

/// How a table that is moved is read here.
struct MovedSelection {
    /// The number of rows.
    let count: SQL
    /// The first rows; the limit is bound.
    let first: SQL
    /// The rows after a key; the key and the limit are bound.
    let next: SQL

    /// The selections of all tables, made once.
    static let all: [MovedTable: MovedSelection] = Dictionary(
        uniqueKeysWithValues: MovedTable.allCases.map { ($0, MovedSelection($0)) })

    private init(_ table: MovedTable) {
        let columns = table.columns.map { table.expression(of: $0.name) }.joined(separator: ", ")
        let names = table.columns.prefix(table.keyCount).map { table.expression(of: $0.name) }
        let key = names.joined(separator: ", ")
        let places = names.map { _ in "?" }.joined(separator: ", ")
        let condition = table.condition.map { " AND \($0)" } ?? ""
        count = SQL("SELECT count(*) FROM \(table.name) x WHERE true\(condition)")
        first = SQL("SELECT \(columns), \(key) FROM \(table.name) x WHERE true\(condition) ORDER BY \(key) LIMIT ?")
        next = SQL(
            """
            SELECT \(columns), \(key) FROM \(table.name) x WHERE (\(key)) > (\(places))\(condition)
            ORDER BY \(key) LIMIT ?
            """)
    }
}

extension MovedTable {
    /// Which rows are moved; nil for all.
    ///
    /// Messages whose queue was deleted or purged are only waiting to be removed.
    fileprivate var condition: String? {
        self == .queueMessages ? "EXISTS (SELECT 1 FROM queues q WHERE q.id = x.queue)" : nil
    }

    /// What gives a column of the target.
    fileprivate func expression(of column: String) -> String {
        let shown = "CASE WHEN x.hiding = 0 THEN NULL ELSE x.\(column) END"
        return switch (self, column) {
        case (.endpoints, "event_lane"): Self.lane("\(Self.laneKey)")
        case (.endpoints, "resend_lane"): Self.lane("'\(StoredEndpoint.resendKey(""))' || \(Self.laneKey)")
        // Filled in by the reader: the endpoint of what the configuration names.
        case (.callbacks, "endpoint_group"): "NULL"
        case (.runs, "level"): "max(1, min(10, x.priority))"
        case (.deliveries, "gates_run"):
            "CASE WHEN x.gates_job IS NOT NULL THEN (SELECT e.run FROM events e WHERE e.seq = x.event) END"
        case (.listeners, "acknowledged_event"): "(SELECT e.id FROM events e WHERE e.seq = x.acknowledged_seq)"
        case (.queueMessages, "visible_at"), (.queueMessages, "receive"), (.queueMessages, "revision"): shown
        case (.counters, "slot"): "x.id"
        default: "x.\(column)"
        }
    }

    /// The key of the lane of an endpoint's new events: the URL of callbacks, the group's key of subscriptions.
    private static let laneKey = """
        CASE x.kind WHEN 0 THEN x.url ELSE (SELECT g.key FROM lane_groups g WHERE g.id = x.group_id) END
        """

    private static func lane(_ key: String) -> String {
        "(SELECT l.id FROM lanes l WHERE l.kind = 1 AND l.account_id = x.account_id AND l.key = \(key))"
    }
}
