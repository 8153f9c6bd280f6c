package import TowlineCore
package import TowlineStore

extension SQLiteStore {
    package func createSubscription(
        account: AccountID, url: String, options: EndpointOptions, authKey: String?, webhookSecret: String?
    ) async throws -> Endpoint {
        try await write(.accept) {
            try $0.createSubscription(
                account: account, url: url, options: options, authKey: authKey, webhookSecret: webhookSecret)
        }
    }

    package func endpoints(matching filter: EndpointFilter, limit: Int) async throws -> Page<Endpoint> {
        let now = clock.now()
        return try await read { try EndpointPage(filter: filter, limit: max(1, limit)).read(from: $0, at: now) }
    }

    package func endpoint(_ id: EndpointID) async throws -> EndpointDetail? {
        let now = clock.now()
        return try await read { connection in
            let found = try connection.first(EndpointQuery.byID, .id(id)) {
                (group: $0.integer(0), endpoint: try EndpointRows.endpoint($0, at: now))
            }
            guard let found else { return nil }
            let running = try connection.first(EndpointQuery.running, .integer(found.group)) { $0.int(0) }
            return EndpointDetail(
                endpoint: found.endpoint, waiting: try connection.countWaiting(group: found.group, limit: 10_000),
                running: running ?? 0)
        }
    }

    package func setOptions(_ options: EndpointOptions, of id: EndpointID) async throws -> Endpoint {
        try await write(.accept) { try $0.setOptions(options, of: id) }
    }

    package func enableEndpoint(_ id: EndpointID) async throws -> Endpoint {
        try await write(.accept) { try $0.enableEndpoint(id) }
    }

    package func disableEndpoint(_ id: EndpointID, reason: String) async throws -> Endpoint {
        try await write(.accept) { try $0.disableEndpoint(id, reason: reason) }
    }

    package func removeSubscription(_ id: EndpointID) async throws {
        try await write(.accept) { try $0.removeSubscription(id) }
    }

    package func setWebhookSecret(
        _ secret: String?, of id: EndpointID, keepingPreviousFor overlap: Duration
    ) async throws {
        try await write(.accept) { try $0.setWebhookSecret(secret, of: id, keepingPreviousFor: overlap) }
    }

    package func signing(of id: EndpointID, app: AppID) async throws -> DeliverySigning? {
        let now = clock.now()
        let box = configuration.secretBox
        return try await read { connection in
            let found = try connection.first(EndpointQuery.byID, .id(id)) { row in
                (
                    kind: try EndpointKind(number: row.int(2)), account: AccountID(row.text(3)),
                    authKey: try EndpointRows.authKey(row, id: id, secretBox: box),
                    secrets: try EndpointRows.secrets(row, id: id, secretBox: box)
                )
            }
            guard let found else { return nil }
            var signing = DeliverySigning(authKey: found.authKey, webhookSecrets: found.secrets.inForce(at: now))
            if found.kind == .callback {
                signing.authKey = try CallbackRows.read(
                    account: found.account, app: app, from: connection, secretBox: box)?.signingKey
            }
            return signing
        }
    }

    package func tendEndpoints() async throws -> Bool {
        // Most calls find nothing: they need not wait for the writer.
        guard try await read({ try $0.first(TendingSQL.next, .integer(0)) { _ in true } ?? false }) else {
            return false
        }
        return try await write(.bulk, cost: 64) { try $0.tendEndpoints() }
    }

    /// Deliveries that wait at endpoints that are disabled, counted up to 100,000 for each.
    func heldDeliveries() async throws -> Int {
        try await read { connection in
            let groups = try connection.all(EndpointQuery.disabled) { $0.integer(0) }
            return try groups.reduce(0) { $0 + (try connection.countWaiting(group: $1, limit: 100_000)) }
        }
    }
}

extension SQLConnection {
    /// The number of deliveries that wait in the lanes of a group, counted up to a limit.
    func countWaiting(group: Int64, limit: Int) throws -> Int {
        var count = 0
        try each(EndpointQuery.waiting, .integer(group)) { _ in
            count += 1
            return count < limit
        }
        return count
    }
}

/// The queries about endpoints.
enum EndpointQuery {
    static let byID = SQL("SELECT \(EndpointRows.columns) FROM endpoints p WHERE p.id = ?")
    static let before = SQL("SELECT \(EndpointRows.columns) FROM endpoints p WHERE p.id < ? ORDER BY p.id DESC")
    static let running = SQL("SELECT in_use FROM lane_groups WHERE id = ?")
    static let disabled = SQL(
        """
        SELECT group_id FROM endpoints WHERE disabled_at IS NOT NULL AND removed_at IS NULL
        ORDER BY disabled_at LIMIT 1000
        """)
    static let waiting = SQL(
        """
        SELECT 1 FROM lanes l CROSS JOIN deliveries d
        WHERE l.group_id = ? AND l.kind = 1 AND d.lane_id = l.id AND d.state = 0
        """)
}
