import HTTPTypes
import Hummingbird
import TowlineCore
import TowlineStore

/// Listeners: readers of events with a durable place.
extension AdminRoutes {
    var listenerRoutes: [AdminRoute] {
        [
            AdminRoute(.get, "/api/v1/listeners") { call in
                _ = try call.query()
                return .members(["listeners": .array(try await store.listeners().map(AdminJSON.listener))])
            },
            AdminRoute(.post, "/api/v1/listeners/:name") { try await openListener($0) },
            AdminRoute(.delete, "/api/v1/listeners/:name") { call in
                let name = try listenerName(call)
                try await call.nothing()
                try await store.removeListener(name)
                return .members(["name": .string(name), "removed": .bool(true)])
            },
            AdminRoute(.get, "/api/v1/listeners/:name/events") { try await nextEvents($0) },
            AdminRoute(.post, "/api/v1/listeners/:name/acknowledge") { try await acknowledge($0) },
        ]
    }

    private func listenerName(_ call: AdminCall) throws -> String {
        guard let name = AdminRule.name(call.parameter("name")) else {
            throw AdminError.badRequest("name is \(AdminRule.name)")
        }
        return name
    }

    private func openListener(_ call: AdminCall) async throws -> JSONValue {
        let name = try listenerName(call)
        let body = try await call.body("from", "account")
        let start = try body.string("from", "now, beginning or the id of an event") { text -> ListenerStart? in
            switch text {
            case "now": .now
            case "beginning": .beginning
            default: EventID(text).map { .after($0) }
            }
        }
        let listener = try await store.openListener(name, account: try body.account(), start: start ?? .now)
        return AdminJSON.listener(listener)
    }

    private func acknowledge(_ call: AdminCall) async throws -> JSONValue {
        let name = try listenerName(call)
        guard let event: EventID = try await call.body("event").id("event") else {
            throw AdminError.badRequest("event is needed: \(EventID.formRule)")
        }
        try await store.acknowledge(event, by: name)
        return .object([])
    }

    private func nextEvents(_ call: AdminCall) async throws -> JSONValue {
        let name = try listenerName(call)
        let query = try call.query("limit", "wait")
        let limit = try query.limit()
        let events: [Event]
        if let wait = try query.integer("wait", in: 0...30), wait > 0 {
            // Whoever goes away ends the wait.
            events = try await call.request.body.consumeWithCancellationOnInboundClose { _ in
                try await self.events(for: name, limit: limit, waiting: .seconds(wait))
            }
        } else {
            events = try await store.events(for: name, limit: limit)
        }
        return .members(["events": .array(events.map { AdminJSON.event($0) })])
    }

    /// Events as soon as there are some; none when the time is over or the server shuts down.
    private func events(for name: String, limit: Int, waiting: Duration) async throws -> [Event] {
        // Listens before it asks, so that no event falls between.
        let signals = store.signals.listen(to: .eventsAdded)
        let events = try await store.events(for: name, limit: limit)
        guard events.isEmpty else { return events }
        return try await withThrowingTaskGroup(of: [Event].self) { group in
            group.addTask {
                for await _ in signals {
                    let events = try await store.events(for: name, limit: limit)
                    if !events.isEmpty { return events }
                }
                return []
            }
            group.addTask {
                try await hooks.clock.sleep(for: waiting)
                return []
            }
            group.addTask {
                await hooks.untilShutdown()
                return []
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }
}
