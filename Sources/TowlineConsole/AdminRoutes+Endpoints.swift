import HTTPTypes
import TowlineCore
import TowlineStore

/// Receivers of events.
extension AdminRoutes {
    var endpointRoutes: [AdminRoute] {
        [
            AdminRoute(.get, "/api/v1/endpoints") { try await listEndpoints($0) },
            AdminRoute(.post, "/api/v1/endpoints") { try await createSubscription($0) },
            AdminRoute(.get, "/api/v1/endpoints/:id") { call in
                _ = try call.query()
                return AdminJSON.endpoint(try await endpointDetail(call), now: hooks.wallClock())
            },
            AdminRoute(.post, "/api/v1/endpoints/:id") { try await setOptions($0) },
            AdminRoute(.delete, "/api/v1/endpoints/:id") { call in
                let id: EndpointID = try call.id(of: "endpoint")
                try await call.nothing()
                try await store.removeSubscription(id)
                return .members(["id": .string(id.description), "removed": .bool(true)])
            },
            AdminRoute(.post, "/api/v1/endpoints/:id/enable") { call in
                let id: EndpointID = try call.id(of: "endpoint")
                try await call.nothing()
                return json(try await store.enableEndpoint(id))
            },
            AdminRoute(.post, "/api/v1/endpoints/:id/disable") { call in
                let id: EndpointID = try call.id(of: "endpoint")
                let reason = try await call.body("reason").text("reason", atMost: 500) ?? ""
                return json(
                    try await store.disableEndpoint(id, reason: reason.isEmpty ? "an operator disabled it" : reason))
            },
            AdminRoute(.post, "/api/v1/endpoints/:id/secret") { try await setSecret($0) },
        ]
    }

    private func json(_ endpoint: Endpoint) -> JSONValue { AdminJSON.endpoint(endpoint, now: hooks.wallClock()) }

    private func listEndpoints(_ call: AdminCall) async throws -> JSONValue {
        let query = try call.query("account", "kind", "disabled", "cursor", "limit")
        let filter = EndpointFilter(
            account: try query.value("account", AdminRule.account, AdminRule.account),
            kind: try query.choice("kind", of: EndpointKind.self),
            isDisabled: try query.value("disabled", "true or false") { Bool($0) }, before: try query.cursor())
        let page = try await store.endpoints(matching: filter, limit: try query.limit())
        return .members(["endpoints": .array(page.items.map { json($0) }), "next": page.next.json])
    }

    private func endpointDetail(_ call: AdminCall) async throws -> EndpointDetail {
        let id: EndpointID = try call.id(of: "endpoint")
        guard let detail = try await store.endpoint(id) else { throw AdminError.missing("endpoint", id.description) }
        return detail
    }

    private func createSubscription(_ call: AdminCall) async throws -> JSONValue {
        let body = try await call.body(
            "url", "account", "description", "policy", "maxConcurrency", "maxPerSecond", "appIds", "eventTypes",
            "authKey", "webhookSecret")
        var options = EndpointOptions()
        try read(&options, from: body)
        let account = try body.account() ?? .standard
        let authKey = try body.string(
            "authKey", "at most 32 characters, with an upper-case letter, a lower-case letter and a digit", Self.authKey
        )
        let secret = try webhookSecret("webhookSecret", in: body)
        guard let url = try body.string("url", "a URL of at most 2048 bytes", { $0.utf8.count <= 2048 ? $0 : nil })
        else {
            throw AdminError.badRequest(
                "url is needed: an http or https URL, queue:NAME or mns+ENDPOINT/queues/NAME")
        }
        let target = try await target(url, of: account, isSigned: authKey != nil || secret.text != nil)
        let endpoint = try await store.createSubscription(
            account: account, url: target, options: options, authKey: authKey, webhookSecret: secret.text)
        return json(endpoint).adding(["webhookSecret": secret.isFresh ? secret.text.json : nil])
    }

