import Dispatch
import GRDB
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite

/// A generator that gives the same number for ever, so that identifiers of one moment collide.
private struct StuckRandom: RandomNumberGenerator, Sendable {
    mutating func next() -> UInt64 { 7 }
}

/// A clock that stands still.
private struct StoppedClock: StoreClock {
    func now() -> Timestamp { Timestamp(milliseconds: 1_900_000_000_000) }
}

/// Holds the writer back at its next commit, and counts commits.
private final class Brake: Sendable {
    private let state = Mutex((armed: false, commits: 0, insert: 0))
    private let released = DispatchSemaphore(value: 0)

    var commits: Int { state.withLock { $0.commits } }

    /// The commits before the last insert of a job.
    var commitsBeforeInsert: Int { state.withLock { $0.insert } }

    /// To be called with every statement.
    func pass(_ sql: String) {
        if sql.hasPrefix("INSERT INTO jobs ") { state.withLock { $0.insert = $0.commits } }
        guard sql == "COMMIT" else { return }
        let stops = state.withLock { state in
            state.commits += 1
            defer { state.armed = false }
            return state.armed
        }
        if stops { released.wait() }
    }

    func arm() { state.withLock { $0 = (true, 0, 0) } }

    func release() { released.signal() }
}

@Suite("groups of operations")
struct GroupTests {
    @Test("operations that wait while a commit runs share the next one")
    func sharing() async throws {
        let brake = Brake()
        let folder = try TestFolder()
        let store = try await folder.open { $0.intercept = { brake.pass($0) } }
        brake.arm()
        let first = Task { try await store.accept(1) }
        while brake.commits == 0 { await Task.yield() }
        let others = (0..<150).map { _ in Task { try await store.accept(1) } }
        while store.waitingWrites < 150 { await Task.yield() }
        brake.release()
        _ = try await first.value
        for other in others { _ = try await other.value }
        #expect(brake.commits == 2)
        await store.close()
    }

    @Test("bulk work that waits does not hold up a submission")
    func classes() async throws {
        let brake = Brake()
        let folder = try TestFolder()
        let store = try await folder.open { configuration in
            configuration.intercept = { brake.pass($0) }
            configuration.maxGroup = 50
        }
        brake.arm()
        let first = Task { try await store.accept(1) }
        while brake.commits == 0 { await Task.yield() }
        let bulk = (0..<100).map { _ in Task { try await store.prune(limit: 100) } }
        while store.waitingWrites < 100 { await Task.yield() }
        let submission = Task { try await store.accept(1) }
        while store.waitingWrites < 101 { await Task.yield() }
        brake.release()
        _ = try await first.value
        _ = try await submission.value
        #expect(brake.commitsBeforeInsert == 1)
        for task in bulk { _ = try await task.value }
        #expect(brake.commits >= 100)
        await store.close()
    }

    @Test("what waits when the store is closed is still done")
    func closing() async throws {
        let brake = Brake()
        let folder = try TestFolder()
        let store = try await folder.open { $0.intercept = { brake.pass($0) } }
        brake.arm()
        let first = Task { try await store.accept(1) }
        while brake.commits == 0 { await Task.yield() }
        let others = (0..<20).map { _ in Task { try await store.accept(1) } }
        while store.waitingWrites < 20 { await Task.yield() }
        let closing = Task { await store.close() }
        brake.release()
        await closing.value
        _ = try await first.value
        for other in others { _ = try await other.value }
        let reopened = try await folder.open()
        #expect(try await reopened.jobCounts()[.pending] == 21)
        await reopened.close()
    }

    @Test("a row that the database refuses fails its own operation only")
    func isolation() async throws {
        let brake = Brake()
        let folder = try TestFolder()
        let store = try await folder.open(clock: StoppedClock()) { configuration in
            configuration.intercept = { brake.pass($0) }
            configuration.random = StuckRandom()
        }
        brake.arm()
        let first = Task { try await store.createKey(AccessKey(id: "first", secret: "s", account: .standard)) }
        while brake.commits == 0 { await Task.yield() }
        // Every job gets the same identifier: one of them can be accepted, the others have used their nonces by then.
        func call(_ number: Int) -> JobSubmission {
            let nonce = RequestNonce(accessKeyID: "key", value: "\(number)")
            return JobSubmission(account: .standard, nonce: nonce, requests: [request()])
        }
        let jobs = (0..<10).map { number in Task { try await store.accept(call(number)) } }
        let keys = (0..<10).map { number in
            Task { try await store.createKey(AccessKey(id: "k\(number)", secret: "s", account: .standard)) }
        }
        while store.waitingWrites < 20 { await Task.yield() }
        brake.release()
        try await first.value
        for key in keys { try await key.value }
        var accepted = 0
        for (number, job) in jobs.enumerated() {
            switch await job.result {
            case .success: accepted += 1
            case .failure(let error):
                #expect((error as? StoreError)?.code == .conflict, "\(error)")
                // Were the nonce used, that would be the reason now.
                await expectStoreError(.conflict) { _ = try await store.accept(call(number)) }
            }
        }
        #expect(accepted == 1)
        #expect(try await store.jobCounts()[.pending] == 1)
        #expect(try await store.listKeys().count == 11)
        await store.close()
    }

    @Test("a full disk fails the operations of the moment and nothing else")
    func fullDisk() async throws {
        let full = Mutex(false)
        let folder = try TestFolder()
        let store = try await folder.open { configuration in
            configuration.intercept = { sql in
                if sql == "COMMIT", full.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL) }
            }
        }
        try await store.accept(1)
        full.withLock { $0 = true }
        let message = await expectStoreError(.full) { try await store.accept(1) }
        #expect(message == "no space left on the device of \(folder.database)")
        await expectStoreError(.full) { try await store.checkReadiness() }
        #expect(try await store.jobCounts()[.pending] == 1)
        full.withLock { $0 = false }
        try await store.checkReadiness()
        try await store.accept(1)
        #expect(try await store.jobCounts()[.pending] == 2)
        await store.close()
    }

    @Test("after a commit that failed nothing is acknowledged until the store is opened again")
    func failedCommit() async throws {
        let failing = Mutex(false)
        let fatal = Mutex<[StoreError]>([])
        let folder = try TestFolder()
        let store = try await folder.open { configuration in
            configuration.intercept = { sql in
                if sql == "COMMIT", failing.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_IOERR_FSYNC) }
            }
            configuration.onFatal = { error in fatal.withLock { $0.append(error) } }
        }
        try await store.accept(1)
        failing.withLock { $0 = true }
        await expectStoreError(.unavailable) { try await store.accept(1) }
        failing.withLock { $0 = false }
        await expectStoreError(.unavailable) { try await store.accept(1) }
        await expectStoreError(.unavailable) { _ = try await store.jobCounts() }
        await expectStoreError(.unavailable) { try await store.checkReadiness() }
        #expect(fatal.withLock { $0.count } == 1)
        await store.close()
        let reopened = try await folder.open()
        #expect(try await reopened.jobCounts()[.pending] == 1)
        try await reopened.accept(1)
        await reopened.close()
    }
}
