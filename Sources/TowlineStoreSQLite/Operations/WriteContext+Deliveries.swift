import TowlineCore
import TowlineStore

extension WriteContext {
    /// Claims due deliveries (``DeliveryStore/claimDeliveries(_:)``).
    func claimDeliveries(_ request: DeliveryClaimRequest) throws -> Claims<ClaimedDelivery> {
        var claimed: [ClaimedDelivery] = []
        let next = try claimByLane(.deliver, limit: request.limit, perGroup: request.perEndpoint) { lane, room in
            // One row more than there is room for tells what the lane holds afterwards.
            let rows = try connection.all(DeliverySQL.waiting, .integer(lane), .integer(room + 1)) {
                (id: try $0.id(0, as: DeliveryID.self), due: $0.time(1))
            }
            var taken = 0
            for row in rows.prefix(room) where row.due <= now {
                claimed.append(try claim(delivery: row.id, for: request))
                taken += 1
            }
            guard taken < rows.count else { return LaneVisit(taken: taken, rest: .empty) }
            let due = rows[taken].due
            return LaneVisit(taken: taken, rest: due <= now ? .ready : .later(due))
        }
        return Claims(items: claimed, nextDue: next)
    }

    private func claim(delivery id: DeliveryID, for request: DeliveryClaimRequest) throws -> ClaimedDelivery {
        let lease = newID(LeaseToken.self)
        let stored = try connection.first(DeliverySQL.read, .id(id)) { row in
            (event: try DeliveryRows.event(row), url: row.text(8), attempts: row.int(9))
        }
        guard let stored else { throw StoreError(.corrupted, "the database lacks the event of \(id)") }
        try connection.run(
            DeliverySQL.claim, .id(id), .id(lease), .time(now + request.lease), .time(now))
        effects.countDelivery(from: .pending, to: .sending)
        let configuration = try callback(account: stored.event.account, app: stored.event.app)
        return ClaimedDelivery(
            id: id, lease: lease, attempt: stored.attempts + 1, event: stored.event, target: .http(url: stored.url),
            signingKey: configuration?.signingKey)
    }

    /// Records attempts with what follows them (``DeliveryStore/recordDeliveries(_:)``).
    func recordDeliveries(_ reports: [DeliveryReport]) throws -> [LeaseVerdict] {
        try reports.map { try record($0) }
    }

    private func record(_ report: DeliveryReport) throws -> LeaseVerdict {
        let stored = try connection.first(DeliverySQL.find, .id(report.delivery)) { try StoredDelivery($0) }
        guard let stored, stored.lease == report.lease, let until = stored.leaseUntil, now < until else {
            return .leaseLost
        }
        try releaseSlot(lane: stored.lane)
        if case .released = report.next {
            try giveBack(report.delivery, stored)
            return .recorded
        }
        try insertRecord(report.record, of: report.delivery, stored)
        switch report.next {
        case .delivered: try end(report.delivery, state: .delivered, reason: nil)
        case .dead(let reason): try end(report.delivery, state: .dead, reason: reason)
        case .retry(let wait):
            let due = now + max(.zero, wait)
            try connection.run(
                DeliverySQL.reschedule, .id(report.delivery), .time(due), .text(report.record.cause))
            effects.countDelivery(from: .sending, to: .pending)
            lanes.wake(stored.lane, kind: .deliver, at: due)
            // The job's status moves on after the third attempt, as in the original (design section 6).
            guard stored.attempts >= 3 else { return .recorded }
        case .released: break
        }
        if let job = stored.gatedJob { try openGate(of: job, delivery: report.delivery) }
        return .recorded
    }

    /// Makes a delivery available at once as if its attempt had not begun.
    func giveBack(_ id: DeliveryID, _ stored: StoredDelivery) throws {
        try connection.run(DeliverySQL.giveBack, .id(id), .time(now))
        effects.countDelivery(from: .sending, to: .pending)
        lanes.wake(stored.lane, kind: .deliver, at: now)
    }

    /// Writes the row of an attempt that ends now.
    func insertRecord(_ record: DeliveryAttemptRecord, of id: DeliveryID, _ stored: StoredDelivery) throws {
        try connection.run(
            DeliverySQL.insertRecord, .id(id), .integer(stored.records + 1), .integer(stored.attempts),
            .time(stored.attemptStartedAt), .integer(record.duration.wholeMicroseconds), .text(record.address),
            .integer(record.httpStatus), .text(record.requestHead), .text(record.responseHead),
            .blob(record.responseBody), .text(record.cause))
    }

    private func end(_ id: DeliveryID, state: DeliveryState, reason: String?) throws {
        try connection.run(DeliverySQL.end, .id(id), .integer(state.number), .text(reason), .time(now))
        effects.countDelivery(from: .sending, to: state)
    }

    /// Moves a job from `stored` to `succeeded`: its own callback is no longer open.
    private func openGate(of job: Int64, delivery: DeliveryID) throws {
        if try connection.change(DeliverySQL.succeed, .integer(job)) > 0 {
            effects.countJob(from: .stored, to: .succeeded)
        }
    }
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
    /// The job that waits in `stored` for this delivery.
    let gatedJob: Int64?

    /// Reads the columns of `DeliverySQL.find`.
    init(_ row: borrowing SQLRow) throws {
        lane = row.integer(0)
        lease = try row.optionalID(1)
        leaseUntil = row.optionalTime(2)
        attempts = row.int(3)
        records = row.int(4)
        attemptStartedAt = row.time(5)
        gatedJob = row.optionalInteger(6)
    }
}

/// The statements about deliveries.
enum DeliverySQL {
    static let waiting = SQL(
        "SELECT id, due FROM deliveries WHERE lane_id = ? AND state = 0 ORDER BY due, id LIMIT ?")
    static let read = SQL(
        """
        SELECT \(DeliveryRows.eventColumns), l.key, d.attempts
        FROM deliveries d JOIN events e ON e.seq = d.event JOIN lanes l ON l.id = d.lane_id WHERE d.id = ?
        """)
    static let claim = SQL(
        """
        UPDATE deliveries SET state = 1, lease = ?2, lease_until = ?3, attempt_started_at = ?4, attempts = attempts + 1
        WHERE id = ?1
        """)
    static let find = SQL(
        """
        SELECT lane_id, lease, lease_until, attempts, records, attempt_started_at, gates_job
        FROM deliveries WHERE id = ?
        """)
    static let insertRecord = SQL(
        """
        INSERT INTO delivery_attempts (
          delivery, record, number, started_at, duration_us, address, http_status, request_head, response_head,
          response_body, cause)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    static let reschedule = SQL(
        """
        UPDATE deliveries SET state = 0, due = ?2, reason = ?3, lease = NULL, lease_until = NULL, records = records + 1
        WHERE id = ?1
        """)
    static let giveBack = SQL(
        """
        UPDATE deliveries SET state = 0, due = ?2, lease = NULL, lease_until = NULL, attempts = attempts - 1
        WHERE id = ?1
        """)
    static let end = SQL(
        """
        UPDATE deliveries SET state = ?2, reason = ?3, ended_at = ?4, lease = NULL, lease_until = NULL,
          records = records + 1
        WHERE id = ?1
        """)
    static let succeed = SQL(
        "UPDATE runs SET state = 4 WHERE job = ?1 AND run = (SELECT run FROM jobs WHERE seq = ?1) AND state = 3")
}
