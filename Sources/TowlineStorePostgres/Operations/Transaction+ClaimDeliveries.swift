import TowlineCore
import TowlineStore

extension Transaction {
    /// One round of a claim of deliveries (``DeliveryStore/claimDeliveries(_:)``).
    func claimDeliveries(
        _ request: DeliveryClaimRequest, limit: Int, waits: Bool
    ) throws -> LaneRound<ClaimedDelivery> {
        var round = LaneRound<ClaimedDelivery>()
        let all = try candidates(.deliver, limit: limit)
        guard !all.isEmpty else {
            let next = addNext(.deliver)
            try connection.flush()
            round.next = try nextDue(next, of: .deliver)
            return round
        }
        let groups = lockGroups(of: all, waits: waits)
        let ids = Array(Set(all.map(\.lane.group)))
        let receivers = connection.add(ClaimDeliverySQL.endpoints, .integers(ids))
        let configurations = connection.add(ClaimDeliverySQL.configurations, .integers(ids))
        try connection.flush()
        try addEndpoints(receivers)
        var book = ReceiverBook()
        try configurations.result().forEach {
            book.add(try CallbackRows.configuration($0, secretBox: settings.secretBox))
        }
        var inUse: [Int64: Int] = [:]
        var admissions: [Int64: Admission] = [:]
        for state in try groupStates(groups) {
            inUse[state.group] = state.inUse
            admissions[state.group] = admission(
                at: try endpoints.endpoint(group: state.group).stored, nextStart: state.nextStart, for: request)
        }
        let candidates = all.filter { admissions[$0.lane.group] != nil }
        guard !candidates.isEmpty else {
            round.isBusy = true
            return round
        }
        let plan = LanePlan(candidates, limit: limit, admissions: admissions, inUse: inUse, owners: [:])
        lockLanes(plan.visits.map(\.candidate.lane) + plan.aside.map(\.candidate.lane))
        let claims = try take(plan, book, for: request)
        var taken: [Int64: Int] = [:]
        for claim in claims { taken[claim.lane.id, default: 0] += 1 }
        let next = settle(
            .deliver, plan, taken: taken, nextStarts: try nextStarts(plan, taken, request))
        try connection.flush()
        round.items = claims.map(\.claimed)
        round.aside = plan.aside.count + plan.visits.count { taken[$0.candidate.lane.id] == nil }
        round.next = try nextDue(next, of: .deliver)
        return round
    }

    /// What an endpoint lets through now.
    private func admission(
        at endpoint: StoredEndpoint, nextStart: Timestamp, for request: DeliveryClaimRequest
    ) -> Admission {
        if endpoint.isClosed { return .closed }
        if let until = endpoint.health.pausedUntil, until > now { return .notBefore(until) }
        let slots = endpoint.health.isProbing ? 1 : endpoint.options.maxConcurrency ?? request.perEndpoint
        let perSecond = endpoint.options.maxPerSecond ?? request.perSecond
        guard perSecond > 0 else { return .open(slots: slots, starts: .max) }
        if nextStart > now { return .notBefore(nextStart) }
        return .open(slots: slots, starts: StartLimit(perSecond: Double(perSecond)).bundle)
    }

    /// Before when nothing more begins at an endpoint.
    private func nextStarts(
        _ plan: LanePlan, _ taken: [Int64: Int], _ request: DeliveryClaimRequest
    ) throws -> [Int64: Timestamp] {
        var begun: [Int64: Int] = [:]
        for visit in plan.visits {
            begun[visit.candidate.lane.group, default: 0] += taken[visit.candidate.lane.id] ?? 0
        }
        var starts: [Int64: Timestamp] = [:]
        for (group, count) in begun where count > 0 {
            let perSecond =
                try endpoints.endpoint(group: group).stored.options.maxPerSecond ?? request.perSecond
            if perSecond > 0 { starts[group] = now + StartLimit(perSecond: Double(perSecond)).rest(after: count) }
        }
        return starts
    }

    /// Claims the first deliveries of each lane.
    private func take(
        _ plan: LanePlan, _ book: ReceiverBook, for request: DeliveryClaimRequest
    ) throws -> [(lane: Lane, claimed: ClaimedDelivery)] {
        guard !plan.visits.isEmpty else { return [] }
        let found = connection.add(
            ClaimDeliverySQL.pick, .integers(plan.visits.map(\.candidate.lane.id)),
            .integers(plan.visits.map { Int64($0.room) }), .time(now))
        try connection.flush()
        let visits = plan.visits
        let claims = try found.result().map { row -> (lane: Lane, claimed: ClaimedDelivery) in
            let lane = visits[row.int(0) - 1].candidate.lane
            let endpoint = try endpoints.endpoint(group: lane.group).stored
            let event = Event(
                id: try row.id(6), type: try EventType(number: row.int(7)), account: endpoint.account,
                app: AppID(row.text(8)), job: try row.id(9), run: row.int(10), body: row.blob(11),
                createdAt: row.time(12))
            var signing = DeliverySigning(authKey: endpoint.authKey, webhookSecrets: endpoint.secrets.inForce(at: now))
            if endpoint.kind == .callback {
                signing.authKey = book.configuration(account: endpoint.account, app: event.app)?.signingKey
            }
            return (
                lane,
                ClaimedDelivery(
                    id: try row.id(1), lease: newID(), attempt: row.int(2) + 1, event: event, endpoint: endpoint.id,
                    target: CallbackTarget(text: endpoint.url),
                    origin: try DeliveryRows.origin(row.int(4), replay: try row.optionalID(5)),
                    policy: try DeliveryRows.policy(row.text(3)), signing: signing)
            )
        }
        guard !claims.isEmpty else { return [] }
        connection.add(
            ClaimDeliverySQL.claim, .ids(claims.map(\.claimed.id)), .ids(claims.map(\.claimed.lease)),
            .time(now + request.lease), .time(now))
        effects.countDelivery(from: .pending, to: .sending, times: claims.count)
        return claims
    }
}

/// The statements that claim deliveries.
enum ClaimDeliverySQL {
    static let endpoints = SQL(
        "SELECT \(HeldEndpoint.columns) FROM \(HeldEndpoint.tables) WHERE p.group_id = ANY($1::bigint[])")
    static let configurations = SQL(
        """
        SELECT \(CallbackRows.columns) FROM callbacks c WHERE c.account_id IN (
          SELECT p.account_id FROM endpoints p WHERE p.group_id = ANY($1::bigint[]) AND p.kind = 0)
        """)
    static let pick = SQL(
        """
        SELECT v.place, d.id, d.attempts, d.policy, d.origin, d.replay,
          e.id, e.type, e.app, e.job, e.run, e.body, e.created_at
        FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY v (lane, room, place)
        CROSS JOIN LATERAL (\(LaneStates.of("v.lane"))) k
        CROSS JOIN LATERAL (
          SELECT w.id FROM deliveries w
          WHERE w.lane_id = k.lane_id AND w.state = 0 AND w.due > k.mark AND w.due <= $3
          ORDER BY w.due, w.id LIMIT v.room) q
        JOIN deliveries d ON d.id = q.id JOIN events e ON e.seq = d.event
        WHERE coalesce(d.state, 4) = 0
        ORDER BY v.place, d.due, d.id FOR UPDATE OF d SKIP LOCKED
        """)
    static let claim = SQL(
        """
        UPDATE deliveries d SET state = 1, lease = v.lease, lease_until = $3, attempt_started_at = $4,
          attempts = d.attempts + 1
        FROM unnest($1::uuid[], $2::uuid[]) v (id, lease) WHERE d.id = v.id
        """)
}
