import GRDB
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite

/// The queue that tests use.
let orders = QueueAddress(account: .standard, name: QueueName(stored: "orders"))

extension SQLiteStore {
    /// Sends texts in one call.
    @discardableResult
    func send(_ texts: String..., delay: Duration? = nil, priority: Int? = nil) async throws -> [SentMessage] {
        let messages = texts.map { NewMessage(body: Array($0.utf8), delay: delay, priority: priority) }
        return try await send(messages, to: orders).map { try $0.get() }
    }

    /// Returns when a number of receives stand in line and the group in which the last of them came is over.
    func standing(_ count: Int) async throws {
        while waitingReceives < count { await Task.yield() }
        try await checkReadiness()
    }

    /// Sends every event of the standard account into a built-in queue.
    func sendEvents(into queue: QueueName) async throws {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackType = "MNS"
        configuration.mnsEndpoint = "http://127.0.0.1:8787"
        configuration.mnsQueueName = queue.description
        configuration.isOwnQueue = true
        configuration.eventTypeList = "ALL"
        try await setCallback(configuration, nonce: nil)
    }

    /// Receives without waiting.
    func receive(_ count: Int = 16, visibility: Duration? = nil) async throws -> [ReceivedMessage] {
        try await receive(ReceiveRequest(count: count, wait: .zero, visibility: visibility), from: orders)
    }
}

extension ReceivedMessage {
    /// The body as text.
    var text: String { String(decoding: message.body, as: UTF8.self) }
}

/// Compares the counters in the rows of queues with a count of the messages, for a store that is closed.
func checkCounters(_ folder: TestFolder, _ when: String) throws {
    let database = try DatabaseQueue(path: folder.database)
    try database.read { database in
        for (column, hiding) in [("shown", 0), ("received", 1), ("delayed", 2)] {
            let wrong = try String.fetchAll(
                database,
                sql: """
                    SELECT name || ': ' || \(column) FROM queues q WHERE \(column) <> (
                      SELECT count(*) FROM queue_messages m WHERE m.queue = q.id AND m.hiding = \(hiding))
                    """)
            #expect(wrong.isEmpty, "\(when): \(column) of \(wrong)")
        }
    }
    try database.close()
}