    /// The target of a subscription as it is stored.
    private func target(_ text: String, of account: AccountID, isSigned: Bool) async throws -> String {
        let target = CallbackTarget(text: text)
        if case .http = target {
            try await checkCallback(text)
            return text
        }
        guard !isSigned else {
            throw AdminError.badRequest(
                "url is a queue, whose messages carry no signature; authKey and webhookSecret do not go with it")
        }
        switch try await hooks.resolveQueue(target, account) {
        case .target(let target): return target.text
        case .refused(let reason): throw AdminError.badRequest("url cannot be used: \(reason)")
        }
    }

    private func checkCallback(_ text: String) async throws {
        let url: HTTPURL
        do {
            url = try HTTPURL(parsing: text)
        } catch {
            throw AdminError.badRequest("url cannot be used: \(error.reason)")
        }
        if let refusal = await hooks.callbackRefusal(url) {
            throw AdminError.badRequest("url cannot be used: \(refusal)")
        }
    }

    /// The rule of `SetMessageCallback` (vod-api.md 4.1).
    private static func authKey(_ key: String) -> String? {
        let isComplete =
            key.utf8.contains { (0x41...0x5A).contains($0) } && key.utf8.contains { (0x61...0x7A).contains($0) }
            && key.utf8.contains { (0x30...0x39).contains($0) }
        return key.utf8.count <= 32 && isComplete && AdminRule.isPlain(key) ? key : nil
    }

    private func webhookSecret(_ name: String, in body: AdminBody) throws -> (text: String?, isFresh: Bool) {
        let text = try body.string(name, WebhookSecretText.rule) {
            $0 == "generate" ? $0 : WebhookSecretText.checked($0)
        }
        return text == "generate" ? (WebhookSecretText.make(hooks.randomBytes), true) : (text, false)
    }

    private func setOptions(_ call: AdminCall) async throws -> JSONValue {
        let body = try await call.body(
            "description", "policy", "maxConcurrency", "maxPerSecond", "appIds", "eventTypes")
        let endpoint = try await endpointDetail(call).endpoint
        var options = endpoint.options
        try read(&options, from: body)
        return json(try await store.setOptions(options, of: endpoint.id))
    }

    /// Takes over the members that are there; null is what a new endpoint has.
    private func read(_ options: inout EndpointOptions, from body: AdminBody) throws {
        if body.has("description") { options.description = try body.text("description", atMost: 500) ?? "" }
        if body.has("policy") { options.policy = try body.choice("policy", of: DeliveryPolicy.Name.self) }
        if body.has("maxConcurrency") { options.maxConcurrency = try body.integer("maxConcurrency", in: 1...10_000) }
        if body.has("maxPerSecond") { options.maxPerSecond = try body.integer("maxPerSecond", in: 0...100_000) }
        if body.has("appIds") {
            options.apps =
                try body.list("appIds", atMost: 100, "of " + AdminRule.name) {
                    AdminRule.name($0).map { AppID($0) }
                } ?? []
        }
        if body.has("eventTypes") {
            options.eventTypes =
                try body.list("eventTypes", atMost: 100, AdminRule.oneOf(EventType.self)) {
                    EventType(rawValue: $0)
                } ?? []
        }
    }

    private func setSecret(_ call: AdminCall) async throws -> JSONValue {
        let id: EndpointID = try call.id(of: "endpoint")
        let body = try await call.body("secret", "keepPreviousSeconds")
        let overlap = try body.integer("keepPreviousSeconds", in: 0...2_592_000) ?? 86_400
        var secret = try webhookSecret("secret", in: body)
        if !body.has("secret") { secret = (WebhookSecretText.make(hooks.randomBytes), true) }
        try await store.setWebhookSecret(secret.text, of: id, keepingPreviousFor: .seconds(overlap))
        return json(try await endpointDetail(call).endpoint)
            .adding(["webhookSecret": secret.isFresh ? secret.text.json : nil])
    }
}
