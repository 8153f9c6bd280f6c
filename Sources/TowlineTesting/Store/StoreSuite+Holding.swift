import TowlineCore
import TowlineStore

extension StoreSuite {
    static let holdingCases: [Case] = [
        Case("a receiver that is gone disables its endpoint: its events are held and no job waits for them") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(3)
            let claim = try await trial.oneDelivery()
            let running = try await trial.oneDelivery()
            try await trial.expectSignal(.upkeepDue) {
                try await trial.report(claim, .held(reason: "410"), signal: .gone(cause: "410"))
            }
            let health = try await trial.endpoint().health
            try expect(health.disabledAt != nil, "not disabled")
            try expectEqual(health.disabledReason, "410", "reason")
            let shown = try await trial.delivery(claim.id)
            try expectEqual(shown.delivery.state, .held, "state of the delivery")
            try expectEqual(shown.delivery.attempts, 1, "attempts")
            try expectEqual(shown.attempts.count, 1, "rows of attempts")
            try expectEqual(shown.delivery.reason, "410", "reason of the delivery")
            try expect(shown.delivery.dueAt != nil, "no due time")
            try expectEqual(try await trial.read(claim.event.job).state, .succeeded, "state of its job")
            try await trial.report(running, .retry(after: .seconds(5)), signal: .failure(cause: "500"))
            try expectEqual(
                try await trial.read(running.event.job).state, .succeeded, "state of the job of a running attempt")
            let none = try await trial.claimDeliveries()
            try expect(none.items.isEmpty, "claimed at a disabled endpoint")
            try expectEqual(none.nextDue, nil, "next due")
            try await trial.tend()
            try expectEqual(try await trial.store.jobCounts()[.succeeded], 3, "jobs that wait for nothing")
            try expectEqual(try await trial.store.jobCounts()[.stored] ?? 0, 0, "jobs that wait")
            let counts = try await trial.store.deliveryCounts()
            try expectEqual(counts[.held], 3, "held deliveries")
            try expectEqual(counts[.pending], 3, "held deliveries among the pending ones")
            try expectEqual(try await trial.endpoint().health.disabledReason, "410", "reason afterwards")
        },
        Case("new events for a disabled endpoint are held and keep no job waiting") { trial in
            try await trial.setCallback()
            let id = try await trial.endpoint().id
            _ = try await trial.store.disableEndpoint(id, reason: "maintenance")
            let job = try await trial.finishedJob()
            try expectEqual(job.state, .succeeded, "state")
            try expect(try await trial.claimDeliveries().items.isEmpty, "claimed at a disabled endpoint")
            let detail = try await trial.detail(job.id)
            try expectEqual(detail.deliveries.map(\.state), [.held, .held], "states")
            let shown = try unwrap(try await trial.store.endpoint(id), "the endpoint is missing")
            try expectEqual(shown.waiting, 2, "waiting")
            try await trial.expectSignal(.deliveriesDue) { _ = try await trial.store.enableEndpoint(id) }
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.count, 2, "claims after enabling")
            for claim in claims { try await trial.report(claim, .delivered, signal: .success) }
            try expectEqual(try await trial.read(job.id), job, "the job, which nothing changed")
        },
        Case("disabling by command lets go of jobs whose callback waits, and keeps its first reason") { trial in
            try await trial.setCallback()
            let id = try await trial.endpoint().id
            try await trial.finish(30)
            try expectEqual(try await trial.store.jobCounts()[.stored], 30, "jobs that wait")
            let before = try await trial.store.disableEndpoint(id, reason: "maintenance")
            try expectEqual(before.health.disabledReason, "maintenance", "reason")
            let again = try await trial.store.disableEndpoint(id, reason: "another")
            try expectEqual(again.health, before.health, "health when disabled again")
            try await trial.tend()
            try expectEqual(try await trial.store.jobCounts()[.succeeded], 30, "jobs that wait no more")
            try expectEqual(try await trial.store.deliveryCounts()[.held], 60, "held deliveries")
            let enabled = try await trial.store.enableEndpoint(id)
            try expectEqual(enabled.health, EndpointHealth(), "health when enabled")
            try expectEqual(try await trial.store.deliveryCounts()[.held] ?? 0, 0, "held deliveries when enabled")
            try expectEqual(try await trial.claimDeliveries().items.count, 60, "claims when enabled")
            for code in [true, false] {
                try await expectError(.notFound, "an unknown endpoint") {
                    let unknown = EndpointID(rawValue: 1)
                    _ =
                        code
                        ? try await trial.store.enableEndpoint(unknown)
                        : try await trial.store.disableEndpoint(unknown, reason: "x")
                }
            }
        },
        Case("what waited for a retry when an endpoint was disabled is due when it is enabled") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(2)
            let retried = try await trial.oneDelivery()
            try await trial.report(retried, .retry(after: .seconds(36_000)), signal: .failure(cause: "500"))
            let id = try await trial.endpoint().id
            _ = try await trial.store.disableEndpoint(id, reason: "x")
            trial.advance(by: .seconds(10))
            _ = try await trial.store.enableEndpoint(id)
            trial.advance(by: .seconds(1))
            let later = try await trial.oneDelivery()
            try await trial.report(later, .retry(after: .seconds(36_000)), signal: .failure(cause: "500"))
            try await trial.tend()
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.map(\.id), [retried.id], "claims")
            try expectEqual(claims.map(\.attempt), [2], "attempts")
        },
        Case("an endpoint that is enabled while it is paused is paused no more") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(3)
            try await trial.report(
                try await trial.oneDelivery(), .retry(after: .seconds(600)),
                signal: .slowDown(cause: "429", pause: .seconds(600)))
            try expect(try await trial.claimDeliveries().items.isEmpty, "claimed during the pause")
            let enabled = try await trial.store.enableEndpoint(try await trial.endpoint().id)
            try expectEqual(enabled.health, EndpointHealth(), "health")
            try expectEqual(try await trial.claimDeliveries().items.count, 2, "claims")
        },
        Case("an endpoint without a success for days is disabled with a reason") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(1)
            for attempt in 1...9 {
                let claim = try await trial.oneDelivery()
                try expectEqual(claim.attempt, attempt, "attempt")
                try await trial.report(
                    claim, .retry(after: .seconds(54_000)), signal: .failure(cause: "connection refused"))
                trial.advance(by: .seconds(54_000))
            }
            let health = try await trial.endpoint().health
            try expect(health.isDisabled, "not disabled after 120 hours")
            try expect(health.disabledReason?.contains("connection refused") == true, "reason without the cause")
            try expectEqual(try await trial.store.deliveryCounts()[.held], 1, "held deliveries")
        },
        Case("an attempt at a disabled endpoint that does not come back is held and keeps no job waiting") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(2)
            let claims = try await trial.claimDeliveries(lease: .seconds(10)).items
            _ = try await trial.store.disableEndpoint(claims[0].endpoint, reason: "x")
            try await trial.tend()
            try await trial.report(claims[0], .released)
            trial.advance(by: .seconds(11))
            try expectEqual(try await trial.store.reapLeases(), 1, "leases taken back")
            try expect(try await trial.claimDeliveries().items.isEmpty, "claimed at a disabled endpoint")
            try expectEqual(try await trial.store.deliveryCounts()[.held], 2, "held deliveries")
            try expectEqual(try await trial.store.jobCounts()[.succeeded], 2, "jobs that wait for nothing")
            _ = try await trial.store.enableEndpoint(claims[0].endpoint)
            let again = try await trial.claimDeliveries().items
            try expectEqual(again.map(\.attempt), [1, 1], "attempts when enabled")
        },
        Case("a late success neither enables an endpoint nor is lost") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(1)
            let claim = try await trial.oneDelivery()
            _ = try await trial.store.disableEndpoint(claim.endpoint, reason: "x")
            try expectEqual(try await trial.report(claim, .delivered, signal: .success), .recorded, "verdict")
            try expectEqual(try await trial.endpoint().health.disabledReason, "x", "reason")
            try expectEqual(try await trial.store.deliveryCounts()[.delivered], 1, "delivered")
        },
        Case("events are announced when they are made") { trial in
            try await trial.expectSignal(.eventsAdded) { _ = try await trial.finishedJob() }
        },
    ]
}
