import TowlineCore
import TowlineStore

extension StoreSuite {
    private static let refused = JobFailure(.sourceUnavailable, "the source answered HTTP 429")

    /// How far apart two starts against an origin with two a second are at least.
    private static func claims(
        _ trial: StoreTrial, _ limit: Int = 100, perOrigin: Int = 1000, perAccount: Int = .max, perSecond: Double = 0
    ) async throws -> Claims<ClaimedJob> {
        try await trial.store.claimJobs(
            JobClaimRequest(
                node: trial.node, limit: limit, perOrigin: perOrigin, perAccount: perAccount,
                perOriginPerSecond: perSecond, lease: .seconds(30)))
    }

    static let fairnessCases: [Case] = [
        Case("an account with jobs of many origins leaves another its share of every claim") { trial in
            for index in 0..<60 { try await trial.accept(2, origin: "https://o\(index).test:443") }
            let small = try await trial.accept(6, account: trial.otherAccount)
            let claimed = try await claims(trial, 10).items
            try expectEqual(claimed.count, 10, "claims")
            try expectEqual(claimed.count { $0.job.account == trial.otherAccount }, 5, "the small account's share")
            let rest = try await claims(trial, 2).items.map(\.job.id)
            try expect(Set(rest).intersection(small.map(\.id)).count == 1, "accounts do not take turns")
        },
        Case("no more attempts of an account run than it may have, over all origins") { trial in
            for name in ["a", "b", "c"] { try await trial.accept(4, origin: "https://\(name).test:443") }
            let other = try await trial.accept(1, account: trial.otherAccount)[0]
            var running = try await claims(trial, perAccount: 3).items
            try expectEqual(running.count, 4, "claims")
            try expect(running.contains { $0.job.id == other.id }, "the other account had to wait")
            running.removeAll { $0.job.id == other.id }
            let none = try await claims(trial, perAccount: 3)
            try expect(none.items.isEmpty && none.nextDue == nil, "more than the account may have: \(none)")
            var done = 0
            while let claim = running.popLast() {
                try await trial.finish(claim, .stored(bytes: 1, small: nil))
                done += 1
                running += try await claims(trial, perAccount: 3).items
                try expect(running.count <= 3, "\(running.count) attempts at once")
            }
            try expectEqual(done, 12, "finished jobs")
        },
        Case("jobs of an account that is full do not hide those of accounts behind it") { trial in
            try await trial.accept(5)
            try expectEqual(try await claims(trial, perAccount: 2).items.count, 2, "claims")
            let other = try await trial.accept(2, account: trial.otherAccount)
            let claimed = try await claims(trial, perAccount: 2).items.map(\.job.id)
            try expectEqual(Set(claimed), Set(other.map(\.id)), "claims")
        },
        Case("a cancelled attempt gives its account's slot back") { trial in
            try await trial.accept(2)
            let first = try unwrap(try await claims(trial, perAccount: 1).items.first, "no claim")
            _ = try await trial.store.cancel(
                [first.job.id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "x"), nonce: nil)
            try expectEqual(try await claims(trial, perAccount: 1).items.count, 1, "claims")
        },
    ]

    static let politenessCases: [Case] = [
        Case("attempts against an origin begin no faster than it bears, over all accounts") { trial in
            try await trial.accept(6)
            try await trial.accept(6, account: trial.otherAccount)
            var begun = 0
            for _ in 0..<40 {
                begun += try await claims(trial, perSecond: 2).items.count
                trial.advance(by: .milliseconds(100))
            }
            try expect((7...9).contains(begun), "\(begun) attempts began in four seconds")
        },
        Case("less than one attempt a second can be asked for") { trial in
            try await trial.accept(3)
            try expectEqual(try await claims(trial, perSecond: 0.1).items.count, 1, "claims")
            let none = try await claims(trial, perSecond: 0.1)
            try expect(none.items.isEmpty, "claimed too early")
            let wait = try unwrap(none.nextDue, "nothing is said to become due")
            try expect(wait > .seconds(8) && wait <= .seconds(11), "next due in \(wait)")
            trial.advance(by: .seconds(11))
            try expectEqual(try await claims(trial, perSecond: 0.1).items.count, 1, "claims")
        },
        Case("the rate of one origin holds up no other") { trial in
            try await trial.accept(5)
            _ = try await claims(trial, perSecond: 1)
            let other = try await trial.accept(1, origin: "https://other.test:443")[0]
            try expectEqual(try await claims(trial, perSecond: 1).items.map(\.job.id), [other.id], "claims")
        },
        Case("an origin that asked for a pause is left alone by all of its jobs until then") { trial in
            try await trial.accept(2)
            try await trial.accept(1, account: trial.otherAccount)
            let other = try await trial.accept(1, origin: "https://other.test:443")[0]
            let claim = try await trial.claimOne()
            var report = JobAttemptReport(
                job: claim.job.id, lease: claim.lease,
                result: .retry(refused, after: .seconds(60), madeProgress: false), record: JobAttemptRecord())
            report.originPause = .seconds(60)
            _ = try await trial.store.finish([report])
            let during = try await trial.claim()
            try expectEqual(during.items.map(\.job.id), [other.id], "claims during the pause")
            let wait = try unwrap(during.nextDue, "nothing is said to become due")
            try expect(wait > .seconds(50) && wait <= .seconds(60), "next due in \(wait)")
            trial.advance(by: .seconds(61))
            try expectEqual(try await trial.claim().items.count, 3, "claims after the pause")
        },
    ]

