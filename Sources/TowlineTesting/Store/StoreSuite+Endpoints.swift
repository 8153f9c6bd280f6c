import TowlineCore
import TowlineStore

extension StoreSuite {
    static let endpointCases: [Case] = [
        Case("the endpoint of a callback is there as soon as it is named, one for each account and URL") { trial in
            try await trial.setCallback(url: "https://one.test/hook?a=%20é")
            try await trial.setCallback(url: "https://one.test/hook?a=%20é", key: "again")
            try await trial.setCallback(url: "https://one.test/hook?a=%20é", account: trial.otherAccount)
            let request = trial.request { $0.callback = .http(url: "https://own.test/hook") }
            try await trial.accept([request])
            try await trial.finish(try await trial.claimOne(), .stored(bytes: 1, small: nil))
            let found = try await trial.endpoints()
            try expectEqual(found.count, 3, "endpoints")
            let own = try await trial.endpoint("https://own.test/hook")
            let first = try await trial.endpoint("https://one.test/hook?a=%20é", account: trial.account)
            let other = try await trial.endpoint("https://one.test/hook?a=%20é", account: trial.otherAccount)
            try expectEqual(Set([own.id, first.id, other.id]).count, 3, "different ids")
            for endpoint in found {
                try expectEqual(endpoint.kind, .callback, "kind")
                try expectEqual(endpoint.options, EndpointOptions(), "options")
                try expectEqual(endpoint.health, EndpointHealth(), "health")
                try expectEqual(endpoint.hasAuthKey, false, "key of its own")
                try expectEqual(endpoint.webhookSecrets, 0, "webhook secrets")
                try expectEqual(endpoint.removedAt, nil, "removal")
            }
            let claims = try await trial.claimDeliveries().items
            try expectEqual(Set(claims.map(\.endpoint)), [own.id], "endpoint of the claims")
            let shown = try await trial.delivery(claims[0].id).delivery
            try expectEqual(shown.endpoint, own.id, "endpoint of the delivery")
            try expectEqual(shown.origin, .event, "origin of the delivery")
        },
        Case("a configuration without an address names no endpoint") { trial in
            try await trial.setCallback(url: "")
            try expect(try await trial.endpoints().isEmpty, "an endpoint was made")
        },
        Case("a subscription comes back as it was made") { trial in
            var options = EndpointOptions()
            options.description = "billing é"
            options.policy = .durable
            options.maxConcurrency = 3
            options.maxPerSecond = 0
            options.apps = [AppID("app-1"), AppID("a \"quoted\", one")]
            options.eventTypes = [.fileUploadComplete]
            let made = try await trial.store.createSubscription(
                account: trial.otherAccount, url: "https://sub.test/a%20b", options: options, authKey: "key",
                webhookSecret: "whsec_AAAA")
            let read = try unwrap(try await trial.store.endpoint(made.id), "the subscription is missing")
            for endpoint in [made, read.endpoint, try await trial.endpoints()[0]] {
                try expectEqual(endpoint.id, made.id, "id")
                try expectEqual(endpoint.kind, .subscription, "kind")
                try expectEqual(endpoint.account, trial.otherAccount, "account")
                try expectEqual(endpoint.target, .http(url: "https://sub.test/a%20b"), "target")
                try expectEqual(endpoint.options, options, "options")
                try expectEqual(endpoint.health, EndpointHealth(), "health")
                try expectEqual(endpoint.hasAuthKey, true, "key of its own")
                try expectEqual(endpoint.webhookSecrets, 1, "webhook secrets")
                try expectEqual(endpoint.createdAt, made.createdAt, "time of making")
                try expectEqual(endpoint.removedAt, nil, "removal")
            }
            try expectEqual(read.waiting, 0, "waiting")
            try expectEqual(read.running, 0, "running")
            try expect(try await trial.store.endpoint(EndpointID(rawValue: 1)) == nil, "an unknown endpoint was found")
        },
        Case("endpoints are listed newest first, page by page, by account, kind and state") { trial in
            var ids: [EndpointID] = []
            for number in 0..<7 {
                let account = number.isMultiple(of: 2) ? trial.account : trial.otherAccount
                ids.insert(try await trial.subscribe("https://s\(number).test/", account: account).id, at: 0)
                trial.advance(by: .milliseconds(5))
            }
            try await trial.setCallback()
            let callback = try await trial.endpoint("https://receiver.test/hook").id
            _ = try await trial.store.disableEndpoint(ids[2], reason: "x")
            try expectEqual(try await trial.endpoints(limit: 3).map(\.id), [callback] + ids, "all")
            try expectEqual(
                try await trial.endpoints(EndpointFilter(account: trial.otherAccount), limit: 2).map(\.id),
                [ids[1], ids[3], ids[5]], "of an account")
            try expectEqual(
                try await trial.endpoints(EndpointFilter(kind: .callback)).map(\.id), [callback], "of callbacks")
            try expectEqual(
                try await trial.endpoints(EndpointFilter(isDisabled: true)).map(\.id), [ids[2]], "disabled")
            try expectEqual(
                try await trial.endpoints(EndpointFilter(kind: .subscription, isDisabled: false)).map(\.id),
                ids.filter { $0 != ids[2] }, "subscriptions that are not disabled")
        },
        Case("an endpoint shows what waits and what runs") { trial in
            try await trial.setCallback()
            try await trial.finish(3)
            let claims = try await trial.claimDeliveries(2).items
            let id = claims[0].endpoint
            try await trial.report(claims[0], .delivered)
            let detail = try unwrap(try await trial.store.endpoint(id), "the endpoint is missing")
            try expectEqual(detail.waiting, 4, "waiting")
            try expectEqual(detail.running, 1, "running")
        },
        Case("options are replaced, and count for what comes after") { trial in
            let id = try await trial.subscribe("https://s.test/").id
            var options = EndpointOptions()
            options.eventTypes = [.uploadByURLComplete]
            options.policy = .durable
            try expectEqual(try await trial.store.setOptions(options, of: id).options, options, "options")
            _ = try await trial.finishedJob()
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.map(\.event.type), [.uploadByURLComplete], "types")
            try expectEqual(claims.map(\.policy), [.durable], "policies")
            _ = try await trial.store.setOptions(EndpointOptions(), of: id)
            _ = try await trial.finishedJob()
            let later = try await trial.claimDeliveries().items
            try expectEqual(later.count, 2, "deliveries without a filter")
            try expectEqual(Set(later.map(\.policy)), [.exact], "policies")
            try await expectError(.notFound, "an unknown endpoint") {
                _ = try await trial.store.setOptions(options, of: EndpointID(rawValue: 1))
            }
        },
        Case("the endpoint of a callback takes options, but no filter") { trial in
            try await trial.setCallback()
            let id = try await trial.endpoint("https://receiver.test/hook").id
            var options = EndpointOptions()
            options.policy = .durable
            options.maxConcurrency = 1
            _ = try await trial.store.setOptions(options, of: id)
            _ = try await trial.finishedJob()
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.map(\.policy), [.durable], "policies of what its concurrency lets through")
            var filtered = options
            filtered.apps = [AppID("app-1")]
            try await expectError(.conflict, "a filter by application") {
                _ = try await trial.store.setOptions(filtered, of: id)
            }
            filtered = options
            filtered.eventTypes = [.fileUploadComplete]
            try await expectError(.conflict, "a filter by type") {
                _ = try await trial.store.setOptions(filtered, of: id)
            }
        },
    ]

    static let subscriptionCases: [Case] = [
        Case("a subscription gets each event that its filter lets through, beside the callback") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let all = try await trial.subscribe("https://all.test/")
            let typed = try await trial.subscribe("https://typed.test/") { $0.eventTypes = [.fileUploadComplete] }
            let ofApp = try await trial.subscribe("https://app.test/") { $0.apps = [.standard] }
            _ = try await trial.subscribe("https://other-app.test/") { $0.apps = [AppID("app-9")] }
            _ = try await trial.subscribe("https://other.test/", account: trial.otherAccount)
            let callback = try await trial.endpoint("https://receiver.test/hook")
            _ = try await trial.finishedJob()
            let claims = try await trial.claimDeliveries().items
            func types(_ endpoint: Endpoint) -> [String] {
                claims.filter { $0.endpoint == endpoint.id }.map(\.event.type.rawValue).sorted()
            }
            try expectEqual(types(all), ["FileUploadComplete", "UploadByURLComplete"], "events of the one for all")
            try expectEqual(types(typed), ["FileUploadComplete"], "events of the one by type")
            try expectEqual(
                types(ofApp), ["FileUploadComplete", "UploadByURLComplete"], "events of the one by application")
            try expectEqual(types(callback), ["UploadByURLComplete"], "events of the callback")
            try expectEqual(claims.count, 6, "deliveries")
        },
        Case("a subscription at the URL of a callback is an endpoint of its own") { trial in
            try await trial.setCallback()
            let sub = try await trial.subscribe("https://receiver.test/hook")
            _ = try await trial.finishedJob()
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.count, 4, "deliveries")
            try expectEqual(claims.filter { $0.endpoint == sub.id }.count, 2, "deliveries of the subscription")
        },
        Case("a job waits for no subscription") { trial in
            _ = try await trial.subscribe("https://sub.test/")
            try expectEqual(try await trial.finishedJob().state, .succeeded, "state")
        },
        Case("a subscription that is removed gets nothing more, and what waits for it ends as dead") { trial in
            let sub = try await trial.subscribe("https://sub.test/")
            try await trial.finish(2)
            let running = try await trial.claimDeliveries(2).items
            try await trial.expectSignal(.upkeepDue) { try await trial.store.removeSubscription(sub.id) }
            try await trial.finish(1)
            try expect(try await trial.claimDeliveries().items.isEmpty, "something was claimed")
            try expectEqual(try await trial.endpoints().first?.removedAt != nil, true, "shown as removed")
            try await trial.tend()
            try expectEqual(try await trial.store.deliveryCounts()[.dead], 2, "dead deliveries")
            try await trial.report(running[0], .delivered)
            try await trial.report(running[1], .retry(after: .seconds(1)), signal: .failure(cause: "500"))
            let retried = try await trial.delivery(running[1].id)
            try expectEqual(retried.delivery.state, .dead, "state of what would be retried")
            try expectEqual(retried.delivery.reason, "the subscription was removed", "reason")
            try expectEqual(retried.attempts.count, 1, "rows of attempts")
            let counts = try await trial.store.deliveryCounts()
            try expectEqual(counts[.dead], 3, "dead deliveries")
            try expectEqual(counts[.delivered], 1, "delivered")
            try expectEqual(counts[.pending] ?? 0, 0, "pending")
            try expect(try await trial.endpoints().isEmpty, "still listed when everything has ended")
            try expect(try await trial.store.endpoint(sub.id)?.endpoint.removedAt != nil, "not found any more")
            try await trial.store.removeSubscription(sub.id)
            try await expectError(.conflict, "enabling it") { _ = try await trial.store.enableEndpoint(sub.id) }
            try await expectError(.conflict, "disabling it") {
                _ = try await trial.store.disableEndpoint(sub.id, reason: "x")
            }
        },
        Case("an attempt at a removed subscription that does not come back ends as dead") { trial in
            let sub = try await trial.subscribe("https://sub.test/") { $0.eventTypes = [.uploadByURLComplete] }
            try await trial.finish(2)
            let claims = try await trial.claimDeliveries(lease: .seconds(10)).items
            try await trial.store.removeSubscription(sub.id)
            try await trial.report(claims[0], .released)
            trial.advance(by: .seconds(11))
            try expectEqual(try await trial.store.reapLeases(), 1, "leases taken back")
            try expectEqual(try await trial.store.deliveryCounts()[.dead], 2, "dead deliveries")
        },
        Case("only subscriptions can be removed") { trial in
            try await trial.setCallback()
            let id = try await trial.endpoint("https://receiver.test/hook").id
            try await expectError(.conflict, "a callback's endpoint") { try await trial.store.removeSubscription(id) }
            try await expectError(.notFound, "an unknown endpoint") {
                try await trial.store.removeSubscription(EndpointID(rawValue: 1))
            }
        },
    ]

    static let endpointKeyCases: [Case] = [
        Case("attempts are signed with the keys of their endpoint at the moment") { trial in
            try await trial.setCallback(events: "UploadByURLComplete", key: "callback-key")
            let sub = try await trial.store.createSubscription(
                account: trial.account, url: "https://sub.test/", options: EndpointOptions(), authKey: "own-key",
                webhookSecret: "whsec_first")
            let bare = try await trial.subscribe("https://bare.test/")
            let callback = try await trial.endpoint("https://receiver.test/hook")
            _ = try await trial.finishedJob()
            try await trial.store.setWebhookSecret("whsec_cb", of: callback.id, keepingPreviousFor: .zero)
            try await trial.setCallback(events: "UploadByURLComplete", key: "new-key")
            let expected = [
                sub.id: DeliverySigning(authKey: "own-key", webhookSecrets: ["whsec_first"]),
                bare.id: DeliverySigning(),
                callback.id: DeliverySigning(authKey: "new-key", webhookSecrets: ["whsec_cb"]),
            ]
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.count, 5, "deliveries")
            for claim in claims { try expectEqual(claim.signing, expected[claim.endpoint], "keys of a claim") }
            for (id, signing) in expected {
                try expectEqual(try await trial.store.signing(of: id, app: .standard), signing, "keys")
            }
            let elsewhere = try await trial.store.signing(of: callback.id, app: AppID("app-9"))
            try expectEqual(elsewhere?.authKey, nil, "key of an application without a configuration")
            let none = try await trial.store.signing(of: EndpointID(rawValue: 1), app: .standard)
            try expectEqual(none, nil, "keys of an unknown endpoint")
        },
        Case("during a rotation both secrets sign, the newest first, until the time is over") { trial in
            let sub = try await trial.subscribe("https://sub.test/") { $0.eventTypes = [.uploadByURLComplete] }
            func secrets() async throws -> [String] {
                try await trial.finish(1)
                let claim = try await trial.oneDelivery()
                try await trial.report(claim, .delivered)
                let read = try await trial.store.signing(of: sub.id, app: .standard)
                try expectEqual(read, claim.signing, "keys as read")
                let shown = try unwrap(try await trial.store.endpoint(sub.id), "the subscription is missing")
                try expectEqual(shown.endpoint.webhookSecrets, claim.signing.webhookSecrets.count, "number of secrets")
                return claim.signing.webhookSecrets
            }
            func set(_ secret: String?, overlap: Duration) async throws {
                try await trial.store.setWebhookSecret(secret, of: sub.id, keepingPreviousFor: overlap)
            }
            try expectEqual(try await secrets(), [], "secrets at first")
            try await set("whsec_1", overlap: .seconds(60))
            try expectEqual(try await secrets(), ["whsec_1"], "secrets after the first")
            try await set("whsec_2", overlap: .seconds(60))
            try expectEqual(try await secrets(), ["whsec_2", "whsec_1"], "secrets during the rotation")
            try await set("whsec_2", overlap: .seconds(60))
            try expectEqual(try await secrets(), ["whsec_2", "whsec_1"], "secrets when the same was set again")
            trial.advance(by: .seconds(60))
            try expectEqual(try await secrets(), ["whsec_2"], "secrets after the rotation")
            try await set("whsec_3", overlap: .zero)
            try expectEqual(try await secrets(), ["whsec_3"], "secrets without a rotation")
            try await set(nil, overlap: .seconds(60))
            try expectEqual(try await secrets(), [], "secrets after the end of signing")
            try await expectError(.notFound, "an unknown endpoint") {
                try await trial.store.setWebhookSecret(
                    "whsec_4", of: EndpointID(rawValue: 1), keepingPreviousFor: .zero)
            }
        },
    ]
}

