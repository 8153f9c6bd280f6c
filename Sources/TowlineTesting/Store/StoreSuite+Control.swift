import TowlineCore
import TowlineStore

extension StoreSuite {
    private static let failure = JobFailure(.cancelled, "the job was cancelled")

    static let controlCases: [Case] = [
        Case("the wire's cancel takes pending jobs of its account only") { trial in
            let jobs = try await trial.accept(3)
            let foreign = try await trial.accept(1, account: trial.otherAccount)[0]
            let running = try await trial.claimOne()
            try expectEqual(running.job.id, jobs[0].id, "claim")
            let cancelled = try await trial.store.cancel(
                [jobs[0].id, jobs[1].id, foreign.id, JobID(rawValue: 1)], account: trial.account, onlyPending: true,
                failure: failure, nonce: nil)
            try expectEqual(cancelled, [jobs[1].id], "cancelled jobs")
            let detail = try await trial.detail(jobs[1].id)
            try expectEqual(detail.job.state, .cancelled, "state")
            try expectEqual(detail.job.failure, failure, "failure")
            try expectEqual(detail.events.map(\.type), [.uploadByURLComplete], "events")
            try expectEqual(try await trial.read(jobs[0].id).state, .pulling, "state of the running job")
            try expectEqual(try await trial.read(foreign.id).state, .pending, "state of the foreign job")
        },
        Case("a cancelled job is never claimed") { trial in
            let jobs = try await trial.accept(2)
            try await trial.finish(
                try await trial.claimOne(),
                .retry(JobFailure(.sourceUnavailable, "503"), after: .seconds(60), madeProgress: false))
            _ = try await trial.store.cancel(
                jobs.map(\.id), account: trial.account, onlyPending: true, failure: failure, nonce: nil)
            trial.advance(by: .seconds(61))
            try expect(try await trial.claim().items.isEmpty, "a cancelled job was claimed")
        },
        Case("an operator's cancel ends a running job, whose late report changes nothing") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne(perOrigin: 1)
            var revoked = trial.store.signals.revokedLeases().makeAsyncIterator()
            let cancelled = try await trial.store.cancel(
                [job.id], account: nil, onlyPending: false, failure: failure, nonce: nil)
            try expectEqual(cancelled, [job.id], "cancelled jobs")
            try expectEqual(await revoked.next(), claim.lease, "revoked lease")
            try expectEqual(try await trial.finish(claim, .stored(bytes: 1, small: nil)), .leaseLost, "late verdict")
            let lost = try await trial.store.renewJobs([(job.id, claim.lease)], lease: .seconds(30))
            try expectEqual(lost, [claim.lease], "lost leases")
            let detail = try await trial.detail(job.id)
            try expectEqual(detail.job.state, .cancelled, "state")
            try expectEqual(detail.events.count, 1, "events")
            try await trial.accept(1)
            _ = try await trial.claimOne(perOrigin: 1)
        },
        Case("an ended job cannot be cancelled") { trial in
            let job = try await trial.finishedJob()
            let cancelled = try await trial.store.cancel(
                [job.id], account: nil, onlyPending: false, failure: failure, nonce: nil)
            try expect(cancelled.isEmpty, "an ended job was cancelled")
            try expectEqual(try await trial.read(job.id), job, "the job")
        },
        Case("a cancel with a used nonce cancels nothing") { trial in
            let job = try await trial.accept(1)[0]
            let nonce = RequestNonce(accessKeyID: "key", value: "n")
            _ = try await trial.store.cancel(
                [], account: trial.account, onlyPending: true, failure: failure, nonce: nonce)
            try await expectError(.nonceUsed, "a replayed cancel") {
                _ = try await trial.store.cancel(
                    [job.id], account: trial.account, onlyPending: true, failure: failure, nonce: nonce)
            }
            try expectEqual(try await trial.read(job.id).state, .pending, "state")
        },
        Case("a retry starts the next run, which ends in events of its own") { trial in
            for end in [JobState.failed, .cancelled] {
                let first: Job
                if end == .failed {
                    first = try await trial.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
                } else {
                    first = try await trial.accept(1)[0]
                    _ = try await trial.store.cancel(
                        [first.id], account: nil, onlyPending: false, failure: failure, nonce: nil)
                }
                trial.advance(by: .seconds(5))
                let job = try await trial.store.retry(first.id)
                try expectEqual(job.run, 2, "run")
                try expectEqual(job.state, .pending, "state")
                try expectEqual(job.attempts, 0, "attempts")
                try expectEqual(job.failure, nil, "failure")
                try expectEqual(job.media, first.media, "media")
                try expect(job.runStartedAt > job.createdAt, "the run's start")
                try expectEqual(try await trial.read(job.id), job, "the job as read")
                let claim = try await trial.claimOne()
                try expectEqual(claim.job.id, job.id, "claim")
                try expectEqual(claim.job.run, 2, "run of the claim")
                try expectEqual(claim.fruitless, 1, "fruitless")
                try await trial.finish(claim, .stored(bytes: 1, small: nil))
                let detail = try await trial.detail(job.id)
                try expectEqual(detail.events.map(\.run), [1, 2, 2], "runs of the events")
                try expectEqual(Set(detail.events.map(\.id)).count, 3, "different event ids")
                try expectEqual(detail.job.state, .succeeded, "state")
            }
            let counts = try await trial.store.jobCounts()
            try expectEqual(counts[.succeeded], 2, "succeeded jobs")
            try expectEqual(counts.values.reduce(0, +), 2, "all jobs")
            try expectEqual(try await trial.list(JobFilter(state: .failed)), [], "failed jobs")
        },
        Case("only failed and cancelled jobs can be retried") { trial in
            let pending = try await trial.accept(1)[0]
            try await expectError(.conflict, "retry of a pending job") { _ = try await trial.store.retry(pending.id) }
            let claim = try await trial.claimOne()
            try await expectError(.conflict, "retry of a running job") { _ = try await trial.store.retry(pending.id) }
            try await trial.finish(claim, .stored(bytes: 1, small: nil))
            try await expectError(.conflict, "retry of a succeeded job") { _ = try await trial.store.retry(pending.id) }
            try await expectError(.notFound, "retry of an unknown job") {
                _ = try await trial.store.retry(JobID(rawValue: 1))
            }
        },
        Case("an unknown job has no detail") { trial in
            let detail = try await trial.store.jobDetail(JobID(rawValue: 1))
            try expect(detail == nil, "a detail was found")
        },
    ]
}
