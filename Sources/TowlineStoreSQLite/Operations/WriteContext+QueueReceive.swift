import TowlineCore
import TowlineQueue
import TowlineStore

/// How the writer's turn of a receive ended.
enum ReceiveOutcome: Sendable {
    case refused(QueueError)
    case claimed([ClaimedMessage], queue: Int64)
    /// Nothing for now, and the receiver does not wait.
    case empty
    /// The receiver stands in the queue's line.
    ///
    /// - Parameters:
    ///   - queue: The queue's number.
    ///   - firstHidden: When the first hidden message can be seen.
    ///   - waits: Whether it stays there when the group has nothing for it.
    case standing(queue: Int64, firstHidden: Timestamp?, waits: Bool)
    /// Expired messages and dead letters stood in the way, more than one turn removes.
    case again
}

extension WriteContext {
    /// Most rows of a queue that one turn moves or removes.
    static let stepLimit = 64
    /// Most receivers of a queue that one group serves.
    static let lineLimit = 256

    /// Claims messages for a receiver, or puts it in line (``QueueStore/receive(_:from:)``).
    ///
    /// - Parameters:
    ///   - request: What it wants.
    ///   - waiter: Who it is.
    ///   - begin: When it came, by the clock for waiting.
    ///   - address: Which queue.
    /// - Returns: What is to be done after the commit.
    /// - Throws: SQLite's failure.
    func receive(
        _ request: ReceiveRequest, waiter: WaiterID, since begin: Duration, from address: QueueAddress
    ) throws -> ReceiveOutcome {
        let waiters = queues.desk.waiters
        guard waiters.isWaiting(waiter) else { return .empty }
        guard let queue = try queue(at: address) else { return .refused(.noQueue(address)) }
        var isDone = try showDue(in: queue).isDone
        // Who came earlier gets what there is, at the end of the group.
        if !waiters.isBehind(waiter, in: queue.id) {
            let claims = try claim(request.count, in: queue, visibility: request.visibility, isDone: &isDone)
            if !claims.isEmpty {
                waiters.stepOut(waiter)
                return .claimed(claims, queue: queue.id)
            }
            guard isDone else { return .again }
        }
        let patience = request.wait ?? queue.attributes.pollingWait
        let waits = patience > .zero
        guard waits || waiters.hasLine(queue.id) else { return .empty }
        // One that does not wait stands there until its group has ended.
        let until = begin + (waits ? patience : .seconds(QueueLimit.wait.range.upperBound))
        let stands = waiters.stand(
            Waiter(id: waiter, count: request.count, visibility: request.visibility), in: queue.id, until: until)
        guard stands else { return .empty }
        return .standing(queue: queue.id, firstHidden: try firstHidden(in: queue.id), waits: waits)
    }

    /// Makes messages visible whose hiding is over, for those who wait: the work of a queue's alarm.
    func showDueMessages(of number: Int64) throws {
        guard let queue = try queue(number: number) else { return }
        let isDone = try showDue(in: queue).isDone
        noteShown(Self.lineLimit, in: number)
        let next = try firstHidden(in: number)
        let waiters = queues.desk.waiters
        let wait = isDone ? next.map { $0 - now } : .zero
        if let wait { effects.afterCommit { waiters.expect(number, after: wait) } }
    }

    /// Claims messages of a group for those who wait for them.
    func serveWaiters(of changed: [QueueEffect]) throws {
        let waiters = queues.desk.waiters
        for effect in changed where waiters.hasLine(effect.queue) {
            guard let queue = try queue(number: effect.queue) else { continue }
            var isDone = true
            var left = effect.shown
            var wasFull = false
            let line = waiters.line(queue.id, atMost: min(left, Self.lineLimit))
            for waiter in line where left > 0 {
                let claims = try claim(waiter.count, in: queue, visibility: waiter.visibility, isDone: &isDone)
                left = claims.isEmpty ? 0 : left - claims.count
                wasFull = claims.count == waiter.count
                let desk = queues.desk
                if !claims.isEmpty { effects.afterCommit { desk.hand(claims, of: queue.id, to: waiter.id) } }
            }
            // What an alarm has shown is not counted but taken for the bound: there may be more.
            let isCut = effect.shown >= Self.lineLimit && left <= 0 && wasFull
            if isCut || (left > 0 && line.count == Self.lineLimit) { isDone = false }
            // Where more may be there for more than could be served, the alarm rings at once.
            let wait = isDone ? try firstHidden(in: queue.id).map { $0 - now } : .zero
            if let wait { effects.afterCommit { waiters.expect(effect.queue, after: wait) } }
        }
        for effect in effects.queues where effect.shown > 0 && waiters.hasLine(effect.queue) {
            // Dead letters that somebody waits for.
            effects.afterCommit { waiters.expect(effect.queue, after: .zero) }
        }
    }

    /// Claims visible messages, the most urgent first, the oldest first among equals.
    ///
    /// - Parameters:
    ///   - count: Most messages.
    ///   - queue: Where.
    ///   - visibility: How long they stay hidden; nil for the queue's attribute.
    ///   - isDone: Set to false when dead letters stood in the way, more than one turn moves.
    /// - Returns: The messages; fewer than `count` when there are no more, unless `isDone` says otherwise.
    /// - Throws: SQLite's failure.
    private func claim(
        _ count: Int, in queue: StoredQueue, visibility: Duration?, isDone: inout Bool
    ) throws -> [ClaimedMessage] {
        let cutoff = queue.attributes.expiryCutoff(at: now)
        var claimed: [ClaimedMessage] = []
        var moved = 0
        // Expired messages are passed over, those of one priority in one go.
        var priority = 1
        while claimed.count < count, moved < Self.stepLimit {
            let rows = try connection.all(
                ReceiveSQL.shown, .integer(queue.id), .integer(priority), .time(cutoff),
                .integer(count - claimed.count)
            ) { try MessageRows.read($0) }
            guard !rows.isEmpty else { return claimed }
            for row in rows {
                guard row.timing.enqueuedAt >= cutoff else {
                    priority = row.message.priority
                    break
                }
                if let target = try deadLetterTarget(of: row.timing, in: queue) {
                    try move(row.number, hiding: .none, from: queue, to: target)
                    moved += 1
                } else {
                    claimed.append(try claim(row, in: queue, visibility: visibility))
                }
            }
        }
        isDone = isDone && claimed.count == count
        return claimed
    }

