import Synchronization
package import TowlineCore
package import TowlineStore

extension PostgresStore {
    package func createSubscription(
        account: AccountID, url: String, options: EndpointOptions, authKey: String?, webhookSecret: String?
    ) async throws -> Endpoint {
        try await write {
            try $0.createSubscription(
                account: account, url: url, options: options, authKey: authKey, webhookSecret: webhookSecret)
        }
    }

    package func endpoints(matching filter: EndpointFilter, limit: Int) async throws -> Page<Endpoint> {
        let limit = max(1, limit)
        return try await read { [self] connection in
            let now = try now(connection)
            let pending = connection.add(
                EndpointQuery.page, .id(filter.before ?? EndpointID(rawValue: .max)), .integer(filter.kind?.number),
                .text(filter.account?.description), .boolean(filter.isDisabled), .integer(limit + 1),
                .integer(EndpointQuery.scanned))
            try connection.flush()
            var items: [Endpoint] = []
            var end: EndpointID?
            try pending.result().forEach { row in
                if row.isTrue(25) {
                    items.append(try EndpointRows.endpoint(row, at: now))
                } else {
                    end = try row.id(1)
                }
            }
            guard items.count > limit else { return Page(items: items, next: end?.description) }
            items.removeLast()
            return Page(items: items, next: items.last?.id.description)
        }
    }

    package func endpoint(_ id: EndpointID) async throws -> EndpointDetail? {
        try await read { [self] connection in
            let now = try now(connection)
            let found = connection.add(EndpointSQL.byID, .id(id))
            let counts = connection.add(EndpointQuery.counts, .id(id))
            try connection.flush()
            guard let endpoint = try found.result().first({ try EndpointRows.endpoint($0, at: now) }) else {
                return nil
            }
            let (running, waiting) = try counts.result().first { ($0.int(0), $0.int(1)) } ?? (0, 0)
            return EndpointDetail(endpoint: endpoint, waiting: waiting, running: running)
        }
    }

    package func setOptions(_ options: EndpointOptions, of id: EndpointID) async throws -> Endpoint {
        try await write { try $0.setOptions(options, of: id) }
    }

    package func enableEndpoint(_ id: EndpointID) async throws -> Endpoint {
        try await write { try $0.enableEndpoint(id) }
    }

    package func disableEndpoint(_ id: EndpointID, reason: String) async throws -> Endpoint {
        try await write { try $0.disableEndpoint(id, reason: reason) }
    }

    package func removeSubscription(_ id: EndpointID) async throws {
        try await write { try $0.removeSubscription(id) }
    }

    package func setWebhookSecret(
        _ secret: String?, of id: EndpointID, keepingPreviousFor overlap: Duration
    ) async throws {
        try await write { try $0.setWebhookSecret(secret, of: id, keepingPreviousFor: overlap) }
    }

    package func signing(of id: EndpointID, app: AppID) async throws -> DeliverySigning? {
        let box = configuration.secretBox
        return try await read { [self] connection in
            let now = try now(connection)
            let found = try connection.first(EndpointSQL.byID, .id(id)) { try StoredEndpoint($0, secretBox: box) }
            guard let found else { return nil }
            var signing = DeliverySigning(authKey: found.authKey, webhookSecrets: found.secrets.inForce(at: now))
            if found.kind == .callback {
                signing.authKey = try connection.first(
                    CallbackSQL.find, .text(found.account.description), .text(app.description)
                ) { try CallbackRows.configuration($0, secretBox: box) }?.signingKey
            }
            return signing
        }
    }

    package func tendEndpoints() async throws -> Bool {
        // Most calls find nothing: they need no transaction.
        guard try await read({ try $0.first(TendingSQL.next, .integer(0)) { _ in true } ?? false }) else {
            return false
        }
        let last = lastTended.withLock { $0 }
        let (tended, isMore) = try await write { try $0.tendEndpoints(after: last) }
        lastTended.withLock { $0 = tended }
        return isMore
    }
}

/// The queries about endpoints.
enum EndpointQuery {
    /// Most rows that one page looks at.
    static let scanned = 5000

    /// Endpoints that match, and the last row that was looked at where there may be more.
    ///
    /// A removed subscription is shown as long as something that waited for it has not been ended.
    static let page = SQL(
        """
        WITH looked AS MATERIALIZED (
          SELECT p.group_id, p.id, p.kind, p.account_id, p.disabled_at, p.removed_at, p.tend_from FROM endpoints p
          WHERE p.id < $1 ORDER BY p.id DESC LIMIT $6),
        matched AS (
          SELECT group_id FROM looked WHERE (removed_at IS NULL OR tend_from IS NOT NULL)
            AND ($2::bigint IS NULL OR kind = $2) AND ($3::text IS NULL OR account_id = $3)
            AND ($4::boolean IS NULL OR $4 = (disabled_at IS NOT NULL)) ORDER BY id DESC LIMIT $5),
        chosen AS (
          SELECT group_id, true AS is_match FROM matched
          UNION ALL (SELECT group_id, false FROM looked WHERE (SELECT count(*) FROM looked) = $6 ORDER BY id LIMIT 1))
        SELECT \(EndpointRows.columns), c.is_match FROM chosen c JOIN endpoints p ON p.group_id = c.group_id
        ORDER BY p.id DESC
        """)
    static let counts = SQL(
        """
        SELECT n.in_use, (SELECT count(*) FROM (
          SELECT 1 FROM lanes l JOIN deliveries d ON d.lane_id = l.id AND d.state = 0
          WHERE l.group_id = p.group_id AND l.kind = 1 LIMIT 10000) w)
        FROM endpoints p CROSS JOIN LATERAL (\(SlotStates.groups.of("p.group_id"))) n WHERE p.id = $1
        """)
}
