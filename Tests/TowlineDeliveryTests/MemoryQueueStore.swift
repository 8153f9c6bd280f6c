import TowlineCore
import TowlineQueue
import TowlineStore

/// Built-in queues without a database: what was sent is kept for the test, and sends fail by script.
final class MemoryQueueStore: QueueStore {
    struct State: Sendable {
        var queues: [QueueAddress: QueueAttributes] = [:]
        var messages: [QueueAddress: [[UInt8]]] = [:]
        /// Thrown by the next calls of send, in turn.
        var failures: [any Error] = []
    }

    let state: Observed<State>

    init(_ queues: [QueueAddress: QueueAttributes] = [:]) { state = Observed(State(queues: queues)) }

    func createQueue(_ queue: QueueAddress, attributes: QueueAttributeChanges) async throws -> QueueCreation {
        state.update { $0.queues[queue] = attributes.applied(to: QueueAttributes()) }
        return .created
    }

    func send(_ messages: [NewMessage], to queue: QueueAddress) async throws -> [Result<SentMessage, QueueError>] {
        let result = state.update { state -> Result<[Result<SentMessage, QueueError>], any Error> in
            if !state.failures.isEmpty { return .failure(state.failures.removeFirst()) }
            guard let attributes = state.queues[queue] else { return .failure(QueueError.noQueue(queue)) }
            return .success(
                messages.map { message in
                    Result { () throws(QueueError) in
                        try message.validate(for: attributes)
                        state.messages[queue, default: []].append(message.body)
                        let digest = BodyDigest(of: message.body)
                        let id = MessageID(rawValue: UInt128(state.messages[queue]?.count ?? 0))
                        return SentMessage(id: id, digest: digest, handle: nil, visibleAt: TestDelivery.now)
                    }
                })
        }
        return try result.get()
    }

    private func notHere() -> StoreError { StoreError(.unavailable, "not part of these tests") }

    func setAttributes(_ changes: QueueAttributeChanges, of queue: QueueAddress) async throws { throw notHere() }
    func setDeadLetters(_ policy: DeadLetterPolicy?, of queue: QueueAddress) async throws { throw notHere() }
    func queue(_ queue: QueueAddress) async throws -> QueueDescription { throw notHere() }
    func queues(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueDescription> { throw notHere() }
    func queueNames(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueName> { throw notHere() }
    func deleteQueue(_ queue: QueueAddress) async throws { throw notHere() }
    func purgeQueue(_ queue: QueueAddress) async throws -> Int { throw notHere() }
    func receive(_ request: ReceiveRequest, from queue: QueueAddress) async throws -> [ReceivedMessage] {
        throw notHere()
    }
    func giveBack(_ handles: [String], to queue: QueueAddress) async throws { throw notHere() }
    func peek(_ count: Int, in queue: QueueAddress) async throws -> [QueueMessage] { throw notHere() }
    func delete(_ handles: [String], from queue: QueueAddress) async throws -> [QueueError?] { throw notHere() }
    func changeVisibility(
        of handle: String, in queue: QueueAddress, to visibility: Duration
    ) async throws -> ChangedVisibility { throw notHere() }
    func nextVisible(in queue: QueueAddress) async throws -> Duration? { throw notHere() }
    func trimQueues(limit: Int) async throws -> Int { throw notHere() }
    var waitingReceives: Int { 0 }
    func endQueueWaits() {}
}
