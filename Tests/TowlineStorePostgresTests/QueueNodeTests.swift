import Foundation
import Synchronization
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStorePostgres
import TowlineTesting

/// The queue that tests use.
private let orders = QueueAddress(account: .standard, name: QueueName(stored: "orders"))

/// Nodes on one database.
private struct Nodes {
    let schema: String
    let stores: [PostgresStore]

    /// Opens a number of nodes and makes the queue.
    init(_ count: Int = 2, configure: (inout PostgresStoreConfiguration) -> Void = { _ in }) async throws {
        schema = "n_" + UUID().uuidString.replacing("-", with: "").lowercased()
        let server = try PostgresServer.shared()
        try server.run("CREATE SCHEMA \(schema)")
        var stores: [PostgresStore] = []
        for _ in 0..<count {
            var configuration = try configuration(url: server.url(schema: schema))
            configure(&configuration)
            stores.append(try await PostgresStore.open(configuration, logger: quiet))
        }
        self.stores = stores
        _ = try await stores[0].createQueue(orders, attributes: QueueAttributeChanges())
    }

    func close() async { for store in stores { await store.close() } }

    /// Runs a statement as an operator.
    @discardableResult
    func run(_ sql: String) throws -> String { try PostgresServer.shared().run(sql, schema: schema) }
}

extension PostgresStore {
    fileprivate func send(_ texts: String..., delay: Duration? = nil) async throws {
        let messages = texts.map { NewMessage(body: Array($0.utf8), delay: delay) }
        for outcome in try await send(messages, to: orders) { _ = try outcome.get() }
    }

    fileprivate func receive(
        _ count: Int = 16, wait: Duration = .zero, visibility: Duration? = nil
    ) async throws -> [ReceivedMessage] {
        try await receive(ReceiveRequest(count: count, wait: wait, visibility: visibility), from: orders)
    }

    /// Begins a receive that waits; returns when it stands in line.
    fileprivate func standing() async throws -> Task<[ReceivedMessage], any Error> {
        let before = waitingReceives
        let task = Task { try await receive(wait: .seconds(30)) }
        while waitingReceives == before { await Task.yield() }
        return task
    }
}

extension ReceivedMessage {
    fileprivate var text: String { String(decoding: message.body, as: UTF8.self) }
}

@Suite("queues on several nodes", .enabled(if: PostgresServer.isAvailable, "no PostgreSQL server"))
struct QueueNodeTests {
    @Test("a handle of one node is good on another")
    func handles() async throws {
        let nodes = try await Nodes()
        let (first, second) = (nodes.stores[0], nodes.stores[1])
        try await first.send("1", "2")
        let received = try await first.receive()
        let changed = try await second.changeVisibility(of: received[0].handle, in: orders, to: .seconds(60))
        #expect(try await first.delete([changed.handle], from: orders) == [nil])
        #expect(try await second.delete([received[1].handle], from: orders) == [nil])
        #expect(try await first.delete([received[1].handle], from: orders)[0]?.code == .messageMissing)
        #expect(try await second.queue(orders).counts == MessageCounts())
        await nodes.close()
    }

