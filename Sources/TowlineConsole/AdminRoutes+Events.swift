import HTTPTypes
import TowlineCore
import TowlineStore

/// Events.
extension AdminRoutes {
    var eventRoutes: [AdminRoute] {
        [
            AdminRoute(.get, "/api/v1/events") { try await listEvents($0) },
            AdminRoute(.get, "/api/v1/events/:id") { call in
                _ = try call.query()
                let detail = try await eventDetail(call)
                return AdminJSON.event(detail.event, deliveries: detail.deliveries)
            },
            AdminRoute(.get, "/api/v1/events/:id/request") { try await composeRequest($0) },
            AdminRoute(.post, "/api/v1/events/:id/redeliver") { call in
                let id: EventID = try call.id(of: "event")
                let endpoint: EndpointID? = try await call.body("endpoint").id("endpoint")
                return deliveries(try await store.redeliver(id, to: endpoint))
            },
        ]
    }

    /// An answer that lists deliveries.
    func deliveries(_ deliveries: [Delivery]) -> JSONValue {
        .members(["deliveries": .array(deliveries.map(AdminJSON.delivery))])
    }

    private func listEvents(_ call: AdminCall) async throws -> JSONValue {
        let query = try call.query(
            "type", "state", "endpoint", "job", "account", "app", "since", "until", "cursor", "limit")
        var filter = EventFilter()
        filter.type = try query.choice("type", of: EventType.self)
        filter.state = try query.choice("state", of: DeliveryState.self)
        filter.endpoint = try query.id("endpoint")
        filter.job = try query.id("job")
        filter.account = try query.value("account", AdminRule.account, AdminRule.account)
        filter.app = try query.value("app", AdminRule.name) { AdminRule.name($0).map { AppID($0) } }
        filter.since = try query.time("since")
        filter.until = try query.time("until")
        try filter.checkTimes()
        let page = try await store.events(matching: filter, before: try query.cursor(), limit: try query.limit())
        return .members([
            "events": .array(page.items.map { AdminJSON.event($0.event, deliveries: $0.deliveries) }),
            "next": page.next.json,
        ])
    }

    private func eventDetail(_ call: AdminCall) async throws -> EventDetail {
        let id: EventID = try call.id(of: "event")
        guard let detail = try await store.event(id) else { throw AdminError.missing("event", id.description) }
        return detail
    }

    /// The POST of an event as it would be sent now.
    private func composeRequest(_ call: AdminCall) async throws -> JSONValue {
        let query = try call.query("endpoint", "url")
        let given = try query.value("url", AdminRule.url, AdminRule.url)
        let endpoint: EndpointID? = try query.id("endpoint")
        let detail = try await eventDetail(call)
        let (url, signing) =
            if let endpoint {
                try await receiver(endpoint, of: detail.event)
            } else {
                try await configuredReceiver(of: detail)
            }
        guard let url = given ?? url else {
            throw AdminError.badRequest("url is needed: no callback is configured for the event's application")
        }
        return request(of: detail.event, to: url, signing: signing)
    }

    /// The POST of an event to a URL, signed now.
    func request(of event: Event, to url: String, signing: DeliverySigning) -> JSONValue {
        let headers = hooks.composeRequest(event, url, signing)
        return .members([
            "url": .string(url),
            "headers": .array(headers.map { .array([.string($0.name), .string($0.value)]) }),
            "body": .string(Base64.text(event.body)),
        ])
    }

    private func receiver(_ id: EndpointID, of event: Event) async throws -> (String?, DeliverySigning) {
        guard let endpoint = try await store.endpoint(id)?.endpoint,
            let signing = try await store.signing(of: id, app: event.app)
        else { throw AdminError.missing("endpoint", id.description) }
        guard endpoint.account == event.account else {
            throw AdminError(.conflict, "Conflict", "endpoint \(id) is another account's than event \(event.id)")
        }
        return (endpoint.target.url, signing)
    }

    /// What the account's configuration says, with the webhook secrets of its endpoint where the event went there.
    func configuredReceiver(of detail: EventDetail) async throws -> (String?, DeliverySigning) {
        let event = detail.event
        guard let configuration = try await store.callback(account: event.account, app: event.app),
            let target = configuration.target
        else { return (nil, DeliverySigning()) }
        var signing = DeliverySigning(authKey: configuration.signingKey)
        for id in Set(detail.deliveries.filter { $0.target == target }.map(\.endpoint)) {
            guard try await store.endpoint(id)?.endpoint.kind == .callback else { continue }
            signing.webhookSecrets = try await store.signing(of: id, app: event.app)?.webhookSecrets ?? []
        }
        return (target.url, signing)
    }
}

extension CallbackTarget {
    /// The URL that a callback's signature covers; nil for queues, which get none.
    fileprivate var url: String? { if case .http(let url) = self { url } else { nil } }
}

extension EventFilter {
    /// Refuses a span of time that has no moment in it.
    func checkTimes() throws {
        guard let since, let until, since >= until else { return }
        throw AdminError.badRequest("since is a time before until")
    }
}
