import TowlineCore
import TowlineStore

extension StoreSuite {
    static let endpointHealthCases: [Case] = [
        Case("failures in a row pause an endpoint, and another goes on meanwhile") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(12)
            try await trial.fail(8)
            let paused = try await trial.endpoint()
            try expectEqual(paused.health.failures, 8, "failures")
            try expectEqual(paused.health.lastCause, "500", "cause")
            try expect(paused.health.failingSince != nil, "no time of the first failure")
            try expect(paused.health.pausedUntil != nil, "no pause")
            _ = try await trial.subscribe("https://healthy.test/") { $0.eventTypes = [.uploadByURLComplete] }
            try await trial.finish(1)
            let claims = try await trial.claimDeliveries()
            try expectEqual(claims.items.map(\.target), [.http(url: "https://healthy.test/")], "targets")
            let wait = try unwrap(claims.nextDue, "nothing is said to become due")
            try expect(wait > .zero && wait <= .seconds(5), "next due in \(wait)")
        },
        Case("after a pause one attempt at a time goes out until one succeeds") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(15)
            try await trial.fail(8)
            trial.advance(by: .seconds(5))
            let probe = try await trial.oneDelivery()
            try expect(try await trial.claimDeliveries().items.isEmpty, "two attempts at once")
            try await trial.report(probe, .retry(after: .seconds(3600)), signal: .failure(cause: "502"))
            let wait = try unwrap(try await trial.claimDeliveries().nextDue, "nothing is said to become due")
            try expect(wait > .seconds(5) && wait <= .seconds(10), "the second pause: \(wait)")
            trial.advance(by: .seconds(10))
            try await trial.report(try await trial.oneDelivery(), .delivered, signal: .success)
            try expectEqual(try await trial.endpoint().health, EndpointHealth(), "health")
            try expectEqual(try await trial.claimDeliveries().items.count, 5, "attempts at once afterwards")
        },
        Case("attempts that were under way when a pause began do not lengthen it, and a success ends it") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(12)
            let claims = try await trial.claimDeliveries(10).items
            for claim in claims.prefix(9) {
                trial.advance(by: .milliseconds(100))
                try await trial.report(claim, .retry(after: .seconds(3600)), signal: .failure(cause: "500"))
            }
            let health = try await trial.endpoint().health
            try expectEqual(health.failures, 9, "failures")
            try expectEqual(health.pauses, 1, "pauses")
            try expect(try await trial.claimDeliveries().items.isEmpty, "claimed during the pause")
            try await trial.expectSignal(.deliveriesDue) {
                try await trial.report(claims[9], .delivered, signal: .success)
            }
            try expectEqual(try await trial.endpoint().health, EndpointHealth(), "health")
            try expectEqual(try await trial.claimDeliveries().items.count, 2, "claims after the success")
        },
        Case("a receiver that asks for less is paused for as long as it says") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(3)
            try await trial.report(
                try await trial.oneDelivery(), .retry(after: .seconds(600)),
                signal: .slowDown(cause: "429", pause: .seconds(600)))
            trial.advance(by: .seconds(590))
            let early = try await trial.claimDeliveries()
            try expect(early.items.isEmpty, "claimed during the pause")
            try expect(early.nextDue.map { $0 > .zero && $0 <= .seconds(10) } == true, "next due: \(early)")
            try await trial.finish(1)
            try expect(try await trial.claimDeliveries().items.isEmpty, "a new event was claimed during the pause")
            trial.advance(by: .seconds(10))
            try expectEqual(try await trial.claimDeliveries().items.count, 1, "claims after the pause")
        },
        Case("what is only observed is counted and shown and has no consequence") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(20)
            for claim in try await trial.claimDeliveries(19, lease: .seconds(1_000_000)).items {
                try await trial.report(claim, .dead(reason: "x"), signal: .observed(cause: "404"))
                trial.advance(by: .seconds(36_000))
            }
            let health = try await trial.endpoint().health
            try expectEqual(health.failures, 19, "failures")
            try expectEqual(health.lastCause, "404", "cause")
            try expectEqual(health.isProbing, false, "probing")
            try expectEqual(health.isDisabled, false, "disabled")
            try expectEqual(try await trial.claimDeliveries().items.count, 1, "claims")
        },
        Case("an interrupted attempt says nothing about its endpoint") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(1)
            try await trial.report(try await trial.oneDelivery(), .released, signal: .gone(cause: "410"))
            try expectEqual(try await trial.endpoint().health, EndpointHealth(), "health")
        },
        Case("what is sent again leaves its endpoint's health alone, and is not held where the receiver is gone") {
            trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let job = try await trial.finishedJob()
            let first = try await trial.oneDelivery()
            try await trial.report(first, .retry(after: .seconds(3600)), signal: .failure(cause: "500"))
            let health = try await trial.endpoint().health
            let event = first.event.id
            let signals: [(DeliveryNext, EndpointSignal)] = [
                (.delivered, .success), (.dead(reason: "x"), .slowDown(cause: "429", pause: .seconds(60))),
                (.held(reason: "410"), .gone(cause: "410")),
            ]
            for (next, signal) in signals {
                let made = try await trial.store.redeliver(event, to: nil)
                let claim = try await trial.oneDelivery()
                try expectEqual(claim.id, made.first?.id, "delivery")
                try expectEqual(claim.origin, .redelivery, "origin")
                try await trial.report(claim, next, signal: signal)
                try expectEqual(try await trial.endpoint().health, health, "health after \(next)")
            }
            let counts = try await trial.store.deliveryCounts()
            try expectEqual(counts[.delivered], 1, "delivered")
            try expectEqual(counts[.dead], 2, "dead")
            try expectEqual(try await trial.read(job.id).state, .stored, "state of the job")
        },
        Case("one account's failures touch no other account's endpoint at the same URL") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.setCallback(events: "UploadByURLComplete", account: trial.otherAccount)
            try await trial.finish(9)
            try await trial.fail(8)
            try await trial.accept(1, account: trial.otherAccount)
            try await trial.finish(try await trial.claimOne(), .stored(bytes: 1, small: nil))
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.map(\.event.account), [trial.otherAccount], "accounts")
        },
        Case("an endpoint that hangs and one that is paused delay none of fifty others") { trial in
            for name in ["hangs", "paused"] {
                _ = try await trial.subscribe("https://\(name).test/") { $0.eventTypes = [.uploadByURLComplete] }
            }
            try await trial.finish(40)
            var hanging: [ClaimedDelivery] = []
            while true {
                let claims = try await trial.claimDeliveries(16, perEndpoint: 16).items
                if claims.isEmpty { break }
                for claim in claims {
                    guard claim.target == .http(url: "https://paused.test/") else {
                        hanging.append(claim)
                        continue
                    }
                    try await trial.report(claim, .retry(after: .zero), signal: .failure(cause: "500"))
                }
            }
            try expectEqual(hanging.count, 16, "attempts that hang")
            for number in 0..<50 {
                _ = try await trial.subscribe("https://healthy-\(number).test/") {
                    $0.eventTypes = [.uploadByURLComplete]
                }
            }
            try await trial.finish(1)
            let claims = try await trial.claimDeliveries(64, perEndpoint: 16).items
            try expectEqual(Set(claims.map(\.target)).count, 50, "healthy endpoints in one claim")
            try expectEqual(claims.count, 50, "claims")
        },
    ]

    static let endpointLimitCases: [Case] = [
        Case("no more attempts run against an endpoint than its own limit says") { trial in
            let narrow = try await trial.subscribe("https://narrow.test/") { $0.maxConcurrency = 2 }
            let wide = try await trial.subscribe("https://wide.test/") { $0.maxConcurrency = 7 }
            let plain = try await trial.subscribe("https://plain.test/")
            try await trial.finish(10)
            let claims = try await trial.claimDeliveries(100, perEndpoint: 4).items
            func count(_ endpoint: Endpoint) -> Int { claims.filter { $0.endpoint == endpoint.id }.count }
            try expectEqual(count(narrow), 2, "attempts at the narrow one")
            try expectEqual(count(wide), 7, "attempts at the wide one")
            try expectEqual(count(plain), 4, "attempts at the one without a limit of its own")
            var options = EndpointOptions()
            options.maxConcurrency = 5
            _ = try await trial.store.setOptions(options, of: narrow.id)
            let more = try await trial.claimDeliveries(100, perEndpoint: 4).items
            try expectEqual(more.map(\.endpoint), [narrow.id, narrow.id, narrow.id], "attempts after a raise")
        },
        Case("in no second do more attempts begin at an endpoint than its limit says, and not far fewer") { trial in
            for limit in [1, 3, 40, 200] {
                let sub = try await trial.subscribe("https://limited-\(limit).test/") {
                    $0.maxPerSecond = limit
                    $0.eventTypes = [.uploadByURLComplete]
                }
                try await trial.finish(limit * 3 + 1)
                var begun: [Timestamp] = []
                var time = Duration.zero
                while time <= .seconds(3) {
                    let claims = try await trial.claimDeliveries(1000)
                    for claim in claims.items {
                        try await trial.report(claim, .delivered, signal: .success)
                        begun.append(try await trial.delivery(claim.id).attempts[0].startedAt)
                    }
                    let wait = min(max(claims.nextDue ?? .seconds(1), .milliseconds(1)), .seconds(1))
                    trial.advance(by: wait)
                    time += wait
                }
                try expectRate(limit, of: begun)
                try expect(begun.count * 10 >= limit * 27, "\(begun.count) attempts in 3 s at \(limit) a second")
                try await trial.store.removeSubscription(sub.id)
                try await trial.tend()
            }
        },
        Case("the configured rate counts for endpoints without one of their own") { trial in
            let free = try await trial.subscribe("https://free.test/") { $0.maxPerSecond = 0 }
            let own = try await trial.subscribe("https://own.test/") { $0.maxPerSecond = 100 }
            let plain = try await trial.subscribe("https://plain.test/")
            try await trial.finish(10)
            var begun: [EndpointID: [Timestamp]] = [:]
            for round in 0..<20 {
                let claims = try await trial.claimDeliveries(100, perSecond: 10).items
                if round == 0 {
                    let count = claims.filter { $0.endpoint == free.id }.count
                    try expectEqual(count, 20, "attempts at once without a limit")
                }
                for claim in claims {
                    try await trial.report(claim, .delivered, signal: .success)
                    begun[claim.endpoint, default: []].append(
                        try await trial.delivery(claim.id).attempts[0].startedAt)
                }
                // A little more than the time between two attempts, for a clock that goes on by itself as well.
                trial.advance(by: .milliseconds(11))
            }
            try expectEqual(begun[own.id]?.count, 20, "attempts at 100 a second, within 220 ms")
            try expectRate(100, of: begun[own.id] ?? [])
            let configured = begun[plain.id] ?? []
            try expect(configured.count >= 2, "\(configured.count) attempts at 10 a second, within 200 ms")
            try expectRate(10, of: configured)
        },
        Case("what is sent again waits beside new events, not before them") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let job = try await trial.finishedJob()
            let first = try await trial.oneDelivery()
            try await trial.report(first, .delivered, signal: .success)
            for _ in 0..<20 { _ = try await trial.store.redeliver(first.event.id, to: nil) }
            try await trial.finish(5)
            let claims = try await trial.claimDeliveries(10).items
            try expectEqual(claims.count, 10, "claims")
            try expectEqual(claims.filter { $0.event.job != job.id }.count, 5, "new events among them")
            try expect(
                try await trial.claimDeliveries(10, perEndpoint: 10).items.isEmpty, "more than the endpoint bears")
        },
    ]
}

/// Fails when more attempts began within any second than may.
private func expectRate(
    _ limit: Int, of begun: [Timestamp], file: StaticString = #fileID, line: UInt = #line
) throws {
    for (index, start) in begun.enumerated() {
        let count = begun[index...].prefix { $0 < start + .seconds(1) }.count
        try expect(
            count <= limit, "\(count) attempts began within a second where \(limit) may", file: file, line: line)
    }
}

extension StoreTrial {
    /// Claims deliveries one by one and reports failures that are retried in an hour.
    func fail(_ count: Int) async throws {
        for _ in 0..<count {
            try await report(
                try await oneDelivery(), .retry(after: .seconds(3600)), signal: .failure(cause: "500"))
        }
    }
}
