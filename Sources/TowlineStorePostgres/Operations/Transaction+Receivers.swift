import TowlineCore
import TowlineStore

/// One account and application.
struct AppKey: Hashable {
    let account: AccountID
    let app: AppID
}

/// The callback configurations of some accounts.
struct ReceiverBook {
    private var configurations: [AppKey: CallbackConfiguration] = [:]

    /// Adds a configuration.
    mutating func add(_ configuration: CallbackConfiguration) {
        configurations[AppKey(account: configuration.account, app: configuration.app)] = configuration
    }

    /// The configuration of an account and application; nil where none is stored.
    func configuration(account: AccountID, app: AppID) -> CallbackConfiguration? {
        configurations[AppKey(account: account, app: app)]
    }
}

extension Transaction {
    /// Reads who gets the events of some ends of runs, and makes endpoints that are missing.
    ///
    /// The endpoints' rows are shared until the commit: who disables or enables one waits, and sees every delivery that
    /// was made for what it was before.
    ///
    /// - Parameter ends: Jobs whose runs end, with the number of their events.
    /// - Returns: What the ends share.
    /// - Throws: ``PostgresFailure``; ``StoreError`` with code `corrupted` for rows that cannot be read.
    func beginEnds(of ends: [(job: Job, events: Int)]) throws -> RunEnds {
        guard !ends.isEmpty else { return RunEnds(book: ReceiverBook(), numbers: []) }
        let jobs = ends.map(\.job)
        let numbers = connection.add(FinishSQL.eventNumbers, .integer(ends.reduce(0) { $0 + $1.events }))
        let keys = Array(Set(jobs.map { AppKey(account: $0.account, app: $0.app) }))
        let accounts = Array(Set(jobs.map(\.account)))
        let overrides = Set(
            jobs.compactMap { job in job.request.callback.map { LaneKey.group(account: job.account, url: $0.text) } })
        let apps: [PostgresValue] = [
            .texts(keys.map(\.account.description)), .texts(keys.map(\.app.description)),
        ]
        let configurations = connection.add(ReceiverSQL.configurations, apps)
        let own = connection.add(ReceiverSQL.configured, apps)
        let named = overrides.isEmpty ? nil : connection.add(ReceiverSQL.named, .ids(Array(overrides)))
        let subscriptions = connection.add(ReceiverSQL.subscriptions, .texts(accounts.map(\.description)))
        try connection.flush()
        var book = ReceiverBook()
        try configurations.result().forEach {
            book.add(try CallbackRows.configuration($0, secretBox: settings.secretBox))
        }
        for found in [own, named].compactMap(\.self) { try addEndpoints(found) }
        try subscriptions.result().forEach {
            endpoints.addSubscription(try HeldEndpoint($0, secretBox: settings.secretBox))
        }
        try makeMissingEndpoints(of: jobs, book)
        return RunEnds(book: book, numbers: try numbers.result().map { $0.integer(0) })
    }

    private func makeMissingEndpoints(of jobs: [Job], _ book: ReceiverBook) throws {
        var missing: Set<CallbackKey> = []
        for job in jobs {
            let configuration = book.configuration(account: job.account, app: job.app)
            for type in EventType.allCases {
                let target = settings.composer.target(
                    of: type, configuration: configuration, override: job.request.callback)
                guard let target, endpoints.callback(account: job.account, url: target.text) == nil else { continue }
                missing.insert(CallbackKey(account: job.account, url: target.text))
            }
        }
        if !missing.isEmpty { try makeCallbackEndpoints(Array(missing)) }
    }

    /// Takes in endpoints that a query of ``HeldEndpoint/columns`` gave.
    func addEndpoints(_ pending: PostgresPending) throws {
        try pending.result().forEach { endpoints.add(try HeldEndpoint($0, secretBox: settings.secretBox)) }
    }

