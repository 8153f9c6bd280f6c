import TowlineCore
package import TowlineQueue
import TowlineStore

extension SQLiteStore {
    package func receive(_ request: ReceiveRequest, from queue: QueueAddress) async throws -> [ReceivedMessage] {
        try request.validate()
        let begin = desk.waiters.now
        let claims = try await desk.waiters.call { waiter in
            add(receiveOperation(request, waiter: waiter, since: begin, from: queue), to: .queue)
        }
        guard let claims else {
            // Who waited until the store failed must not believe that the queue is empty.
            if let refusal { throw refusal }
            return []
        }
        guard !Task.isCancelled else {
            try await giveBack(claims.map(\.handle), to: queue)
            throw CancellationError()
        }
        return claims.map { claim in
            ReceivedMessage(
                message: claim.message, handle: receiptKey.text(of: claim.handle, in: queue),
                nextVisibleAt: claim.handle.validUntil)
        }
    }

    package func giveBack(_ handles: [String], to queue: QueueAddress) async throws {
        try await giveBack(handles.compactMap { try? receiptKey.handle(from: $0, of: queue) }, to: queue)
    }

    private func giveBack(_ handles: [ReceiptHandle], to queue: QueueAddress) async throws {
        guard !handles.isEmpty else { return }
        try await write(.queue, cost: handles.count) { context in
            guard let stored = try context.queue(at: queue) else { return }
            try context.giveBack(handles, to: stored.id)
        }
    }

    /// The writer's part of a receive; it comes again while more must be cleared away than one turn does.
    private func receiveOperation(
        _ request: ReceiveRequest, waiter: WaiterID, since begin: Duration, from queue: QueueAddress
    ) -> WriteOperation {
        let desk = desk
        let clock = clock
        return WriteOperation(
            cost: request.count,
            run: { context in
                let (outcome, effects) = try context.perform {
                    try $0.receive(request, waiter: waiter, since: begin, from: queue)
                }
                return (
                    effects,
                    { [self] in
                        switch outcome {
                        case .refused(let error): desk.waiters.fail(waiter, with: error)
                        case .claimed(let claims, let number): desk.hand(claims, of: number, to: waiter)
                        case .empty: desk.waiters.answer(waiter, with: nil)
                        case .standing(let number, let firstHidden, true):
                            if let firstHidden { desk.waiters.expect(number, after: firstHidden - clock.now()) }
                        case .standing(_, _, false): desk.waiters.answer(waiter, with: nil)
                        case .again:
                            add(receiveOperation(request, waiter: waiter, since: begin, from: queue), to: .queue)
                        }
                    }
                )
            },
            fail: { desk.waiters.fail(waiter, with: $0) })
    }
}
