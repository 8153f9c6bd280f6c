import Foundation
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite

@Suite("what a killed process leaves")
struct CrashTests {
    @Test("what was acknowledged is there after a kill")
    func acknowledged() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        let jobs = try await store.accept(30)
        let files = try folder.crashed()
        let copy = try await files.open()
        #expect(Set(try await copy.jobs(jobs.map(\.id), account: nil)) == Set(jobs))
        await copy.close()
        await store.close()
    }

    @Test("running attempts are taken back at once, keep their row and cost no retry")
    func runningJobs() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        try await store.accept(3)
        let claims = try await store.claim(perOrigin: 2)
        #expect(claims.count == 2)
        try await store.recordProgress([
            JobProgress(
                job: claims[0].job.id, lease: claims[0].lease, phase: .uploading, bytesReceived: 9, bytesTotal: nil)
        ])

        let files = try folder.crashed()
        let copy = try await files.open()
        #expect(try await copy.jobCounts()[.pending] == 3)
        #expect(try await copy.jobCounts()[.storing] == 0)
        for claim in claims { #expect(try await copy.finish(claim) == .leaseLost) }
        let objects = Set(try await copy.abandonedObjects(limit: 10).keys)
        #expect(objects == Set(claims.map(\.objectKey)))

        var again: [ClaimedJob] = []
        for _ in 0..<3 {
            let claim = try #require(try await copy.claim(perOrigin: 1).first)
            try await copy.finish(claim)
            again.append(claim)
        }
        for claim in again {
            let wasRunning = claims.contains { $0.job.id == claim.job.id }
            #expect(claim.fruitless == 1)
            #expect(claim.job.attempts == (wasRunning ? 2 : 1))
            let attempts = try #require(try await copy.jobDetail(claim.job.id)).attempts
            #expect(attempts.map(\.number) == (wasRunning ? [1, 2] : [1]))
            if wasRunning { #expect(attempts[0].record.failure?.message.contains("interrupted") == true) }
        }
        await copy.close()
        await store.close()
    }

    @Test("a kill takes nothing of what checkpoints keep, whoever had taken it over")
    func checkpoints() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        try await store.accept(1)
        let first = try #require(try await store.claim().first)
        let version = SourceVersion(validator: "\"v1\"", total: 1000)
        let checkpoint = TransferCheckpoint(version: version, bytes: 100, crc64: 7)
        let note = CheckpointNote(job: first.job.id, lease: first.lease, checkpoint: checkpoint)
        #expect(try await store.recordCheckpoints([note]) == [.recorded])
        let files = try folder.crashed()
        let copy = try await files.open()
        #expect(try await copy.abandonedObjects(limit: 10).keys.isEmpty)
        let second = try #require(try await copy.claim().first)
        #expect(second.resume == ResumePoint(checkpoint: checkpoint, keys: [first.objectKey]))

        // The second attempt is killed before it has said anything: its file may be under either key.
        let again = try await (try files.crashed()).open()
        #expect(try await again.abandonedObjects(limit: 10).keys.isEmpty)
        let third = try #require(try await again.claim().first)
        #expect(third.resume?.checkpoint == checkpoint)
        #expect(Set(third.resume?.keys ?? []) == [first.objectKey, second.objectKey])
        try await again.finish(third)
        #expect(Set(try await again.abandonedObjects(limit: 10).keys) == [first.objectKey, second.objectKey])
        await again.close()
        await copy.close()
        await store.close()
    }

    @Test("deliveries in flight are due at once, keep their row and all their attempts")
    func runningDeliveries() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        try await store.sendEvents()
        try await store.accept(1)
        try await store.finish(try await store.claim()[0])
        let claims = try await store.claimDeliveries()
        #expect(claims.count == 2)

        let files = try folder.crashed()
        let copy = try await files.open()
        #expect(try await copy.deliveryCounts()[.pending] == 2)
        #expect(try await copy.report(claims[0], .delivered) == .leaseLost)
        let again = try await copy.claimDeliveries()
        #expect(Set(again.map(\.event)) == Set(claims.map(\.event)))
        for claim in again {
            #expect(claim.attempt == 1)
            try await copy.report(claim, .delivered)
            let stored = try #require(try await copy.delivery(claim.id))
            #expect(stored.delivery.attempts == 1)
            #expect(stored.attempts.count == 2)
            #expect(stored.attempts[0].record.cause?.contains("interrupted") == true)
        }
        #expect(try await copy.jobCounts()[.succeeded] == 1)
        await copy.close()
        await store.close()
    }

    @Test("lanes that waited for a slot go on after a kill")
    func blockedLanes() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        try await store.accept(1)
        _ = try await store.accept(
            JobSubmission(account: AccountID("2"), requests: [request("b.mp4")]))
        #expect(try await store.claim(perOrigin: 1).count == 1)
        #expect(try await store.claim(perOrigin: 1).isEmpty)
        let files = try folder.crashed()
        let copy = try await files.open()
        #expect(try await copy.claim(perOrigin: 2).count == 2)
        await copy.close()
        await store.close()
    }

    @Test("small objects ride in their run's end, in a growing sequence that is never used again")
    func smallObjects() async throws {
        let folder = try TestFolder()
        var store = try await folder.open()
        #expect(try await store.lastSmallObject() == nil)
        var keys: [ObjectKey] = []
        for number in 0..<3 {
            try await store.accept(1)
            let claim = try await store.claim()[0]
            let bytes = [UInt8](repeating: UInt8(number), count: 1000 * number)
            try await store.finish(claim, .stored(bytes: Int64(bytes.count), small: bytes))
            keys.append(claim.objectKey)
        }
        let all = try await store.smallObjects(after: 0, limit: 10)
        #expect(all.map(\.key) == keys)
        #expect(all.map(\.bytes.count) == [0, 1000, 2000])
        let last = try #require(try await store.lastSmallObject())
        #expect(all.map(\.sequence).max() == last)
        #expect(try await store.smallObjects(after: all[0].sequence, limit: 1).map(\.key) == [keys[1]])

        try await store.releaseSmallObjects(upTo: last)
        #expect(try await store.lastSmallObject() == nil)
        await store.close()
        store = try await folder.open()
        try await store.accept(1)
        try await store.finish(try await store.claim()[0], .stored(bytes: 1, small: [1]))
        let next = try #require(try await store.lastSmallObject())
        #expect(next > last)
        await store.close()
    }

    @Test("many small objects are released in steps")
    func releaseInSteps() async throws {
        let folder = try TestFolder()
        // However busy the machine is, no lease ends meanwhile.
        let store = try await folder.open(clock: SteppedStoreClock())
        try await store.accept(600)
        for claim in try await store.claim(600) { try await store.finish(claim, .stored(bytes: 1, small: [1])) }
        let all = try await store.smallObjects(after: 0, limit: 1000)
        try #require(all.count == 600)
        try await store.releaseSmallObjects(upTo: all[589].sequence)
        #expect(try await store.smallObjects(after: 0, limit: 1000).map(\.sequence) == all[590...].map(\.sequence))
        await store.close()
    }
}
