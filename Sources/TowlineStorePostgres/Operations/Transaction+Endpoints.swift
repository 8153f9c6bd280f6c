import TowlineCore
import TowlineStore

extension Transaction {
    /// Takes in what an attempt told about an endpoint; a success at a healthy one changes nothing and costs nothing.
    func note(_ signal: EndpointSignal, begun: Timestamp, at endpoint: HeldEndpoint) {
        var health = endpoint.stored.health
        if case .success = signal, health.failures == 0, health.pauses == 0 { return }
        guard health.note(signal, begun: begun, at: now, rule: settings.healthRule) else { return }
        if health.isDisabled, !endpoint.stored.health.isDisabled { beginHolding(endpoint) }
        endpoint.stored.health = health
        endpoints.change(endpoint)
    }

    /// Starts the bounded task that opens the gates of jobs whose callback waits at an endpoint that becomes disabled.
    ///
    /// Only callbacks gate jobs.
    private func beginHolding(_ endpoint: HeldEndpoint) {
        guard endpoint.stored.kind == .callback else { return }
        endpoint.stored.tending = TendingMark(since: now, from: Timestamp(milliseconds: 0))
        effects.signal(.upkeepDue)
    }

    /// Writes the rows of endpoints that the transaction has changed; where a pause has ended early, their lanes need
    /// not wait for its end.
    func saveEndpoints() throws {
        for (group, endpoint) in endpoints.changed.sorted(by: { $0.key < $1.key }) {
            let health = endpoint.stored.health
            connection.add(
                EndpointSQL.save, .integer(group), .integer(health.failures), .time(health.failingSince),
                .text(health.lastCause), .integer(health.pauses), .time(health.pausedUntil), .time(health.disabledAt),
                .text(health.disabledReason), .blob(endpoint.stored.tending?.bytes))
            guard let pausedUntil = endpoint.pausedUntil, pausedUntil > now, health.pausedUntil == nil else { continue }
            lanes.hasten(group)
        }
        endpoints.settle()
    }

    /// Makes a subscription
    /// (``EndpointStore/createSubscription(account:url:options:authKey:webhookSecret:)``).
    func createSubscription(
        account: AccountID, url: String, options: EndpointOptions, authKey: String?, webhookSecret: String?
    ) throws -> Endpoint {
        let id = newID(EndpointID.self)
        let key = StoredEndpoint.groupKey(subscription: id)
        let hash = LaneKey.group(subscription: id)
        let lane = LaneKey.lane(account: account, key: key)
        makeGroups(.deliver, [(hash, key)])
        makeOwners(.deliver, [account])
        connection.add(
            LaneMakingSQL.insertLanes, .integer(LaneKind.deliver.rawValue), .ids([lane]),
            .texts([account.description]), .texts([key]), .ids([hash]))
        let sealedKey = try authKey.map { try settings.secretBox.seal($0, for: EndpointRows.authKeyPurpose(id)) }
        let sealedSecret = try webhookSecret.map {
            try settings.secretBox.seal($0, for: EndpointRows.secretPurpose(id))
        }
        connection.add(
            EndpointSQL.insertSubscription, .id(hash), .id(lane), .id(id), .text(account.description), .text(url),
            .blob(sealedKey), .blob(sealedSecret), .time(now))
        saveOptions(options, of: id)
        return try read(id)
    }

    /// Replaces an endpoint's options (``EndpointStore/setOptions(_:of:)``).
    func setOptions(_ options: EndpointOptions, of id: EndpointID) throws -> Endpoint {
        let endpoint = try known(id)
        guard endpoint.stored.kind == .subscription || options.apps.isEmpty && options.eventTypes.isEmpty else {
            throw StoreError(
                .conflict,
                "\(id) is the endpoint of a callback: its filter is the callback configuration's, so neither "
                    + "applications nor event types can be chosen here")
        }
        saveOptions(options, of: id)
        let changed = try read(id)
        lanes.forgetStart(endpoint.stored.group)
        if !endpoint.stored.isClosed { lanes.revive(endpoint.stored.group) }
        return changed
    }

