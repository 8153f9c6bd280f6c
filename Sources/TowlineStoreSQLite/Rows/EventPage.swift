import TowlineCore
import TowlineStore

/// One page of the list of events, newest first.
///
/// Times, a job and dead deliveries are looked up in an index. Everything else is compared row by row, in a bounded
/// number of rows for each page: a page may hold fewer events than asked for, or none, and still name a next one.
struct EventPage {
    /// Most rows that one page looks at, events and deliveries together.
    static let scanned = 5000

    let filter: EventFilter
    let before: EventID?
    let limit: Int

    /// Reads the page.
    func read(from connection: SQLConnection) throws -> Page<EventDetail> {
        let matcher = EventMatcher(filter, connection: connection)
        let range = try EventRange(filter, in: connection)
        var matches: [Int64] = []
        var last: Int64?
        var looked = 0
        var isCut = false
        try matcher.backward(after: range.after, upTo: min(range.last, try start(in: connection))) { row in
            last = row.integer(0)
            looked += 1
            if matcher.fits(row) {
                let isMeant =
                    try !matcher.asksForDeliveries
                    || !matcher.endpoints(of: row.integer(0), except: nil).isEmpty
                if isMeant { matches.append(row.integer(0)) }
            }
            isCut = looked + matcher.looked >= Self.scanned
            return matches.count <= limit && !isCut
        }
        let isFull = matches.count > limit
        if isFull { matches.removeLast() }
        let items = try matches.map { try EventPageSQL.detail($0, from: connection) }
        if isFull { return Page(items: items, next: items.last?.event.id.description) }
        guard isCut, let last else { return Page(items: items, next: nil) }
        let mark = try connection.first(EventPageSQL.id, .integer(last)) { try $0.id(0, as: EventID.self) }
        return Page(items: items, next: mark?.description)
    }

    /// The row with which the page begins.
    private func start(in connection: SQLConnection) throws -> Int64 {
        guard let before else { return .max }
        return try connection.first(EventPageSQL.seqNotAfter, .id(before)) { row in
            try row.id(1, as: EventID.self) == before ? row.integer(0) - 1 : row.integer(0)
        } ?? 0
    }
}

/// The queries behind ``EventPage``.
enum EventPageSQL {
    static let id = SQL("SELECT id FROM events WHERE seq = ?")
    static let seqNotAfter = SQL("SELECT seq, id FROM events WHERE id <= ? ORDER BY id DESC LIMIT 1")
    static let bySeq = SQL("SELECT \(DeliveryRows.eventColumns) FROM events e WHERE e.seq = ?")
    static let seqOf = SQL("SELECT seq FROM events WHERE id = ?")
    static let deliveries = SQL(
        "SELECT \(DeliveryRows.columns) FROM deliveries d \(DeliveryRows.joins) WHERE d.event = ? ORDER BY d.id")

    /// An event with its deliveries, by its row.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when it is missing.
    static func detail(_ seq: Int64, from connection: SQLConnection) throws -> EventDetail {
        guard let event = try connection.first(bySeq, .integer(seq), read: { try DeliveryRows.event($0) }) else {
            throw StoreError(.corrupted, "the database lacks event \(seq)")
        }
        // Identifiers of one millisecond are in no order: the event's own deliveries come first all the same.
        let deliveries = try connection.all(deliveries, .integer(seq)) { try DeliveryRows.delivery($0) }
        let order = deliveries.sorted { left, right in
            (left.createdAt, left.origin.number > 0 ? 1 : 0, left.id)
                < (right.createdAt, right.origin.number > 0 ? 1 : 0, right.id)
        }
        return EventDetail(event: event, deliveries: order)
    }
}
