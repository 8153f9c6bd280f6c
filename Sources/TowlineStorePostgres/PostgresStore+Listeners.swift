import Synchronization
package import TowlineCore
package import TowlineStore

/// A place in the order of commits.
struct CommitPlace: Comparable, Sendable {
    /// The number of the transaction.
    var commit: Int64
    /// The event's row.
    var seq: Int64

    static func < (left: CommitPlace, right: CommitPlace) -> Bool {
        (left.commit, left.seq) < (right.commit, right.seq)
    }
}

/// How far listeners of one account have been passed over other accounts' events, so that these are looked at once and
/// not with every call.
final class PostgresListenerPlaces: Sendable {
    private struct Place {
        let account: AccountID?
        let createdAt: Timestamp
        let passed: CommitPlace
    }

    private let places = Mutex<[String: Place]>([:])

    /// No listener has been passed over anything.
    init() {}

    /// After where the next event for a listener may be.
    func start(of stored: HeldListener) -> CommitPlace {
        let place = places.withLock { $0[stored.listener.name] }
        guard let place, place.account == stored.listener.account, place.createdAt == stored.listener.createdAt else {
            return stored.acknowledged
        }
        return max(place.passed, stored.acknowledged)
    }

    /// Notes that no event up to a place is for a listener, after what it has acknowledged.
    func pass(_ stored: HeldListener, upTo place: CommitPlace) {
        let listener = stored.listener
        places.withLock { places in
            places[listener.name] = Place(account: listener.account, createdAt: listener.createdAt, passed: place)
        }
    }

    /// Forgets a listener.
    func forget(_ name: String) { places.withLock { $0[name] = nil } }
}

/// A listener as stored.
struct HeldListener {
    let listener: EventListener
    let acknowledged: CommitPlace

    /// What ``init(_:)`` reads.
    static let columns = """
        l.name, l.account_id, l.acknowledged_event, l.created_at, l.seen_at, l.acknowledged_commit, l.acknowledged_seq
        """

    /// Reads ``columns``.
    init(_ row: borrowing PostgresRow) throws {
        acknowledged = CommitPlace(commit: row.integer(5), seq: row.integer(6))
        listener = EventListener(
            name: row.text(0), account: row.optionalText(1).map { AccountID($0) },
            acknowledged: try row.optionalID(2), createdAt: row.time(3), seenAt: row.time(4))
    }
}

extension PostgresStore {
    /// How often a listener's call alone is written down.
    static let listenerSeenEvery = Duration.seconds(60)
    /// How long a call waits for transactions that are under way, when there are events that only they hold up.
    private static let settlingTries = 50

    package func openListener(
        _ name: String, account: AccountID?, start: ListenerStart
    ) async throws -> EventListener {
        try await write { try $0.openListener(name, account: account, start: start) }
    }

    package func listeners() async throws -> [EventListener] {
        try await read { try $0.all(ListenerSQL.all) { try HeldListener($0).listener } }
    }