    /// Makes an endpoint as healthy as a new one (``EndpointStore/enableEndpoint(_:)``).
    func enableEndpoint(_ id: EndpointID) throws -> Endpoint {
        let endpoint = try present(id)
        if endpoint.stored.health.isDisabled {
            // What waits for a retry becomes due in bounded steps; what is due already is so at once.
            endpoint.stored.tending = TendingMark(since: now, from: now)
            effects.signal(.upkeepDue)
        }
        endpoint.stored.health.enable()
        endpoints.change(endpoint)
        try saveEndpoints()
        lanes.revive(endpoint.stored.group)
        return try read(id)
    }

    /// Holds an endpoint's deliveries (``EndpointStore/disableEndpoint(_:reason:)``).
    func disableEndpoint(_ id: EndpointID, reason: String) throws -> Endpoint {
        let endpoint = try present(id)
        if !endpoint.stored.health.isDisabled {
            endpoint.stored.health.disable(reason, at: now)
            endpoint.stored.tending = nil
            beginHolding(endpoint)
            endpoints.change(endpoint)
            try saveEndpoints()
        }
        return try read(id)
    }

    /// Removes a subscription (``EndpointStore/removeSubscription(_:)``).
    func removeSubscription(_ id: EndpointID) throws {
        let endpoint = try known(id)
        guard endpoint.stored.kind == .subscription else {
            throw StoreError(
                .conflict,
                "\(id) is the endpoint of a callback; delete the callback configuration, or disable the endpoint")
        }
        guard endpoint.stored.removedAt == nil else { return }
        endpoint.stored.removedAt = now
        endpoint.stored.tending = TendingMark(since: now, from: Timestamp(milliseconds: 0))
        connection.add(EndpointSQL.remove, .time(now), .integer(endpoint.stored.group))
        endpoints.change(endpoint)
        effects.signal(.upkeepDue)
    }

    /// Sets the webhook secret (``EndpointStore/setWebhookSecret(_:of:keepingPreviousFor:)``).
    func setWebhookSecret(_ secret: String?, of id: EndpointID, keepingPreviousFor overlap: Duration) throws {
        let endpoint = try known(id)
        var secrets = WebhookSecrets(current: secret)
        if secret != nil, let previous = endpoint.stored.secrets.current, overlap > .zero {
            // The same secret again begins no rotation.
            guard previous != secret else { return }
            secrets.previous = previous
            secrets.previousUntil = now + overlap
        }
        let purpose = EndpointRows.secretPurpose(id)
        connection.add(
            EndpointSQL.setSecrets, .integer(endpoint.stored.group),
            .blob(try secrets.current.map { try settings.secretBox.seal($0, for: purpose) }),
            .blob(try secrets.previous.map { try settings.secretBox.seal($0, for: purpose) }),
            .time(secrets.previousUntil))
    }

    /// The endpoint with an id, removed or not, whose row is taken.
    ///
    /// - Throws: ``StoreError`` with code `notFound`.
    func known(_ id: EndpointID) throws -> HeldEndpoint {
        let found = try connection.first(EndpointSQL.lock, .id(id)) {
            try HeldEndpoint($0, secretBox: settings.secretBox)
        }
        guard let found else {
            throw StoreError(.notFound, "there is no endpoint \(id)")
        }
        return endpoints.add(found)
    }

    /// An endpoint that something may be sent to, whose row is taken.
    ///
    /// - Throws: ``StoreError`` with code `notFound`, or `conflict` when it was removed.
    func usable(_ id: EndpointID) throws -> HeldEndpoint {
        let endpoint = try known(id)
        guard endpoint.stored.removedAt == nil else { throw StoreError(.conflict, "the endpoint \(id) was removed") }
        return endpoint
    }

