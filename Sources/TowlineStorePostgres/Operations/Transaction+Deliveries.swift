import TowlineCore
import TowlineStore

extension Transaction {
    /// Why a delivery ends that waited for a subscription when it was removed.
    static let removal = "the subscription was removed"

    /// Records attempts with what follows them (``DeliveryStore/recordDeliveries(_:)``).
    func recordDeliveries(_ reports: [DeliveryReport]) throws -> [LeaseVerdict] {
        let found = connection.add(DeliverySQL.lock, .ids(Array(Set(reports.map(\.delivery)))))
        try start()
        var held: [DeliveryID: HeldDelivery] = [:]
        try found.result().forEach { row in
            let delivery = try HeldDelivery(row)
            held[delivery.id] = delivery
        }
        let valid = reports.filter { held[$0.delivery]?.holds($0.lease, at: now) == true }
        // A success at a healthy endpoint leaves its row alone; anything else takes it.
        try readEndpoints(
            of: valid.compactMap { held[$0.delivery]?.lane.group },
            changing: valid.contains { $0.signal != .success && $0.signal != .none })
        return try reports.map { report in
            guard let delivery = held[report.delivery], delivery.holds(report.lease, at: now) else {
                return .leaseLost
            }
            held[report.delivery] = nil
            try record(report, of: delivery)
            return .recorded
        }
    }

    /// Reads endpoints: takes their rows where they are to change, or where one of them is not healthy.
    private func readEndpoints(of groups: [Int64], changing: Bool) throws {
        let groups = Array(Set(groups))
        guard !groups.isEmpty else { return }
        if !changing {
            let found = connection.add(ClaimDeliverySQL.endpoints, .integers(groups))
            try connection.flush()
            let known = try found.result().map { try HeldEndpoint($0, secretBox: settings.secretBox) }
            if known.allSatisfy({ $0.stored.health.failures == 0 && $0.stored.health.pauses == 0 }) {
                return known.forEach { endpoints.add($0) }
            }
        }
        let found = connection.add(DeliverySQL.lockEndpoints, .integers(groups))
        try connection.flush()
        try addEndpoints(found)
    }

    private func record(_ report: DeliveryReport, of held: HeldDelivery) throws {
        let stored = held.stored
        lanes.release(held.lane, kind: .deliver)
        let endpoint = try endpoints.endpoint(group: held.lane.group)
        if case .released = report.next {
            return giveBack(held, at: endpoint, records: stored.records)
        }
        rows.deliveryAttempts.append(
            .init(
                delivery: held.id, record: stored.records + 1, number: stored.attempts,
                startedAt: stored.attemptStartedAt, content: report.record))
        if stored.origin.countsForHealth { note(report.signal, begun: stored.attemptStartedAt, at: endpoint) }
        settle(held, report: report, endpoint: endpoint.stored)
    }

    /// Writes what follows an attempt.
    private func settle(_ held: HeldDelivery, report: DeliveryReport, endpoint: StoredEndpoint) {
        switch report.next {
        case .delivered: end(held, state: .delivered, reason: nil)
        case .dead(let reason): end(held, state: .dead, reason: reason)
        case _ where endpoint.removedAt != nil: end(held, state: .dead, reason: Self.removal)
        case .held(let reason) where endpoint.health.isDisabled: reschedule(held, at: now, reason: reason)
        case .held(let reason):
            // The receiver is gone, but what is sent again disables no endpoint: nothing would hold the delivery.
            end(held, state: .dead, reason: reason)
        case .retry(let wait):
            reschedule(held, at: now + max(.zero, wait), reason: report.record.cause)
            // The job's status moves on after the third attempt, as in the original (design section 6).
            guard held.stored.attempts >= 3 || endpoint.health.isDisabled else { return }
        case .released: return
        }
        if let gate = held.stored.gate { rows.openedGates.append(gate) }
    }

    private func reschedule(_ held: HeldDelivery, at due: Timestamp, reason: String?) {
        let stored = held.stored
        rows.deliveryChanges.append(
            .init(
                id: held.id, state: .pending, due: due, attempts: stored.attempts, records: stored.records + 1,
                reason: reason))
        effects.countDelivery(from: .sending, to: .pending)
        wake(held, due: due)
    }

    private func wake(_ held: HeldDelivery, due: Timestamp) {
        let endpoint = try? endpoints.endpoint(group: held.lane.group)
        lanes.wake(held.lane, kind: .deliver, due: due, at: endpoint.map { $0.earliest(from: due) } ?? due)
    }

    private func end(_ held: HeldDelivery, state: DeliveryState, reason: String?) {
        let stored = held.stored
        rows.deliveryChanges.append(
            .init(
                id: held.id, state: state, attempts: stored.attempts, records: stored.records + 1, reason: reason,
                endedAt: now))
        effects.countDelivery(from: .sending, to: state)
        if case .replay(let replay) = stored.origin { replayEnds.add(replay, state) }
    }

