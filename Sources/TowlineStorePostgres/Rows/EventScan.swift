import TowlineCore
import TowlineStore

/// Where a delivery of an event went.
struct EventReceiver {
    /// The group of the endpoint's lanes.
    let group: Int64
    let isRemoved: Bool
}

/// One event that a scan has looked at.
struct ScannedEvent {
    let seq: Int64
    let account: AccountID
    /// Whether it is one that the filter asks for, as far as it tells by itself.
    let fits: Bool
    /// The endpoints that it was for and that the filter asks for, in the order in which it was for them.
    var receivers: [EventReceiver] = []
}

/// The rows of events that the times and the job of a filter leave.
///
/// Rows of events follow their times, and identifiers begin with theirs, so the ends are looked up in the index of
/// identifiers. Rows of the millisecond before `since` may be within, and rows that were committed out of order.
struct EventRange {
    /// The row before the first.
    let after: Int64
    /// The last row; ``after`` where there is none.
    let last: Int64

    /// Looks the ends up.
    init(_ filter: EventFilter, in connection: PostgresConnection) throws {
        let last = connection.add(EventScanSQL.last)
        let before = filter.since.map { connection.add(EventScanSQL.lastBefore, .id(EventID.first(at: $0))) }
        let from = filter.until.map { connection.add(EventScanSQL.firstFrom, .id(EventID.first(at: $0))) }
        let ofJob = filter.job.map { connection.add(EventScanSQL.ofJob, .id($0)) }
        try connection.flush()
        var first = try before?.result().first { $0.integer(0) } ?? 0
        var end = try last.result().first { $0.integer(0) } ?? 0
        if let next = try from?.result().first({ $0.integer(0) }) { end = min(end, next - 1) }
        if let ofJob {
            let rows = try ofJob.result().first { ($0.integer(0), $0.integer(1)) } ?? (0, 0)
            first = max(first, rows.0 - 1)
            end = min(end, rows.1)
        }
        after = first
        self.last = max(first, end)
    }
}

/// Goes through events by a filter, with the endpoints of each by their latest delivery of it.
struct EventScan {
    let filter: EventFilter
    /// The replay whose deliveries count for nothing.
    var except: ReplayID?

    /// A scan by a filter.
    init(_ filter: EventFilter, except: ReplayID? = nil) {
        self.filter = filter
        self.except = except
    }

    /// Whether the filter asks for something that only an event's deliveries tell.
    var asksForDeliveries: Bool { filter.state != nil || filter.endpoint != nil }

    /// The next events after a row that an index gives for the filter, in their order.
    func forward(
        after: Int64, upTo last: Int64, limit: Int, in connection: PostgresConnection
    ) throws -> [ScannedEvent] {
        guard after < last else { return [] }
        let sql =
            filter.job != nil
            ? EventScanSQL.inJob : filter.state == .dead ? EventScanSQL.throughDead : EventScanSQL.all
        let pending = connection.add(sql, values(after: after, last: last, limit: limit))
        try connection.flush()
        var events: [ScannedEvent] = []
        try pending.result().forEach { row in
            if events.last?.seq != row.integer(0) {
                events.append(
                    ScannedEvent(seq: row.integer(0), account: AccountID(row.text(1)), fits: row.isTrue(2)))
            }
            guard let group = row.optionalInteger(3) else { return }
            events[events.count - 1].receivers.append(EventReceiver(group: group, isRemoved: row.isTrue(4)))
        }
        return events
    }

    /// The endpoints that an event was for.
    func receivers(of event: Int64, in connection: PostgresConnection) throws -> [EventReceiver] {
        try forward(after: event - 1, upTo: event, limit: 1, in: connection).first?.receivers ?? []
    }

    /// The values of the queries that scan.
    func values(after: Int64, last: Int64, limit: Int) -> [PostgresValue] {
        [
            .integer(after), .integer(last), .integer(filter.type?.number), .text(filter.account?.description),
            .text(filter.app?.description), .time(filter.since), .time(filter.until), .id(filter.job?.rawValue),
            .integer(filter.state?.number), .id(filter.endpoint?.rawValue), .id(except?.rawValue), .integer(limit),
        ]
    }
}

/// The queries that go through events.
enum EventScanSQL {
    static let last = SQL("SELECT max(seq) FROM events")
    static let lastBefore = SQL("SELECT seq FROM events WHERE id < $1 ORDER BY id DESC LIMIT 1")
    static let firstFrom = SQL("SELECT seq FROM events WHERE id >= $1 ORDER BY id LIMIT 1")
    static let ofJob = SQL("SELECT min(seq), max(seq) FROM events WHERE job = $1")

    /// Whether an event is one that the filter asks for, as far as it tells by itself.
    static let fits = """
        ($3::bigint IS NULL OR e.type = $3) AND ($4::text IS NULL OR e.account_id = $4) \
        AND ($5::text IS NULL OR e.app = $5) AND ($6::bigint IS NULL OR e.created_at >= $6) \
        AND ($7::bigint IS NULL OR e.created_at < $7) AND ($8::uuid IS NULL OR e.job = $8)
        """
    /// The endpoints of an event that the filter asks for, each by its latest delivery.
    static let receivers = """
        SELECT x.group_id, p.removed_at IS NOT NULL AS is_removed, x.first FROM (
          SELECT DISTINCT ON (l.group_id) l.group_id, d.state,
            first_value(d.id) OVER (PARTITION BY l.group_id ORDER BY d.id) AS first
          FROM deliveries d JOIN lanes l ON l.id = d.lane_id
          WHERE d.event = e.seq AND ($11::uuid IS NULL OR d.replay IS DISTINCT FROM $11)
          ORDER BY l.group_id, d.created_at DESC, (d.origin <> 0) DESC, d.id DESC) x
        JOIN endpoints p ON p.group_id = x.group_id
        WHERE ($10::uuid IS NULL OR p.id = $10) AND ($9::bigint IS NULL
          OR CASE WHEN x.state = 0 AND p.disabled_at IS NOT NULL THEN 4 ELSE x.state END = $9)
        """

    /// Rows of `events` in a direction: all, those of a job, or those with a delivery that is dead.
    static func window(_ source: String, _ direction: String) -> String {
        let columns = "w.seq, w.type, w.account_id, w.app, w.job, w.created_at"
        switch source {
        case "job":
            return """
                SELECT \(columns) FROM events w WHERE w.job = $8 AND w.seq > $1 AND w.seq <= $2
                ORDER BY w.seq \(direction) LIMIT $12
                """
        case "dead":
            return """
                SELECT \(columns) FROM (
                  SELECT DISTINCT d.event FROM deliveries d WHERE d.state = 3 AND d.event > $1 AND d.event <= $2
                  ORDER BY d.event \(direction) LIMIT $12) d
                JOIN events w ON w.seq = d.event
                """
        default:
            return """
                SELECT \(columns) FROM events w WHERE w.seq > $1 AND w.seq <= $2 ORDER BY w.seq \(direction) LIMIT $12
                """
        }
    }

    private static func forward(_ source: String) -> SQL {
        SQL(
            """
            SELECT e.seq, e.account_id, \(fits), x.group_id, x.is_removed FROM (\(window(source, "ASC"))) e
            LEFT JOIN LATERAL (\(receivers)) x ON \(fits) ORDER BY e.seq, x.first
            """)
    }

    static let all = forward("all")
    static let inJob = forward("job")
    static let throughDead = forward("dead")
}