    private func claim(_ row: StoredMessage, in queue: StoredQueue, visibility: Duration?) throws -> ClaimedMessage {
        var timing = row.timing
        timing.receive(
            at: now, visibility: visibility ?? queue.attributes.visibilityTimeout, number: newReceiveNumber())
        try write(timing, of: row.number, in: queue.id, was: .none)
        return ClaimedMessage(
            handle: ReceiptHandle(message: row.number, timing: timing), message: row.message.with(timing))
    }

    /// Looks at messages whose hiding is over, the earliest first: they become visible, are removed as expired, or move
    /// as dead letters.
    ///
    /// - Returns: How many they were, and whether none is left; otherwise the next turn goes on.
    func showDue(
        in queue: StoredQueue, limit: Int = WriteContext.stepLimit
    ) throws -> (count: Int, isDone: Bool) {
        if let quiet = queues.quietUntil(queue.id), now < quiet { return (0, true) }
        let cutoff = queue.attributes.expiryCutoff(at: now)
        var due: [(number: Int64, timing: MessageTiming)] = []
        var next: Timestamp?
        try connection.each(ReceiveSQL.hidden, .integer(queue.id)) { row in
            let timing = try MessageRows.timing(row)
            guard timing.visibleAt <= now, due.count < limit else {
                next = timing.visibleAt
                return false
            }
            due.append((row.integer(0), timing))
            return true
        }
        for (number, old) in due {
            if old.enqueuedAt < cutoff {
                try remove(number, hiding: old.hiding, from: queue.id)
            } else if let target = try deadLetterTarget(of: old, in: queue) {
                try move(number, hiding: old.hiding, from: queue, to: target)
            } else {
                var timing = old
                timing.show()
                try connection.run(ReceiveSQL.show, .integer(number))
                noteMove(in: queue.id, from: old.hiding, to: timing)
            }
        }
        queues.noteFirstHidden(next, in: queue.id)
        return (due.count, next.map { now < $0 } ?? true)
    }

    /// When the first hidden message of a queue can be seen; nil where none is hidden.
    private func firstHidden(in queue: Int64) throws -> Timestamp? {
        if let known = queues.quietUntil(queue), now < known { return known == .distantFuture ? nil : known }
        let first = try connection.first(ReceiveSQL.firstHidden, .integer(queue)) { $0.time(0) }
        queues.noteFirstHidden(first, in: queue)
        return first
    }

    /// The queue that a message moves to instead of being received once more; nil for most messages.
    private func deadLetterTarget(of timing: MessageTiming, in queue: StoredQueue) throws -> StoredQueue? {
        guard let policy = queue.deadLetter, policy.condemns(dequeueCount: timing.dequeueCount) else { return nil }
        return try self.queue(at: QueueAddress(account: queue.address.account, name: policy.target))
    }

    /// Moves a dead letter: a message of its own in the target, as old as it was, that tells where it comes from.
    private func move(_ number: Int64, hiding: MessageHiding, from queue: StoredQueue, to target: StoredQueue) throws {
        let stored = try connection.first(ReceiveSQL.identity, .integer(number)) { row in
            (id: try row.id(0, as: MessageID.self), properties: MessageProperties(text: row.optionalText(1)))
        }
        guard var (id, properties) = stored else {
            throw StoreError(.corrupted, "the database lacks message \(number) of a queue")
        }
        let origin = DeadLetterPolicy.properties(from: queue.address, message: id)
        properties.system.removeAll { property in origin.contains { $0.name == property.name } }
        properties.system += origin
        id = newID()
        try connection.run(
            ReceiveSQL.move, .integer(number), .integer(target.id), .id(id), .text(properties.text),
            .integer(newReceiveNumber()), .time(now))
        noteMove(in: queue.id, from: hiding, to: nil)
        effects.changeQueue(target.id) { effect in
            effect.counts[MessageHiding.none.number] += 1
            effect.shown += 1
        }
    }
}

/// The statements that find messages to be received.
enum ReceiveSQL {
    static let shown = SQL(
        """
        SELECT \(MessageRows.columns) FROM queue_messages
        WHERE queue = ? AND hiding = 0 AND (priority, enqueued_at) >= (?, ?)
        ORDER BY priority, enqueued_at, id LIMIT ?
        """)
    static let hidden = SQL(
        """
        SELECT \(MessageRows.timingColumns) FROM queue_messages WHERE queue = ? AND hiding > 0 ORDER BY visible_at
        """)
    static let firstHidden = SQL(
        "SELECT visible_at FROM queue_messages WHERE queue = ? AND hiding > 0 ORDER BY visible_at LIMIT 1")
    static let show = SQL("UPDATE queue_messages SET hiding = 0 WHERE id = ?")
    static let identity = SQL("SELECT message_id, properties FROM queue_messages WHERE id = ?")
    static let move = SQL(
        """
        UPDATE queue_messages SET queue = ?2, message_id = ?3, properties = ?4, receive = ?5, hiding = 0,
          visible_at = ?6, dequeue_count = 0, first_dequeued_at = enqueued_at, revision = 0
        WHERE id = ?1
        """)
}
