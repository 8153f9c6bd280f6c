package import TowlineCore
package import TowlineQueue
package import TowlineStore

extension SQLiteStore {
    package func queue(_ queue: QueueAddress) async throws -> QueueDescription {
        let now = clock.now()
        let description = try await read { connection in
            try connection.first(
                QueueReadSQL.find, .text(queue.account.description), .text(queue.name.description),
                read: QueueSnapshot.init
            )?.description(at: now, from: connection)
        }
        guard let description else { throw QueueError.noQueue(queue) }
        return description
    }

    package func queues(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueDescription> {
        try QueueLimit.pageSize.check(limit)
        let now = clock.now()
        let queues = try await read { connection in
            let range = NameRange(prefix: prefix, after: marker)
            let snapshots = try connection.all(
                QueueReadSQL.list, .text(account.description), .text(range.after), .text(range.from),
                .text(range.end), .integer(limit + 1), read: QueueSnapshot.init)
            return try snapshots.map { try $0.description(at: now, from: connection) }
        }
        return page(queues, limit: limit) { $0.address.name }
    }

    package func queueNames(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueName> {
        try QueueLimit.pageSize.check(limit)
        let names = try await read { connection in
            let range = NameRange(prefix: prefix, after: marker)
            return try connection.all(
                QueueReadSQL.names, .text(account.description), .text(range.after), .text(range.from),
                .text(range.end), .integer(limit + 1)
            ) { QueueName(stored: $0.text(0)) }
        }
        return page(names, limit: limit) { $0 }
    }

    private func page<Item: Sendable>(_ items: [Item], limit: Int, name: (Item) -> QueueName) -> Page<Item> {
        let page = Array(items.prefix(limit))
        return Page(items: page, next: items.count > limit ? page.last.map { name($0).description } : nil)
    }

    package func peek(_ count: Int, in queue: QueueAddress) async throws -> [QueueMessage] {
        try QueueLimit.receiveCount.check(count)
        let now = clock.now()
        let messages = try await read { connection in
            try connection.storedQueue(at: queue).map { try connection.activeMessages(of: $0, count: count, at: now) }
        }
        guard let messages else { throw QueueError.noQueue(queue) }
        return messages
    }

    package func nextVisible(in queue: QueueAddress) async throws -> Duration? {
        let now = clock.now()
        let (isThere, first) = try await read { connection in
            let stored = try connection.storedQueue(at: queue)
            let first = try stored.flatMap { stored in
                try connection.first(ReceiveSQL.firstHidden, .integer(stored.id)) { $0.time(0) }
            }
            return (stored != nil, first)
        }
        guard isThere else { throw QueueError.noQueue(queue) }
        return first.map { max(.zero, $0 - now) }
    }
}

/// A queue with its counters as they stand in its row.
private struct QueueSnapshot {
    let queue: StoredQueue
    let counts: StoredCounts

    /// Reads the columns of `QueueReadSQL`.
    init(_ row: borrowing SQLRow) {
        queue = QueueRows.read(row)
        counts = StoredCounts(row, first: QueueRows.end)
    }

    /// The queue with its counters as they are at a moment.
    ///
    /// The row counts by what was written; time has since made some hidden messages visible and let some expire. Both
    /// are ranges of an index, and short: whoever receives, and the upkeep, moves and removes them.
    func description(at now: Timestamp, from connection: SQLConnection) throws -> QueueDescription {
        let cutoff = queue.attributes.expiryCutoff(at: now)
        let expired = try connection.first(QueueReadSQL.expired, .integer(queue.id), .time(cutoff)) {
            StoredCounts($0, first: 0)
        }
        let due = try connection.first(QueueReadSQL.due, .integer(queue.id), .time(now), .time(cutoff)) {
            StoredCounts($0, first: 0)
        }
        return queue.description(
            counts: MessageCounts(stored: counts, gone: expired ?? StoredCounts(), shown: due ?? StoredCounts()))
    }
}

extension SQLConnection {
    /// The queue of an address; nil where there is none.
    fileprivate func storedQueue(at address: QueueAddress) throws -> StoredQueue? {
        try first(QueueSQL.find, .text(address.account.description), .text(address.name.description)) {
            QueueRows.read($0)
        }
    }

    /// Messages that are active at a moment, in the order in which they would be received.
    fileprivate func activeMessages(of queue: StoredQueue, count: Int, at now: Timestamp) throws -> [QueueMessage] {
        let cutoff = queue.attributes.expiryCutoff(at: now)
        var found: [StoredMessage] = []
        var priority = 1
        search: while found.count < count {
            let rows = try all(
                QueueReadSQL.shown, .integer(queue.id), .integer(priority), .time(cutoff), .integer(count)
            ) { try MessageRows.read($0) }
            for row in rows where row.timing.enqueuedAt < cutoff {
                // Expired messages are passed over, those of one priority in one go.
                found += rows.prefix { $0.timing.enqueuedAt >= cutoff }
                priority = row.message.priority
                continue search
            }
            found += rows
            break
        }
        // Those whose time has come but which nobody has shown yet; bodies only of what is needed.
        let due = try all(QueueReadSQL.dueKeys, .integer(queue.id), .time(now), .time(cutoff)) { row in
            (priority: row.int(1), enqueuedAt: row.time(2), number: row.integer(0))
        }
        for key in due.sorted(by: <).prefix(count) {
            found += try all(QueueReadSQL.message, .integer(key.number)) { try MessageRows.read($0) }
        }
        found.sort {
            ($0.message.priority, $0.message.enqueuedAt, $0.number)
                < ($1.message.priority, $1.message.enqueuedAt, $1.number)
        }
        return found.prefix(count).map(\.message)
    }
}

/// The queries about queues.
enum QueueReadSQL {
    private static let columns = "\(QueueRows.columns), shown, received, delayed"

    static let find = SQL("SELECT \(columns) FROM queues WHERE account_id = ? AND name = ?")
    static let list = SQL(
        """
        SELECT \(columns) FROM queues
        WHERE account_id = ? AND name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?
        """)
    static let names = SQL(
        """
        SELECT name FROM queues WHERE account_id = ? AND name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?
        """)
    static let expired = SQL(
        """
        SELECT coalesce(sum(hiding = 0), 0), coalesce(sum(hiding = 1), 0), coalesce(sum(hiding = 2), 0)
        FROM queue_messages WHERE queue = ? AND enqueued_at < ?
        """)
    static let due = SQL(
        """
        SELECT 0, coalesce(sum(hiding = 1), 0), coalesce(sum(hiding = 2), 0)
        FROM queue_messages WHERE queue = ? AND hiding > 0 AND visible_at <= ? AND enqueued_at >= ?
        """)
    static let shown = SQL(
        """
        SELECT \(MessageRows.columns) FROM queue_messages
        WHERE queue = ? AND hiding = 0 AND (priority, enqueued_at) >= (?, ?)
        ORDER BY priority, enqueued_at, id LIMIT ?
        """)
    static let dueKeys = SQL(
        """
        SELECT id, priority, enqueued_at FROM queue_messages
        WHERE queue = ? AND hiding > 0 AND visible_at <= ? AND enqueued_at >= ? ORDER BY visible_at LIMIT 1000
        """)
    static let message = SQL("SELECT \(MessageRows.columns) FROM queue_messages WHERE id = ?")
}