    private func present(_ id: EndpointID) throws -> HeldEndpoint {
        let endpoint = try known(id)
        guard endpoint.stored.removedAt == nil else {
            throw StoreError(.conflict, "the subscription \(id) was removed")
        }
        return endpoint
    }

    /// Makes the lane beside the lane of new events for what is sent again, so that new events do not queue behind a
    /// replay; the endpoint's row is taken.
    func ensureResendLane(of endpoint: HeldEndpoint) throws {
        guard endpoint.stored.lanes.resend == nil else { return }
        let key = StoredEndpoint.resendKey(endpoint.stored.laneKey)
        let hash = LaneKey.lane(account: endpoint.stored.account, key: key)
        connection.add(
            EndpointSQL.insertResendLane, .id(hash), .text(endpoint.stored.account.description), .text(key),
            .integer(endpoint.stored.group), .integer(endpoint.owner))
        endpoint.stored.lanes.resend = try connection.first(
            EndpointSQL.setResendLane, .integer(endpoint.stored.group), .id(hash)
        ) { $0.integer(0) }
    }

    private func saveOptions(_ options: EndpointOptions, of id: EndpointID) {
        connection.add(
            EndpointSQL.setOptions, .id(id), .text(options.description), .text(options.policy?.rawValue),
            .integer(options.maxConcurrency), .integer(options.maxPerSecond),
            .text(EndpointRows.column(options.apps.map(\.description))),
            .text(EndpointRows.column(options.eventTypes.map(\.rawValue))))
    }

    private func read(_ id: EndpointID) throws -> Endpoint {
        let row = try connection.first(EndpointSQL.byID, .id(id)) { try EndpointRows.endpoint($0, at: now) }
        guard let row else { throw StoreError(.corrupted, "the database lacks the endpoint \(id)") }
        return row
    }
}

/// The statements about endpoints.
enum EndpointSQL {
    static let byID = SQL("SELECT \(EndpointRows.columns) FROM endpoints p WHERE p.id = $1")
    static let lock = SQL(
        "SELECT \(HeldEndpoint.columns) FROM \(HeldEndpoint.tables) WHERE p.id = $1 FOR UPDATE OF p")
    static let save = SQL(
        """
        UPDATE endpoints SET failures = $2, failing_since = $3, last_cause = $4, pauses = $5, paused_until = $6,
          disabled_at = $7, disabled_reason = $8, tend_from = $9
        WHERE group_id = $1
        """)
    static let insertSubscription = SQL(
        """
        INSERT INTO endpoints (
          group_id, event_lane, id, kind, account_id, url, sealed_auth_key, sealed_secret, created_at)
        SELECT g.id, l.id, $3, 1, $4, $5, $6, $7, $8 FROM lane_groups g JOIN lanes l ON l.kind = 1 AND l.hash = $2
        WHERE g.kind = 1 AND g.hash = $1
        """)
    static let setOptions = SQL(
        """
        UPDATE endpoints SET description = $2, policy = $3, max_concurrency = $4, max_per_second = $5, apps = $6,
          event_types = $7
        WHERE id = $1
        """)
    static let remove = SQL("UPDATE endpoints SET removed_at = $1 WHERE group_id = $2")
    static let setSecrets = SQL(
        """
        UPDATE endpoints SET sealed_secret = $2, sealed_previous_secret = $3, previous_secret_until = $4
        WHERE group_id = $1
        """)
    static let insertResendLane = SQL(
        """
        WITH made AS (
          INSERT INTO lanes (kind, hash, account_id, key, group_id, owner_id) VALUES (1, $1, $2, $3, $4, $5)
          ON CONFLICT (kind, hash) DO NOTHING \(LaneMakingSQL.made)
        """)
    static let setResendLane = SQL(
        """
        UPDATE endpoints SET resend_lane = (SELECT id FROM lanes WHERE kind = 1 AND hash = $2) WHERE group_id = $1
        RETURNING resend_lane
        """)
}
