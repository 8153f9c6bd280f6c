package import TowlineCore
package import TowlineQueue
package import TowlineStore

extension PostgresStore {
    package func queue(_ queue: QueueAddress) async throws -> QueueDescription {
        let found = try await read { [self] connection in
            try find(queue, on: connection).map { try describe([$0.queue], at: $0.now, on: connection) }
        }
        guard let description = found?.first else { throw QueueError.noQueue(queue) }
        return description
    }

    package func queues(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueDescription> {
        try QueueLimit.pageSize.check(limit)
        let queues = try await read { [self] connection in
            let range = NameRange(prefix: prefix, after: marker)
            let now = try now(connection)
            let queues = try connection.all(
                QueueReadSQL.list, .text(account.description), .text(range.after), .text(range.from),
                .text(range.end), .integer(limit + 1)
            ) { QueueRows.read($0) }
            return try describe(queues, at: now, on: connection)
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

    package func peek(_ count: Int, in queue: QueueAddress) async throws -> [QueueMessage] {
        try QueueLimit.receiveCount.check(count)
        let messages = try await read { [self] connection in
            try find(queue, on: connection).map { try peek(count, in: $0.queue, at: $0.now, on: connection) }
        }
        guard let messages else { throw QueueError.noQueue(queue) }
        return messages
    }

    package func nextVisible(in queue: QueueAddress) async throws -> Duration? {
        let desk = desk
        let (isThere, wait) = try await read { [self] connection -> (Bool, Duration?) in
            guard let (found, now) = try find(queue, on: connection) else { return (false, nil) }
            let (floor, _) = desk.floors.readFloor(.hidden, of: found.id)
            let first = try connection.first(QueueReadSQL.firstHidden, .integer(found.id), .integer(floor)) {
                $0.time(0)
            }
            return (true, first.map { max(.zero, $0 - now) })
        }
        guard isThere else { throw QueueError.noQueue(queue) }
        return wait
    }

    private func page<Item: Sendable>(_ items: [Item], limit: Int, name: (Item) -> QueueName) -> Page<Item> {
        let page = Array(items.prefix(limit))
        return Page(items: page, next: items.count > limit ? page.last.map { name($0).description } : nil)
    }

    /// The queue of an address, and the moment.
    private func find(
        _ address: QueueAddress, on connection: PostgresConnection
    ) throws -> (queue: StoredQueue, now: Timestamp)? {
        let clock = connection.add(Self.clock)
        let found = connection.add(
            QueueSQL.find, .texts([address.account.description]), .texts([address.name.description]))
        try connection.flush()
        let reading = try clock.result().first { $0.integer(0) } ?? 0
        let now = Timestamp(milliseconds: reading) + configuration.clockOffset()
        return try found.result().first { QueueRows.read($0) }.map { ($0, now) }
    }

    /// Queues with their counters as they are at a moment.
    ///
    /// What was written counts by what it was then; time has since made some hidden messages visible and let some expire.
    /// Both are ranges of an index, and short: whoever receives, and the upkeep, moves and removes them.
    private func describe(
        _ queues: [StoredQueue], at now: Timestamp, on connection: PostgresConnection
    ) throws -> [QueueDescription] {
        let start = ContinuousClock.now
        let asked = queues.map { queue in
            let counts = desk.floors.readFloor(.counts, of: queue.id)
            let age = desk.floors.readFloor(.age, of: queue.id)
            let hidden = desk.floors.readFloor(.hidden, of: queue.id)
            // Additions may come late; nothing is missed that came within a minute.
            let place = max(0, counts.floor - Int64(60_000) << 20)
            let pending = connection.add(
                QueueReadSQL.counts, .integer(queue.id), .integer(place), .integer(age.floor),
                .time(queue.attributes.expiryCutoff(at: now)), .integer(hidden.floor), .time(now))
            let swept: [(QueueFloors.Index, Bool)] = [
                (.counts, counts.isSweep), (.age, age.isSweep), (.hidden, hidden.isSweep),
            ]
            return (queue, pending, swept: swept.filter(\.1).map(\.0))
        }
        try connection.flush()
        return try asked.map { queue, pending, swept in
            let counts = try pending.result().first { row in
                (
                    stored: StoredCounts(row, first: 0), gone: StoredCounts(row, first: 3),
                    shown: StoredCounts(row, first: 6)
                )
            }
            for index in swept { desk.floors.noteReadSweep(index, of: queue.id, since: start) }
            let stored = counts?.stored ?? StoredCounts()
            return queue.description(
                counts: MessageCounts(
                    stored: stored, gone: counts?.gone ?? StoredCounts(), shown: counts?.shown ?? StoredCounts()))
        }
    }

    /// Messages that are active at a moment, in the order in which they would be received.
    private func peek(
        _ count: Int, in queue: StoredQueue, at now: Timestamp, on connection: PostgresConnection
    ) throws -> [QueueMessage] {
        let cutoff = queue.attributes.expiryCutoff(at: now)
        let search = QueueSearch(desk.floors, queue: queue.id, cutoff: cutoff, now: now)
        let (floor, _) = desk.floors.readFloor(.hidden, of: queue.id)
        let shown = connection.add(
            QueueReadSQL.shown, .integer(queue.id), .integers(QueuePlace.lanes), .integers(search.floors),
            .time(cutoff), .integer(count))
        let due = connection.add(
            QueueReadSQL.due, .integer(queue.id), .integer(floor), .time(now), .time(cutoff), .integer(count))
        try connection.flush()
        var found = try shown.result().map { row in
            (lane: row.integer(13), place: row.integer(14), message: try MessageRows.read(row).message)
        }
        found += try due.result().map { row in
            let message = try MessageRows.read(row).message
            return (
                lane: QueuePlace.returned(message.priority), place: QueuePlace.place(at: now), message: message
            )
        }
        return found.sorted { ($0.lane, $0.place) < ($1.lane, $1.place) }.prefix(count).map(\.message)
    }
}

/// The queries about queues.
enum QueueReadSQL {
    static let list = SQL(
        """
        SELECT \(QueueRows.columns) FROM queues
        WHERE account_id = $1 AND name > $2 AND name >= $3 AND name < $4 ORDER BY name LIMIT $5
        """)
    static let names = SQL(
        """
        SELECT name FROM queues WHERE account_id = $1 AND name > $2 AND name >= $3 AND name < $4 ORDER BY name LIMIT $5
        """)
    /// Counters as written, of them expired, of them hidden no longer: one statement, and so one moment.
    static let counts = SQL(
        """
        SELECT * FROM (
          SELECT coalesce(sum(shown), 0)::bigint, coalesce(sum(received), 0)::bigint,
            coalesce(sum(delayed), 0)::bigint
          FROM queue_counts WHERE queue = $1 AND place >= $2) stored,
        (
          SELECT count(*) FILTER (WHERE h.message IS NULL), count(*) FILTER (WHERE h.hiding = 1),
            count(*) FILTER (WHERE h.hiding = 2)
          FROM queue_messages m LEFT JOIN queue_hidden h ON h.message = m.id
          WHERE m.queue = $1 AND m.enqueued_at >= $3 AND m.enqueued_at < $4) gone,
        (
          SELECT 0, count(*) FILTER (WHERE hiding = 1), count(*) FILTER (WHERE hiding = 2)
          FROM queue_hidden
          WHERE queue = $1 AND visible_at >= $5 AND visible_at <= $6 AND enqueued_at >= $4) shown
        """)
    static let firstHidden = SQL(
        "SELECT visible_at FROM queue_hidden WHERE queue = $1 AND visible_at >= $2 ORDER BY visible_at LIMIT 1")
    static let shown = SQL(
        """
        SELECT \(QueueMessageSQL.readyColumns), g.lane, g.place
        FROM unnest($2::bigint[], $3::bigint[]) v (lane, floor)
        CROSS JOIN LATERAL (
          SELECT q.* FROM queue_ready q
          WHERE q.queue = $1 AND q.lane = v.lane AND q.place >= v.floor AND q.enqueued_at >= $4
          ORDER BY q.place, q.message LIMIT $5) g
        JOIN queue_messages m ON m.id = g.message
        LIMIT $5
        """)
    /// Those whose time has come but which nobody has shown yet.
    static let due = SQL(
        """
        SELECT g.message, g.hiding, g.visible_at, g.dequeue_count, g.first_dequeued_at, g.receive, g.revision,
          g.enqueued_at, m.priority, m.message_id, m.digest, m.properties, m.body
        FROM (
          SELECT * FROM queue_hidden WHERE queue = $1 AND visible_at >= $2 AND visible_at <= $3 AND enqueued_at >= $4
          ORDER BY visible_at LIMIT 1000) g
        JOIN queue_messages m ON m.id = g.message
        ORDER BY g.priority, g.visible_at LIMIT $5
        """)
}