    /// Makes endpoints of callbacks that are missing, and reads them.
    func makeCallbackEndpoints(_ keys: [CallbackKey]) throws {
        let keys = keys.map { (LaneKey.group(account: $0.account, url: $0.url), $0) }.sorted { $0.0 < $1.0 }
        let hashes = keys.map(\.0)
        makeGroups(.deliver, keys.map { ($0.0, StoredEndpoint.groupKey(account: $0.1.account, url: $0.1.url)) })
        makeOwners(.deliver, keys.map(\.1.account))
        connection.add(
            LaneMakingSQL.insertLanes, .integer(LaneKind.deliver.rawValue),
            .ids(keys.map { LaneKey.lane(account: $0.1.account, key: $0.1.url) }),
            .texts(keys.map(\.1.account.description)), .texts(keys.map(\.1.url)), .ids(hashes))
        connection.add(
            ReceiverSQL.insertCallbacks, .ids(hashes), .ids(keys.map { _ in newID(EndpointID.self) }),
            .texts(keys.map(\.1.account.description)), .texts(keys.map(\.1.url)), .time(now),
            .ids(keys.map { LaneKey.lane(account: $0.1.account, key: $0.1.url) }))
        let found = connection.add(ReceiverSQL.named, .ids(hashes))
        try connection.flush()
        try addEndpoints(found)
    }

    /// Makes a delivery of an event to an endpoint with the policy of the moment.
    ///
    /// What is sent again waits in the endpoint's second lane, which exists by the caller's word
    /// (``Transaction/ensureResendLane(of:)``).
    @discardableResult
    func addDelivery(
        of event: Int64, to endpoint: HeldEndpoint, origin: DeliveryOrigin, due: Timestamp? = nil, gate: JobGate? = nil
    ) -> DeliveryID {
        let id = newID(DeliveryID.self)
        let due = due ?? now
        let eventLane = endpoint.stored.lanes.event ?? 0
        let lane = origin.number == 0 ? eventLane : endpoint.stored.lanes.resend ?? eventLane
        rows.deliveries.append(
            .init(
                id: id, event: event, account: endpoint.stored.account, lane: lane, gate: gate,
                policy: endpoint.stored.options.policy ?? settings.deliveryPolicy, origin: origin, due: due))
        lanes.wake(endpoint.lane(lane), kind: .deliver, due: due, at: endpoint.earliest(from: due))
        return id
    }
}

/// The endpoint of an account's callbacks to a URL.
struct CallbackKey: Hashable {
    let account: AccountID
    let url: String
}

/// The statements about who gets events.
enum ReceiverSQL {
    private static let endpoints = "SELECT \(HeldEndpoint.columns) FROM \(HeldEndpoint.tables)"

    static let configurations = SQL(
        """
        SELECT \(CallbackRows.columns) FROM unnest($1::text[], $2::text[]) v (account_id, app)
        JOIN callbacks c ON c.account_id = v.account_id AND c.app = v.app
        """)
    static let configured = SQL(
        """
        \(endpoints) WHERE p.group_id IN (
          SELECT c.endpoint_group FROM unnest($1::text[], $2::text[]) v (account_id, app)
          JOIN callbacks c ON c.account_id = v.account_id AND c.app = v.app)
        ORDER BY p.group_id FOR SHARE OF p
        """)
    static let named = SQL(
        """
        \(endpoints) WHERE p.group_id IN (
          SELECT g.id FROM lane_groups g WHERE g.kind = 1 AND g.hash = ANY($1::uuid[]))
        ORDER BY p.group_id FOR SHARE OF p
        """)
    static let subscriptions = SQL(
        """
        \(endpoints) WHERE p.account_id = ANY($1::text[]) AND p.kind = 1 AND p.removed_at IS NULL
        ORDER BY p.group_id FOR SHARE OF p
        """)
    static let insertCallbacks = SQL(
        """
        INSERT INTO endpoints (group_id, id, kind, account_id, url, event_lane, created_at)
        SELECT g.id, v.id, 0, v.account_id, v.url, l.id, $5
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $6::uuid[])
          v (group_hash, id, account_id, url, lane_hash)
        JOIN lane_groups g ON g.kind = 1 AND g.hash = v.group_hash
        JOIN lanes l ON l.kind = 1 AND l.hash = v.lane_hash
        ON CONFLICT (group_id) DO NOTHING
        """)
}
