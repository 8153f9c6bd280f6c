import TowlineCore
import TowlineQueue
import TowlineStore

/// A message that was inserted.
struct InsertedMessage: Sendable {
    let id: MessageID
    let digest: BodyDigest
    let handle: ReceiptHandle
    let isDelayed: Bool
}

extension WriteContext {
    /// Stores messages (``QueueStore/send(_:to:)``).
    func send(
        _ messages: [Result<OutgoingMessage, QueueError>], to address: QueueAddress
    ) throws -> Result<[Result<InsertedMessage, QueueError>], QueueError> {
        guard let queue = try queue(at: address) else { return .failure(.noQueue(address)) }
        return .success(
            try messages.map { message in
                switch message {
                case .success(let message): try insert(message, into: queue)
                case .failure(let error): .failure(error)
                }
            })
    }

    /// Inserts a message into a queue; who waits gets it within the same group.
    ///
    /// - Returns: What was inserted; a refusal, after which nothing was written, when it is too large for the queue.
    /// - Throws: SQLite's failure.
    func insert(
        _ outgoing: OutgoingMessage, into queue: StoredQueue
    ) throws -> Result<InsertedMessage, QueueError> {
        let message = outgoing.message
        do {
            try message.validate(for: queue.attributes)
        } catch {
            return .failure(error)
        }
        let id = newID(MessageID.self)
        let timing = MessageTiming(
            sentAt: now, delay: message.delay ?? queue.attributes.delay, receive: newReceiveNumber())
        try connection.run(
            MessageSQL.insert, .integer(queue.id), .text(queue.address.account.description),
            .integer(timing.hiding.number), .time(timing.visibleAt), .time(timing.enqueuedAt),
            .integer(timing.receive), .integer(message.effectivePriority), .id(id), .blob(outgoing.digest.bytes),
            .text(outgoing.properties), .blob(message.body))
        noteMove(in: queue.id, from: nil, to: timing)
        return .success(
            InsertedMessage(
                id: id, digest: outgoing.digest,
                handle: ReceiptHandle(message: connection.lastInsertedRow, timing: timing),
                isDelayed: timing.hiding == .delayed))
    }

    /// Deletes the messages of handles (``QueueStore/delete(_:from:)``).
    func delete(
        _ handles: [Result<ReceiptHandle, QueueError>], from address: QueueAddress
    ) throws -> Result<[QueueError?], QueueError> {
        guard let queue = try queue(at: address) else { return .failure(.noQueue(address)) }
        return .success(
            try handles.map { handle in
                switch handle {
                case .failure(let error): return error
                case .success(let handle):
                    switch try judge(handle, for: .delete, in: queue) {
                    case .failure(let error): return error
                    case .success(let timing):
                        try remove(handle.message, hiding: timing.hiding, from: queue.id)
                        return nil
                    }
                }
            })
    }

    /// Hides a message for a time from now on (``QueueStore/changeVisibility(of:in:to:)``).
    func changeVisibility(
        of handle: ReceiptHandle, in address: QueueAddress, to visibility: Duration
    ) throws -> Result<ReceiptHandle, QueueError> {
        guard let queue = try queue(at: address) else { return .failure(.noQueue(address)) }
        switch try judge(handle, for: .changeVisibility, in: queue) {
        case .failure(let error): return .failure(error)
        case .success(let old):
            var timing = old
            timing.changeVisibility(at: now, to: visibility)
            try write(timing, of: handle.message, in: queue.id, was: old.hiding)
            return .success(ReceiptHandle(message: handle.message, timing: timing))
        }
    }

    /// Undoes receives that nobody saw; handles that do not count any more are passed over.
    func giveBack(_ handles: [ReceiptHandle], to queue: Int64) throws {
        for handle in handles {
            let old = try timing(of: handle.message, in: queue)
            guard let old, old.receive == handle.receive, old.hiding == .received else { continue }
            var timing = old
            timing.giveBack(at: now, number: newReceiveNumber())
            try write(timing, of: handle.message, in: queue, was: old.hiding)
        }
    }

    /// Whether a handle counts for a use.
    private func judge(
        _ handle: ReceiptHandle, for use: ReceiptHandle.Use, in queue: StoredQueue
    ) throws -> Result<MessageTiming, QueueError> {
        let timing = try timing(of: handle.message, in: queue.id)
        return Result { () throws(QueueError) in
            try handle.validate(for: use, of: timing, at: now, in: queue.attributes)
        }
    }

    private func timing(of message: Int64, in queue: Int64) throws -> MessageTiming? {
        try connection.first(MessageSQL.timing, .integer(message), .integer(queue)) { try MessageRows.timing($0) }
    }

    /// Writes what has changed of a message.
    func write(_ timing: MessageTiming, of message: Int64, in queue: Int64, was hiding: MessageHiding) throws {
        try connection.run(
            MessageSQL.update, .integer(message), .integer(timing.hiding.number), .time(timing.visibleAt),
            .integer(timing.dequeueCount), .time(timing.firstDequeuedAt), .integer(timing.receive),
            .integer(timing.revision))
        noteMove(in: queue, from: hiding, to: timing)
    }

    /// Removes a message for good.
    func remove(_ message: Int64, hiding: MessageHiding, from queue: Int64) throws {
        try connection.run(MessageSQL.delete, .integer(message))
        noteMove(in: queue, from: hiding, to: nil)
    }

    /// A number that no other receive has.
    func newReceiveNumber() -> Int64 { Int64(truncatingIfNeeded: newID(MessageID.self).rawValue) }

    /// Notes what a change means for a queue's counters, for who waits, and for the next look at hidden messages.
    func noteMove(in queue: Int64, from old: MessageHiding?, to timing: MessageTiming?) {
        effects.changeQueue(queue) { effect in
            if let old { effect.counts[old.number] -= 1 }
            guard let timing else { return }
            effect.counts[timing.hiding.number] += 1
            if timing.hiding == .none { effect.shown += 1 }
        }
        if let timing, timing.hiding != .none { queues.noteHidden(until: timing.visibleAt, in: queue) }
    }

    /// Notes that messages of a queue can be seen, at most so many, that no move tells of.
    func noteShown(_ count: Int, in queue: Int64) {
        effects.changeQueue(queue) { $0.shown += count }
    }
}

/// The statements about single messages.
enum MessageSQL {
    static let insert = SQL(
        """
        INSERT INTO queue_messages (
          queue, account_id, hiding, visible_at, dequeue_count, first_dequeued_at, receive, revision, enqueued_at,
          priority, message_id, digest, properties, body)
        VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, 0, ?5, ?7, ?8, ?9, ?10, ?11)
        """)
    static let timing = SQL(
        "SELECT \(MessageRows.timingColumns) FROM queue_messages WHERE id = ? AND queue = ?")
    static let update = SQL(
        """
        UPDATE queue_messages SET hiding = ?2, visible_at = ?3, dequeue_count = ?4, first_dequeued_at = ?5,
          receive = ?6, revision = ?7
        WHERE id = ?1
        """)
    static let delete = SQL("DELETE FROM queue_messages WHERE id = ?")
}
