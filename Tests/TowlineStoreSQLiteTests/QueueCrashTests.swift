import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite

@Suite("queues after a kill")
struct QueueCrashTests {
    @Test("what was acknowledged is there, what was deleted does not come back, handles stay good")
    func acknowledged() async throws {
        let folder = try TestFolder()
        let clock = MonotonicStoreClock()
        let store = try await folder.open(clock: clock)
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        try await store.send("deleted", "hidden", "changed", priority: 1)
        try await store.send("active")
        let delayed = try await store.send("delayed", delay: .seconds(60))[0]
        let received = try await store.receive(3)
        _ = try await store.delete([received[0].handle], from: orders)
        let changed = try await store.changeVisibility(of: received[2].handle, in: orders, to: .seconds(600))

        let files = try folder.crashed()
        let copy = try await files.open(clock: clock)
        #expect(try await copy.queue(orders).counts == MessageCounts(active: 1, inactive: 2, delayed: 1))
        #expect(try await copy.receive().map(\.text) == ["active"])
        #expect(try await copy.delete([received[0].handle], from: orders).map { $0?.code } == [.messageMissing])
        #expect(try await copy.delete([changed.handle], from: orders) == [nil])
        let handle = try #require(delayed.handle)
        _ = try await copy.changeVisibility(of: handle, in: orders, to: .seconds(1))
        clock.advance(by: .seconds(30))
        #expect(try await copy.receive().map(\.text).sorted() == ["active", "delayed", "hidden"])
        await copy.close()
        await store.close()
        try checkCounters(files, "after a kill")
    }

    @Test("the end of a run and the message with its event are there together")
    func events() async throws {
        let folder = try TestFolder()
        let store = try await folder.open { $0.createMissingQueues = true }
        try await store.sendEvents(into: orders.name)
        let job = try await store.accept(1)[0]
        let claim = try await store.claim()[0]
        let before = try folder.crashed()
        try await store.finish(claim)
        let after = try folder.crashed()
        await store.close()
        for (files, state, messages) in [(before, JobState.pending, 0), (after, .succeeded, 2)] {
            let copy = try await files.open()
            #expect(try await copy.jobs([job.id], account: nil).map(\.state) == [state])
            let names = try await copy.queueNames(of: .standard, prefix: "", after: nil, limit: 10).items
            #expect(names == (messages == 0 ? [] : [orders.name]))
            if messages > 0 { #expect(try await copy.receive().count == messages) }
            await copy.close()
            try checkCounters(files, "with \(messages) messages")
        }
    }

    @Test("a queue that was deleted or purged stays empty, and its messages are removed later")
    func dropped() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        for _ in 0..<20 { try await store.send("1", "2", "3", "4", "5") }
        _ = try await store.purgeQueue(orders)
        try await store.send("new")
        let files = try folder.crashed()
        let copy = try await files.open()
        #expect(try await copy.trimQueues(limit: 1000) == 100)
        #expect(try await copy.trimQueues(limit: 1000) == 0)
        #expect(try await copy.receive().map(\.text) == ["new"])
        await copy.close()
        await store.close()
    }
}
