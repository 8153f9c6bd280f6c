import TowlineCore
package import TowlineQueue
import TowlineStore

extension SQLiteStore {
    package func createQueue(
        _ queue: QueueAddress, attributes: QueueAttributeChanges
    ) async throws -> QueueCreation {
        try attributes.validate()
        return try await decide { try $0.createQueue(queue, attributes: attributes) }
    }

    package func setAttributes(_ changes: QueueAttributeChanges, of queue: QueueAddress) async throws {
        try changes.validate()
        try await decide { try $0.setAttributes(changes, of: queue) }
    }

    package func setDeadLetters(_ policy: DeadLetterPolicy?, of queue: QueueAddress) async throws {
        try policy?.validate(for: queue.name)
        try await decide { try $0.setDeadLetters(policy, of: queue) }
    }

    package func deleteQueue(_ queue: QueueAddress) async throws {
        try await decide { try $0.deleteQueue(queue) }
    }

    package func purgeQueue(_ queue: QueueAddress) async throws -> Int {
        try await decide { try $0.purgeQueue(queue) }.total
    }

    package func send(
        _ messages: [NewMessage], to queue: QueueAddress
    ) async throws -> [Result<SentMessage, QueueError>] {
        try NewMessage.validate(batch: messages)
        let outgoing = messages.map { message in
            Result { () throws(QueueError) in
                try message.validate()
                return OutgoingMessage(message)
            }
        }
        let sent = try await decide(cost: messages.count) { try $0.send(outgoing, to: queue) }
        return sent.map { result in
            result.map { message in
                SentMessage(
                    id: message.id, digest: message.digest,
                    handle: message.isDelayed ? receiptKey.text(of: message.handle, in: queue) : nil,
                    visibleAt: message.handle.validUntil)
            }
        }
    }

    package func delete(_ handles: [String], from queue: QueueAddress) async throws -> [QueueError?] {
        try QueueLimit.batchCount.check(handles.count)
        let opened = handles.map { text in
            Result { () throws(QueueError) in try receiptKey.handle(from: text, of: queue) }
        }
        return try await decide(cost: handles.count) { try $0.delete(opened, from: queue) }
    }

    package func changeVisibility(
        of handle: String, in queue: QueueAddress, to visibility: Duration
    ) async throws -> ChangedVisibility {
        try QueueLimit.visibility.check(visibility)
        // A missing queue is the more helpful answer to a handle of it.
        let opened = Result { () throws(QueueError) in try receiptKey.handle(from: handle, of: queue) }
        let changed = try await decide { context in
            switch opened {
            case .success(let handle): try context.changeVisibility(of: handle, in: queue, to: visibility)
            case .failure(let error): .failure(try context.queue(at: queue) == nil ? .noQueue(queue) : error)
            }
        }
        return ChangedVisibility(
            handle: receiptKey.text(of: changed, in: queue), nextVisibleAt: changed.validUntil)
    }

    package func trimQueues(limit: Int) async throws -> Int {
        let limit = max(1, limit)
        var count = 0
        var walk: Int64? = 0
        while let last = walk, count < limit {
            let most = min(limit - count, 200)
            let step = try await write(.bulk, cost: most) { try $0.trimQueues(limit: most, after: last) }
            count += step.count
            walk = step.next
        }
        return count
    }

    package var waitingReceives: Int { desk.waiters.count }

    package func endQueueWaits() { desk.waiters.close() }

    /// Runs an operation on queues in the next group; what it refuses is thrown.
    func decide<T: Sendable>(
        cost: Int = 1, _ body: @escaping @Sendable (WriteContext) throws -> Result<T, QueueError>
    ) async throws -> T {
        try await write(.queue, cost: cost, body).get()
    }
}