    @Test("each message is handed out once, whichever node is asked, and the counters add up")
    func once() async throws {
        let nodes = try await Nodes(3)
        let texts = try await withThrowingTaskGroup(of: [String].self) { group in
            for (number, store) in nodes.stores.enumerated() {
                for sender in 0..<4 {
                    group.addTask {
                        for call in 0..<25 {
                            try await store.send("\(number)-\(sender)-\(call)-a", "\(number)-\(sender)-\(call)-b")
                        }
                        return []
                    }
                }
                for consumer in 0..<6 {
                    group.addTask {
                        var texts: [String] = []
                        // 600 messages, 18 consumers, about 33 each; the rest is taken at the end.
                        for _ in 0..<20 {
                            let messages = try await store.receive(1 + consumer % 4)
                            texts += messages.map(\.text)
                            guard !messages.isEmpty else { continue }
                            let outcomes = try await store.delete(messages.map(\.handle), from: orders)
                            #expect(outcomes.allSatisfy { $0 == nil })
                        }
                        return texts
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        var rest: [String] = []
        while case let messages = try await nodes.stores[1].receive(wait: .seconds(1)), !messages.isEmpty {
            rest += messages.map(\.text)
        }
        #expect(texts.count + rest.count == 600)
        #expect(Set(texts + rest).count == 600)
        for store in nodes.stores {
            #expect(try await store.queue(orders).counts == MessageCounts(inactive: rest.count))
        }
        await nodes.close()
    }

    @Test("who waits on one node gets what is sent on another", .timeLimit(.minutes(5)))
    func waits() async throws {
        // Longer than the test may take: a notification does it.
        let nodes = try await Nodes { $0.safetyPoll = .seconds(600) }
        let receiver = try await nodes.stores[0].standing()
        try await nodes.stores[1].send("m")
        #expect(try await receiver.value.map(\.text) == ["m"])
        await nodes.close()
    }

    @Test("without notifications a message is found all the same", .timeLimit(.minutes(5)))
    func silence() async throws {
        let nodes = try await Nodes { configuration in
            configuration.safetyPoll = .milliseconds(200)
            configuration.intercept = { sql in
                if sql.contains("pg_notify") { throw StoreError(.unavailable, "nothing is said") }
            }
        }
        let receiver = try await nodes.stores[0].standing()
        try await nodes.stores[1].send("m")
        #expect(try await receiver.value.map(\.text) == ["m"])
        await nodes.close()
    }

    @Test("who waits is told on every node when the queue is deleted, and goes on when it is purged")
    func deletion() async throws {
        let nodes = try await Nodes { $0.safetyPoll = .seconds(600) }
        let receiver = try await nodes.stores[0].standing()
        #expect(try await nodes.stores[1].purgeQueue(orders) == 0)
        try await nodes.stores[1].send("m")
        #expect(try await receiver.value.map(\.text) == ["m"])
        let late = try await nodes.stores[0].standing()
        try await nodes.stores[1].deleteQueue(orders)
        await #expect(throws: QueueError.noQueue(orders)) { try await late.value }
        await nodes.close()
    }

    @Test("a row that comes alive behind the place where a node looks is found", .timeLimit(.minutes(5)))
    func behind() async throws {
        let nodes = try await Nodes { $0.safetyPoll = .milliseconds(500) }
        let store = nodes.stores[0]
        try await store.send("1")
        #expect(try await store.receive().map(\.text) == ["1"])
        try await store.send("old")
        // As if the transaction of the send had taken a minute.
        try nodes.run("UPDATE queue_ready SET place = place - (60000::bigint << 20)")
        #expect(try await store.receive(wait: .seconds(30)).map(\.text) == ["old"])
        await nodes.close()
    }

    @Test("nothing is left of deleted queues and of messages that have expired")
    func leftovers() async throws {
        let offset = TestOffset()
        let nodes = try await Nodes(1) { $0.clockOffset = { offset.value } }
        let store = nodes.stores[0]
        var short = QueueAttributeChanges()
        short.retention = .seconds(60)
        try await store.setAttributes(short, of: orders)
        for number in 0..<40 { try await store.send("\(number)") }
        _ = try await store.receive(8, visibility: .seconds(1))
        _ = try await store.receive(8)
        try await store.send("late", delay: .seconds(30))
        offset.advance(by: .seconds(2))
        _ = try await store.receive(1)
        #expect(try await store.purgeQueue(orders) == 41)
        for number in 0..<10 { try await store.send("\(number)") }
        _ = try await store.receive(4, visibility: .seconds(1))
        offset.advance(by: .seconds(3))
        _ = try await store.receive(1, visibility: .seconds(600))
        offset.advance(by: .seconds(120))
        while try await store.trimQueues(limit: 7) > 0 {}
        #expect(try await store.queue(orders).counts == MessageCounts())
        for table in ["queue_messages", "queue_ready", "queue_hidden"] {
            #expect(try nodes.run("SELECT count(*) FROM \(table)") == "0\n", "rows of \(table)")
        }
        await nodes.close()
    }
}
