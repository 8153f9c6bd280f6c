import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite

@Suite("the cost of queues")
struct QueueCostTests {
    @Test("send, receive and delete run as many statements with a backlog of any kind as without")
    func backlog() async throws {
        let statements = Statements()
        let clock = MonotonicStoreClock()
        let store = try await TestFolder().open(clock: clock) { $0.intercept = { statements.pass($0) } }
        var changes = QueueAttributeChanges()
        changes.retention = .seconds(600)
        _ = try await store.createQueue(orders, attributes: changes)
        func cost() async throws -> [Int] {
            var costs: [Int] = []
            var before = statements.count
            try await store.send("m", priority: 1)
            costs.append(statements.count - before)
            before = statements.count
            let received = try await store.receive(1)
            costs.append(statements.count - before)
            before = statements.count
            #expect(try await store.delete(received.map(\.handle), from: orders) == [nil])
            costs.append(statements.count - before)
            return costs
        }
        _ = try await cost()
        let short = try await cost()
        let batch = Array(repeating: NewMessage(body: [65], priority: 2), count: 16)
        let delayed = Array(repeating: NewMessage(body: [65], delay: .seconds(60_000)), count: 16)
        for _ in 0..<40 { _ = try await store.send(batch, to: orders) }
        clock.advance(by: .seconds(601))
        for _ in 0..<40 {
            _ = try await store.send(batch, to: orders)
            _ = try await store.send(delayed, to: orders)
            _ = try await store.receive(8, visibility: .seconds(43_200))
        }
        #expect(try await cost() == short)
        #expect(try await store.queue(orders).counts == MessageCounts(active: 320, inactive: 320, delayed: 640))
        await store.close()
    }

    @Test("no more receives wait than are allowed; the others have nothing at once")
    func limit() async throws {
        let store = try await TestFolder().open { $0.maxWaitingReceives = 3 }
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        let receivers = (0..<3).map { _ in
            Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders) }
        }
        try await store.standing(3)
        #expect(try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders).isEmpty)
        try await store.send("1", "2", "3", "4")
        for receiver in receivers { #expect(try await receiver.value.count == 1) }
        #expect(try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders).map(\.text) == ["4"])
        await store.close()
    }

    @Test("five thousand wait at once, and each gets its message")
    func manyReceivers() async throws {
        let store = try await TestFolder().open()
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        let texts = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<5000 {
                group.addTask {
                    try await store.receive(ReceiveRequest(wait: .seconds(30)), from: orders).first?.text
                }
            }
            while store.waitingReceives < 5000 { await Task.yield() }
            let others = Task {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for call in 0..<313 {
                        group.addTask {
                            let messages = (0..<16).map { NewMessage(body: Array("\(call * 16 + $0)".utf8)) }
                            _ = try await store.send(messages, to: orders)
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await others.value
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(texts.compactMap { $0 }).count == 5000)
        #expect(try await store.queue(orders).counts == MessageCounts(active: 8, inactive: 5000))
        await store.close()
    }
}
