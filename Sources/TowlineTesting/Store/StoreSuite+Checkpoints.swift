import TowlineCore
import TowlineStore

extension StoreSuite {
    /// How far a transfer of the suite is.
    private static func checkpoint(_ bytes: Int64, total: Int64? = 1 << 30) -> TransferCheckpoint {
        TransferCheckpoint(
            version: SourceVersion(validator: "\"v1\"", total: total), bytes: bytes, crc64: .max - UInt64(bytes))
    }

    private static let broken = JobAttemptResult.retry(
        JobFailure(.sourceUnavailable, "reset"), after: .zero, madeProgress: true)

    static let checkpointCases: [Case] = [
        Case("a first attempt has nothing to go on with") { trial in
            try await trial.accept(1)
            try expect(try await trial.claimOne().resume == nil, "a resume point")
        },
        Case("what an attempt leaves is kept for the next, which finds it under its key") { trial in
            try await trial.accept(1)
            let first = try await trial.claimOne()
            try await trial.finish(first, broken, leaving: .checkpoint(checkpoint(100)))
            try expect(try await trial.abandoned().isEmpty, "what is kept is named")
            let second = try await trial.claimOne()
            try expectEqual(
                second.resume, ResumePoint(checkpoint: checkpoint(100), keys: [first.objectKey]), "resume point")
            try expectEqual(second.fruitless, 1, "fruitless")
        },
        Case("a checkpoint without a known length comes back as it was") { trial in
            try await trial.accept(1)
            let first = try await trial.claimOne()
            let verdict = try await trial.record(checkpoint(7, total: nil), of: first)
            try expectEqual(verdict, .recorded, "verdict")
            try await trial.finish(first, .released, leaving: .recorded)
            try expectEqual(try await trial.claimOne().resume?.checkpoint, checkpoint(7, total: nil), "checkpoint")
        },
        Case("once an attempt records that it has the bytes, what the others left may go") { trial in
            try await trial.accept(1)
            let first = try await trial.claimOne()
            try await trial.finish(first, broken, leaving: .checkpoint(checkpoint(100)))
            let second = try await trial.claimOne()
            try expect(try await trial.abandoned().isEmpty, "named before it was taken over")
            _ = try await trial.record(checkpoint(200), of: second)
            try expectEqual(try await trial.abandoned(), [first.objectKey], "named objects")
            try await trial.finish(second, broken, leaving: .recorded)
            let third = try await trial.claimOne()
            try expectEqual(
                third.resume, ResumePoint(checkpoint: checkpoint(200), keys: [second.objectKey]), "resume point")
        },
        Case("an attempt that ended before it took anything over leaves what there was") { trial in
            try await trial.accept(1)
            let first = try await trial.claimOne()
            try await trial.finish(first, broken, leaving: .checkpoint(checkpoint(100)))
            let second = try await trial.claimOne()
            try await trial.finish(second, .released, leaving: .recorded)
            let third = try await trial.claimOne()
            try expectEqual(third.resume?.checkpoint, checkpoint(100), "checkpoint")
            try expectEqual(
                Set(third.resume?.keys ?? []), [first.objectKey, second.objectKey], "where the bytes may be")
        },
        Case("an attempt whose lease ran out leaves what it recorded") { trial in
            try await trial.accept(1)
            let first = try await trial.claimOne(lease: .seconds(30))
            _ = try await trial.record(checkpoint(100), of: first)
            trial.advance(by: .seconds(31))
            try expectEqual(try await trial.store.reapLeases(), 1, "leases taken back")
            let late = try await trial.record(checkpoint(200), of: first)
            try expectEqual(late, .leaseLost, "a late checkpoint")
            try expectEqual(
                try await trial.finish(first, broken, leaving: .checkpoint(checkpoint(300))), .leaseLost, "late")
            let second = try await trial.claimOne()
            try expectEqual(
                second.resume, ResumePoint(checkpoint: checkpoint(100), keys: [first.objectKey]), "resume point")
            trial.advance(by: .seconds(60))
            try expect(try await trial.abandoned().isEmpty, "what is kept is named")
        },
        Case("a checkpoint that is forgotten is gone, and what was kept may go but for the running attempt's") {
            trial in
            try await trial.accept(1)
            let first = try await trial.claimOne()
            try await trial.finish(first, broken, leaving: .checkpoint(checkpoint(100)))
            let second = try await trial.claimOne()
            let verdict = try await trial.record(nil, of: second)
            try expectEqual(verdict, .recorded, "verdict")
            try expectEqual(try await trial.abandoned(), [first.objectKey], "named objects")
            try await trial.finish(second, broken)
            try expectEqual(
                Set(try await trial.abandoned()), [first.objectKey, second.objectKey], "named")
            try expect(try await trial.claimOne().resume == nil, "a resume point")
        },
        Case("an attempt that leaves nothing takes away what was left before") { trial in
            try await trial.accept(1)
            let first = try await trial.claimOne()
            try await trial.finish(first, broken, leaving: .checkpoint(checkpoint(100)))
            let second = try await trial.claimOne()
            try await trial.finish(second, broken)
            try expect(try await trial.claimOne().resume == nil, "a resume point")
            try expectEqual(
                Set(try await trial.abandoned()), [first.objectKey, second.objectKey], "named")
        },
        Case("a run that ends keeps nothing but the object it chose") { trial in
            for result in [JobAttemptResult.stored(bytes: 9, small: nil), .failed(JobFailure(.urlInvalid, "404"))] {
                try await trial.accept(1)
                let first = try await trial.claimOne()
                try await trial.finish(first, broken, leaving: .checkpoint(checkpoint(100)))
                let second = try await trial.claimOne()
                _ = try await trial.record(checkpoint(100), of: second)
                try await trial.finish(second, result)
                let named = try await trial.abandoned()
                let isStored = try await trial.read(second.job.id).objectKey != nil
                try expectEqual(
                    Set(named), isStored ? [first.objectKey] : [first.objectKey, second.objectKey], "named")
                try await trial.forget(named)
            }
        },
        Case("cancelling a job lets go what its attempts left, waiting or running") { trial in
            let cancelled = JobFailure(.cancelled, "x")
            let waiting = try await trial.accept(1)[0]
            let first = try await trial.claimOne()
            try await trial.finish(first, broken, leaving: .checkpoint(checkpoint(100)))
            _ = try await trial.store.cancel(
                [waiting.id], account: nil, onlyPending: false, failure: cancelled, nonce: nil)
            try expectEqual(try await trial.abandoned(), [first.objectKey], "named objects")
            try await trial.forget([first.objectKey])

            let running = try await trial.accept(1)[0]
            let second = try await trial.claimOne(lease: .seconds(30))
            _ = try await trial.record(checkpoint(100), of: second)
            _ = try await trial.store.cancel(
                [running.id], account: nil, onlyPending: false, failure: cancelled, nonce: nil)
            try expect(try await trial.abandoned().isEmpty, "named before its writer has stopped")
            try expectEqual(try await trial.finish(second, .released, leaving: .recorded), .leaseLost, "verdict")
            try expectEqual(try await trial.abandoned(), [second.objectKey], "named objects")
            _ = try await trial.store.retry(running.id)
            try expect(try await trial.claimOne().resume == nil, "the next run has a resume point")
        },
        Case("the digests of a stored object come back, those that were computed") { trial in
            for digests in [
                nil, ContentDigests(crc64: .max), ContentDigests(crc64: 0, sha256: "5a", md5: "6b"),
            ] {
                let job = try await trial.accept(1)[0]
                try await trial.finish(try await trial.claimOne(), .stored(bytes: 1, small: nil), digests: digests)
                try expectEqual(try await trial.detail(job.id).digests, digests, "digests")
            }
        },
    ]
}