    package func events(for listener: String, limit: Int) async throws -> [Event] {
        let limit = max(1, limit)
        var tries = Self.settlingTries
        while true {
            let found = try await read { [places] in
                try Self.following(listener, limit: limit, places: places, in: $0)
            }
            try Task.checkCancellation()
            if !found.events.isEmpty || found.isAtEnd && (!found.isUnsettled || tries == 0) {
                try await noteSeen(listener, at: found.seenAt)
                return found.events
            }
            if found.isAtEnd {
                tries -= 1
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    package func acknowledge(_ event: EventID, by listener: String) async throws {
        try await write { try $0.acknowledge(event, by: listener) }
    }

    package func removeListener(_ name: String) async throws {
        try await write { transaction in
            _ = transaction.connection.add(ListenerSQL.remove, .text(name))
        }
        places.forget(name)
    }

    private func noteSeen(_ name: String, at seenAt: Timestamp) async throws {
        let isDue = try await read { [self] in try now($0) - seenAt >= Self.listenerSeenEvery }
        guard isDue else { return }
        try await write { $0.noteSeen(name) }
    }

    private struct Following {
        var events: [Event] = []
        var isAtEnd = true
        /// Whether there are events that transactions under way hold up.
        var isUnsettled = false
        let seenAt: Timestamp
    }

    /// The next events of a listener, as far as one read goes.
    private static func following(
        _ name: String, limit: Int, places: PostgresListenerPlaces, in connection: PostgresConnection
    ) throws -> Following {
        guard let stored = try connection.first(ListenerSQL.byName, .text(name), read: { try HeldListener($0) }) else {
            throw ListenerSQL.unknown(name)
        }
        let start = places.start(of: stored)
        let account = stored.listener.account?.description
        let most = account == nil ? limit : 2000
        let rows = try connection.all(
            ListenerSQL.following, .integer(start.commit), .integer(start.seq), .text(account), .integer(most),
            .integer(limit)
        ) { row in
            (
                place: CommitPlace(commit: row.integer(0), seq: row.integer(1)), kind: row.int(2),
                looked: row.int(3)
            )
        }
        var found = Following(seenAt: stored.listener.seenAt)
        let matches = rows.filter { $0.kind == 1 }.map(\.place.seq)
        found.isUnsettled = rows.contains { $0.kind == 2 }
        found.isAtEnd = (rows.first { $0.kind == 0 }?.looked ?? 0) < most
        if !matches.isEmpty {
            found.events = try connection.all(ListenerSQL.bySeqs, .integers(matches)) { try DeliveryRows.event($0) }
        } else if let last = rows.first(where: { $0.kind == 0 }) {
            places.pass(stored, upTo: last.place)
        }
        return found
    }
}

extension Transaction {
    /// Makes a listener, or gives the one of that name (``ListenerStore/openListener(_:account:start:)``).
    func openListener(_ name: String, account: AccountID?, start: ListenerStart) throws -> EventListener {
        if let stored = try connection.first(ListenerSQL.byName, .text(name), read: { try HeldListener($0) }) {
            return stored.listener
        }
        var place = CommitPlace(commit: -1, seq: 0)
        var event: EventID?
        switch start {
        case .beginning: break
        case .now:
            // Every event that can be seen now is of a transaction that began before this one.
            let next = try connection.first(ListenerSQL.nextCommit) { $0.integer(0) } ?? 0
            place = CommitPlace(commit: next - 1, seq: .max)
            event = try connection.first(ListenerSQL.lastEvent) { try $0.id(0, as: EventID.self) }
        case .after(let id):
            place = try self.place(of: id)
            event = id
        }
        connection.add(
            ListenerSQL.insert, .text(name), .text(account?.description), .integer(place.commit), .integer(place.seq),
            .id(event?.rawValue), .time(now))
        return try listener(name).listener
    }

    /// Moves a listener's place (``ListenerStore/acknowledge(_:by:)``).
    func acknowledge(_ event: EventID, by name: String) throws {
        let stored = try listener(name)
        let place = try place(of: event)
        guard place > stored.acknowledged else { return noteSeen(name) }
        connection.add(
            ListenerSQL.acknowledge, .text(name), .integer(place.commit), .integer(place.seq), .id(event), .time(now))
    }

    /// Notes that a listener has called, at most once a minute.
    func noteSeen(_ name: String) {
        connection.add(
            ListenerSQL.noteSeen, .text(name), .time(now), .time(now - PostgresStore.listenerSeenEvery))
    }

    /// A listener whose row is taken.
    private func listener(_ name: String) throws -> HeldListener {
        let stored = try connection.first(ListenerSQL.lock, .text(name)) { try HeldListener($0) }
        guard let stored else { throw ListenerSQL.unknown(name) }
        return stored
    }

    private func place(of event: EventID) throws -> CommitPlace {
        let place = try connection.first(ListenerSQL.placeOf, .id(event)) {
            CommitPlace(commit: $0.integer(0), seq: $0.integer(1))
        }
        guard let place else { throw StoreError(.notFound, "there is no event \(event)") }
        return place
    }
}

/// The statements about listeners.
///
/// Events are in the order of their transactions' numbers, and shown only when every transaction with a smaller number
/// has ended: none can appear later before one that was shown.
enum ListenerSQL {
    private static let offset = "(SELECT value FROM meta WHERE name = 'commit_offset')"

    static let byName = SQL("SELECT \(HeldListener.columns) FROM listeners l WHERE l.name = $1")
    static let lock = SQL("SELECT \(HeldListener.columns) FROM listeners l WHERE l.name = $1 FOR UPDATE")
    static let all = SQL("SELECT \(HeldListener.columns) FROM listeners l ORDER BY l.name")
    static let nextCommit = SQL("SELECT \(offset) + pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    static let lastEvent = SQL("SELECT id FROM events ORDER BY committed DESC, seq DESC LIMIT 1")
    static let placeOf = SQL("SELECT committed, seq FROM events WHERE id = $1")
    static let insert = SQL(
        """
        INSERT INTO listeners (
          name, account_id, acknowledged_commit, acknowledged_seq, acknowledged_event, created_at, seen_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING
        """)
    static let acknowledge = SQL(
        """
        UPDATE listeners SET acknowledged_commit = $2, acknowledged_seq = $3, acknowledged_event = $4, seen_at = $5
        WHERE name = $1
        """)
    static let noteSeen = SQL("UPDATE listeners SET seen_at = $2 WHERE name = $1 AND seen_at <= $3")
    static let remove = SQL("DELETE FROM listeners WHERE name = $1")
    /// Matches (1), whether something is held up (2), and the last row that was looked at with their number (0).
    static let following = SQL(
        """
        WITH bound AS MATERIALIZED (
          SELECT \(offset) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS commit),
        looked AS MATERIALIZED (
          SELECT e.committed, e.seq, e.account_id FROM events e
          WHERE (e.committed, e.seq) > ($1, $2) AND e.committed < (SELECT commit FROM bound)
          ORDER BY e.committed, e.seq LIMIT $4),
        matched AS (
          SELECT committed, seq FROM looked WHERE $3::text IS NULL OR account_id = $3 ORDER BY committed, seq LIMIT $5)
        SELECT committed, seq, 1, 0 FROM matched
        UNION ALL (SELECT committed, seq, 0, (SELECT count(*) FROM looked) FROM looked
          ORDER BY committed DESC, seq DESC LIMIT 1)
        UNION ALL (SELECT e.committed, e.seq, 2, 0 FROM events e
          WHERE (e.committed, e.seq) > ($1, $2) AND e.committed >= (SELECT commit FROM bound)
          ORDER BY e.committed, e.seq LIMIT 1)
        """)
    static let bySeqs = SQL(
        """
        SELECT \(DeliveryRows.eventColumns) FROM events e WHERE e.seq = ANY($1::bigint[]) ORDER BY e.committed, e.seq
        """)

    /// The refusal for a name that nobody has.
    static func unknown(_ name: String) -> StoreError { StoreError(.notFound, "there is no listener \(name)") }
}