extension StoreTrial {
    /// Makes a subscription without keys.
    func subscribe(
        _ url: String, account: AccountID? = nil, configure: (inout EndpointOptions) -> Void = { _ in }
    ) async throws -> Endpoint {
        var options = EndpointOptions()
        configure(&options)
        return try await store.createSubscription(
            account: account ?? self.account, url: url, options: options, authKey: nil, webhookSecret: nil)
    }

    /// Every endpoint of a list, page by page.
    func endpoints(_ filter: EndpointFilter = EndpointFilter(), limit: Int = 10) async throws -> [Endpoint] {
        var filter = filter
        var endpoints: [Endpoint] = []
        while true {
            let page = try await store.endpoints(matching: filter, limit: limit)
            try expect(page.items.count <= limit, "a page of \(page.items.count) endpoints")
            endpoints += page.items
            guard let next = page.next else { return endpoints }
            filter.before = try unwrap(EndpointID(next), "the next page's mark is no endpoint id")
        }
    }

    /// The one endpoint with a URL.
    func endpoint(
        _ url: String = "https://receiver.test/hook", account: AccountID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Endpoint {
        let found = try await endpoints().filter {
            $0.target == .http(url: url) && (account == nil || $0.account == account)
        }
        try expectEqual(found.count, 1, "endpoints with the URL \(url)", file: file, line: line)
        return found[0]
    }

    /// Tends endpoints until nothing is left.
    func tend(file: StaticString = #fileID, line: UInt = #line) async throws {
        for _ in 0..<1000 {
            guard try await store.tendEndpoints() else { return }
        }
        throw SuiteFailure("endpoints are never tended to the end", file: file, line: line)
    }
}
