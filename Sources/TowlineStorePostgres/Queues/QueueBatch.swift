import TowlineCore
import TowlineQueue
import TowlineStore

/// Calls on queues that share a transaction.
///
/// For each queue first what handles ask for, then what is sent, then receives: calls that are under way at the same time
/// have no order among each other, and so a message goes from its sender to a receiver within one commit.
struct QueueBatch {
    /// What to do after the commit.
    typealias Reply = () -> Void

    private let calls: [QueueCall]
    let transaction: Transaction
    private var replies: [Reply] = []
    /// Hidden messages of the calls' handles, which the transaction holds.
    private var held: [Int64: QueueChanges.HiddenRow] = [:]
    private var numbers: ArraySlice<Int64> = []
    /// Keys of queues in which messages are left that could not be seen before.
    private var shown: Set<Int64> = []

    /// Calls of one lane, in their order.
    init(_ calls: [QueueCall], _ transaction: Transaction) {
        self.calls = calls
        self.transaction = transaction
    }

    private var desk: QueueDesk { transaction.desk }

    /// Does the calls.
    ///
    /// - Returns: What to do after the commit, in this order.
    /// - Throws: ``PostgresFailure``; ``StoreError``.
    consuming func perform() throws -> [Reply] {
        var groups: [Int64: [QueueCall]] = [:]
        var order: [Int64] = []
        for call in calls {
            if groups[call.key] == nil { order.append(call.key) }
            groups[call.key, default: []].append(call)
        }
        let desk = desk
        let news = order.map { desk.news(of: $0) }
        for key in order { desk.beginServing(key) }
        try begin()
        for (key, news) in zip(order, news) {
            guard let calls = groups[key], let address = calls.first?.address else { continue }
            if let queue = transaction.queues[address] ?? nil {
                try perform(calls, on: queue, key: key, news: news)
            } else {
                refuse(calls, address: address, key: key)
            }
        }
        let shown = shown
        replies.append { desk.tell(shown) }
        return replies
    }

    /// Reads the queues, takes the rows of handles and draws numbers, all at once.
    private mutating func begin() throws {
        let connection = transaction.connection
        let queues = transaction.findQueues(calls.map(\.address))
        let messages = Array(Set(calls.flatMap(\.messages)))
        let found = messages.isEmpty ? nil : connection.add(QueueBatchSQL.hold, .integers(messages))
        let sent = calls.reduce(0) { count, call in
            if case .send(let messages, _) = call.work { count + messages.count } else { count }
        }
        let numbers = sent == 0 ? nil : connection.add(QueueRowSQL.numbers, .integer(sent))
        try transaction.start()
        try transaction.noteQueues(queues)
        try found?.result().forEach { row in
            let hidden = try QueueHiddenRows.read(row)
            held[hidden.message] = hidden
        }
        self.numbers = try numbers?.result().map { $0.integer(0) }[...] ?? []
    }

    private mutating func refuse(_ calls: [QueueCall], address: QueueAddress, key: Int64) {
        let desk = desk
        let error = QueueError.noQueue(address)
        for call in calls {
            switch call.work {
            case .giveBack(_, let reply): replies.append { reply(.success(())) }
            case .receive(_, let waiter, _, _): replies.append { desk.waiters.fail(waiter, with: error) }
            case .serve: replies.append { desk.waiters.failLine(key, with: error) }
            case .send, .delete, .change: replies.append { call.fail(error) }
            }
        }
    }

    private mutating func perform(_ calls: [QueueCall], on queue: StoredQueue, key: Int64, news: Int) throws {
        let before = transaction.queueChanges.shown[queue.address] ?? 0
        performHandles(calls, on: queue)
        send(calls, to: queue)
        let added = (transaction.queueChanges.shown[queue.address] ?? 0) - before
        var receives: [QueueReceives.Call] = []
        var serves = added > 0
        for call in calls {
            switch call.work {
            case .receive(let request, let waiter, let since, _) where desk.waiters.isWaiting(waiter):
                receives.append(.init(call: call, request: request, waiter: waiter, since: since))
            case .serve: serves = true
            default: break
            }
        }
        let line = serves || !receives.isEmpty ? desk.waiters.line(key, atMost: QueueReceives.lineLimit) : []
        var taken = 0
        if !line.isEmpty || !receives.isEmpty {
            var work = QueueReceives(transaction, queue: queue, key: key, news: news, line: line, calls: receives)
            taken = try work.perform()
            replies += work.replies
        }
        let shown = (transaction.queueChanges.shown[queue.address] ?? 0) - before
        if shown > taken { self.shown.insert(key) }
        // Other queues, into which dead letters moved, have lines of their own.
        transaction.queueChanges.forgetShown(queue.address)
    }

    // MARK: Handles

