import HTTPTypes
import TowlineCore
import TowlineStore

/// Replays.
extension AdminRoutes {
    var replayRoutes: [AdminRoute] {
        [
            AdminRoute(.post, "/api/v1/replays") { try await startReplay($0) },
            AdminRoute(.get, "/api/v1/replays") { call in
                let limit = try call.query("limit").limit()
                return .members(["replays": .array(try await store.replays(limit: limit).map(AdminJSON.replay))])
            },
            AdminRoute(.get, "/api/v1/replays/:id") { call in
                let id: ReplayID = try call.id(of: "replay")
                _ = try call.query()
                guard let replay = try await store.replay(id) else {
                    throw AdminError.missing("replay", id.description)
                }
                return AdminJSON.replay(replay)
            },
            AdminRoute(.post, "/api/v1/replays/:id/cancel") { call in
                let id: ReplayID = try call.id(of: "replay")
                try await call.nothing()
                return AdminJSON.replay(try await store.cancelReplay(id))
            },
        ]
    }

    private func startReplay(_ call: AdminCall) async throws -> JSONValue {
        let body = try await call.body(
            "type", "state", "endpoint", "job", "account", "appId", "since", "until", "to", "perSecond", "dryRun")
        var filter = EventFilter()
        filter.type = try body.choice("type", of: EventType.self)
        filter.state = try body.choice("state", of: DeliveryState.self)
        filter.endpoint = try body.id("endpoint")
        filter.job = try body.id("job")
        filter.account = try body.account()
        filter.app = try body.string("appId", AdminRule.name) { AdminRule.name($0).map { AppID($0) } }
        filter.since = try body.time("since")
        filter.until = try body.time("until")
        try filter.checkTimes()
        let request = ReplayRequest(
            filter: filter, destination: try body.id("to"), perSecond: try body.integer("perSecond", in: 1...100_000))
        guard try body.bool("dryRun") ?? false else { return AdminJSON.replay(try await store.startReplay(request)) }
        let count = try await store.countReplay(request)
        return .members([
            "dryRun": .bool(true), "events": .integer(count.events), "deliveries": .integer(count.deliveries),
        ])
    }
}
