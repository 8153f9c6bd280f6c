import TowlineCore
import TowlineStore

extension StoreSuite {
    static let redeliveryCases: [Case] = [
        Case("a redelivery sends the same event again to every endpoint that it was for") { trial in
            try await trial.setCallback(events: "UploadByURLComplete", key: "old")
            let other = try await trial.subscribe("https://other.test/")
            let job = try await trial.finishedJob()
            let first = try await trial.claimDeliveries().items.filter { $0.event.type == .uploadByURLComplete }
            try expectEqual(first.count, 2, "deliveries")
            for claim in first { try await trial.report(claim, .delivered) }
            let after = try await trial.read(job.id)
            try await trial.setCallback(events: "UploadByURLComplete", key: "new")

            let event = first[0].event
            var made: [Delivery] = []
            try await trial.expectSignal(.deliveriesDue) {
                made = try await trial.store.redeliver(event.id, to: nil)
            }
            try expectEqual(Set(made.map(\.endpoint)), Set(first.map(\.endpoint)), "endpoints")
            for delivery in made {
                try expectEqual(delivery.origin, .redelivery, "origin")
                try expectEqual(delivery.state, .pending, "state")
                try expectEqual(delivery.attempts, 0, "attempts")
                try expectEqual(delivery.event, event.id, "event")
                try expect(!first.map(\.id).contains(delivery.id), "an old delivery was used again")
            }
            let second = try await trial.claimDeliveries().items
            try expectEqual(Set(second.map(\.id)), Set(made.map(\.id)), "claims")
            for claim in second {
                try expectEqual(claim.event, event, "event with its bytes")
                try expectEqual(claim.origin, .redelivery, "origin of the claim")
                try expectEqual(claim.attempt, 1, "attempt")
                try expectEqual(claim.signing.authKey, claim.endpoint == other.id ? nil : "new", "key of the moment")
                try await trial.report(claim, .delivered)
            }
            try expectEqual(try await trial.read(job.id), after, "the job, which nothing changed")
        },
        Case("a redelivery opens no gate: the job waits for its own callback") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let job = try await trial.finishedJob()
            let event = try unwrap(
                try await trial.detail(job.id).events.first { $0.type == .uploadByURLComplete }, "no event")
            let made = try await trial.store.redeliver(event.id, to: nil)
            for claim in try await trial.claimDeliveries().items where claim.id == made.first?.id {
                try await trial.report(claim, .delivered)
            }
            try expectEqual(try await trial.read(job.id).state, .stored, "state")
        },
        Case("an event that was for no endpoint is sent where the configuration says now") { trial in
            let job = try await trial.finishedJob()
            let event = try await trial.detail(job.id).events[0]
            try await expectError(.conflict, "no endpoint at all") {
                _ = try await trial.store.redeliver(event.id, to: nil)
            }
            try await trial.setCallback(url: "https://late.test/hook", events: "")
            let made = try await trial.store.redeliver(event.id, to: nil)
            try expectEqual(made.map(\.target), [.http(url: "https://late.test/hook")], "targets")
            try expectEqual(made.first?.endpoint, try await trial.endpoint("https://late.test/hook").id, "endpoint")
        },
        Case("a redelivery goes to the endpoint that is named, of the same account only") { trial in
            try await trial.setCallback()
            let job = try await trial.finishedJob()
            let event = try await trial.detail(job.id).events[0].id
            let named = try await trial.subscribe("https://named.test/") { $0.policy = .durable }
            let made = try await trial.store.redeliver(event, to: named.id)
            try expectEqual(made.map(\.endpoint), [named.id], "endpoints")
            try expectEqual(made.map(\.policy), [.durable], "policy of the endpoint")
            let own = try await trial.endpoint().id
            try expectEqual(try await trial.store.redeliver(event, to: own).map(\.policy), [.exact], "usual policy")

            let foreign = try await trial.subscribe("https://foreign.test/", account: trial.otherAccount)
            try await expectError(.conflict, "another account's endpoint") {
                _ = try await trial.store.redeliver(event, to: foreign.id)
            }
            try await expectError(.notFound, "an unknown endpoint") {
                _ = try await trial.store.redeliver(event, to: EndpointID(rawValue: 1))
            }
            try await expectError(.notFound, "an unknown event") {
                _ = try await trial.store.redeliver(EventID(rawValue: 1), to: own)
            }
            try await trial.store.removeSubscription(named.id)
            try await expectError(.conflict, "a removed endpoint") {
                _ = try await trial.store.redeliver(event, to: named.id)
            }
            try expectEqual(
                try await trial.store.redeliver(event, to: nil).map(\.endpoint), [own],
                "endpoints without the removed one")
        },
        Case("an event whose endpoints were all removed is sent nowhere by itself") { trial in
            let gone = try await trial.subscribe("https://gone.test/")
            let job = try await trial.finishedJob()
            try await trial.store.removeSubscription(gone.id)
            try await trial.setCallback()
            let event = try await trial.detail(job.id).events[0].id
            try await expectError(.conflict, "nowhere to send it") {
                _ = try await trial.store.redeliver(event, to: nil)
            }
        },
        Case("a redelivery to a disabled endpoint is held and leaves its health alone") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let job = try await trial.finishedJob()
            let event = try unwrap(
                try await trial.detail(job.id).events.first { $0.type == .uploadByURLComplete }, "no event"
            ).id
            try await trial.report(try await trial.oneDelivery(), .dead(reason: "x"))
            let endpoint = try await trial.endpoint().id
            let disabled = try await trial.store.disableEndpoint(endpoint, reason: "maintenance")
            let made = try await trial.store.redeliver(event, to: nil)
            try expectEqual(made.map(\.state), [.held], "state")
            try expect(try await trial.claimDeliveries().items.isEmpty, "claimed at a disabled endpoint")
            try expectEqual(try await trial.endpoint().health, disabled.health, "health")
            _ = try await trial.store.enableEndpoint(endpoint)
            let claim = try await trial.oneDelivery()
            try expectEqual(claim.id, made.first?.id, "claim")
            try await trial.report(claim, .retry(after: .seconds(1)), signal: .failure(cause: "500"))
            try expectEqual(try await trial.endpoint().health, EndpointHealth(), "health after a failure")
        },
    ]
}
