import TowlineCore
import TowlineQueue
import TowlineStore

/// Receivers that wait for messages of a store; an answer is what was claimed for one of them.
typealias MessageWaiters = QueueWaiters<[ClaimedMessage]>

/// Where receivers get what the writer has claimed for them.
struct MessageDesk: Sendable {
    /// Who waits.
    let waiters: MessageWaiters
    private let operations: WriteQueue

    /// A desk where nobody waits, and no more than `limit` ever wait at once.
    init(queue: WriteQueue, clock: any MonotonicClock, limit: Int) {
        operations = queue
        waiters = MessageWaiters(clock: clock, limit: limit) { number, waiters in
            queue.add(
                .inBackground(
                    cost: WriteContext.stepLimit, { try $0.showDueMessages(of: number) },
                    // Who waits must not wait for ever for a store that was full for a moment.
                    onFailure: { waiters.expect(number, after: .seconds(1)) }),
                to: .queue)
        }
    }

    /// Gives a receiver what was claimed for it and is committed; what it does not take goes back to its queue.
    func hand(_ claims: [ClaimedMessage], of queue: Int64, to waiter: WaiterID) {
        if !waiters.answer(waiter, with: claims) { giveBack(claims.map(\.handle), to: queue) }
    }

    /// Lets messages be received again at once as if they had not been.
    ///
    /// Nobody waits for it: should the store fail, they come back when their visibility is over.
    func giveBack(_ handles: [ReceiptHandle], to queue: Int64) {
        operations.add(.inBackground(cost: handles.count) { try $0.giveBack(handles, to: queue) }, to: .queue)
    }
}

extension WriteOperation {
    /// An operation whose end nobody waits for.
    static func inBackground(
        cost: Int, _ body: @escaping @Sendable (WriteContext) throws -> Void,
        onFailure: @escaping @Sendable () -> Void = {}
    ) -> WriteOperation {
        WriteOperation(cost: max(1, cost), run: { (try $0.perform(body).1, {}) }, fail: { _ in onFailure() })
    }
}
