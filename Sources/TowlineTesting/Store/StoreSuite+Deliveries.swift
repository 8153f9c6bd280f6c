import TowlineCore
import TowlineStore

extension StoreSuite {
    static let deliveryCases: [Case] = [
        Case("a delivery sends its event's bytes to the address of its time, signed with the key of the moment") {
            trial in
            try await trial.setCallback(url: "https://first.test/hook", key: "old-key")
            let job = try await trial.finishedJob()
            try await trial.setCallback(url: "https://second.test/hook", key: "new-key")
            let claims = try await trial.claimDeliveries()
            try expectEqual(claims.items.count, 2, "deliveries")
            try expectEqual(claims.nextDue, nil, "next due")
            let events = try await trial.detail(job.id).events
            for claim in claims.items {
                try expectEqual(claim.attempt, 1, "attempt")
                try expectEqual(claim.target, .http(url: "https://first.test/hook"), "target")
                try expectEqual(claim.signing.authKey, "new-key", "signing key")
                try expect(events.contains(claim.event), "the event differs from the stored one")
            }
            try expectEqual(try await trial.store.deliveryCounts()[.sending], 2, "sending")
            try expect(try await trial.claimDeliveries().items.isEmpty, "a claimed delivery was claimed again")
        },
        Case("without signing there is no key") { trial in
            try await trial.setCallback(key: nil)
            _ = try await trial.finishedJob()
            for claim in try await trial.claimDeliveries().items {
                try expectEqual(claim.signing.authKey, nil, "signing key")
            }
        },
        Case("a retried delivery comes back in time with the same event") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            _ = try await trial.finishedJob()
            let first = try await trial.oneDelivery()
            var record = DeliveryAttemptRecord()
            record.cause = "status 500"
            try await trial.report(first, .retry(after: .seconds(1)), record: record)
            let early = try await trial.claimDeliveries()
            try expect(early.items.isEmpty, "claimed before its time")
            let wait = try unwrap(early.nextDue, "nothing is said to become due")
            try expect(wait > .zero && wait <= .seconds(1), "next due in \(wait)")
            trial.advance(by: .seconds(1))
            let second = try await trial.oneDelivery()
            try expectEqual(second.id, first.id, "delivery")
            try expectEqual(second.event, first.event, "event")
            try expectEqual(second.attempt, 2, "attempt")
            try expect(second.lease != first.lease, "two attempts share a lease")
            try expectEqual(try await trial.report(first, .delivered), .leaseLost, "verdict of the old lease")
            try expectEqual(try await trial.report(second, .delivered), .recorded, "verdict")
            try expectEqual(try await trial.report(second, .delivered), .leaseLost, "verdict of a second report")
            let stored = try await trial.delivery(first.id)
            try expectEqual(stored.delivery.state, .delivered, "state")
            try expectEqual(stored.delivery.attempts, 2, "attempts")
            try expect(stored.delivery.endedAt != nil, "no end")
            try expectEqual(stored.attempts.map(\.number), [1, 2], "rows of attempts")
            try expectEqual(stored.attempts[0].record.cause, "status 500", "cause of the first attempt")
        },
        Case("a dead delivery stays visible with its reason") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let job = try await trial.finishedJob()
            let claim = try await trial.oneDelivery()
            try await trial.report(claim, .dead(reason: "three attempts failed"))
            trial.advance(by: .seconds(3600))
            try expect(try await trial.claimDeliveries().items.isEmpty, "a dead delivery was claimed")
            let shown = try unwrap(try await trial.detail(job.id).deliveries.first, "no delivery")
            try expectEqual(shown.id, claim.id, "delivery")
            try expectEqual(shown.event, claim.event.id, "event")
            try expectEqual(shown.state, .dead, "state")
            try expectEqual(shown.reason, "three attempts failed", "reason")
            try expectEqual(try await trial.store.deliveryCounts()[.dead], 1, "dead deliveries")
        },
        Case("the record of a delivery's attempt comes back as it was given") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            _ = try await trial.finishedJob()
            let claim = try await trial.oneDelivery()
            var record = DeliveryAttemptRecord()
            record.duration = .milliseconds(87)
            record.address = "192.0.2.1:443"
            record.httpStatus = 502
            record.requestHead = "content-type: application/json\nx-vod-signature: …"
            record.responseHead = "server: é"
            record.responseBody = [0, 255, 10]
            record.cause = "status 502"
            try await trial.report(claim, .dead(reason: "x"), record: record)
            let stored = try await trial.delivery(claim.id)
            try expectEqual(stored.attempts.map(\.record), [record], "records")
        },
        Case("an attempt of a delivery that shutdown interrupted gives its number back") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            _ = try await trial.finishedJob()
            try await trial.report(try await trial.oneDelivery(), .released)
            let again = try await trial.oneDelivery()
            try expectEqual(again.attempt, 1, "attempt")
            try expect(try await trial.delivery(again.id).attempts.isEmpty, "an attempt was recorded")
        },
        Case("a delivery whose lease ran out is taken back, and its late report changes nothing") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            _ = try await trial.finishedJob()
            let late = try unwrap(try await trial.claimDeliveries(lease: .seconds(10)).items.first, "nothing is due")
            trial.advance(by: .seconds(11))
            try expectEqual(try await trial.report(late, .delivered), .leaseLost, "verdict after the lease")
            try expectEqual(try await trial.store.reapLeases(), 1, "leases taken back")
            let again = try await trial.oneDelivery()
            try expectEqual(again.attempt, 1, "attempt: the receiver is not to blame")
            try expectEqual(try await trial.report(late, .dead(reason: "x")), .leaseLost, "late verdict")
            try await trial.report(again, .delivered)
            let stored = try await trial.delivery(again.id)
            try expectEqual(stored.delivery.state, .delivered, "state")
            try expectEqual(stored.attempts.count, 2, "rows of attempts")
            try expect(stored.attempts[0].record.cause != nil, "the interrupted attempt shows no cause")
        },
        Case("an unknown delivery is not found") { trial in
            let found = try await trial.store.delivery(DeliveryID(rawValue: 1))
            try expect(found == nil, "a delivery was found")
        },
    ]

    static let deliveryLaneCases: [Case] = [
        Case("no more attempts run against an endpoint than it bears") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(10)
            var running = try await trial.claimDeliveries(100, perEndpoint: 3).items
            try expectEqual(running.count, 3, "claims")
            try expect(
                try await trial.claimDeliveries(100, perEndpoint: 3).items.isEmpty, "more than the endpoint bears")
            var done = 0
            while let claim = running.popLast() {
                try await trial.report(claim, .delivered)
                done += 1
                running += try await trial.claimDeliveries(100, perEndpoint: 3).items
                try expect(running.count <= 3, "\(running.count) attempts at once")
            }
            try expectEqual(done, 10, "delivered")
        },
        Case("an endpoint that hangs does not hold up another") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(20)
            _ = try await trial.claimDeliveries(100, perEndpoint: 2)
            try await trial.setCallback(url: "https://healthy.test/hook", events: "UploadByURLComplete")
            try await trial.finish(1)
            let claims = try await trial.claimDeliveries(100, perEndpoint: 2).items
            try expectEqual(claims.map(\.target), [.http(url: "https://healthy.test/hook")], "targets")
        },
        Case("endpoints take turns within a claim") { trial in
            for number in 0..<4 {
                try await trial.setCallback(url: "https://r\(number).test/", events: "UploadByURLComplete")
                try await trial.finish(number == 0 ? 20 : 2)
            }
            let targets = Set(try await trial.claimDeliveries(8).items.map(\.target))
            try expectEqual(targets.count, 4, "targets of one claim")
        },
        Case("deliveries of an endpoint are claimed in the order of their events") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            var expected: [JobID] = []
            for _ in 0..<5 {
                expected.append(try await trial.finishedJob().id)
                trial.advance(by: .milliseconds(10))
            }
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.map(\.event.job), expected, "jobs of the events")
        },
    ]
}

extension StoreTrial {
    /// Accepts jobs and stores all of them.
    func finish(_ count: Int, account: AccountID? = nil) async throws {
        try await accept(count, account: account)
        for claim in try await claim(count).items { try await finish(claim, .stored(bytes: 1, small: nil)) }
    }

    /// Claims the one delivery that must be due.
    func oneDelivery(file: StaticString = #fileID, line: UInt = #line) async throws -> ClaimedDelivery {
        let claims = try await claimDeliveries(1)
        return try unwrap(claims.items.first, "no delivery is due", file: file, line: line)
    }

    /// A delivery as stored now.
    func delivery(
        _ id: DeliveryID, file: StaticString = #fileID, line: UInt = #line
    ) async throws -> DeliveryDetail {
        try unwrap(try await store.delivery(id), "the delivery is missing", file: file, line: line)
    }
}
