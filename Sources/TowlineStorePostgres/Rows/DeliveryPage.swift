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

    private struct Found {
        let id: DeliveryID
        let event: Int64
        let replay: ReplayID?
        let endpoint: EndpointID
        let shown: DeliveryState
    }

    private let filter: DeliveryFilter
    private let limit: Int
    private let connection: PostgresConnection
    /// The first identifier that is not on the page.
    private let before: DeliveryID

    /// A page with at most a number of deliveries.
    init(_ filter: DeliveryFilter, limit: Int, connection: PostgresConnection) {
        self.filter = filter
        self.limit = limit
        self.connection = connection
        before = filter.before ?? DeliveryID(rawValue: .max)
    }

    /// Reads the page.
    func read() throws -> Page<Delivery> {
        var event: Int64?
        if let id = filter.event {
            event = try connection.first(EventPageSQL.seqOf, .id(id)) { $0.integer(0) }
            if event == nil { return Page(items: [], next: nil) }
        }
        let most = isPlain ? limit + 1 : Self.scanned
        let looked = try candidates(of: event, most: most)
        var found = looked.filter { fits($0, event: event) }
        let isFull = found.count > limit
        if isFull { found.removeLast(found.count - limit) }
        let items = try connection.all(EventSQL.deliveries, .ids(found.map(\.id))) { try DeliveryRows.delivery($0) }
        let order = Dictionary(uniqueKeysWithValues: items.map { ($0.id, $0) })
        let page = found.compactMap { order[$0.id] }
        if isFull { return Page(items: page, next: found.last?.id.description) }
        return Page(items: page, next: looked.count == most ? looked.last?.id.description : nil)
    }

    /// Whether the index alone gives what is asked for.
    private var isPlain: Bool {
        filter.endpoint == nil && (filter.state == nil || filter.state == .dead && filter.replay == nil)
            && (filter.event == nil || filter.state == nil) && (filter.replay == nil || filter.event == nil)
    }

    private func fits(_ found: Found, event: Int64?) -> Bool {
        if let event, found.event != event { return false }
        if let replay = filter.replay, found.replay != replay { return false }
        if let endpoint = filter.endpoint, found.endpoint != endpoint { return false }
        return filter.state == nil || found.shown == filter.state
    }

    /// The deliveries of the index that fits best, the newest first.
    private func candidates(of event: Int64?, most: Int) throws -> [Found] {
        let limit = PostgresValue.integer(most)
        if let event { return try all(DeliveryPageSQL.ofEvent, .integer(event), .id(before), limit) }
        if let replay = filter.replay {
            // A replay goes through events in their order, so theirs is the order of its deliveries.
            var place = (event: Int64.max, lane: Int64.max)
            if let mark = filter.before {
                place =
                    try connection.first(DeliveryPageSQL.place, .id(mark)) { ($0.integer(0), $0.integer(1)) } ?? (0, 0)
            }
            return try all(
                DeliveryPageSQL.ofReplay, .id(replay), .integer(place.event), .integer(place.lane), limit)
        }
        if filter.state == .dead { return try all(DeliveryPageSQL.dead, .id(before), limit) }
        if let few = try few() {
            return try all(DeliveryPageSQL.these, .ids(few), .id(before), limit)
        }
        return try all(DeliveryPageSQL.all, .id(before), limit)
    }

    private func all(_ sql: SQL, _ values: PostgresValue...) throws -> [Found] {
        let pending = connection.add(sql, values)
        try connection.flush()
        return try pending.result().map { row in
            Found(
                id: try row.id(0), event: row.integer(1), replay: try row.optionalID(2), endpoint: try row.id(3),
                shown: try DeliveryState(number: row.int(4)))
        }
    }

    /// The deliveries among which the page's are; nil when there is no index for them or they are too many.
    private func few() throws -> [DeliveryID]? {
        let most = PostgresValue.integer(Self.scanned + 1)
        let pending: PostgresPending
        switch (filter.state, filter.endpoint) {
        case (.sending, _): pending = connection.add(DeliveryPageSQL.sending, most)
        case (.pending, let endpoint?), (.held, let endpoint?):
            pending = connection.add(DeliveryPageSQL.waitingFor, most, .id(endpoint))
        case (.pending, nil): pending = connection.add(DeliveryPageSQL.waiting, most)
        case (.held, nil): pending = connection.add(DeliveryPageSQL.held, most)
        default: return nil
        }
        try connection.flush()
        let ids = try pending.result().map { try $0.id(0, as: DeliveryID.self) }
        return ids.count <= Self.scanned ? ids : nil
    }
}

/// The queries behind ``DeliveryPage``.
enum DeliveryPageSQL {
    /// The rows of a look at deliveries, with the endpoint of each and the state that is shown.
    private static func look(_ rows: String, order: String = "d.id DESC") -> SQL {
        SQL(
            """
            SELECT d.id, d.event, d.replay, p.id,
              CASE WHEN d.state = 0 AND p.disabled_at IS NOT NULL THEN 4 ELSE d.state END
            FROM (\(rows)) d JOIN lanes l ON l.id = d.lane_id JOIN endpoints p ON p.group_id = l.group_id
            ORDER BY \(order)
            """)
    }

    private static let columns = "w.id, w.event, w.replay, w.lane_id, w.state"

    static let all = look("SELECT \(columns) FROM deliveries w WHERE w.id < $1 ORDER BY w.id DESC LIMIT $2")
    static let these = look(
        """
        SELECT \(columns) FROM deliveries w WHERE w.id = ANY($1::uuid[]) AND w.id < $2 ORDER BY w.id DESC LIMIT $3
        """)
    static let ofEvent = look(
        "SELECT \(columns) FROM deliveries w WHERE w.event = $1 AND w.id < $2 ORDER BY w.id DESC LIMIT $3")
    static let ofReplay = look(
        """
        SELECT \(columns) FROM deliveries w WHERE w.replay = $1 AND (w.event, w.lane_id) < ($2, $3)
        ORDER BY w.event DESC, w.lane_id DESC LIMIT $4
        """, order: "d.event DESC, d.lane_id DESC")
    static let dead = look(
        "SELECT \(columns) FROM deliveries w WHERE w.state = 3 AND w.id < $1 ORDER BY w.id DESC LIMIT $2")
    static let place = SQL("SELECT event, lane_id FROM deliveries WHERE id = $1")
    static let sending = SQL("SELECT id FROM deliveries WHERE lease_until IS NOT NULL LIMIT $1")
    static let waiting = SQL("SELECT id FROM deliveries WHERE state = 0 AND lane_id > 0 LIMIT $1")
    static let waitingFor = SQL(
        """
        SELECT d.id FROM endpoints p JOIN lanes l ON l.group_id = p.group_id AND l.kind = 1
        JOIN deliveries d ON d.lane_id = l.id AND d.state = 0 WHERE p.id = $2 LIMIT $1
        """)
    static let held = SQL(
        """
        SELECT d.id FROM endpoints p JOIN lanes l ON l.group_id = p.group_id AND l.kind = 1
        JOIN deliveries d ON d.lane_id = l.id AND d.state = 0 WHERE p.disabled_at IS NOT NULL LIMIT $1
        """)
}
