import TowlineCore
import TowlineStore

extension WriteContext {
    /// Why a delivery ends that waited for a subscription when it was removed.
    static let removal = "the subscription was removed"

    /// Records attempts with what follows them (``DeliveryStore/recordDeliveries(_:)``).
    func recordDeliveries(_ reports: [DeliveryReport]) throws -> [LeaseVerdict] {
        try reports.map { try record($0) }
    }

    private func record(_ report: DeliveryReport) throws -> LeaseVerdict {
        let id = report.delivery
        let known = try running.find(id) ?? connection.first(DeliverySQL.find, .id(id)) { try StoredDelivery($0) }
        guard let stored = known, stored.lease == report.lease, let until = stored.leaseUntil, now < until else {
            return .leaseLost
        }
        running.remove(id)
        try releaseSlot(lane: stored.lane, kind: .deliver)
        let endpoint = try endpoint(ofLane: stored.lane)
        if case .released = report.next {
            try giveBack(id, stored)
            return .recorded
        }
        try insertRecord(report.record, of: id, stored)
        if stored.origin.countsForHealth { note(report.signal, begun: stored.attemptStartedAt, at: endpoint) }
        try settle(id, stored, report: report, endpoint: endpoint)
        return .recorded
    }

    /// Writes what follows an attempt.
    private func settle(
        _ id: DeliveryID, _ stored: StoredDelivery, report: DeliveryReport, endpoint: StoredEndpoint
    ) throws {
        switch report.next {
        case .delivered: try end(id, stored, state: .delivered, reason: nil)
        case .dead(let reason): try end(id, stored, state: .dead, reason: reason)
        case _ where endpoint.removedAt != nil: try end(id, stored, state: .dead, reason: Self.removal)
        case .held(let reason) where endpoint.health.isDisabled:
            try reschedule(id, stored, at: now, reason: reason)
        case .held(let reason):
            // The receiver is gone, but what is sent again disables no endpoint: nothing would hold the delivery.
            try end(id, stored, state: .dead, reason: reason)
        case .retry(let wait):
            try reschedule(id, stored, at: now + max(.zero, wait), reason: report.record.cause)
            // The job's status moves on after the third attempt, as in the original (design section 6).
            guard stored.attempts >= 3 || endpoint.health.isDisabled else { return }
        case .released: return
        }
        if let gate = stored.gate { try open(gate) }
    }

    private func reschedule(_ id: DeliveryID, _ stored: StoredDelivery, at due: Timestamp, reason: String?) throws {
        try connection.run(DeliverySQL.reschedule, .id(id), .time(due), .text(reason))
        effects.countDelivery(from: .sending, to: .pending)
        lanes.wake(stored.lane, kind: .deliver, at: due)
    }

    private func end(_ id: DeliveryID, _ stored: StoredDelivery, state: DeliveryState, reason: String?) throws {
        try connection.run(DeliverySQL.end, .id(id), .integer(state.number), .text(reason), .time(now))
        effects.countDelivery(from: .sending, to: state)
        if case .replay(let replay) = stored.origin { countReplayEnd(of: replay, as: state) }
    }

    /// Makes a delivery available at once as if its attempt had not begun.
    ///
    /// At an endpoint that was removed it ends, since nobody looks there again; at one that was disabled it no longer
    /// holds up its job.
    func giveBack(_ id: DeliveryID, _ stored: StoredDelivery) throws {
        running.remove(id)
        let endpoint = try endpoint(ofLane: stored.lane)
        try connection.run(DeliverySQL.giveBack, .id(id), .time(now))
        effects.countDelivery(from: .sending, to: .pending)
        if endpoint.removedAt != nil {
            try endUnclaimed(id, reason: Self.removal)
            if case .replay(let replay) = stored.origin { countReplayEnd(of: replay, as: .dead) }
        } else {
            lanes.wake(stored.lane, kind: .deliver, at: now)
            if endpoint.health.isDisabled, let gate = stored.gate { try open(gate) }
        }
    }

    /// Ends a delivery that waits: it will not be tried again.
    ///
    /// - Returns: Whether it was waiting.
    @discardableResult
    func endUnclaimed(_ id: DeliveryID, reason: String) throws -> Bool {
        guard try connection.change(DeliverySQL.endUnclaimed, .id(id), .text(reason), .time(now)) > 0 else {
            return false
        }
        effects.countDelivery(from: .pending, to: .dead)
        return true
    }

    /// Writes the row of an attempt that ends now.
    func insertRecord(_ record: DeliveryAttemptRecord, of id: DeliveryID, _ stored: StoredDelivery) throws {
        try connection.run(
            DeliverySQL.insertRecord, .id(id), .integer(stored.records + 1), .integer(stored.attempts),
            .time(stored.attemptStartedAt), .integer(record.duration.wholeMicroseconds), .text(record.address),
            .integer(record.httpStatus), .text(record.requestHead), .text(record.responseHead),
            .blob(record.responseBody), .text(record.cause))
    }

    /// Moves a job from `stored` to `succeeded`: its own callback is no longer open.
    func open(_ gate: JobGate) throws {
        if try connection.change(DeliverySQL.succeed, .integer(gate.job), .integer(gate.run)) > 0 {
            effects.countJob(from: .stored, to: .succeeded)
        }
    }
}

/// The statements about outcomes of deliveries.
enum DeliverySQL {
    static let find = SQL(
        """
        SELECT d.lane_id, d.lease, d.lease_until, d.attempts, d.records, d.attempt_started_at, d.gates_job, e.run,
          d.origin, d.replay
        FROM deliveries d LEFT JOIN events e ON e.seq = d.event WHERE d.id = ?
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
    static let endUnclaimed = SQL(
        "UPDATE deliveries SET state = 3, reason = ?2, ended_at = ?3 WHERE id = ?1 AND state = 0")
    static let succeed = SQL("UPDATE runs SET state = 4 WHERE job = ? AND run = ? AND state = 3")
}
