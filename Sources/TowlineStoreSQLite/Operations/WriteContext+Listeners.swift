import TowlineCore
import TowlineStore

extension WriteContext {
    /// How often a listener's call alone is written down.
    static let listenerSeenEvery = Duration.seconds(60)

    /// Makes a listener, or gives the one of that name (``ListenerStore/openListener(_:account:start:)``).
    func openListener(_ name: String, account: AccountID?, start: ListenerStart) throws -> EventListener {
        if let stored = try connection.first(ListenerSQL.byName, .text(name), read: { try StoredListener($0) }) {
            return stored.listener
        }
        let place: Int64
        switch start {
        case .beginning: place = 0
        case .now: place = try connection.first(ListenerSQL.lastEvent) { $0.integer(0) } ?? 0
        case .after(let event): place = try seq(of: event)
        }
        try connection.run(
            ListenerSQL.insert, .text(name), .text(account?.description), .integer(place), .time(now))
        return try listener(name).listener
    }

    /// Moves a listener's place (``ListenerStore/acknowledge(_:by:)``).
    func acknowledge(_ event: EventID, by name: String) throws {
        let stored = try listener(name)
        let place = try seq(of: event)
        guard place > stored.acknowledged else { return try noteSeen(name) }
        try connection.run(ListenerSQL.acknowledge, .text(name), .integer(place), .time(now))
    }

    /// Notes that a listener has called, at most once a minute.
    func noteSeen(_ name: String) throws {
        try connection.run(ListenerSQL.noteSeen, .text(name), .time(now), .time(now - Self.listenerSeenEvery))
    }

    private func listener(_ name: String) throws -> StoredListener {
        let stored = try connection.first(ListenerSQL.byName, .text(name)) { try StoredListener($0) }
        guard let stored else { throw ListenerSQL.unknown(name) }
        return stored
    }

    private func seq(of event: EventID) throws -> Int64 {
        guard let seq = try connection.first(EventPageSQL.seqOf, .id(event), read: { $0.integer(0) }) else {
            throw StoreError(.notFound, "there is no event \(event)")
        }
        return seq
    }
}

/// The statements about listeners.
enum ListenerSQL {
    private static let from = "FROM listeners l LEFT JOIN events e ON e.seq = l.acknowledged_seq"

    static let byName = SQL("SELECT \(StoredListener.columns) \(from) WHERE l.name = ?")
    static let all = SQL("SELECT \(StoredListener.columns) \(from) ORDER BY l.name")
    static let lastEvent = SQL("SELECT max(seq) FROM events")
    static let insert = SQL(
        "INSERT INTO listeners (name, account_id, acknowledged_seq, created_at, seen_at) VALUES (?1, ?2, ?3, ?4, ?4)")
    static let acknowledge = SQL("UPDATE listeners SET acknowledged_seq = ?2, seen_at = ?3 WHERE name = ?1")
    static let noteSeen = SQL("UPDATE listeners SET seen_at = ?2 WHERE name = ?1 AND seen_at <= ?3")
    static let remove = SQL("DELETE FROM listeners WHERE name = ?")
    static let following = SQL(
        "SELECT \(DeliveryRows.eventColumns), e.seq FROM events e WHERE e.seq > ? ORDER BY e.seq")

    /// The refusal for a name that nobody has.
    static func unknown(_ name: String) -> StoreError { StoreError(.notFound, "there is no listener \(name)") }
}
