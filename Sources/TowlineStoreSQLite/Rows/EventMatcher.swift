import TowlineCore
import TowlineStore

/// Judges events by a filter, and the endpoints of each by their latest delivery of it.
///
/// Lives as long as one read or one operation.
final class EventMatcher {
    let filter: EventFilter
    let receivers: ReceiverBook
    /// Rows of deliveries that were looked at.
    private(set) var looked = 0

    private let connection: SQLConnection
    private let walk: EventWalk

    /// A matcher that reads with a connection.
    init(_ filter: EventFilter, connection: SQLConnection) {
        self.filter = filter
        self.connection = connection
        receivers = ReceiverBook(connection)
        walk = EventWalk(filter)
    }

    /// Whether the filter asks for something that only an event's deliveries tell.
    var asksForDeliveries: Bool { filter.state != nil || filter.endpoint != nil }

    /// Goes through the events that an index gives for the filter, in their order, until the closure says no.
    ///
    /// - Parameters:
    ///   - after: The row after which it begins.
    ///   - last: The last row.
    ///   - look: Gets a row of ``EventWalk/columns``.
    /// - Throws: SQLite's failure, or what `look` throws.
    func forward(after: Int64, upTo last: Int64, look: (borrowing SQLRow) throws -> Bool) throws {
        try walk.each(.forward, after: after, upTo: last, in: connection, look: look)
    }

    /// The same from the last event to the first.
    func backward(after: Int64, upTo last: Int64, look: (borrowing SQLRow) throws -> Bool) throws {
        try walk.each(.backward, after: after, upTo: last, in: connection, look: look)
    }

    /// Whether an event is one that the filter asks for, as far as it tells by itself.
    func fits(_ row: borrowing SQLRow) -> Bool {
        if let type = filter.type, row.int(1) != type.number { return false }
        if let account = filter.account, row.text(2) != account.description { return false }
        if let app = filter.app, row.text(3) != app.description { return false }
        if let since = filter.since, row.time(4) < since { return false }
        if let until = filter.until, row.time(4) >= until { return false }
        return true
    }

    /// The endpoints that an event was for and that the filter asks for, in the order in which it was for them.
    ///
    /// - Parameters:
    ///   - event: The event's row.
    ///   - replay: The replay whose deliveries count for nothing.
    /// - Returns: Each endpoint once, removed ones too.
    /// - Throws: SQLite's failure; ``StoreError`` with code `corrupted` for a row that cannot be read.
    func endpoints(of event: Int64, except replay: ReplayID?) throws -> [Receiver] {
        var latest: [(receiver: Receiver, rank: Rank, state: DeliveryState)] = []
        try connection.each(Self.deliveries, .integer(event)) { row in
            looked += 1
            if let replay, try row.optionalID(4, as: ReplayID.self) == replay { return true }
            let receiver = try receivers.receiver(of: row.integer(1))
            if let endpoint = filter.endpoint, receiver.id != endpoint { return true }
            let rank = Rank(try row.id(0), isSentAgain: row.int(3) != 0)
            let state = receiver.shown(try DeliveryState(number: row.int(2)))
            if let index = latest.firstIndex(where: { $0.receiver.group == receiver.group }) {
                if latest[index].rank < rank { latest[index] = (receiver, rank, state) }
            } else {
                latest.append((receiver, rank, state))
            }
            return true
        }
        return latest.compactMap { filter.state == nil || filter.state == $0.state ? $0.receiver : nil }
    }

    /// Orders the deliveries of an event to an endpoint by the time of their making: the first is the event's own.
    private struct Rank: Comparable {
        private let order: (Int64, Int, UInt128)

        init(_ id: DeliveryID, isSentAgain: Bool) { order = (id.milliseconds, isSentAgain ? 1 : 0, id.rawValue) }

        static func < (left: Rank, right: Rank) -> Bool { left.order < right.order }
        static func == (left: Rank, right: Rank) -> Bool { left.order == right.order }
    }

    private static let deliveries = SQL(
        "SELECT id, lane_id, state, origin, replay FROM deliveries WHERE event = ? ORDER BY id")
}

/// The way through the events that looks at the fewest rows for a filter.
struct EventWalk {
    /// Which way.
    enum Direction {
        case forward, backward
    }

    /// What the closure of a walk gets.
    static let columns = "e.seq, e.type, e.account_id, e.app, e.created_at"

    private enum Source {
        case all
        case job(JobID)
        /// Events with a delivery that is dead.
        case dead
    }

    private let source: Source

    /// The way for a filter.
    init(_ filter: EventFilter) {
        if let job = filter.job {
            source = .job(job)
        } else if filter.state == .dead {
            source = .dead
        } else {
            source = .all
        }
    }

    /// Goes through the rows after one and up to another, each once, until the closure says no.
    func each(
        _ direction: Direction, after: Int64, upTo last: Int64, in connection: SQLConnection,
        look: (borrowing SQLRow) throws -> Bool
    ) throws {
        guard after < last else { return }
        let isForward = direction == .forward
        switch source {
        case .all:
            let sql = isForward ? Self.forward : Self.backward
            try connection.each(sql, .integer(after), .integer(last), read: look)
        case .job(let job):
            let sql = isForward ? Self.forwardInJob : Self.backwardInJob
            try connection.each(sql, .integer(after), .integer(last), .id(job), read: look)
        case .dead:
            let sql = isForward ? Self.forwardThroughDead : Self.backwardThroughDead
            var previous: Int64?
            try connection.each(sql, .integer(after), .integer(last)) { row in
                defer { previous = row.integer(0) }
                return try previous == row.integer(0) || look(row)
            }
        }
    }

    private static let all = "SELECT \(columns) FROM events e WHERE e.seq > ?1 AND e.seq <= ?2"
    private static let job =
        "SELECT \(columns) FROM events e WHERE e.job = ?3 AND e.seq > ?1 AND e.seq <= ?2"
    private static let dead = """
        SELECT \(columns) FROM deliveries d CROSS JOIN events e ON e.seq = d.event
        WHERE d.state = 3 AND d.event > ?1 AND d.event <= ?2
        """
    private static let forward = SQL("\(all) ORDER BY e.seq")
    private static let backward = SQL("\(all) ORDER BY e.seq DESC")
    private static let forwardInJob = SQL("\(job) ORDER BY e.seq")
    private static let backwardInJob = SQL("\(job) ORDER BY e.seq DESC")
    private static let forwardThroughDead = SQL("\(dead) ORDER BY d.event")
    private static let backwardThroughDead = SQL("\(dead) ORDER BY d.event DESC")
}
