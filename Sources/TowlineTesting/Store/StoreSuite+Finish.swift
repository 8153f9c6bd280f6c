import TowlineCore
import TowlineStore

extension StoreSuite {
    static let finishCases: [Case] = [
        Case("without a callback a stored object ends the job at once") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne()
            trial.advance(by: .seconds(3))
            try expectEqual(try await trial.finish(claim, .stored(bytes: 42, small: nil)), .recorded, "verdict")
            let detail = try await trial.detail(job.id)
            try expectEqual(detail.job.state, .succeeded, "state")
            try expectEqual(detail.job.objectKey, claim.objectKey, "object key")
            try expectEqual(detail.job.bytesTotal, 42, "bytes")
            try expectEqual(detail.job.failure, nil, "failure")
            try expect(detail.job.endedAt.map { $0 >= job.createdAt + .seconds(3) } == true, "end of the run")
            try expect(detail.deliveries.isEmpty, "something is delivered to nobody")
            try expectEqual(detail.attempts.map(\.number), [1], "attempts")
            try expectEqual(
                detail.events.map(\.type), [.fileUploadComplete, .uploadByURLComplete], "types of the events")
        },
        Case("events have the composer's bytes and can be read") { trial in
            let job = try await trial.finishedJob()
            let key = try unwrap(job.objectKey, "no object key")
            let ended = try unwrap(job.endedAt, "no end")
            let expected = composer.bodies(for: job, outcome: .stored(key, bytes: 7), at: ended)
            let events = try await trial.detail(job.id).events
            try expectEqual(events.map(\.body), expected.map(\.body), "bodies")
            for event in events {
                try expectEqual(event.run, 1, "run")
                try expectEqual(event.account, trial.account, "account")
                try expectEqual(event.createdAt, ended, "time")
                try expectEqual(try await trial.store.event(event.id)?.event, event, "the event as read")
            }
            try expect(try await trial.store.event(EventID(rawValue: 1)) == nil, "an unknown event was found")
        },
        Case("a failed run ends in one event") { trial in
            let failure = JobFailure(.urlInvalid, "404")
            let job = try await trial.finishedJob(.failed(failure))
            try expectEqual(job.state, .failed, "state")
            try expectEqual(job.failure, failure, "failure")
            try expectEqual(job.objectKey, nil, "object key")
            let detail = try await trial.detail(job.id)
            try expectEqual(detail.events.map(\.type), [.uploadByURLComplete], "types of the events")
            let expected = composer.bodies(
                for: job, outcome: .failed(failure), at: try unwrap(job.endedAt, "no end"))
            try expectEqual(detail.events[0].body, expected[0].body, "body")
        },
        Case("an attempt ends once") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne()
            try await trial.finish(claim, .stored(bytes: 1, small: nil))
            let results: [JobAttemptResult] = [
                .stored(bytes: 1, small: nil), .failed(JobFailure(.urlInvalid, "404")), .released,
            ]
            for result in results {
                try expectEqual(try await trial.finish(claim, result), .leaseLost, "verdict")
            }
            let detail = try await trial.detail(job.id)
            try expectEqual(detail.job.state, .succeeded, "state")
            try expectEqual(detail.events.count, 2, "events")
            try expect(try await trial.abandoned().isEmpty, "the chosen object is to be removed")
        },
        Case("reports of one call get their verdicts in order") { trial in
            try await trial.accept(3)
            let claims = try await trial.claim().items
            func report(_ index: Int, lease: LeaseToken? = nil) -> JobAttemptReport {
                JobAttemptReport(
                    job: claims[index].job.id, lease: lease ?? claims[index].lease,
                    result: .stored(bytes: 1, small: nil), record: JobAttemptRecord())
            }
            let verdicts = try await trial.store.finish([
                report(0), report(1, lease: claims[2].lease), report(2), report(0),
            ])
            try expectEqual(verdicts, [.recorded, .leaseLost, .recorded, .leaseLost], "verdicts")
        },
        Case("the record of an attempt comes back as it was given") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne()
            var record = JobAttemptRecord()
            record.duration = .milliseconds(1234)
            record.address = "[2001:db8::1]:443"
            record.httpStatus = 503
            record.bytesReceived = 1 << 33
            record.redirects = ["https://a.test/…", "https://b.test/\"x\""]
            record.failure = JobFailure(.sourceUnavailable, "the source answered 503")
            let report = JobAttemptReport(
                job: job.id, lease: claim.lease,
                result: .failed(JobFailure(.sourceUnavailable, "the source answered 503")), record: record)
            _ = try await trial.store.finish([report])
            let attempt = try unwrap(try await trial.detail(job.id).attempts.first, "no attempt")
            try expectEqual(attempt.record, record, "record")
            try expectEqual(attempt.node, trial.node, "node")
            try expectEqual(attempt.run, 1, "run")
        },
    ]

    static let objectCases: [Case] = [
        Case("objects of attempts that were not chosen are named until they are forgotten") { trial in
            try await trial.accept(3)
            let claims = try await trial.claim().items
            try expect(try await trial.abandoned().isEmpty, "a running attempt's object is named")
            let failure = JobFailure(.sourceUnavailable, "503")
            try await trial.finish(claims[0], .failed(failure))
            try await trial.finish(claims[1], .retry(failure, after: .seconds(60), madeProgress: false))
            try await trial.finish(claims[2], .released)
            let named = try await trial.abandoned()
            try expectEqual(Set(named), Set(claims.map(\.objectKey)), "named objects")
            try expectEqual(try await trial.abandoned(limit: 2).count, 2, "named objects within a limit")
            try await trial.forget(Array(named.prefix(2)))
            try expectEqual(try await trial.abandoned().count, 1, "named objects")
        },
        Case("an object whose lease was taken is named when a late writer must have stopped") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne(lease: .seconds(30))
            let failure = JobFailure(.cancelled, "x")
            _ = try await trial.store.cancel(
                [job.id], account: nil, onlyPending: false, failure: failure, nonce: nil)
            trial.advance(by: .seconds(29))
            try expect(try await trial.abandoned().isEmpty, "named too early")
            trial.advance(by: .seconds(2))
            try expectEqual(try await trial.abandoned(), [claim.objectKey], "named objects")
        },
        Case("a late report names its own object at once") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne(lease: .seconds(30))
            _ = try await trial.store.cancel(
                [job.id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "x"), nonce: nil)
            try expectEqual(try await trial.finish(claim, .stored(bytes: 1, small: nil)), .leaseLost, "verdict")
            try expectEqual(try await trial.abandoned(), [claim.objectKey], "named objects")
        },
        Case("an object that a late writer may have written behind a removal is named again") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne(lease: .seconds(30))
            _ = try await trial.store.cancel(
                [job.id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "x"), nonce: nil)
            trial.advance(by: .seconds(31))
            let removed = try await trial.store.abandonedObjects(limit: 10)
            try expectEqual(removed.keys, [claim.objectKey], "named objects")
            trial.advance(by: .seconds(1))
            try expectEqual(try await trial.finish(claim, .stored(bytes: 1, small: nil)), .leaseLost, "verdict")
            try await trial.store.forgetObjects(removed.keys, asOf: removed.time)
            try expectEqual(try await trial.abandoned(), [claim.objectKey], "named behind the removal")
            try await trial.forget([claim.objectKey])
            trial.advance(by: .seconds(400_000))
            try expect(try await trial.abandoned().isEmpty, "named though it was removed after its writer had ended")
        },
    ]
}