    private mutating func performHandles(_ calls: [QueueCall], on queue: StoredQueue) {
        var changed: [Int64: QueueChanges.HiddenRow] = [:]
        for call in calls {
            switch call.work {
            case .delete(let handles, let reply):
                let outcomes = handles.map { delete($0, from: queue, &changed) }
                replies.append { reply(.success(outcomes)) }
            case .change(let handle, let visibility, let reply):
                let outcome = Result { () throws(QueueError) in
                    try change(try handle.get(), in: queue, to: visibility, &changed)
                }
                replies.append { reply(outcome.mapError { $0 }) }
            case .giveBack(let handles, let reply):
                for handle in handles { giveBack(handle, to: queue, &changed) }
                replies.append { reply(.success(())) }
            case .send, .receive, .serve: break
            }
        }
        transaction.queueChanges.changed += changed.values
    }

    private mutating func delete(
        _ handle: Result<ReceiptHandle, QueueError>, from queue: StoredQueue,
        _ changed: inout [Int64: QueueChanges.HiddenRow]
    ) -> QueueError? {
        do throws(QueueError) {
            let row = try judge(try handle.get(), for: .delete, in: queue)
            held[row.message] = nil
            changed[row.message] = nil
            transaction.remove(row, from: queue)
            return nil
        } catch {
            return error
        }
    }

    private mutating func change(
        _ handle: ReceiptHandle, in queue: StoredQueue, to visibility: Duration,
        _ changed: inout [Int64: QueueChanges.HiddenRow]
    ) throws(QueueError) -> ReceiptHandle {
        var row = try judge(handle, for: .changeVisibility, in: queue)
        let old = row.timing.hiding
        row.timing.changeVisibility(at: transaction.now, to: visibility)
        transaction.queueChanges.noteMove(in: queue, from: old, to: row.timing.hiding)
        held[row.message] = row
        changed[row.message] = row
        // Those who wait for it must know of an earlier end.
        let (desk, wait) = (desk, visibility)
        replies.append { desk.waiters.expect(queue.address.key, after: wait) }
        return ReceiptHandle(message: row.message, timing: row.timing)
    }

    private mutating func giveBack(
        _ handle: ReceiptHandle, to queue: StoredQueue, _ changed: inout [Int64: QueueChanges.HiddenRow]
    ) {
        guard let row = held[handle.message], row.queue == queue.id, row.timing.receive == handle.receive,
            row.timing.hiding == .received
        else { return }
        var timing = row.timing
        timing.giveBack(at: transaction.now, number: 0)
        held[row.message] = nil
        changed[row.message] = nil
        transaction.show(row, timing: timing, in: queue)
    }

    /// The message of a handle that counts for a use.
    private func judge(
        _ handle: ReceiptHandle, for use: ReceiptHandle.Use, in queue: StoredQueue
    ) throws(QueueError) -> QueueChanges.HiddenRow {
        let row = held[handle.message].flatMap { $0.queue == queue.id ? $0 : nil }
        try handle.validate(for: use, of: row?.timing, at: transaction.now, in: queue.attributes)
        guard let row else { throw .noMessage }
        return row
    }

    // MARK: Sends

    private mutating func send(_ calls: [QueueCall], to queue: StoredQueue) {
        for call in calls {
            guard case .send(let messages, let reply) = call.work else { continue }
            let outcomes = messages.map { message in
                Result { () throws(QueueError) in try send(try message.get(), to: queue) }
            }
            replies.append { reply(.success(outcomes)) }
        }
    }

    private mutating func send(
        _ outgoing: OutgoingMessage, to queue: StoredQueue
    ) throws(QueueError) -> InsertedMessage {
        try outgoing.message.validate(for: queue.attributes)
        let id = transaction.newID(MessageID.self)
        let number = numbers.popFirst() ?? 0
        let timing = transaction.insert(outgoing, id: id, number: number, into: queue)
        if timing.hiding == .delayed {
            let (desk, wait) = (desk, timing.visibleAt - transaction.now)
            replies.append { desk.waiters.expect(queue.address.key, after: wait) }
        }
        return InsertedMessage(
            id: id, digest: outgoing.digest, handle: ReceiptHandle(message: number, timing: timing),
            isDelayed: timing.hiding == .delayed)
    }
}

/// How hidden messages are read.
enum QueueHiddenRows {
    /// Columns of a query over `queue_hidden h`: those of `MessageRows.timingColumns`, and the queue and the priority.
    static let columns = """
        h.message, h.hiding, h.visible_at, h.dequeue_count, h.first_dequeued_at, h.receive, h.revision, \
        h.enqueued_at, h.queue, h.priority
        """

    /// Reads ``columns``.
    static func read(_ row: borrowing PostgresRow) throws -> QueueChanges.HiddenRow {
        QueueChanges.HiddenRow(
            message: row.integer(0), queue: row.integer(8), priority: row.int(9), timing: try MessageRows.timing(row))
    }
}

/// The statements that begin a batch.
private enum QueueBatchSQL {
    static let hold = SQL(
        """
        SELECT \(QueueHiddenRows.columns) FROM queue_hidden h WHERE h.message = ANY($1::bigint[])
        ORDER BY h.message FOR UPDATE
        """)
}
