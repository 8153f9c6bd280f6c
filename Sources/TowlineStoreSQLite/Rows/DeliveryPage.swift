import TowlineCore
import TowlineStore

/// One page of the list of deliveries, newest first.
///
/// An event, a replay and dead deliveries are looked up in an index. What waits or is being sent is gathered from its
/// index and put in order, as long as it is not more than one page may look at. Everything else is compared row by
/// row, in a bounded number of rows for each page: a page may hold fewer deliveries than asked for, or none, and still
/// name a next one.
struct DeliveryPage {
    /// Most rows that one page looks at.
    static let scanned = 5000

    private let filter: DeliveryFilter
    private let limit: Int
    private let connection: SQLConnection
    private let receivers: ReceiverBook
    /// The first identifier that is not on the page.
    private let before: DeliveryID

    /// A page with at most a number of deliveries.
    init(_ filter: DeliveryFilter, limit: Int, connection: SQLConnection) {
        self.filter = filter
        self.limit = limit
        self.connection = connection
        receivers = ReceiverBook(connection)
        before = filter.before ?? DeliveryID(rawValue: .max)
    }

    /// Reads the page.
    func read() throws -> Page<Delivery> {
        var event: Int64?
        if let id = filter.event {
            event = try connection.first(EventPageSQL.seqOf, .id(id)) { $0.integer(0) }
            if event == nil { return Page(items: [], next: nil) }
        }
        var found: [DeliveryID] = []
        var last: DeliveryID?
        var looked = 0
        var isCut = false
        try each(of: event) { row in
            last = try row.id(0)
            looked += 1
            if try fits(row, event: event) { found.append(try row.id(0)) }
            isCut = looked >= Self.scanned
            return found.count <= limit && !isCut
        }
        let isFull = found.count > limit
        if isFull { found.removeLast() }
        let items = try found.compactMap { id in
            try connection.first(EventSQL.delivery, .id(id)) { try DeliveryRows.delivery($0) }
        }
        if isFull { return Page(items: items, next: found.last?.description) }
        return Page(items: items, next: isCut ? last?.description : nil)
    }

    /// Whether a row of ``DeliveryPageSQL/columns`` is asked for.
    private func fits(_ row: borrowing SQLRow, event: Int64?) throws -> Bool {
        if let event, row.integer(1) != event { return false }
        if let replay = filter.replay, try row.optionalID(4, as: ReplayID.self) != replay { return false }
        guard filter.state != nil || filter.endpoint != nil else { return true }
        let receiver = try receivers.receiver(of: row.integer(2))
        if let endpoint = filter.endpoint, receiver.id != endpoint { return false }
        guard let state = filter.state else { return true }
        return receiver.shown(try DeliveryState(number: row.int(3))) == state
    }

    /// Goes through the deliveries of the index that fits best, the newest first, until the closure says no.
    private func each(of event: Int64?, look: (borrowing SQLRow) throws -> Bool) throws {
        if let event {
            try connection.each(DeliveryPageSQL.ofEvent, .integer(event), .id(before), read: look)
        } else if let replay = filter.replay {
            // A replay goes through events in their order, so theirs is the order of its deliveries.
            var place = (event: Int64.max, lane: Int64.max)
            if let mark = filter.before {
                place =
                    try connection.first(DeliveryPageSQL.place, .id(mark)) { ($0.integer(0), $0.integer(1)) } ?? (0, 0)
            }
            try connection.each(
                DeliveryPageSQL.ofReplay, .id(replay), .integer(place.event), .integer(place.lane), read: look)
        } else if filter.state == .dead {
            try connection.each(DeliveryPageSQL.dead, .id(before), read: look)
        } else if let few = try few() {
            for id in few {
                let goesOn = try connection.first(DeliveryPageSQL.one, .id(id)) { try look($0) } ?? true
                if !goesOn { return }
            }
        } else {
            try connection.each(DeliveryPageSQL.all, .id(before), read: look)
        }
    }

    /// The deliveries among which the page's are, the newest first; nil when there is no index for them or they are
    /// too many.
    private func few() throws -> [DeliveryID]? {
        var ids: [DeliveryID] = []
        func gather(_ row: borrowing SQLRow) throws -> Bool {
            ids.append(try row.id(0))
            return ids.count <= Self.scanned
        }
        switch (filter.state, filter.endpoint) {
        case (.sending, _):
            try connection.each(DeliveryPageSQL.sending, read: gather)
        case (.pending, let endpoint?), (.held, let endpoint?):
            try connection.each(DeliveryPageSQL.waitingFor, .id(endpoint), read: gather)
        case (.pending, nil):
            try connection.each(DeliveryPageSQL.waiting, read: gather)
        case (.held, nil):
            try connection.each(DeliveryPageSQL.held, read: gather)
        default: return nil
        }
        guard ids.count <= Self.scanned else { return nil }
        return ids.filter { $0 < before }.sorted(by: >)
    }
}

/// The queries behind ``DeliveryPage``.
enum DeliveryPageSQL {
    /// The first columns of every query that goes through deliveries.
    static let columns = "d.id, d.event, d.lane_id, d.state, d.replay"

    static let all = SQL("SELECT \(columns) FROM deliveries d WHERE d.id < ? ORDER BY d.id DESC")
    static let one = SQL("SELECT \(columns) FROM deliveries d WHERE d.id = ?")
    static let ofEvent = SQL(
        "SELECT \(columns) FROM deliveries d WHERE d.event = ? AND d.id < ? ORDER BY d.id DESC")
    static let place = SQL("SELECT event, lane_id FROM deliveries WHERE id = ?")
    static let ofReplay = SQL(
        """
        SELECT \(columns) FROM deliveries d WHERE d.replay = ? AND (d.event, d.lane_id) < (?, ?)
        ORDER BY d.event DESC, d.lane_id DESC
        """)
    static let dead = SQL(
        "SELECT \(columns) FROM deliveries d WHERE d.state = 3 AND d.id < ? ORDER BY d.id DESC")
    static let sending = SQL("SELECT id FROM deliveries WHERE lease_until IS NOT NULL")
    static let waiting = SQL("SELECT id FROM deliveries WHERE state = 0 AND lane_id > 0")
    static let waitingFor = SQL(
        """
        SELECT d.id FROM endpoints p JOIN lanes l ON l.group_id = p.group_id AND l.kind = 1
        JOIN deliveries d ON d.lane_id = l.id AND d.state = 0 WHERE p.id = ?
        """)
    static let held = SQL(
        """
        SELECT d.id FROM endpoints p CROSS JOIN lanes l ON l.group_id = p.group_id AND l.kind = 1
        CROSS JOIN deliveries d ON d.lane_id = l.id AND d.state = 0 WHERE p.disabled_at IS NOT NULL
        """)
}
