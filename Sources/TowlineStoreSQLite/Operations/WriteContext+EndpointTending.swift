import TowlineCore
import TowlineStore

extension WriteContext {
    /// Most rows that one step looks at.
    private static let tended = 500
    /// Most gates that one step opens: each touches a job's run, which lies elsewhere.
    private static let gatesOpened = 200

    /// Does one bounded step at one endpoint (``EndpointStore/tendEndpoints()``); endpoints take turns.
    ///
    /// What there is to do follows from the endpoint's state: a removed subscription ends what waits for it, a disabled
    /// callback's endpoint opens the gates of jobs, an endpoint that was enabled makes due what waited for a retry.
    ///
    /// - Returns: Whether more is left.
    func tendEndpoints() throws -> Bool {
        let next = try connection.first(TendingSQL.next, .integer(endpoints.lastTended)) { $0.integer(0) }
        guard let group = try next ?? connection.first(TendingSQL.next, .integer(0), read: { $0.integer(0) }) else {
            return false
        }
        endpoints.lastTended = group
        let endpoint = try endpoint(group: group)
        guard let mark = endpoint.tending else {
            throw StoreError(.corrupted, "the database holds an endpoint to tend without a mark")
        }
        if endpoint.removedAt != nil {
            endpoint.tending = try endWaiting(at: endpoint) ? mark : nil
        } else if endpoint.health.isDisabled {
            endpoint.tending = try openGates(at: endpoint, from: mark)
        } else {
            endpoint.tending = try hastenRetries(at: endpoint, from: mark)
        }
        if endpoint.tending != mark { try save(endpoint) }
        return try connection.first(TendingSQL.next, .integer(0)) { _ in true } ?? false
    }

    /// Ends deliveries that wait for a removed subscription.
    ///
    /// - Returns: Whether more may be left.
    private func endWaiting(at endpoint: StoredEndpoint) throws -> Bool {
        var left = Self.tended
        for lane in [try eventLane(of: endpoint), try knownResendLane(of: endpoint)].compactMap(\.self) where left > 0 {
            let waiting = try connection.all(TendingSQL.waiting, .integer(lane), .integer(left)) {
                (
                    id: try $0.id(0, as: DeliveryID.self),
                    origin: try DeliveryRows.origin($0.int(1), replay: try $0.optionalID(2))
                )
            }
            for delivery in waiting {
                try endUnclaimed(delivery.id, reason: Self.removal)
                if case .replay(let replay) = delivery.origin { countReplayEnd(of: replay, as: .dead) }
            }
            left -= waiting.count
        }
        return left == 0
    }

    /// Opens the gates of jobs whose callback is held.
    ///
    /// - Returns: How far it has come; nil at the end.
    private func openGates(at endpoint: StoredEndpoint, from start: TendingMark) throws -> TendingMark? {
        var mark = start
        var opened = 0
        let rows = try connection.all(
            TendingSQL.gates, .integer(try eventLane(of: endpoint)), .time(mark.due), .id(mark.id),
            .integer(Self.tended)
        ) { row in
            (
                due: row.time(0), id: try row.id(1, as: DeliveryID.self),
                gate: row.optionalInteger(2).map { JobGate(job: $0, run: row.int(3)) }
            )
        }
        for row in rows where opened < Self.gatesOpened {
            (mark.due, mark.id) = (row.due, row.id)
            guard let gate = row.gate else { continue }
            try open(gate)
            opened += 1
        }
        return rows.count == Self.tended || opened == Self.gatesOpened ? mark : nil
    }

    /// Makes deliveries due that wait for a retry since before the endpoint was enabled.
    ///
    /// A replay's deliveries that have not been tried keep the time that its rate gives them.
    ///
    /// - Returns: How far it has come; nil at the end.
    private func hastenRetries(at endpoint: StoredEndpoint, from start: TendingMark) throws -> TendingMark? {
        var mark = start
        let other = mark.isResend ? try knownResendLane(of: endpoint) : try eventLane(of: endpoint)
        guard let lane = other else { return nil }
        let rows = try connection.all(
            TendingSQL.retries, .integer(lane), .time(mark.due), .id(mark.id), .integer(Self.tended)
        ) { (due: $0.time(0), id: try $0.id(1, as: DeliveryID.self), startedAt: $0.optionalTime(2)) }
        for row in rows {
            (mark.due, mark.id) = (row.due, row.id)
            guard let startedAt = row.startedAt, startedAt <= mark.since else { continue }
            try connection.run(TendingSQL.hasten, .id(row.id), .time(mark.since))
            lanes.wake(lane, kind: .deliver, at: now)
        }
        if rows.count == Self.tended { return mark }
        guard !mark.isResend else { return nil }
        var next = TendingMark(since: mark.since, from: mark.since)
        next.isResend = true
        return next
    }
}

/// The statements that tend endpoints.
enum TendingSQL {
    static let next = SQL(
        "SELECT group_id FROM endpoints WHERE tend_from IS NOT NULL AND group_id > ? ORDER BY group_id LIMIT 1")
    static let waiting = SQL(
        "SELECT id, origin, replay FROM deliveries WHERE lane_id = ? AND state = 0 ORDER BY due, id LIMIT ?")
    static let gates = SQL(
        """
        SELECT d.due, d.id, d.gates_job, e.run FROM deliveries d LEFT JOIN events e ON e.seq = d.event
        WHERE d.lane_id = ? AND d.state = 0 AND (d.due, d.id) > (?, ?) ORDER BY d.due, d.id LIMIT ?
        """)
    static let retries = SQL(
        """
        SELECT due, id, attempt_started_at FROM deliveries
        WHERE lane_id = ? AND state = 0 AND (due, id) > (?, ?) ORDER BY due, id LIMIT ?
        """)
    static let hasten = SQL("UPDATE deliveries SET due = ?2 WHERE id = ?1 AND state = 0")
}
