import Synchronization
import TowlineCore

/// A listener as stored.
package struct StoredListener {
    package let listener: EventListener
    /// The row of the last event that was acknowledged.
    package let acknowledged: Int64

    /// What ``init(_:)`` reads, of a query over `listeners l` and, where it is still there, the event `e`.
    package static let columns = "l.name, l.account_id, l.acknowledged_seq, l.created_at, l.seen_at, e.id"

    /// Reads ``columns``.
    package init(_ row: borrowing some StoredRow & ~Copyable) throws {
        acknowledged = row.integer(2)
        listener = EventListener(
            name: row.text(0), account: row.optionalText(1).map { AccountID($0) },
            acknowledged: try row.optionalID(5), createdAt: row.time(3), seenAt: row.time(4))
    }
}

/// How far listeners of one account have been passed over other accounts' events, so that these are looked at once
/// and not with every call.
package final class ListenerPlaces: Sendable {
    private struct Place {
        let account: AccountID?
        let createdAt: Timestamp
        let passed: Int64
    }

    private let places = Mutex<[String: Place]>([:])

    /// No listener has been passed over anything.
    package init() {}

    /// The row after which the next event for a listener may be.
    package func start(of stored: StoredListener) -> Int64 {
        let place = places.withLock { $0[stored.listener.name] }
        guard let place, place.account == stored.listener.account, place.createdAt == stored.listener.createdAt else {
            return stored.acknowledged
        }
        return max(place.passed, stored.acknowledged)
    }

    /// Notes that no event up to a row is for a listener, after what it has acknowledged.
    package func pass(_ stored: StoredListener, upTo row: Int64) {
        let listener = stored.listener
        places.withLock { places in
            places[listener.name] = Place(account: listener.account, createdAt: listener.createdAt, passed: row)
        }
    }

    /// Forgets a listener.
    package func forget(_ name: String) { places.withLock { $0[name] = nil } }
}