    /// Makes a delivery available at once as if its attempt had not begun.
    ///
    /// At an endpoint that was removed it ends, since nobody looks there again; at one that was disabled it no longer
    /// holds up its job.
    func giveBack(_ held: HeldDelivery, at endpoint: HeldEndpoint, records: Int) {
        let stored = held.stored
        var change = NewRows.DeliveryChange(
            id: held.id, state: .pending, due: now, attempts: stored.attempts - 1, records: records,
            reason: held.reason)
        if endpoint.stored.removedAt != nil {
            change.state = .dead
            change.reason = Self.removal
            change.endedAt = now
            effects.countDelivery(from: .sending, to: .dead)
            if case .replay(let replay) = stored.origin { replayEnds.add(replay, .dead) }
        } else {
            effects.countDelivery(from: .sending, to: .pending)
            wake(held, due: now)
            if endpoint.stored.health.isDisabled, let gate = stored.gate { rows.openedGates.append(gate) }
        }
        rows.deliveryChanges.append(change)
    }

    /// Makes deliveries available at once whose leases have run out.
    ///
    /// The attempt keeps its row, but gives its number back: the receiver is not to blame, and may have got the event.
    func takeBackDeliveries(limit: Int) throws -> Int {
        let found = connection.add(DeliverySQL.overdue, offset, .integer(limit))
        try start()
        let held = try found.result().map { try HeldDelivery($0) }
        try readEndpoints(of: held.map(\.lane.group), changing: false)
        for delivery in held {
            let stored = delivery.stored
            var record = DeliveryAttemptRecord()
            record.duration = max(.zero, min(now, stored.leaseUntil ?? now) - stored.attemptStartedAt)
            record.cause = Self.interruption
            rows.deliveryAttempts.append(
                .init(
                    delivery: delivery.id, record: stored.records + 1, number: stored.attempts,
                    startedAt: stored.attemptStartedAt, content: record))
            giveBack(delivery, at: try endpoints.endpoint(group: delivery.lane.group), records: stored.records + 1)
            lanes.release(delivery.lane, kind: .deliver)
        }
        return held.count
    }

    /// Ends deliveries that wait: they will not be tried again.
    ///
    /// - Returns: Those that were waiting.
    func endUnclaimed(_ ids: [DeliveryID], reason: String) throws -> [DeliveryID] {
        guard !ids.isEmpty else { return [] }
        let ended = try connection.all(DeliverySQL.endUnclaimed, .ids(ids), .text(reason), .time(now)) {
            try $0.id(0, as: DeliveryID.self)
        }
        effects.countDelivery(from: .pending, to: .dead, times: ended.count)
        return ended
    }

    /// Writes what was counted of replays' deliveries.
    func settleReplays() {
        for (replay, count) in replayEnds.counts.sorted(by: { $0.key < $1.key }) {
            connection.add(
                DeliverySQL.countReplay, .id(replay), .integer(count.delivered), .integer(count.dead))
        }
    }
}

/// A delivery with its running attempt, held by the transaction.
struct HeldDelivery {
    let id: DeliveryID
    let stored: StoredDelivery
    let lane: Lane
    /// Why its last attempt failed.
    let reason: String?

    /// What a delivery is read with, of a query over `deliveries d JOIN lanes l`.
    static let columns = """
        d.lane_id, d.lease, d.lease_until, d.attempts, d.records, d.attempt_started_at, d.gates_job, d.gates_run, \
        d.origin, d.replay, d.id, l.group_id, l.owner_id, d.reason
        """

    /// Reads ``columns``.
    init(_ row: borrowing PostgresRow) throws {
        stored = try StoredDelivery(row)
        id = try row.id(10)
        lane = Lane(id: stored.lane, group: row.integer(11), owner: row.integer(12))
        reason = row.optionalText(13)
    }

    /// Whether a token is the one of the running attempt and its time has not run out.
    func holds(_ token: LeaseToken, at now: Timestamp) -> Bool {
        stored.lease == token && stored.leaseUntil.map { now < $0 } == true
    }
}

/// The statements about outcomes of deliveries.
enum DeliverySQL {
    static let lock = SQL(
        """
        SELECT \(HeldDelivery.columns) FROM deliveries d JOIN lanes l ON l.id = d.lane_id
        WHERE d.id = ANY($1::uuid[]) ORDER BY d.id FOR UPDATE OF d
        """)
    static let overdue = SQL(
        """
        SELECT \(HeldDelivery.columns) FROM deliveries d JOIN lanes l ON l.id = d.lane_id
        WHERE d.lease_until IS NOT NULL
          AND d.lease_until <= \(ServerClock.plus("$1"))
        ORDER BY d.lease_until LIMIT $2 FOR UPDATE OF d SKIP LOCKED
        """)
    static let lockEndpoints = SQL(
        """
        SELECT \(HeldEndpoint.columns) FROM \(HeldEndpoint.tables) WHERE p.group_id = ANY($1::bigint[])
        ORDER BY p.group_id FOR UPDATE OF p
        """)
    static let endUnclaimed = SQL(
        """
        UPDATE deliveries SET state = 3, reason = $2, ended_at = $3 WHERE id = ANY($1::uuid[]) AND coalesce(state, 4) = 0 RETURNING id
        """)
    static let countReplay = SQL("UPDATE replays SET delivered = delivered + $2, dead = dead + $3 WHERE id = $1")
}
