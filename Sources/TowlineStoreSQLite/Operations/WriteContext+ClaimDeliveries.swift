import TowlineCore
import TowlineStore

extension WriteContext {
    /// Claims due deliveries (``DeliveryStore/claimDeliveries(_:)``).
    func claimDeliveries(_ request: DeliveryClaimRequest) throws -> Claims<ClaimedDelivery> {
        var claimed: [ClaimedDelivery] = []
        let next = try claimByLane(
            limit: request.limit, admit: { admission(at: try endpoint(group: $0), for: request) },
            visit: { try visit($0, room: $1, for: request, into: &claimed) })
        return Claims(items: claimed, nextDue: next)
    }

    /// What an endpoint lets through now.
    private func admission(at endpoint: StoredEndpoint, for request: DeliveryClaimRequest) -> Admission {
        if endpoint.isClosed { return .closed }
        if let until = endpoint.health.pausedUntil, until > now { return .notBefore(until) }
        let slots = endpoint.health.isProbing ? 1 : endpoint.options.maxConcurrency ?? request.perEndpoint
        let perSecond = endpoint.options.maxPerSecond ?? request.perSecond
        guard perSecond > 0 else { return .open(slots: slots, starts: .max) }
        if let next = endpoints.nextStart(group: endpoint.group), next > now { return .notBefore(next) }
        return .open(slots: slots, starts: StartLimit(perSecond: Double(perSecond)).bundle)
    }

    /// Claims rows of one lane, all read by one statement.
    private func visit(
        _ lane: Lane, room: Int, for request: DeliveryClaimRequest, into claimed: inout [ClaimedDelivery]
    ) throws -> LaneVisit {
        let endpoint = try endpoint(group: lane.group)
        var due: [DueDelivery] = []
        var rest = LaneVisit.Rest.empty
        // One row more than there is room for tells what the lane holds afterwards.
        try connection.each(ClaimDeliverySQL.due, .integer(lane.id), .integer(room + 1)) { row in
            let time = row.time(0)
            guard time <= now, due.count < room else {
                rest = time <= now ? .ready : .later(time)
                return false
            }
            due.append(try DueDelivery(row, account: endpoint.account))
            return true
        }
        var signing: (app: AppID, keys: DeliverySigning)?
        for delivery in due {
            if signing?.app != delivery.event.app {
                signing = (delivery.event.app, try self.signing(of: endpoint, app: delivery.event.app))
            }
            claimed.append(
                try claim(
                    delivery, in: lane, of: endpoint, signing: signing?.keys ?? DeliverySigning(), for: request))
        }
        let perSecond = endpoint.options.maxPerSecond ?? request.perSecond
        if perSecond > 0, !due.isEmpty {
            let next = now + StartLimit(perSecond: Double(perSecond)).rest(after: due.count)
            endpoints.setNextStart(next, group: lane.group, now: now)
            if case .ready = rest { rest = .later(next) }
        }
        return LaneVisit(taken: due.count, rest: rest)
    }

    private func claim(
        _ delivery: DueDelivery, in lane: Lane, of endpoint: StoredEndpoint, signing: DeliverySigning,
        for request: DeliveryClaimRequest
    ) throws -> ClaimedDelivery {
        let lease = newID(LeaseToken.self)
        let until = now + request.lease
        try connection.run(ClaimDeliverySQL.claim, .id(delivery.id), .id(lease), .time(until), .time(now))
        effects.countDelivery(from: .pending, to: .sending)
        let gate = delivery.gatedJob.map { JobGate(job: $0, run: delivery.event.run) }
        running.add(
            StoredDelivery(
                lane: lane.id, lease: lease, leaseUntil: until, attempts: delivery.attempts + 1,
                records: delivery.records, attemptStartedAt: now, gate: gate, origin: delivery.origin),
            id: delivery.id)
        return ClaimedDelivery(
            id: delivery.id, lease: lease, attempt: delivery.attempts + 1, event: delivery.event,
            endpoint: endpoint.id, target: CallbackTarget(text: endpoint.url), origin: delivery.origin,
            policy: delivery.policy, signing: signing)
    }

    /// The keys that sign an event of an application for an endpoint now.
    private func signing(of endpoint: StoredEndpoint, app: AppID) throws -> DeliverySigning {
        var signing = DeliverySigning(authKey: endpoint.authKey, webhookSecrets: endpoint.secrets.inForce(at: now))
        if endpoint.kind == .callback {
            signing.authKey = try callback(account: endpoint.account, app: app)?.signingKey
        }
        return signing
    }
}

/// A delivery that is due, with its event.
private struct DueDelivery {
    let id: DeliveryID
    let attempts: Int
    let records: Int
    let gatedJob: Int64?
    let policy: DeliveryPolicy.Name
    let origin: DeliveryOrigin
    let event: Event

    /// Reads a row of `ClaimDeliverySQL.due`.
    init(_ row: borrowing SQLRow, account: AccountID) throws {
        id = try row.id(1)
        guard !row.isNull(8) else { throw StoreError(.corrupted, "the database lacks the event of \(id)") }
        attempts = row.int(2)
        records = row.int(3)
        gatedJob = row.optionalInteger(4)
        policy = try DeliveryRows.policy(row.text(5))
        origin = try DeliveryRows.origin(row.int(6), replay: try row.optionalID(7))
        event = Event(
            id: try row.id(8), type: try EventType(number: row.int(9)), account: account, app: AppID(row.text(10)),
            job: try row.id(11), run: row.int(12), body: row.blob(13), createdAt: row.time(14))
    }
}

/// The statements that claim deliveries.
enum ClaimDeliverySQL {
    static let due = SQL(
        """
        SELECT d.due, d.id, d.attempts, d.records, d.gates_job, d.policy, d.origin, d.replay,
          e.id, e.type, e.app, e.job, e.run, e.body, e.created_at
        FROM deliveries d LEFT JOIN events e ON e.seq = d.event
        WHERE d.lane_id = ? AND d.state = 0 ORDER BY d.due, d.id LIMIT ?
        """)
    static let claim = SQL(
        """
        UPDATE deliveries SET state = 1, lease = ?2, lease_until = ?3, attempt_started_at = ?4, attempts = attempts + 1
        WHERE id = ?1
        """)
}
