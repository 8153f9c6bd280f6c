import TowlineCore
import TowlineQueue
import TowlineStore

extension Transaction {
    /// Begins to read queues, from which ``noteQueues(_:)`` takes them.
    func findQueues(_ addresses: [QueueAddress]) -> (addresses: [QueueAddress], found: PostgresPending) {
        let addresses = Array(Set(addresses))
        let found = connection.add(
            QueueSQL.find, .texts(addresses.map(\.account.description)), .texts(addresses.map(\.name.description)))
        return (addresses, found)
    }

    /// Takes in what ``findQueues(_:)`` gave.
    func noteQueues(_ request: (addresses: [QueueAddress], found: PostgresPending)) throws {
        for address in request.addresses { queues.updateValue(nil, forKey: address) }
        try request.found.result().forEach { row in
            let queue = QueueRows.read(row)
            queues[queue.address] = queue
        }
    }

    /// The queue of an address as the transaction has found it; nil where there is none.
    func queue(at address: QueueAddress) throws -> StoredQueue? {
        if let known = queues[address] { return known }
        let request = findQueues([address])
        try connection.flush()
        try noteQueues(request)
        return queues[address] ?? nil
    }

    /// The queue of an address, whose row is taken.
    ///
    /// - Throws: ``QueueError`` with code `queueMissing`.
    private func lockedQueue(at address: QueueAddress) throws -> StoredQueue {
        let found = try connection.first(
            QueueSQL.lock, .text(address.account.description), .text(address.name.description)
        ) { QueueRows.read($0) }
        guard let found else { throw QueueError.noQueue(address) }
        return found
    }

    /// Makes a queue where there is none (``QueueStore/createQueue(_:attributes:)``).
    func createQueue(_ address: QueueAddress, attributes: QueueAttributeChanges) throws -> QueueCreation {
        let new = attributes.applied(to: QueueAttributes())
        let made = try connection.change(
            QueueSQL.insert, .text(address.account.description), .text(address.name.description),
            .integer(new.delay.components.seconds), .integer(new.maximumMessageBytes),
            .integer(new.retention.components.seconds), .integer(new.visibilityTimeout.components.seconds),
            .integer(new.pollingWait.components.seconds), .boolean(new.isLoggingEnabled), .time(now))
        queues[address] = nil
        if made > 0 { return .created }
        return try QueueCreation(
            of: address.name, request: attributes, existing: try queue(at: address)?.attributes)
    }

    /// Sets the attributes that are named (``QueueStore/setAttributes(_:of:)``).
    func setAttributes(_ changes: QueueAttributeChanges, of address: QueueAddress) throws {
        let queue = try lockedQueue(at: address)
        let attributes = changes.applied(to: queue.attributes)
        connection.add(
            QueueSQL.setAttributes, .integer(queue.id), .integer(attributes.delay.components.seconds),
            .integer(attributes.maximumMessageBytes), .integer(attributes.retention.components.seconds),
            .integer(attributes.visibilityTimeout.components.seconds),
            .integer(attributes.pollingWait.components.seconds), .boolean(attributes.isLoggingEnabled), .time(now))
        // What had expired by the old retention and is still there lives on.
        guard attributes.retention > queue.attributes.retention else { return }
        let desk = desk
        effects.afterCommit {
            desk.floors.forget(queue.id)
            desk.noteShown([address.key])
        }
    }

    /// Sets where messages go that were received too often (``QueueStore/setDeadLetters(_:of:)``).
    func setDeadLetters(_ policy: DeadLetterPolicy?, of address: QueueAddress) throws {
        let queue = try lockedQueue(at: address)
        if let policy {
            let target = QueueAddress(account: address.account, name: policy.target)
            guard try self.queue(at: target) != nil else { throw QueueError.noQueue(target) }
        }
        connection.add(
            QueueSQL.setDeadLetters, .integer(queue.id), .text(policy?.target.description),
            .integer(policy?.maxReceives), .time(now))
    }

    /// Deletes a queue and leaves its messages to be removed (``QueueStore/deleteQueue(_:)``).
    func deleteQueue(_ address: QueueAddress) throws {
        let queue = try lockedQueue(at: address)
        connection.add(QueueSQL.delete, .integer(queue.id))
        connection.add(QueueSQL.drop, .integer(queue.id), .time(now))
        let desk = desk
        effects.afterCommit {
            desk.waiters.failLine(address.key, with: QueueError.noQueue(address))
            // Those who wait on other nodes are told when these look for the queue.
            desk.noteShown([address.key])
        }
    }

    /// Goes on with a queue under a new number, under which there are no messages (``QueueStore/purgeQueue(_:)``).
    ///
    /// - Returns: The messages that it had.
    func purgeQueue(_ address: QueueAddress) throws -> Int {
        let queue = try lockedQueue(at: address)
        let counts = try connection.first(QueueSQL.counts, .integer(queue.id), .integer(0)) {
            StoredCounts($0, first: 0)
        }
        connection.add(QueueSQL.renumber, .integer(queue.id), .time(now))
        connection.add(QueueSQL.drop, .integer(queue.id), .time(now))
        return max(0, counts?.total ?? 0)
    }
}

/// The statements about queues.
enum QueueSQL {
    static let find = SQL(
        """
        SELECT \(QueueRows.columns) FROM queues
        WHERE (account_id, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """)
    static let lock = SQL(
        "SELECT \(QueueRows.columns) FROM queues WHERE account_id = $1 AND name = $2 FOR UPDATE")
    static let insert = SQL(
        """
        INSERT INTO queues (
          id, account_id, name, delay, maximum_bytes, retention, visibility, polling_wait, logging, created_at,
          modified_at)
        VALUES (nextval('queue_numbers'), $1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        ON CONFLICT (account_id, name) DO NOTHING
        """)
    static let setAttributes = SQL(
        """
        UPDATE queues SET delay = $2, maximum_bytes = $3, retention = $4, visibility = $5, polling_wait = $6,
          logging = $7, modified_at = $8
        WHERE id = $1
        """)
    static let setDeadLetters = SQL(
        "UPDATE queues SET dead_letters_to = $2, max_receives = $3, modified_at = $4 WHERE id = $1")
    static let delete = SQL("DELETE FROM queues WHERE id = $1")
    static let renumber = SQL("UPDATE queues SET id = nextval('queue_numbers'), modified_at = $2 WHERE id = $1")
    static let drop = SQL("INSERT INTO dropped_queues (id, dropped_at) VALUES ($1, $2)")
    static let counts = SQL(
        """
        SELECT coalesce(sum(shown), 0)::bigint, coalesce(sum(received), 0)::bigint, coalesce(sum(delayed), 0)::bigint
        FROM queue_counts WHERE queue = $1 AND place >= $2
        """)
}
