import TowlineCore
import TowlineStore

extension Transaction {
    /// Most rows that one step looks at.
    private static let tended = 500
    /// Most gates that one step opens: each touches a job's run, which lies elsewhere.
    private static let gatesOpened = 200

    /// Does one bounded step at one endpoint (``EndpointStore/tendEndpoints()``); endpoints take turns.
    ///
    /// What there is to do follows from the endpoint's state: a removed subscription ends what waits for it, a disabled
    /// callback's endpoint opens the gates of jobs, an endpoint that was enabled makes due what waited for a retry.
    ///
    /// - Returns: The endpoint's group, and whether more is left anywhere.
    func tendEndpoints(after last: Int64) throws -> (tended: Int64, isMore: Bool) {
        let next = try connection.first(TendingSQL.next, .integer(last)) { $0.integer(0) }
        guard let group = try next ?? connection.first(TendingSQL.next, .integer(0), read: { $0.integer(0) }) else {
            return (0, false)
        }
        let found = connection.add(DeliverySQL.lockEndpoints, .integers([group]))
        try connection.flush()
        try addEndpoints(found)
        let endpoint = try endpoints.endpoint(group: group)
        // Another node may have done it.
        guard let mark = endpoint.stored.tending else { return (group, true) }
        if endpoint.stored.removedAt != nil {
            endpoint.stored.tending = try endWaiting(at: endpoint) ? mark : nil
        } else if endpoint.stored.health.isDisabled {
            endpoint.stored.tending = try openGates(at: endpoint, from: mark)
        } else {
            endpoint.stored.tending = try hastenRetries(at: endpoint, from: mark)
        }
        if endpoint.stored.tending != mark { endpoints.change(endpoint) }
        try writeRows()
        try saveEndpoints()
        return (group, try connection.first(TendingSQL.next, .integer(0)) { _ in true } ?? false)
    }

    /// Ends deliveries that wait for a removed subscription.
    ///
    /// - Returns: Whether more may be left.
    private func endWaiting(at endpoint: HeldEndpoint) throws -> Bool {
        let lanes = [endpoint.stored.lanes.event, endpoint.stored.lanes.resend].compactMap(\.self)
        let waiting = try connection.all(TendingSQL.waiting, .integers(lanes), .integer(Self.tended)) {
            (
                id: try $0.id(0, as: DeliveryID.self),
                origin: try DeliveryRows.origin($0.int(1), replay: try $0.optionalID(2))
            )
        }
        let ended = Set(try endUnclaimed(waiting.map(\.id), reason: Self.removal))
        for delivery in waiting where ended.contains(delivery.id) {
            if case .replay(let replay) = delivery.origin { replayEnds.add(replay, .dead) }
        }
        return waiting.count == Self.tended
    }

    /// Opens the gates of jobs whose callback is held.
    ///
    /// - Returns: How far it has come; nil at the end.
    private func openGates(at endpoint: HeldEndpoint, from start: TendingMark) throws -> TendingMark? {
        var mark = start
        var opened = 0
        let rows = try connection.all(
            TendingSQL.gates, .integer(endpoint.eventLane.id), .time(mark.due), .id(mark.id), .integer(Self.tended)
        ) { row in
            (
                due: row.time(0), id: try row.id(1, as: DeliveryID.self),
                gate: row.optionalInteger(2).map { JobGate(job: $0, run: row.int(3)) }
            )
        }
        for row in rows where opened < Self.gatesOpened {
            (mark.due, mark.id) = (row.due, row.id)
            guard let gate = row.gate else { continue }
            self.rows.openedGates.append(gate)
            opened += 1
        }
        return rows.count == Self.tended || opened == Self.gatesOpened ? mark : nil
    }

    /// Makes deliveries due that wait for a retry since before the endpoint was enabled.
    ///
    /// A replay's deliveries that have not been tried keep the time that its rate gives them.
    ///
    /// - Returns: How far it has come; nil at the end.
    private func hastenRetries(at endpoint: HeldEndpoint, from start: TendingMark) throws -> TendingMark? {
        var mark = start
        guard let lane = mark.isResend ? endpoint.stored.lanes.resend : endpoint.stored.lanes.event else { return nil }
        let rows = try connection.all(
            TendingSQL.retries, .integer(lane), .time(mark.due), .id(mark.id), .integer(Self.tended)
        ) { (due: $0.time(0), id: try $0.id(1, as: DeliveryID.self), startedAt: $0.optionalTime(2)) }
        if let last = rows.last { (mark.due, mark.id) = (last.due, last.id) }
        let hastened = rows.filter { row in row.startedAt.map { $0 <= mark.since } ?? false }
        if !hastened.isEmpty {
            connection.add(TendingSQL.hasten, .ids(hastened.map(\.id)), .time(mark.since))
            lanes.wake(endpoint.lane(lane), kind: .deliver, due: mark.since, at: endpoint.earliest(from: now))
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
        "SELECT group_id FROM endpoints WHERE tend_from IS NOT NULL AND group_id > $1 ORDER BY group_id LIMIT 1")
    static let waiting = SQL(
        """
        SELECT w.id, w.origin, w.replay FROM unnest($1::bigint[]) v (lane) CROSS JOIN LATERAL (
          SELECT d.id, d.origin, d.replay FROM deliveries d WHERE d.lane_id = v.lane AND d.state = 0
          ORDER BY d.due, d.id LIMIT $2) w
        LIMIT $2
        """)
    static let gates = SQL(
        """
        SELECT due, id, gates_job, gates_run FROM deliveries
        WHERE lane_id = $1 AND state = 0 AND (due, id) > ($2, $3) ORDER BY due, id LIMIT $4
        """)
    static let retries = SQL(
        """
        SELECT due, id, attempt_started_at FROM deliveries
        WHERE lane_id = $1 AND state = 0 AND (due, id) > ($2, $3) ORDER BY due, id LIMIT $4
        """)
    static let hasten = SQL("UPDATE deliveries SET due = $2 WHERE id = ANY($1::uuid[]) AND coalesce(state, 4) = 0")
}
