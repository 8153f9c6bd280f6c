import TowlineClient
import TowlineCore
import VODSignatures

/// Which events a list shows, and which a replay takes.
struct EventQuery: Sendable, Hashable {
    var type: EventType?
    /// Of a delivery.
    var state: DeliveryState?
    var endpoint: String?
    var job: String?
    var account: String?
    var app: String?
    var since: Timestamp?
    var until: Timestamp?

    /// The list of these events.
    var list: AdminList {
        AdminList(
            path: "/events", member: "events",
            fields: [
                ("type", type?.rawValue), ("state", state?.rawValue), ("endpoint", endpoint), ("job", job),
                ("account", account), ("app", app), ("since", since.map(PointInTime.text)),
                ("until", until.map(PointInTime.text)),
            ])
    }
}

/// What a replay is to do.
struct ReplayOrder: Sendable, Hashable {
    var query = EventQuery()
    /// The one endpoint that gets the events; nil for those that they were for.
    var destination: String?
    /// Most deliveries that become due in a second.
    var perSecond: Int?

    /// The body of the call.
    func json(isDryRun: Bool) -> JSONValue {
        .members([
            "type": query.type.map { .string($0.rawValue) },
            "state": query.state.map { .string($0.rawValue) },
            "endpoint": query.endpoint.json,
            "job": query.job.json,
            "account": query.account.json,
            "appId": query.app.json,
            "since": query.since.map { .string(PointInTime.text($0)) },
            "until": query.until.map { .string(PointInTime.text($0)) },
            "to": destination.json,
            "perSecond": perSecond.map { .integer($0) },
            "dryRun": isDryRun ? .bool(true) : nil,
        ])
    }
}

extension AdminClient {
    /// How long a count of all events may take.
    private static let countTimeout: Duration = .seconds(300)

    /// An event with its deliveries.
    func event(_ id: String) async throws -> JSONValue {
        try await call(.GET, "/events/\(PercentEncoding.encode(id))")
    }

    /// Makes new deliveries of an event.
    ///
    /// - Parameters:
    ///   - id: The event.
    ///   - endpoint: Where to; nil for every endpoint that it was for.
    /// - Returns: The new deliveries.
    /// - Throws: ``AdminClientError``, or `CancellationError`.
    func redeliver(event id: String, to endpoint: String?) async throws -> [JSONValue] {
        let answer = try await call(
            .POST, "/events/\(PercentEncoding.encode(id))/redeliver", body: .members(["endpoint": endpoint.json]))
        return try deliveries(in: answer)
    }

    /// Makes a new delivery of the same event to the same endpoint.
    func redeliver(delivery id: String) async throws -> [JSONValue] {
        try deliveries(in: try await call(.POST, "/deliveries/\(PercentEncoding.encode(id))/redeliver"))
    }

    /// A delivery with its event and its attempts.
    func delivery(_ id: String) async throws -> JSONValue {
        try await call(.GET, "/deliveries/\(PercentEncoding.encode(id))")
    }

    /// How many events and deliveries a replay would concern now.
    func countReplay(_ order: ReplayOrder) async throws -> JSONValue {
        try await call(.POST, "/replays", body: order.json(isDryRun: true), timeout: Self.countTimeout)
    }

    /// Begins a replay.
    func startReplay(_ order: ReplayOrder) async throws -> JSONValue {
        try await call(.POST, "/replays", body: order.json(isDryRun: false), timeout: Self.countTimeout)
    }

    /// A replay as it stands.
    func replay(_ id: String) async throws -> JSONValue {
        try await call(.GET, "/replays/\(PercentEncoding.encode(id))")
    }

    /// Ends a replay before its time.
    func cancelReplay(_ id: String) async throws -> JSONValue {
        try await call(.POST, "/replays/\(PercentEncoding.encode(id))/cancel")
    }

    private func deliveries(in answer: JSONValue) throws -> [JSONValue] {
        guard let deliveries = answer["deliveries"]?.elements else { throw notTowline(status: 200) }
        return deliveries
    }
}
