import TowlineCore
import TowlineStore

extension StoreSuite {
    static let leaseCases: [Case] = [
        Case("a lease that ran out changes nothing") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne(lease: .seconds(30))
            trial.advance(by: .seconds(31))
            try expectEqual(try await trial.finish(claim, .stored(bytes: 1, small: nil)), .leaseLost, "verdict")
            let detail = try await trial.detail(job.id)
            try expect(!detail.job.state.isTerminal, "the job ended")
            try expect(detail.events.isEmpty && detail.attempts.isEmpty, "something was recorded")
        },
        Case("a renewed lease holds") { trial in
            try await trial.accept(1)
            let claim = try await trial.claimOne(lease: .seconds(30))
            for _ in 0..<4 {
                trial.advance(by: .seconds(20))
                let lost = try await trial.store.renewJobs([(claim.job.id, claim.lease)], lease: .seconds(30))
                try expect(lost.isEmpty, "the lease was lost")
                try expectEqual(try await trial.store.reapLeases(), 0, "leases taken back")
            }
            try expectEqual(try await trial.finish(claim, .stored(bytes: 1, small: nil)), .recorded, "verdict")
        },
        Case("leases that ended and tokens of others cannot be renewed") { trial in
            try await trial.accept(2)
            let claims = try await trial.claim(lease: .seconds(30)).items
            let crossed = try await trial.store.renewJobs([(claims[0].job.id, claims[1].lease)], lease: .seconds(30))
            try expectEqual(crossed, [claims[1].lease], "lost by a foreign token")
            trial.advance(by: .seconds(31))
            let leases = claims.map { ($0.job.id, $0.lease) }
            let lost = try await trial.store.renewJobs(leases, lease: .seconds(30))
            try expectEqual(lost, Set(claims.map(\.lease)), "lost leases")
        },
        Case("a job whose lease ran out is taken back, and its late report changes nothing") { trial in
            let job = try await trial.accept(1)[0]
            let late = try await trial.claimOne(perOrigin: 1, lease: .seconds(30))
            try expectEqual(try await trial.store.reapLeases(), 0, "leases taken back too early")
            trial.advance(by: .seconds(31))
            try expectEqual(try await trial.store.reapLeases(), 1, "leases taken back")
            let claim = try await trial.claimOne(perOrigin: 1)
            try expectEqual(claim.job.id, job.id, "job")
            try expectEqual(claim.job.attempts, 2, "attempts")
            try expectEqual(claim.fruitless, 1, "fruitless: the source is not to blame")
            try expect(claim.objectKey != late.objectKey, "two attempts share an object key")
            try expectEqual(try await trial.finish(late, .stored(bytes: 1, small: nil)), .leaseLost, "late verdict")
            try expectEqual(try await trial.finish(claim, .stored(bytes: 2, small: nil)), .recorded, "verdict")
            let detail = try await trial.detail(job.id)
            try expectEqual(detail.job.objectKey, claim.objectKey, "chosen object")
            try expectEqual(detail.events.count, 2, "events")
            try expectEqual(detail.attempts.map(\.number), [1, 2], "attempts")
            try expect(detail.attempts[0].record.failure != nil, "the interrupted attempt shows no cause")
        },
        Case("an attempt that shutdown interrupted gives its number back") { trial in
            let job = try await trial.accept(1)[0]
            try await trial.finish(try await trial.claimOne(), .released)
            let waiting = try await trial.read(job.id)
            try expectEqual(waiting.state, .pending, "state")
            try expectEqual(waiting.attempts, 0, "attempts")
            let claim = try await trial.claimOne()
            try expectEqual(claim.job.attempts, 1, "attempts")
            try expectEqual(claim.fruitless, 1, "fruitless")
            try expect(try await trial.detail(job.id).attempts.isEmpty, "an attempt was recorded")
        },
        Case("progress is shown while the lease holds") { trial in
            let job = try await trial.accept(1)[0]
            let claim = try await trial.claimOne(lease: .seconds(30))
            func note(_ phase: PullPhase, _ bytes: Int64, lease: LeaseToken? = nil) async throws {
                try await trial.store.recordProgress([
                    JobProgress(
                        job: job.id, lease: lease ?? claim.lease, phase: phase, bytesReceived: bytes, bytesTotal: 100)
                ])
            }
            try await note(.downloading, 10)
            var shown = try await trial.read(job.id)
            try expectEqual(shown.state, .pulling, "state while downloading")
            try expectEqual(shown.phase, .downloading, "phase")
            try expectEqual(shown.bytesReceived, 10, "bytes")
            try expectEqual(shown.bytesTotal, 100, "total")
            try await note(.uploading, 100)
            shown = try await trial.read(job.id)
            try expectEqual(shown.state, .storing, "state while storing")
            try expectEqual(try await trial.store.jobCounts()[.storing], 1, "storing jobs")
            try await note(.downloading, 1, lease: LeaseToken(rawValue: 5))
            try expectEqual(try await trial.read(job.id).state, .storing, "state after a foreign note")
            trial.advance(by: .seconds(31))
            try await note(.downloading, 2)
            try expectEqual(try await trial.read(job.id).bytesReceived, 100, "bytes after a late note")
        },
    ]
}
