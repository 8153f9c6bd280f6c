package import TowlineCore
import TowlineQueue
package import TowlineStore

/// Puts events into built-in queues, as redelivery, replay and what the terminal transaction could not place need it.
///
/// A queue that is missing is made, or is a failure that the policy tries again; a message that the queue's limit of size
/// keeps out is refused. There is no signature and no address to judge: nothing leaves the process.
package struct StoreQueueSender: QueueSender {
    private let store: any QueueStore
    private let encoding: EventBodyEncoding
    private let createsMissing: Bool

    /// A sender over a store.
    ///
    /// - Parameters:
    ///   - store: Holds the queues.
    ///   - encoding: How events stand in messages (`queue.body-encoding`).
    ///   - createsMissing: Whether a missing queue is made (`queue.create-missing`).
    package init(store: any QueueStore, encoding: EventBodyEncoding, createsMissing: Bool) {
        self.store = store
        self.encoding = encoding
        self.createsMissing = createsMissing
    }

    package func send(_ request: QueueEventRequest) async -> EventExchange {
        let head = "SendMessage queue:\(request.queue)"
        do {
            let queue = QueueAddress(account: request.account, name: try QueueName(request.queue))
            let message = NewMessage(body: encoding.messageBody(of: request.body))
            return EventExchange(.queued(try await send(message, to: queue)), requestHead: head)
        } catch is CancellationError {
            return EventExchange(.cancelled, requestHead: head)
        } catch let error as QueueError {
            return EventExchange(outcome(of: error, account: request.account), requestHead: head)
        } catch {
            let cause = (error as? StoreError)?.message.asPart ?? "\(error)"
            return EventExchange(
                .queued(.failed(cause: "the queue \(request.queue) cannot be reached: \(cause)")), requestHead: head)
        }
    }

    private func send(_ message: NewMessage, to queue: QueueAddress) async throws -> QueueVerdict {
        let results: [Result<SentMessage, QueueError>]
        do {
            results = try await store.send([message], to: queue)
        } catch let error as QueueError where error.code == .queueMissing && createsMissing {
            _ = try await store.createQueue(queue, attributes: QueueAttributeChanges())
            results = try await store.send([message], to: queue)
        }
        guard let result = results.first else { return .failed(cause: "the queue \(queue) gave no verdict") }
        return .stored(messageID: try result.get().id.description)
    }

    private func outcome(of error: QueueError, account: AccountID) -> EventExchange.Outcome {
        switch error.code {
        case .nameInvalid, .nameLength: .unusable(cause: "the queue's name is not usable: \(error.message)")
        case .argumentInvalid: .queued(.refused(cause: "the queue does not take the event: \(error.message)"))
        case .queueMissing: .queued(.failed(cause: "\(error.message) in the account \(account); create it"))
        default: .queued(.failed(cause: error.message))
        }
    }
}
