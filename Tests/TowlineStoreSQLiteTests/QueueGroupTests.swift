import Dispatch
import GRDB
import Synchronization
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@Suite("queues within groups of operations")
struct QueueGroupTests {
    /// Counts commits and holds the writer back at the next one.
    private final class Brake: Sendable {
        private let state = Mutex((armed: false, commits: 0))
        private let released = DispatchSemaphore(value: 0)

        var commits: Int { state.withLock { $0.commits } }

        func pass(_ sql: String) {
            guard sql == "COMMIT" else { return }
            let stops = state.withLock { state in
                state.commits += 1
                defer { state.armed = false }
                return state.armed
            }
            if stops { released.wait() }
        }

        func arm() { state.withLock { $0 = (true, 0) } }

        func release() { released.signal() }
    }

    private func open(
        _ folder: TestFolder, _ brake: Brake, random: (any RandomNumberGenerator & Sendable)? = nil
    )
        async throws -> SQLiteStore
    {
        let store = try await folder.open { configuration in
            configuration.intercept = { brake.pass($0) }
            if let random { configuration.random = random }
        }
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        return store
    }

    @Test("a message goes to the one who waits within the commit that stores it")
    func oneCommit() async throws {
        let brake = Brake()
        let store = try await open(try TestFolder(), brake)
        let receiver = Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders) }
        try await store.standing(1)
        let before = brake.commits
        try await store.send("m")
        #expect(try await receiver.value.map(\.text) == ["m"])
        #expect(brake.commits == before + 1)
        await store.close()
    }

    @Test("who finds nothing gets what is sent later in the same group")
    func sameGroup() async throws {
        let brake = Brake()
        let store = try await open(try TestFolder(), brake)
        brake.arm()
        let first = Task { try await store.accept(1) }
        while brake.commits == 0 { await Task.yield() }
        let receiver = Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders) }
        while store.waitingWrites < 1 { await Task.yield() }
        let sending = Task { try await store.send("m") }
        while store.waitingWrites < 2 { await Task.yield() }
        brake.release()
        _ = try await first.value
        _ = try await sending.value
        #expect(try await receiver.value.map(\.text) == ["m"])
        #expect(brake.commits == 2)
        await store.close()
    }

    @Test("who waits comes before who does not, also within a group")
    func order() async throws {
        let brake = Brake()
        let store = try await open(try TestFolder(), brake)
        let receiver = Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders) }
        try await store.standing(1)
        brake.arm()
        let first = Task { try await store.accept(1) }
        while brake.commits == 0 { await Task.yield() }
        let sending = Task { try await store.send("m", "n") }
        while store.waitingWrites < 1 { await Task.yield() }
        let greedy = Task { try await store.receive(16) }
        while store.waitingWrites < 2 { await Task.yield() }
        brake.release()
        _ = try await first.value
        _ = try await sending.value
        #expect(try await receiver.value.map(\.text) == ["m"])
        #expect(try await greedy.value.map(\.text) == ["n"])
        await store.close()
    }

    @Test("a message for somebody who has gone meanwhile is given back and was not received", arguments: [true, false])
    func gone(waits: Bool) async throws {
        let brake = Brake()
        let store = try await open(try TestFolder(), brake)
        if !waits { try await store.send("m") }
        let request = ReceiveRequest(wait: .seconds(waits ? 30 : 0))
        var receiver = Task<[ReceivedMessage], any Error> { [] }
        var sending: Task<[SentMessage], any Error>?
        if waits {
            receiver = Task { try await store.receive(request, from: orders) }
            try await store.standing(1)
            brake.arm()
            sending = Task { try await store.send("m") }
        } else {
            brake.arm()
            receiver = Task { try await store.receive(request, from: orders) }
        }
        // The message is claimed; its commit is on the way.
        while brake.commits == 0 { await Task.yield() }
        receiver.cancel()
        await #expect(throws: CancellationError.self) { try await receiver.value }
        brake.release()
        _ = try await sending?.value
        let next = try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders)
        #expect(next.map(\.text) == ["m"])
        #expect(next.map(\.message.dequeueCount) == [1])
        await store.close()
    }

    @Test("a group that is begun again hands each message out once")
    func begunAgain() async throws {
        struct StuckRandom: RandomNumberGenerator, Sendable {
            mutating func next() -> UInt64 { 7 }
        }
        let brake = Brake()
        let folder = try TestFolder()
        let store = try await open(folder, brake, random: StuckRandom())
        let early = Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders) }
        try await store.standing(1)
        brake.arm()
        let first = Task { try await store.createKey(AccessKey(id: "k", secret: "s", account: .standard)) }
        while brake.commits == 0 { await Task.yield() }
        var receivers = [early]
        for number in 0..<5 {
            receivers.append(Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders) })
            while store.waitingWrites < 2 * number + 1 { await Task.yield() }
            Task { try await store.send("\(number)") }
            while store.waitingWrites < 2 * number + 2 { await Task.yield() }
        }
        // In one millisecond all jobs get the same identifier: one is accepted, the others need isolation.
        let jobs = (0..<20).map { _ in Task { try await store.accept(1) } }
        while store.waitingWrites < 30 { await Task.yield() }
        brake.release()
        try await first.value
        for job in jobs { _ = await job.result }
        try await store.send("5")
        var texts: [String] = []
        for receiver in receivers { texts += try await receiver.value.map(\.text) }
        #expect(texts.sorted() == (0...5).map { "\($0)" })
        #expect(try await store.queue(orders).counts == MessageCounts(inactive: 6))
        await store.close()
        try checkCounters(folder, "after a group that was begun again")
    }

    @Test("who waits is told at once when the store stops", .timeLimit(.minutes(5)))
    func stopped() async throws {
        let fails = Mutex(false)
        let store = try await TestFolder().open { configuration in
            // Nobody's patience ends.
            configuration.waitClock = ManualClock()
            configuration.intercept = { sql in
                if sql == "COMMIT", fails.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_IOERR_FSYNC) }
            }
        }
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        let receiver = Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders) }
        try await store.standing(1)
        fails.withLock { $0 = true }
        await expectStoreError(.unavailable) { try await store.send("lost") }
        await expectStoreError(.unavailable) { _ = try await receiver.value }
        #expect(store.waitingReceives == 0)
        await store.close()
    }

    @Test("a full disk fails a send and leaves who waits in line")
    func fullDisk() async throws {
        let full = Mutex(false)
        let folder = try TestFolder()
        let store = try await folder.open { configuration in
            configuration.intercept = { sql in
                if sql == "COMMIT", full.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL) }
            }
        }
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        let receiver = Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders) }
        try await store.standing(1)
        full.withLock { $0 = true }
        await expectStoreError(.full) { try await store.send("lost") }
        full.withLock { $0 = false }
        #expect(store.waitingReceives == 1)
        try await store.send("m")
        #expect(try await receiver.value.map(\.text) == ["m"])
        await store.close()
        try checkCounters(folder, "after a full disk")
    }
}
