import MNSWire
import NIOCore
import TowlineCore
import TowlineQueue

/// One request whose sender is known, with all that its operation needs.
struct MNSCall: Sendable {
    let service: MNSService
    let account: AccountID
    let head: MNSRequestHead
    let body: [UInt8]
    let requestID: String
    let channel: any Channel

    /// Carries an operation out.
    ///
    /// - Throws: ``MNSError``, `QueueError`, `StoreError`.
    func run(_ operation: MNSOperation) async throws -> MNSAnswer {
        switch operation {
        case .listQueues: try await listQueues()
        case .createQueue(let queue): try await createQueue(queue)
        case .setQueueAttributes(let queue): try await setQueueAttributes(queue)
        case .getQueueAttributes(let queue): try await getQueueAttributes(queue)
        case .deleteQueue(let queue): try await deleteQueue(queue)
        case .sendMessages(let queue): try await sendMessages(to: queue)
        case .receiveMessage(let queue, let wait): try await receive(from: queue, count: nil, waitSeconds: wait)
        case .batchReceiveMessages(let queue, let count, let wait):
            try await receive(from: queue, count: count, waitSeconds: wait)
        case .peekMessage(let queue): try await peek(in: queue, count: nil)
        case .batchPeekMessages(let queue, let count): try await peek(in: queue, count: count)
        case .deleteMessage(let queue, let handle): try await deleteMessage(handle, from: queue)
        case .batchDeleteMessages(let queue): try await deleteMessages(from: queue)
        case .changeMessageVisibility(let queue, let handle, let seconds):
            try await changeVisibility(of: handle, in: queue, to: seconds)
        }
    }

    /// A queue of the caller's account.
    func address(_ name: String) throws(QueueError) -> QueueAddress {
        QueueAddress(account: account, name: try QueueName(name))
    }
}
