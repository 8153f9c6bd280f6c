import TowlineCore
import TowlineQueue
import TowlineStore

extension WriteContext {
    /// The queue of an address, from memory where it is known; nil where there is none.
    func queue(at address: QueueAddress) throws -> StoredQueue? {
        if let known = queues.queue(at: address) { return known }
        let queue = try connection.first(
            QueueSQL.find, .text(address.account.description), .text(address.name.description)
        ) { QueueRows.read($0) }
        if let queue { queues.remember(queue) }
        return queue
    }

    /// The queue of a number, from memory where it is known; nil where there is none any more.
    func queue(number: Int64) throws -> StoredQueue? {
        if let known = queues.queue(number: number) { return known }
        let queue = try connection.first(QueueSQL.findNumber, .integer(number)) { QueueRows.read($0) }
        if let queue { queues.remember(queue) }
        return queue
    }

    /// Makes a queue where there is none (``QueueStore/createQueue(_:attributes:)``).
    func createQueue(
        _ address: QueueAddress, attributes: QueueAttributeChanges
    ) throws -> Result<QueueCreation, QueueError> {
        let existing = try queue(at: address)
        let decision = Result { () throws(QueueError) in
            try QueueCreation(of: address.name, request: attributes, existing: existing?.attributes)
        }
        if case .success(.created) = decision {
            try insert(address, attributes.applied(to: QueueAttributes()), deadLetter: nil, createdAt: now)
        }
        return decision
    }

    /// Sets the attributes that are named (``QueueStore/setAttributes(_:of:)``).
    func setAttributes(_ changes: QueueAttributeChanges, of address: QueueAddress) throws -> Result<Void, QueueError> {
        guard let queue = try queue(at: address) else { return .failure(.noQueue(address)) }
        let attributes = changes.applied(to: queue.attributes)
        try connection.run(
            QueueSQL.setAttributes, .integer(queue.id), .integer(attributes.delay.components.seconds),
            .integer(attributes.maximumMessageBytes), .integer(attributes.retention.components.seconds),
            .integer(attributes.visibilityTimeout.components.seconds),
            .integer(attributes.pollingWait.components.seconds), .integer(attributes.isLoggingEnabled ? 1 : 0),
            .time(now))
        queues.forget(queue)
        // What had expired by the old retention and is still there lives on.
        if attributes.retention > queue.attributes.retention { noteShown(Self.lineLimit, in: queue.id) }
        return .success(())
    }

    /// Sets where messages go that were received too often (``QueueStore/setDeadLetters(_:of:)``).
    func setDeadLetters(_ policy: DeadLetterPolicy?, of address: QueueAddress) throws -> Result<Void, QueueError> {
        guard let queue = try queue(at: address) else { return .failure(.noQueue(address)) }
        if let policy {
            let target = QueueAddress(account: address.account, name: policy.target)
            guard try self.queue(at: target) != nil else { return .failure(.noQueue(target)) }
        }
        try connection.run(
            QueueSQL.setDeadLetters, .integer(queue.id), .text(policy?.target.description),
            .integer(policy?.maxReceives), .time(now))
        queues.forget(queue)
        return .success(())
    }

    /// Deletes a queue and leaves its messages to be removed (``QueueStore/deleteQueue(_:)``).
    func deleteQueue(_ address: QueueAddress) throws -> Result<Void, QueueError> {
        guard let queue = try queue(at: address) else { return .failure(.noQueue(address)) }
        try drop(queue)
        let waiters = queues.desk.waiters
        effects.afterCommit { waiters.failLine(queue.id, with: QueueError.noQueue(address)) }
        return .success(())
    }

    /// Goes on with a queue under a new number, under which there are no messages (``QueueStore/purgeQueue(_:)``).
    ///
    /// - Returns: The messages that it had.
    func purgeQueue(_ address: QueueAddress) throws -> Result<StoredCounts, QueueError> {
        guard let queue = try queue(at: address) else { return .failure(.noQueue(address)) }
        let counts = try connection.first(QueueSQL.counts, .integer(queue.id)) { StoredCounts($0, first: 0) }
        try drop(queue)
        let number = try insert(
            address, queue.attributes, deadLetter: queue.deadLetter, createdAt: queue.createdAt)
        let waiters = queues.desk.waiters
        effects.afterCommit {
            waiters.moveLine(from: queue.id, to: number)
            // What was sent within the same group could not know of them.
            waiters.expect(number, after: .zero)
        }
        return .success(counts ?? StoredCounts())
    }

    private func drop(_ queue: StoredQueue) throws {
        try connection.run(QueueSQL.delete, .integer(queue.id))
        try connection.run(QueueSQL.insertDropped, .integer(queue.id))
        queues.forget(queue)
    }

    @discardableResult
    private func insert(
        _ address: QueueAddress, _ attributes: QueueAttributes, deadLetter: DeadLetterPolicy?, createdAt: Timestamp
    ) throws -> Int64 {
        try connection.run(
            QueueSQL.insert, .text(address.account.description), .text(address.name.description),
            .integer(attributes.delay.components.seconds), .integer(attributes.maximumMessageBytes),
            .integer(attributes.retention.components.seconds),
            .integer(attributes.visibilityTimeout.components.seconds),
            .integer(attributes.pollingWait.components.seconds), .integer(attributes.isLoggingEnabled ? 1 : 0),
            .text(deadLetter?.target.description), .integer(deadLetter?.maxReceives), .time(createdAt), .time(now))
        return connection.lastInsertedRow
    }

    /// Writes what a group has changed in a queue's counters; the queue may be gone.
    func count(_ effect: QueueEffect) throws {
        try connection.run(
            QueueSQL.count, .integer(effect.queue), .integer(effect.counts[MessageHiding.none.number]),
            .integer(effect.counts[MessageHiding.received.number]),
            .integer(effect.counts[MessageHiding.delayed.number]))
    }
}

/// The statements about queues.
enum QueueSQL {
    static let find = SQL("SELECT \(QueueRows.columns) FROM queues WHERE account_id = ? AND name = ?")
    static let findNumber = SQL("SELECT \(QueueRows.columns) FROM queues WHERE id = ?")
    static let insert = SQL(
        """
        INSERT INTO queues (
          account_id, name, delay, maximum_bytes, retention, visibility, polling_wait, logging, dead_letters_to,
          max_receives, created_at, modified_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    static let setAttributes = SQL(
        """
        UPDATE queues SET delay = ?2, maximum_bytes = ?3, retention = ?4, visibility = ?5, polling_wait = ?6,
          logging = ?7, modified_at = ?8
        WHERE id = ?1
        """)
    static let setDeadLetters = SQL(
        "UPDATE queues SET dead_letters_to = ?2, max_receives = ?3, modified_at = ?4 WHERE id = ?1")
    static let delete = SQL("DELETE FROM queues WHERE id = ?")
    static let counts = SQL("SELECT shown, received, delayed FROM queues WHERE id = ?")
    static let count = SQL(
        "UPDATE queues SET shown = shown + ?2, received = received + ?3, delayed = delayed + ?4 WHERE id = ?1")
    static let insertDropped = SQL("INSERT INTO dropped_queues (id) VALUES (?)")
}