    static let expiryCases: [Case] = [
        Case("a run that waited longer than it may ends with an event of its own") { trial in
            try await trial.setCallback()
            let jobs = try await trial.accept([
                trial.request("a.mp4") { $0.metadata.expireSeconds = 60 }, trial.request("b.mp4"),
            ])
            try expectEqual(try await trial.store.expireJobs(limit: 10), 0, "expired early")
            trial.advance(by: .seconds(61))
            try expectEqual(try await trial.store.expireJobs(limit: 10), 1, "expired")
            let detail = try await trial.detail(jobs[0].id)
            try expectEqual(detail.job.state, .failed, "state")
            try expectEqual(detail.job.failure?.code, .expired, "code")
            try expectEqual(detail.events.map(\.type), [.uploadByURLComplete], "events")
            try expectEqual(detail.deliveries.count, 1, "deliveries")
            try expectEqual(try await trial.read(jobs[1].id).state, .pending, "a job without a limit")
            try expectEqual(try await trial.claim().items.map(\.job.id), [jobs[1].id], "claims")
            try expectEqual(try await trial.store.expireJobs(limit: 10), 0, "expired twice")
        },
        Case("a running attempt does not expire, a wait for another attempt does") { trial in
            let job = try await trial.accept([trial.request { $0.metadata.expireSeconds = 60 }])[0]
            let claim = try await trial.claimOne(lease: .seconds(600))
            trial.advance(by: .seconds(61))
            try expectEqual(try await trial.store.expireJobs(limit: 10), 0, "expired while it ran")
            try await trial.finish(claim, .retry(refused, after: .seconds(5), madeProgress: false))
            try expectEqual(try await trial.store.expireJobs(limit: 10), 1, "expired")
            try expectEqual(try await trial.read(job.id).failure?.code, .expired, "code")
        },
        Case("the next run of an expired job has its time again") { trial in
            let job = try await trial.accept([trial.request { $0.metadata.expireSeconds = 60 }])[0]
            trial.advance(by: .seconds(61))
            _ = try await trial.store.expireJobs(limit: 10)
            _ = try await trial.store.retry(job.id)
            try expectEqual(try await trial.store.expireJobs(limit: 10), 0, "expired at once")
            try expectEqual(try await trial.claimOne().job.run, 2, "run")
        },
    ]

    static let requestCases: [Case] = [
        Case("header fields come back with the claim and stand in no list") { trial in
            let headers = [SourceHeader("Authorization", "Basic c2VjcmV0"), SourceHeader("X-Token", "a\"b")]
            let job = try await trial.accept([trial.request { $0.headers = headers }])[0]
            try expectEqual(try await trial.claimOne().job.request.headers, headers, "header fields")
            try expectEqual(try await trial.read(job.id).request.headers, [], "header fields in a list")
        },
        Case("mirrors come back with the claim and with the job") { trial in
            let mirrors = ["https://b.test/a.mp4?sign=1", "http://c.test/a.mp4"]
            let job = try await trial.accept([trial.request { $0.metadata.mirrors = mirrors }])[0]
            try expectEqual(try await trial.claimOne().job.request.metadata.mirrors, mirrors, "mirrors")
            try expectEqual(try await trial.read(job.id).request.metadata.mirrors, mirrors, "mirrors in a list")
        },
        Case("a checkpoint says which of the URLs its bytes are from") { trial in
            try await trial.accept(1)
            let checkpoint = TransferCheckpoint(
                version: SourceVersion(validator: "\"m\"", total: 1 << 20), bytes: 99, crc64: 7, source: 2)
            try await trial.finish(
                try await trial.claimOne(), .retry(refused, after: .zero, madeProgress: false),
                leaving: .checkpoint(checkpoint))
            try expectEqual(try await trial.claimOne().resume?.checkpoint, checkpoint, "checkpoint")
        },
        Case("an attempt's recording comes back as it was") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne()
            var request = RecordedRequest()
            request.url = "https://origin.test/a.mp4?sign=***"
            request.resolved = ["192.0.2.1", "192.0.2.2"]
            request.unreachable = ["192.0.2.1 connect-failed"]
            request.address = "192.0.2.2"
            request.tls = "TLSv1.3"
            request.status = 206
            request.range = "bytes=100-"
            request.bytes = 1 << 40
            request.duration = .microseconds(1_234_567)
            request.firstByte = .milliseconds(20)
            var recording = AttemptRecording()
            recording.add(request)
            recording.resumedAt = 100
            recording.connections = 1
            recording.retryAfter = .seconds(3)
            var record = JobAttemptRecord()
            record.recording = recording
            _ = try await trial.store.finish([
                JobAttemptReport(
                    job: claim.job.id, lease: claim.lease, result: .stored(bytes: 7, small: nil), record: record)
            ])
            try expectEqual(try await trial.detail(job.id).attempts.first?.record.recording, recording, "recording")
        },
    ]
}
