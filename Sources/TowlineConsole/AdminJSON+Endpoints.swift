import TowlineCore
import TowlineStore

/// Endpoints, replays and listeners.
extension AdminJSON {
    static func endpoint(_ endpoint: Endpoint, now: Timestamp) -> JSONValue {
        let (health, options) = (endpoint.health, endpoint.options)
        return .members([
            "id": .string(endpoint.id.description),
            "kind": .string(endpoint.kind.rawValue),
            "account": .string(endpoint.account.description),
            "url": .string(masked(endpoint.target.text)),
            "description": .string(options.description),
            "state": .string(state(endpoint, now: now)),
            "failures": .integer(health.failures),
            "failingSince": health.failingSince.map { .string($0.description) },
            "lastCause": health.lastCause.json,
            "pausedUntil": health.pausedUntil.map { .string($0.description) },
            "disabledAt": health.disabledAt.map { .string($0.description) },
            "disabledReason": health.disabledReason.json,
            "policy": options.policy.map { .string($0.rawValue) } ?? .null,
            "maxConcurrency": options.maxConcurrency.map { .integer($0) } ?? .null,
            "maxPerSecond": options.maxPerSecond.map { .integer($0) } ?? .null,
            "appIds": .array(options.apps.map { .string($0.description) }),
            "eventTypes": .array(options.eventTypes.map { .string($0.rawValue) }),
            "hasAuthKey": .bool(endpoint.hasAuthKey),
            "webhookSecrets": .integer(endpoint.webhookSecrets),
            "createdAt": .string(endpoint.createdAt.description),
            "removedAt": endpoint.removedAt.map { .string($0.description) },
        ])
    }

    static func endpoint(_ detail: EndpointDetail, now: Timestamp) -> JSONValue {
        endpoint(detail.endpoint, now: now).adding([
            "waiting": .integer(detail.waiting), "running": .integer(detail.running),
        ])
    }

    private static func state(_ endpoint: Endpoint, now: Timestamp) -> String {
        if endpoint.removedAt != nil { return "removed" }
        if endpoint.health.isDisabled { return "disabled" }
        if let end = endpoint.health.pausedUntil, end > now { return "paused" }
        return endpoint.health.isProbing ? "probing" : "enabled"
    }

    static func replay(_ replay: Replay) -> JSONValue {
        let filter = replay.request.filter
        return .members([
            "id": .string(replay.id.description),
            "state": .string(replay.state.rawValue),
            "filter": .members([
                "type": filter.type.map { .string($0.rawValue) },
                "state": filter.state.map { .string($0.rawValue) },
                "endpoint": filter.endpoint.map { .string($0.description) },
                "job": filter.job.map { .string($0.description) },
                "account": filter.account.map { .string($0.description) },
                "appId": filter.app.map { .string($0.description) },
                "since": filter.since.map { .string($0.description) },
                "until": filter.until.map { .string($0.description) },
            ]),
            "to": replay.request.destination.map { .string($0.description) },
            "perSecond": replay.request.perSecond.map { .integer($0) },
            "eventsInRange": .integer(replay.eventsInRange),
            "eventsSeen": .integer(replay.eventsSeen),
            "created": .integer(replay.created),
            "delivered": .integer(replay.delivered),
            "dead": .integer(replay.dead),
            "createdAt": .string(replay.createdAt.description),
            "endedAt": replay.endedAt.map { .string($0.description) },
        ])
    }

    static func listener(_ listener: EventListener) -> JSONValue {
        .members([
            "name": .string(listener.name),
            "account": listener.account.map { .string($0.description) },
            "acknowledged": listener.acknowledged.map { .string($0.description) },
            "createdAt": .string(listener.createdAt.description),
            "seenAt": .string(listener.seenAt.description),
        ])
    }
}

extension JSONValue {
    /// An object with more members at its end, leaving out those without a value.
    func adding(_ pairs: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members + pairs.compactMap { name, value in value.map { Member(name, $0) } })
    }
}
