import TowlineCore
import TowlineStore

extension WriteContext {
    /// The endpoint of a group of lanes.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when the row is missing.
    func endpoint(group: Int64) throws -> StoredEndpoint {
        if let known = endpoints.endpoint(group: group) { return known }
        let stored = try connection.first(EndpointSQL.byGroup, .integer(group)) {
            try StoredEndpoint($0, secretBox: secretBox)
        }
        guard let stored else { throw StoreError(.corrupted, "the database lacks the endpoint of group \(group)") }
        endpoints.remember(stored)
        return stored
    }

    /// The endpoint with an id; nil when unknown.
    func endpoint(_ id: EndpointID) throws -> StoredEndpoint? {
        let group = try connection.first(EndpointSQL.groupOf, .id(id)) { $0.integer(0) }
        return try group.map { try endpoint(group: $0) }
    }

    /// The endpoint of an account's callbacks to a URL; made where it is missing.
    func callbackEndpoint(account: AccountID, url: String) throws -> StoredEndpoint {
        let name = account.description
        if let lane = lanes.lane(kind: .deliver, account: name, name: url) { return try endpoint(group: lane.group) }
        if let lane = try findLane(.deliver, account: name, key: url) { return try endpoint(group: lane.group) }
        let group = try makeGroup(.deliver, key: StoredEndpoint.groupKey(account: account, url: url))
        _ = try makeLane(.deliver, group: group, account: name, key: url)
        try connection.run(
            EndpointSQL.insertCallback, .integer(group), .id(newID(EndpointID.self)), .text(name), .text(url),
            .time(now))
        return try endpoint(group: group)
    }

    /// The lane of an endpoint's new events.
    func eventLane(of endpoint: StoredEndpoint) throws -> Int64 {
        if let known = endpoint.lanes.event { return known }
        let found = try findLane(.deliver, account: endpoint.account.description, key: endpoint.laneKey)
        guard let lane = found?.id else {
            throw StoreError(.corrupted, "the database lacks the lane of endpoint \(endpoint.id)")
        }
        endpoint.lanes.event = lane
        return lane
    }

    /// The lane beside it for what is sent again, so that new events do not queue behind a replay; made where it is
    /// missing.
    func resendLane(of endpoint: StoredEndpoint) throws -> Int64 {
        if let known = try knownResendLane(of: endpoint) { return known }
        let lane = try makeLane(
            .deliver, group: endpoint.group, account: endpoint.account.description,
            key: StoredEndpoint.resendKey(endpoint.laneKey))
        endpoint.lanes.resend = lane.id
        return lane.id
    }

    /// The lane of what is sent again to an endpoint; nil when nothing ever was.
    func knownResendLane(of endpoint: StoredEndpoint) throws -> Int64? {
        if let known = endpoint.lanes.resend { return known }
        endpoint.lanes.resend = try findLane(
            .deliver, account: endpoint.account.description, key: StoredEndpoint.resendKey(endpoint.laneKey))?.id
        return endpoint.lanes.resend
    }

    /// The endpoint that a lane belongs to.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when a row is missing.
    func endpoint(ofLane lane: Int64) throws -> StoredEndpoint { try endpoint(group: try group(ofLane: lane)) }

    /// The subscriptions of an account.
    func subscriptions(of account: AccountID) throws -> [StoredEndpoint] {
        let groups = try endpoints.subscriptions(of: account) {
            try connection.all(EndpointSQL.subscriptions, .text(account.description)) { $0.integer(0) }
        }
        return try groups.map { try endpoint(group: $0) }
    }

    /// Makes a delivery of an event to an endpoint with the policy of the moment.
    ///
    /// What is sent again waits in the endpoint's second lane.
    ///
    /// - Parameters:
    ///   - event: The event's row.
    ///   - endpoint: Where to; not removed, by the caller's word.
    ///   - origin: What it owes its existence to.
    ///   - due: When its first attempt may begin; nil for now.
    ///   - gatedJob: The row of the job that waits in `stored` for it.
    /// - Returns: The new delivery's id.
    /// - Throws: SQLite's failure.
    @discardableResult
    func insertDelivery(
        of event: Int64, to endpoint: StoredEndpoint, origin: DeliveryOrigin, due: Timestamp? = nil,
        gatedJob: Int64? = nil
    ) throws -> DeliveryID {
        let id = newID(DeliveryID.self)
        let policy = endpoint.options.policy ?? deliveryPolicy
        let due = due ?? now
        let lane: Int64
        var replay: SQLValue = .null
        switch origin {
        case .event: lane = try eventLane(of: endpoint)
        case .redelivery: lane = try resendLane(of: endpoint)
        case .replay(let id):
            lane = try resendLane(of: endpoint)
            replay = .id(id)
        }
        try connection.run(
            EndpointSQL.insertDelivery, .id(id), .integer(event), .text(endpoint.account.description),
            .integer(lane), .integer(gatedJob), .text(policy.rawValue), .time(due), .time(now),
            .integer(origin.number), replay)
        effects.countDelivery(to: .pending)
        lanes.wake(lane, kind: .deliver, at: due)
        return id
    }
}

/// The statements about endpoints.
enum EndpointSQL {
    static let byGroup = SQL("SELECT \(EndpointRows.columns) FROM endpoints p WHERE p.group_id = ?")
    static let groupOf = SQL("SELECT group_id FROM endpoints WHERE id = ?")
    static let subscriptions = SQL(
        "SELECT group_id FROM endpoints WHERE account_id = ? AND kind = 1 AND removed_at IS NULL ORDER BY group_id")
    static let insertCallback = SQL(
        "INSERT INTO endpoints (group_id, id, kind, account_id, url, created_at) VALUES (?, ?, 0, ?, ?, ?)")
    static let insertDelivery = SQL(
        """
        INSERT INTO deliveries (
          id, event, account_id, lane_id, gates_job, policy, state, due, created_at, origin, replay)
        VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)
        """)
}
