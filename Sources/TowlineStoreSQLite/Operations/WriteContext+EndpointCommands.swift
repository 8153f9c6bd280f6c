import TowlineCore
import TowlineStore

extension WriteContext {
    /// Makes a subscription
    /// (``EndpointStore/createSubscription(account:url:options:authKey:webhookSecret:)``).
    func createSubscription(
        account: AccountID, url: String, options: EndpointOptions, authKey: String?, webhookSecret: String?
    ) throws -> Endpoint {
        let id = newID(EndpointID.self)
        let key = StoredEndpoint.groupKey(subscription: id)
        let group = try makeGroup(.deliver, key: key)
        _ = try makeLane(.deliver, group: group, account: account.description, key: key)
        let sealedKey = try authKey.map { try secretBox.seal($0, for: EndpointRows.authKeyPurpose(id)) }
        let sealedSecret = try webhookSecret.map { try secretBox.seal($0, for: EndpointRows.secretPurpose(id)) }
        try connection.run(
            EndpointCommandSQL.insertSubscription, .integer(group), .id(id), .text(account.description), .text(url),
            .blob(sealedKey), .blob(sealedSecret), .time(now))
        try saveOptions(options, group: group)
        endpoints.forgetSubscriptions(of: account)
        return try read(group: group)
    }

    /// Replaces an endpoint's options (``EndpointStore/setOptions(_:of:)``).
    func setOptions(_ options: EndpointOptions, of id: EndpointID) throws -> Endpoint {
        let endpoint = try known(id)
        guard endpoint.kind == .subscription || options.apps.isEmpty && options.eventTypes.isEmpty else {
            throw StoreError(
                .conflict,
                "\(id) is the endpoint of a callback: its filter is the callback configuration's, so neither "
                    + "applications nor event types can be chosen here")
        }
        try saveOptions(options, group: endpoint.group)
        endpoint.options = options
        endpoints.forgetNextStart(group: endpoint.group)
        if !endpoint.isClosed { try reviveLanes(group: endpoint.group) }
        return try read(group: endpoint.group)
    }

    /// Makes an endpoint as healthy as a new one (``EndpointStore/enableEndpoint(_:)``).
    func enableEndpoint(_ id: EndpointID) throws -> Endpoint {
        let endpoint = try present(id)
        if endpoint.health.isDisabled {
            // What waits for a retry becomes due in bounded steps; what is due already is so at once.
            endpoint.tending = TendingMark(since: now, from: now)
            effects.signal(.upkeepDue)
        }
        endpoint.health.enable()
        try save(endpoint)
        try reviveLanes(group: endpoint.group)
        return try read(group: endpoint.group)
    }

    /// Holds an endpoint's deliveries (``EndpointStore/disableEndpoint(_:reason:)``).
    func disableEndpoint(_ id: EndpointID, reason: String) throws -> Endpoint {
        let endpoint = try present(id)
        if !endpoint.health.isDisabled {
            endpoint.health.disable(reason, at: now)
            endpoint.tending = nil
            beginHolding(endpoint)
            try save(endpoint)
        }
        return try read(group: endpoint.group)
    }

    /// Removes a subscription (``EndpointStore/removeSubscription(_:)``).
    func removeSubscription(_ id: EndpointID) throws {
        let endpoint = try known(id)
        guard endpoint.kind == .subscription else {
            throw StoreError(
                .conflict,
                "\(id) is the endpoint of a callback; delete the callback configuration, or disable the endpoint")
        }
        guard endpoint.removedAt == nil else { return }
        endpoint.removedAt = now
        endpoint.tending = TendingMark(since: now, from: Timestamp(milliseconds: 0))
        endpoints.forgetSubscriptions(of: endpoint.account)
        try connection.run(EndpointCommandSQL.remove, .time(now), .integer(endpoint.group))
        try save(endpoint)
        effects.signal(.upkeepDue)
    }

    /// Sets the webhook secret (``EndpointStore/setWebhookSecret(_:of:keepingPreviousFor:)``).
    func setWebhookSecret(_ secret: String?, of id: EndpointID, keepingPreviousFor overlap: Duration) throws {
        let endpoint = try known(id)
        var secrets = WebhookSecrets(current: secret)
        if secret != nil, let previous = endpoint.secrets.current, overlap > .zero {
            // The same secret again begins no rotation.
            guard previous != secret else { return }
            secrets.previous = previous
            secrets.previousUntil = now + overlap
        }
        let purpose = EndpointRows.secretPurpose(id)
        try connection.run(
            EndpointCommandSQL.setSecrets, .integer(endpoint.group),
            .blob(try secrets.current.map { try secretBox.seal($0, for: purpose) }),
            .blob(try secrets.previous.map { try secretBox.seal($0, for: purpose) }), .time(secrets.previousUntil))
        endpoint.secrets = secrets
    }

    /// The endpoint with an id, removed or not.
    ///
    /// - Throws: ``StoreError`` with code `notFound`.
    private func known(_ id: EndpointID) throws -> StoredEndpoint {
        guard let endpoint = try endpoint(id) else { throw StoreError(.notFound, "there is no endpoint \(id)") }
        return endpoint
    }

    /// The endpoint with an id.
    ///
    /// - Throws: ``StoreError`` with code `notFound`, or `conflict` when it was removed.
    private func present(_ id: EndpointID) throws -> StoredEndpoint {
        let endpoint = try known(id)
        guard endpoint.removedAt == nil else { throw StoreError(.conflict, "the subscription \(id) was removed") }
        return endpoint
    }

    private func saveOptions(_ options: EndpointOptions, group: Int64) throws {
        try connection.run(
            EndpointCommandSQL.setOptions, .integer(group), .text(options.description),
            .text(options.policy?.rawValue), .integer(options.maxConcurrency), .integer(options.maxPerSecond),
            .text(EndpointRows.column(options.apps.map(\.description))),
            .text(EndpointRows.column(options.eventTypes.map(\.rawValue))))
    }

    private func read(group: Int64) throws -> Endpoint {
        let row = try connection.first(EndpointSQL.byGroup, .integer(group)) {
            try EndpointRows.endpoint($0, at: now)
        }
        guard let row else { throw StoreError(.corrupted, "the database lacks the endpoint of group \(group)") }
        return row
    }
}

/// The statements of operators' changes to endpoints.
enum EndpointCommandSQL {
    static let insertSubscription = SQL(
        """
        INSERT INTO endpoints (group_id, id, kind, account_id, url, sealed_auth_key, sealed_secret, created_at)
        VALUES (?, ?, 1, ?, ?, ?, ?, ?)
        """)
    static let setOptions = SQL(
        """
        UPDATE endpoints SET description = ?2, policy = ?3, max_concurrency = ?4, max_per_second = ?5, apps = ?6,
          event_types = ?7
        WHERE group_id = ?1
        """)
    static let remove = SQL("UPDATE endpoints SET removed_at = ? WHERE group_id = ?")
    static let setSecrets = SQL(
        """
        UPDATE endpoints SET sealed_secret = ?2, sealed_previous_secret = ?3, previous_secret_until = ?4
        WHERE group_id = ?1
        """)
}
