import Synchronization
import TowlineCore
package import TowlineQueue
import TowlineStore

extension PostgresStore {
    /// This node's part of the queues.
    var desk: QueueDesk { runner.desk }

    /// Begins to do calls on queues, and to hear of other nodes' messages.
    func startQueues(hub: PostgresSignals) {
        let bell = QueueBell(pool: readers)
        let desk = runner.desk
        desk.start(pool: writers, runner: runner, settings: configuration) { bell.ring($0) }
        hub.hearOfQueues { [weak desk] payload in
            guard let payload else { return desk?.hearOfAll() ?? () }
            if let keys = bell.keys(of: payload) { desk?.hear(of: keys) }
        }
    }

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
        try await decide { try $0.purgeQueue(queue) }
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
        let sent = try await call(queue) { .send(outgoing, $0) }
        return sent.map { result in
            result.map { message in
                SentMessage(
                    id: message.id, digest: message.digest,
                    handle: message.isDelayed ? desk.receiptKey.text(of: message.handle, in: queue) : nil,
                    visibleAt: message.handle.validUntil)
            }
        }
    }

    package func receive(_ request: ReceiveRequest, from queue: QueueAddress) async throws -> [ReceivedMessage] {
        try request.validate()
        let desk = desk
        let since = desk.waiters.now
        let claims = try await desk.waiters.call { waiter in
            let call = QueueCall(
                address: queue,
                work: .receive(
                    request, waiter, since: since, onFailure: { desk.waiters.fail(waiter, with: $0) }))
            desk.remember(queue, key: call.key)
            desk.add(call)
        }
        guard let claims else { return [] }
        guard !Task.isCancelled else {
            try await giveBack(claims.map(\.handle), to: queue)
            throw CancellationError()
        }
        return claims.map { claim in
            ReceivedMessage(
                message: claim.message, handle: desk.receiptKey.text(of: claim.handle, in: queue),
                nextVisibleAt: claim.handle.validUntil)
        }
    }

    package func giveBack(_ handles: [String], to queue: QueueAddress) async throws {
        let key = desk.receiptKey
        try await giveBack(handles.compactMap { try? key.handle(from: $0, of: queue) }, to: queue)
    }

    private func giveBack(_ handles: [ReceiptHandle], to queue: QueueAddress) async throws {
        guard !handles.isEmpty else { return }
        try await call(queue) { .giveBack(handles, $0) }
    }

    package func delete(_ handles: [String], from queue: QueueAddress) async throws -> [QueueError?] {
        try QueueLimit.batchCount.check(handles.count)
        let opened = handles.map { open($0, of: queue) }
        return try await call(queue) { .delete(opened, $0) }
    }

    package func changeVisibility(
        of handle: String, in queue: QueueAddress, to visibility: Duration
    ) async throws -> ChangedVisibility {
        try QueueLimit.visibility.check(visibility)
        let opened = open(handle, of: queue)
        let changed = try await call(queue) { .change(opened, to: visibility, $0) }
        return ChangedVisibility(
            handle: desk.receiptKey.text(of: changed, in: queue), nextVisibleAt: changed.validUntil)
    }

    package func trimQueues(limit: Int) async throws -> Int {
        let limit = max(1, limit)
        var count = 0
        var walk: Int64? = 0
        while let last = walk, count < limit {
            let most = min(limit - count, 200)
            let step = try await write { try $0.trimQueues(limit: most, after: last) }
            count += step.count
            walk = step.next
        }
        return count
    }

    package var waitingReceives: Int { desk.waiters.count }

    package func endQueueWaits() { desk.waiters.close() }

    private func open(_ handle: String, of queue: QueueAddress) -> Result<ReceiptHandle, QueueError> {
        let key = desk.receiptKey
        return Result { () throws(QueueError) in try key.handle(from: handle, of: queue) }
    }

    /// Does a call in its turn and returns its result after the commit.
    private func call<T: Sendable>(
        _ queue: QueueAddress, _ work: (QueueReply<T>) -> QueueWork
    ) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            desk.add(QueueCall(address: queue, work: work(QueueReply { continuation.resume(with: $0) })))
        }
    }

    /// Runs an operation on queues in a transaction of its own; what it refuses is thrown and undone.
    private func decide<T: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> T) async throws -> T {
        let outcome: Result<T, QueueError> = try await writers.perform { [runner] session in
            do {
                return .success(
                    try runner.run(on: session) { transaction in
                        try transaction.start()
                        return try body(transaction)
                    })
            } catch let error as QueueError {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
