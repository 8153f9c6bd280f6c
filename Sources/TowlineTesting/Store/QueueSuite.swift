package import TowlineCore
import TowlineQueue
package import TowlineStore

/// What a store does with events for its queues.
package struct EventQueueOptions: Sendable {
    /// How events stand in messages.
    package var bodyEncoding = EventBodyEncoding.base64
    /// Whether an event makes the queue that it is for.
    package var createMissing = false

    /// The defaults of every store.
    package init() {}
}

/// A kind of store with queues that the suite can make and whose time it can move.
package protocol QueueStoreUnderTest: StoreUnderTest {
    /// A new, empty store that does with events what the options say.
    func make(_ options: EventQueueOptions) async throws -> any Store

    /// Moves the store's clock and the one for waiting forward, once somebody who waits sleeps by it.
    func advanceWaiting(by duration: Duration) async
}

extension StoreSuite {
    /// One sentence about queues, and the code that checks it.
    package struct QueueCase: Sendable, CustomStringConvertible {
        /// The sentence.
        package let description: String
        private let options: EventQueueOptions
        private let body: @Sendable (QueueTrial) async throws -> Void

        /// Names a check.
        init(
            _ description: String, _ configure: (inout EventQueueOptions) -> Void = { _ in },
            _ body: @escaping @Sendable (QueueTrial) async throws -> Void
        ) {
            var options = EventQueueOptions()
            configure(&options)
            self.description = description
            self.options = options
            self.body = body
        }

        /// Makes a store with a queue and checks it; the store is closed whatever happens.
        ///
        /// - Throws: ``SuiteFailure`` when the store does not do what the sentence says.
        package func run(_ subject: any QueueStoreUnderTest) async throws {
            let store = try await subject.make(options)
            do {
                let trial = QueueTrial(store: store, subject: subject)
                _ = try await store.createQueue(trial.queue, attributes: QueueAttributeChanges())
                try await body(trial)
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
    }

    /// Every case about queues: what each store must do with them, whatever it is made of.
    package static let queueCases: [QueueCase] =
        queueManagementCases + queueMessageCases + queueHandleCases + queueTimeCases + queueCountCases
        + queueWaitCases + queueCancellationCases + deadLetterCases + queueUpkeepCases
        + eventQueueCases + eventQueueFallbackCases + queueDeliveryCases
}

/// One store with the means to use its queues in a case.
struct QueueTrial: Sendable {
    let store: any Store
    let subject: any QueueStoreUnderTest
    /// The queue that every case finds.
    let queue = QueueTrial.address("orders")

    /// A queue of an account.
    static func address(_ name: String, account: String = "1000000000000001") -> QueueAddress {
        QueueAddress(account: AccountID(account), name: QueueName(stored: name))
    }

    /// The means to use the store's jobs and deliveries.
    var jobs: StoreTrial { StoreTrial(store: store, subject: subject) }

    /// Moves the store's clock.
    func advance(by duration: Duration) { subject.advance(by: duration) }

    /// Sets some attributes of a queue.
    func set(_ queue: QueueAddress? = nil, _ change: (inout QueueAttributeChanges) -> Void) async throws {
        var changes = QueueAttributeChanges()
        change(&changes)
        try await store.setAttributes(changes, of: queue ?? self.queue)
    }

    /// Sends texts, each in a call of its own, and returns what was stored.
    @discardableResult
    func send(
        _ texts: String..., to queue: QueueAddress? = nil, delay: Duration? = nil, priority: Int? = nil
    ) async throws -> [SentMessage] {
        var sent: [SentMessage] = []
        for text in texts {
            let message = NewMessage(body: Array(text.utf8), delay: delay, priority: priority)
            sent += try await store.send([message], to: queue ?? self.queue).map { try $0.get() }
        }
        return sent
    }

    /// Receives without waiting.
    func receive(
        _ count: Int = 16, from queue: QueueAddress? = nil, visibility: Duration? = nil
    ) async throws -> [ReceivedMessage] {
        try await store.receive(
            ReceiveRequest(count: count, wait: .zero, visibility: visibility), from: queue ?? self.queue)
    }

    /// Receives the one message that must be there.
    func receiveOne(
        from queue: QueueAddress? = nil, visibility: Duration? = nil, file: StaticString = #fileID, line: UInt = #line
    ) async throws -> ReceivedMessage {
        let messages = try await receive(1, from: queue, visibility: visibility)
        return try unwrap(messages.first, "no message was there", file: file, line: line)
    }

    /// Begins a receive that waits; returns when it stands in line.
    func wait(
        _ count: Int = 1, from queue: QueueAddress? = nil, atMost wait: Duration? = .seconds(30)
    ) async throws -> Task<[ReceivedMessage], any Error> {
        let before = store.waitingReceives
        let request = ReceiveRequest(count: count, wait: wait)
        let task = Task { try await store.receive(request, from: queue ?? self.queue) }
        while store.waitingReceives == before { await Task.yield() }
        return task
    }

    /// The counters of a queue.
    func counts(_ queue: QueueAddress? = nil) async throws -> MessageCounts {
        try await store.queue(queue ?? self.queue).counts
    }

    /// Fails unless a queue has these counters.
    func expectCounts(
        _ active: Int, _ inactive: Int, _ delayed: Int, in queue: QueueAddress? = nil, _ what: String,
        file: StaticString = #fileID, line: UInt = #line
    ) async throws {
        let expected = MessageCounts(active: active, inactive: inactive, delayed: delayed)
        try expectEqual(try await counts(queue), expected, what, file: file, line: line)
    }

    /// Deletes by one handle; why it failed.
    func delete(_ handle: String, from queue: QueueAddress? = nil) async throws -> QueueError.Code? {
        try await store.delete([handle], from: queue ?? self.queue)[0]?.code
    }
}

extension ReceivedMessage {
    /// The body as text.
    var text: String { String(decoding: message.body, as: UTF8.self) }
}

/// Fails unless a call throws a ``QueueError`` with a code; gives its sentence.
@discardableResult
func expectRefusal(
    _ code: QueueError.Code, _ what: String, file: StaticString = #fileID, line: UInt = #line,
    _ body: () async throws -> Void
) async throws -> String {
    do {
        try await body()
    } catch let error as QueueError where error.code == code {
        return error.message
    } catch {
        throw SuiteFailure("\(what): threw \(error) instead of \(code)", file: file, line: line)
    }
    throw SuiteFailure("\(what): did not throw \(code)", file: file, line: line)
}
