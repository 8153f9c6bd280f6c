import TowlineCore
import TowlineStore

extension StoreSuite {
    static let claimCases: [Case] = [
        Case("a claim starts an attempt under a key of its own") { trial in
            let job = try await trial.accept(1)[0]
            trial.advance(by: .seconds(5))
            let claims = try await trial.claim()
            let claim = try unwrap(claims.items.first, "nothing was claimed")
            try expectEqual(claims.items.count, 1, "claims")
            try expectEqual(claims.nextDue, nil, "next due")
            try expectEqual(claim.job.id, job.id, "job")
            try expectEqual(claim.job.request, job.request, "request")
            try expectEqual(claim.job.state, .pulling, "state")
            try expectEqual(claim.job.attempts, 1, "attempts")
            try expectEqual(claim.fruitless, 1, "fruitless")
            try expect(claim.runAge >= .seconds(5) && claim.runAge < .seconds(6), "run age \(claim.runAge)")
            try expectEqual(
                claim.objectKey, ObjectKey(media: job.media, lease: claim.lease, fileExtension: "mp4"), "object key")
            try expectEqual(try await trial.read(job.id), claim.job, "the job as read")
            try expect(try await trial.claim().items.isEmpty, "a claimed job was claimed again")
        },
        Case("a claim returns at most its limit and says that more is due") { trial in
            try await trial.accept(5)
            let first = try await trial.claim(3)
            try expectEqual(first.items.count, 3, "claims")
            try expectEqual(first.nextDue, .zero, "next due")
            let second = try await trial.claim(3)
            try expectEqual(second.items.count, 2, "claims")
            try expectEqual(second.nextDue, nil, "next due")
        },
        Case("an empty store has nothing due") { trial in
            let claims = try await trial.claim()
            try expect(claims.items.isEmpty && claims.nextDue == nil, "something is due: \(claims)")
        },
        Case("within a lane smaller priorities come first, then earlier jobs") { trial in
            var expected: [JobID] = []
            for priority in [8, 8, 3, 12, 3] {
                let job = try await trial.accept([trial.request("p.mp4", priority: priority)])[0]
                expected.append(job.id)
                trial.advance(by: .milliseconds(10))
            }
            expected = [2, 4, 0, 1, 3].map { expected[$0] }
            var found: [JobID] = []
            for _ in expected { found.append(try await trial.claimOne().job.id) }
            try expectEqual(found, expected, "order of claims")
        },
        Case("a retry waits its time and then comes back with its failure") { trial in
            let job = try await trial.accept(1)[0]
            let failure = JobFailure(.sourceUnavailable, "503")
            try await trial.finish(
                try await trial.claimOne(), .retry(failure, after: .seconds(60), madeProgress: false))
            let waiting = try await trial.read(job.id)
            try expectEqual(waiting.state, .pending, "state")
            try expectEqual(waiting.failure, failure, "failure")
            try expectEqual(waiting.attempts, 1, "attempts")
            let early = try await trial.claim()
            try expect(early.items.isEmpty, "claimed before its time")
            let wait = try unwrap(early.nextDue, "nothing is said to become due")
            try expect(wait > .zero && wait <= .seconds(60), "next due in \(wait)")
            trial.advance(by: .seconds(60))
            let claim = try await trial.claimOne()
            try expectEqual(claim.job.attempts, 2, "attempts")
            try expectEqual(claim.fruitless, 2, "fruitless")
        },
        Case("progress starts the count of fruitless attempts anew") { trial in
            try await trial.accept(1)
            let failure = JobFailure(.sourceTruncated, "cut")
            for expected in 1...3 {
                let claim = try await trial.claimOne()
                try expectEqual(claim.fruitless, expected, "fruitless")
                try await trial.finish(claim, .retry(failure, after: .zero, madeProgress: false))
            }
            try await trial.finish(try await trial.claimOne(), .retry(failure, after: .zero, madeProgress: true))
            let claim = try await trial.claimOne()
            try expectEqual(claim.fruitless, 1, "fruitless after progress")
            try expectEqual(claim.job.attempts, 5, "attempts")
        },
        Case("an urgent job that waits for a retry does not hide jobs that are due") { trial in
            let urgent = try await trial.accept([trial.request("urgent.mp4", priority: 1)])[0]
            try await trial.finish(
                try await trial.claimOne(),
                .retry(JobFailure(.sourceUnavailable, "503"), after: .seconds(60), madeProgress: false))
            let plain = try await trial.accept(2)
            try expectEqual(try await trial.claimOne().job.id, plain[0].id, "first claim")
            trial.advance(by: .seconds(60))
            try expectEqual(try await trial.claimOne().job.id, urgent.id, "claim when both are due")
            try expectEqual(try await trial.claimOne().job.id, plain[1].id, "last claim")
        },
        Case("many jobs that become due at once are all claimed") { trial in
            try await trial.accept(150)
            for claim in try await trial.claim(150).items {
                try await trial.finish(
                    claim, .retry(JobFailure(.sourceUnavailable, "503"), after: .seconds(60), madeProgress: false))
            }
            trial.advance(by: .seconds(60))
            var found: Set<JobID> = []
            while true {
                let claims = try await trial.claim(40)
                found.formUnion(claims.items.map(\.job.id))
                if claims.items.isEmpty { break }
            }
            try expectEqual(found.count, 150, "claimed jobs")
        },
        Case("claims at the same time never share a job") { trial in
            try await trial.accept(100)
            let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for _ in 0..<20 { group.addTask { try await trial.claim(7).items.map(\.job.id) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            try expectEqual(claimed.count, 100, "claims")
            try expectEqual(Set(claimed).count, 100, "claimed jobs")
        },
    ]

    static let laneCases: [Case] = [
        Case("an account with many jobs leaves others their share of every claim") { trial in
            try await trial.accept(60)
            let small = try await trial.accept(3, account: trial.otherAccount)
            let claimed = try await trial.claim(10).items.map(\.job.id)
            try expectEqual(claimed.count, 10, "claims")
            try expect(Set(claimed).isSuperset(of: small.map(\.id)), "the small account's jobs had to wait")
        },
        Case("lanes take turns from claim to claim") { trial in
            for name in ["a", "b", "c"] { try await trial.accept(4, origin: "https://\(name).test:443") }
            for _ in 0..<4 {
                var origins: Set<String> = []
                for _ in 0..<3 { origins.insert(try await trial.claimOne().job.request.origin) }
                try expectEqual(origins.count, 3, "origins of three claims in a row")
            }
        },
        Case("no more attempts run against an origin than it bears, over all accounts") { trial in
            try await trial.accept(5)
            try await trial.accept(5, account: trial.otherAccount)
            var running = try await trial.claim(100, perOrigin: 4).items
            try expectEqual(running.count, 4, "claims")
            try expectEqual(Set(running.map(\.job.account)).count, 2, "accounts")
            let none = try await trial.claim(100, perOrigin: 4)
            try expect(none.items.isEmpty, "more claims than the origin bears")
            try expectEqual(none.nextDue, nil, "next due while the origin is full")
            var done = 0
            while let claim = running.popLast() {
                try await trial.finish(claim, .stored(bytes: 1, small: nil))
                done += 1
                running += try await trial.claim(100, perOrigin: 4).items
                try expect(running.count <= 4, "\(running.count) attempts at once")
            }
            try expectEqual(done, 10, "finished jobs")
        },
        Case("a full origin does not hold up another") { trial in
            try await trial.accept(20)
            _ = try await trial.claim(100, perOrigin: 2)
            let other = try await trial.accept(1, origin: "https://other.test:443")[0]
            let claimed = try await trial.claim(100, perOrigin: 2).items
            try expectEqual(claimed.map(\.job.id), [other.id], "claims")
        },
        Case("a slot passes over a lane whose jobs were cancelled while it waited") { trial in
            let first = try await trial.accept(1)[0]
            let running = try await trial.claimOne(perOrigin: 1)
            try expectEqual(running.job.id, first.id, "claim")
            let cancelled = try await trial.accept(1)[0]
            let third = try await trial.accept(1, account: trial.otherAccount)[0]
            try expect(try await trial.claim(10, perOrigin: 1).items.isEmpty, "more claims than the origin bears")
            _ = try await trial.store.cancel(
                [cancelled.id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "x"), nonce: nil)
            try await trial.finish(running, .stored(bytes: 1, small: nil))
            try expectEqual(try await trial.claimOne(perOrigin: 1).job.id, third.id, "claim")
        },
        Case("a raised limit of an origin is used at once when a slot becomes free") { trial in
            try await trial.accept(6)
            let first = try await trial.claim(100, perOrigin: 1).items
            try expectEqual(first.count, 1, "claims")
            try await trial.finish(first[0], .stored(bytes: 1, small: nil))
            try expectEqual(try await trial.claim(100, perOrigin: 5).items.count, 5, "claims")
        },
    ]
}
