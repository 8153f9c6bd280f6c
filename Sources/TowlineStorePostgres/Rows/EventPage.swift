import TowlineCore
import TowlineStore

/// One page of the list of events, newest first.
///
/// Times, a job and dead deliveries are looked up in an index. Everything else is compared row by row on the server, in a
/// bounded number of rows for each page: a page may hold fewer events than asked for, or none, and still name a next one.
struct EventPage {
    /// Most events that one page looks at.
    static let scanned = 2000

    let filter: EventFilter
    let before: EventID?
    let limit: Int

    /// Reads the page.
    func read(from connection: PostgresConnection) throws -> Page<EventDetail> {
        let range = try EventRange(filter, in: connection)
        let last = min(range.last, try start(in: connection))
        guard range.after < last else { return Page(items: [], next: nil) }
        let values = EventScan(filter).values(after: range.after, last: last, limit: Self.scanned)
        let sql =
            filter.job != nil
            ? EventPageSQL.inJob : filter.state == .dead ? EventPageSQL.throughDead : EventPageSQL.all
        let pending = connection.add(sql, values + [.integer(limit + 1)])
        try connection.flush()
        var matches: [Int64] = []
        var end: Int64?
        try pending.result().forEach { row in
            if row.isTrue(1) { matches.append(row.integer(0)) } else { end = row.integer(0) }
        }
        let isFull = matches.count > limit
        if isFull { matches.removeLast() }
        let items = try EventPageSQL.details(matches, from: connection)
        if isFull { return Page(items: items, next: items.last?.event.id.description) }
        guard let end else { return Page(items: items, next: nil) }
        let mark = try connection.first(EventPageSQL.id, .integer(end)) { try $0.id(0, as: EventID.self) }
        return Page(items: items, next: mark?.description)
    }

    /// The row with which the page begins.
    private func start(in connection: PostgresConnection) throws -> Int64 {
        guard let before else { return .max }
        return try connection.first(EventPageSQL.seqNotAfter, .id(before)) { row in
            try row.id(1, as: EventID.self) == before ? row.integer(0) - 1 : row.integer(0)
        } ?? 0
    }
}

/// The queries behind ``EventPage``.
enum EventPageSQL {
    static let id = SQL("SELECT id FROM events WHERE seq = $1")
    static let seqNotAfter = SQL("SELECT seq, id FROM events WHERE id <= $1 ORDER BY id DESC LIMIT 1")
    static let seqOf = SQL("SELECT seq FROM events WHERE id = $1")
    static let bySeqs = SQL(
        """
        SELECT \(DeliveryRows.eventColumns), e.seq FROM events e WHERE e.seq = ANY($1::bigint[]) ORDER BY e.seq DESC
        """)
    static let deliveries = SQL(
        """
        SELECT \(DeliveryRows.columns), d.event FROM deliveries d \(DeliveryRows.joins)
        WHERE d.event = ANY($1::bigint[]) ORDER BY d.event DESC, d.created_at, (d.origin <> 0), d.id
        """)

    private static func page(_ source: String) -> SQL {
        SQL(
            """
            WITH looked AS MATERIALIZED (\(EventScanSQL.window(source, "DESC"))),
            matched AS (
              SELECT e.seq FROM looked e WHERE \(EventScanSQL.fits)
                AND ($9::bigint IS NULL AND $10::uuid IS NULL OR EXISTS (\(EventScanSQL.receivers)))
              ORDER BY e.seq DESC LIMIT $13)
            SELECT seq, true FROM matched
            UNION ALL (SELECT seq, false FROM looked WHERE (SELECT count(*) FROM looked) = $12 ORDER BY seq LIMIT 1)
            ORDER BY 1 DESC
            """)
    }

    static let all = page("all")
    static let inJob = page("job")
    static let throughDead = page("dead")

    /// Events with their deliveries, by their rows, newest first.
    ///
    /// Identifiers of one millisecond are in no order: the event's own deliveries come first all the same.
    static func details(_ seqs: [Int64], from connection: PostgresConnection) throws -> [EventDetail] {
        guard !seqs.isEmpty else { return [] }
        let events = connection.add(bySeqs, .integers(seqs))
        let found = connection.add(deliveries, .integers(seqs))
        try connection.flush()
        var byEvent: [Int64: [Delivery]] = [:]
        try found.result().forEach { byEvent[$0.integer(14), default: []].append(try DeliveryRows.delivery($0)) }
        return try events.result().map { row in
            EventDetail(event: try DeliveryRows.event(row), deliveries: byEvent[row.integer(8)] ?? [])
        }
    }
}
