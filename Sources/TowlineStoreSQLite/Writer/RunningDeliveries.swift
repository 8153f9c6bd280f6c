import TowlineCore
import TowlineStore

/// Deliveries whose attempt the writer has begun, so that their outcome needs no look at the row.
///
/// Lives on the writer's thread.
final class RunningDeliveries {
    private static let capacity = 16_384
    private var known: [DeliveryID: StoredDelivery] = [:]

    /// Remembers a delivery that was claimed; forgets all others first when there are too many.
    func add(_ delivery: StoredDelivery, id: DeliveryID) {
        if known.count >= Self.capacity { known.removeAll() }
        known[id] = delivery
    }

    /// A delivery as it was claimed, if that is remembered.
    func find(_ id: DeliveryID) -> StoredDelivery? { known[id] }

    /// Forgets a delivery whose attempt has ended.
    func remove(_ id: DeliveryID) { known[id] = nil }

    /// Forgets all: some claims may have been undone.
    func forget() { known.removeAll() }
}

/// A delivery with its running attempt as the writer sees it.
struct StoredDelivery {
    let lane: Int64
    let lease: LeaseToken?
    let leaseUntil: Timestamp?
    /// Attempts begun, interrupted ones left out.
    let attempts: Int
    /// Rows of attempts, interrupted ones included.
    let records: Int
    let attemptStartedAt: Timestamp
    /// The job that waits in `stored` for this delivery, with its run.
    let gate: JobGate?
    let origin: DeliveryOrigin
}

extension StoredDelivery {
    /// Reads the columns of `DeliverySQL.find`.
    init(_ row: borrowing SQLRow) throws {
        self.init(
            lane: row.integer(0), lease: try row.optionalID(1), leaseUntil: row.optionalTime(2), attempts: row.int(3),
            records: row.int(4), attemptStartedAt: row.time(5),
            gate: row.optionalInteger(6).map { JobGate(job: $0, run: row.int(7)) },
            origin: try DeliveryRows.origin(row.int(8), replay: try row.optionalID(9)))
    }
}

/// A run that stays `stored` until its callback was delivered, held or tried three times.
struct JobGate {
    /// The job's row.
    let job: Int64
    let run: Int
}
