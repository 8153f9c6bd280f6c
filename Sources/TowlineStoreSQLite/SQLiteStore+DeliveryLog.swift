import Synchronization
import TowlineCore
package import TowlineStore

/// Where a pass over the log of attempts is; each pass begins with the oldest delivery.
final class TrimCursor: Sendable {
    private let place = Mutex<DeliveryID?>(nil)

    /// At the beginning of a pass.
    init() {}

    /// The last delivery that was looked at; nil at the beginning.
    var delivery: DeliveryID? {
        get { place.withLock { $0 } }
        set { place.withLock { $0 = newValue } }
    }
}

extension SQLiteStore {
    /// Most rows of attempts that one call looks at; the next call goes on behind them.
    private static let trimScanned = 20_000

    package func deliveries(matching filter: DeliveryFilter, limit: Int) async throws -> Page<Delivery> {
        try await read { try DeliveryPage(filter, limit: max(1, limit), connection: $0).read() }
    }

    package func trimDeliveryLog(olderThan age: Duration, limit: Int) async throws -> Int {
        let end = DeliveryID.first(at: clock.now() - age)
        var removed = 0
        var looked = 0
        while removed < limit, looked < Self.trimScanned {
            let start = trimmed.delivery ?? DeliveryID(rawValue: 0)
            let left = limit - removed
            let step = try await read { try TrimStep(after: start, before: end, limit: left, in: $0) }
            looked += step.looked
            if !step.rows.isEmpty {
                removed += try await write(.bulk, cost: step.rows.count) { try $0.removeAttempts(step.rows) }
            }
            trimmed.delivery = step.isAtEnd ? nil : step.cursor
            if step.isAtEnd { break }
        }
        return removed
    }
}

/// Attempts that may go, found on a reading connection: as many as are removed within a few milliseconds.
private struct TrimStep {
    private static let scanned = 2000
    private static let most = 128
    private static let mostBytes: Int64 = 1 << 20

    private(set) var rows: [(delivery: DeliveryID, record: Int)] = []
    private(set) var looked = 0
    /// The last delivery with which nothing is left to do.
    private(set) var cursor: DeliveryID
    private(set) var isAtEnd = true

    /// Looks at the attempts of the deliveries between two.
    init(after start: DeliveryID, before end: DeliveryID, limit: Int, in connection: SQLConnection) throws {
        cursor = start
        var bytes: Int64 = 0
        var current = start
        try connection.each(Self.attempts, .id(start), .id(end)) { row in
            let delivery = try row.id(0, as: DeliveryID.self)
            if delivery != current {
                cursor = current
                current = delivery
            }
            guard looked < Self.scanned, rows.count < min(limit, Self.most), bytes < Self.mostBytes else {
                isAtEnd = false
                return false
            }
            looked += 1
            let state = try DeliveryState(number: row.int(3))
            if state == .delivered || state == .dead {
                rows.append((delivery, row.int(1)))
                bytes += row.integer(2)
            }
            return true
        }
        // Nothing is to be done with as many attempts of one delivery as a step looks at.
        if !isAtEnd, rows.isEmpty, cursor == start { cursor = current }
    }

    private static let attempts = SQL(
        """
        SELECT a.delivery, a.record, ifnull(length(a.response_body), 0), d.state
        FROM delivery_attempts a CROSS JOIN deliveries d ON d.id = a.delivery
        WHERE a.delivery > ? AND a.delivery < ? ORDER BY a.delivery, a.record
        """)
}

extension WriteContext {
    /// Removes attempts of deliveries that have ended.
    ///
    /// - Returns: The number of rows that were removed.
    func removeAttempts(_ rows: [(delivery: DeliveryID, record: Int)]) throws -> Int {
        try rows.reduce(0) { count, row in
            count + (try connection.change(Self.removeAttempt, .id(row.delivery), .integer(row.record)))
        }
    }

    private static let removeAttempt = SQL("DELETE FROM delivery_attempts WHERE delivery = ? AND record = ?")
}
