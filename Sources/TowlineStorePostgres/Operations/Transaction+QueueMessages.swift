import TowlineCore
import TowlineQueue
import TowlineStore

extension Transaction {
    /// Takes messages from their lanes, in the order of lanes and places, but for those that others are taking.
    func claim(_ count: Int, in queue: Int64, _ search: QueueSearch) throws -> [ClaimedRow] {
        let rows = try connection.all(
            QueueMessageSQL.claim, .integer(queue), .integers(QueuePlace.lanes), .integers(search.floors),
            .integer(count)
        ) { ClaimedRow(stored: try MessageRows.read($0), lane: $0.integer(13), place: $0.integer(14)) }
        return rows.sorted { ($0.lane, $0.place, $0.stored.number) < ($1.lane, $1.place, $1.stored.number) }
    }

    /// Looks at messages whose hiding is over, the earliest first: they become visible, are removed as expired, or move
    /// as dead letters.
    ///
    /// - Returns: How many they were, and whether none is left; otherwise the next turn goes on.
    func showDue(in queue: StoredQueue, limit: Int) throws -> (count: Int, isDone: Bool) {
        let start = ContinuousClock.now
        let (floor, isSweep) = desk.floors.floor(.hidden, of: queue.id)
        let due = try connection.all(
            QueueMessageSQL.due, .integer(queue.id), .integer(floor), .time(now), .integer(limit)
        ) { try QueueHiddenRows.read($0) }
        let cutoff = queue.attributes.expiryCutoff(at: now)
        var letters: [QueueChanges.HiddenRow] = []
        for row in due {
            if row.timing.enqueuedAt < cutoff {
                remove(row, from: queue)
            } else if try deadLetterTarget(of: row.timing, in: queue) != nil {
                letters.append(row)
            } else {
                var timing = row.timing
                timing.show()
                show(row, timing: timing, in: queue)
            }
        }
        try move(letters, from: queue)
        let isDone = due.count < limit
        let safe = (now - QueueFloors.margin).milliseconds
        let next = isDone ? safe : min(safe, due.last?.timing.visibleAt.milliseconds ?? safe)
        let floors = desk.floors
        effects.afterCommit {
            floors.note(.hidden, floor: next, of: queue.id)
            if isSweep { floors.noteSweep(.hidden, of: queue.id, since: start) }
        }
        return (due.count, isDone)
    }

    /// When the first hidden message of a queue can be seen; nil where none is hidden.
    ///
    /// What other nodes have hidden meanwhile may be missing.
    func firstHidden(in queue: StoredQueue) throws -> Timestamp? {
        if let known = desk.floors.firstHidden(in: queue.id, after: now) {
            return known.milliseconds == .max ? nil : known
        }
        let start = ContinuousClock.now
        let first = try connection.first(QueueMessageSQL.firstHidden, .integer(queue.id), .time(now)) { $0.time(0) }
        desk.floors.noteFirst(first, in: queue.id, since: start)
        return first
    }

    // MARK: Dead letters

    /// The queue that a message moves to instead of being received once more; nil for most messages.
    func deadLetterTarget(of timing: MessageTiming, in queue: StoredQueue) throws -> StoredQueue? {
        guard let policy = queue.deadLetter, policy.condemns(dequeueCount: timing.dequeueCount) else { return nil }
        return try self.queue(at: QueueAddress(account: queue.address.account, name: policy.target))
    }

    /// Moves a dead letter that was taken from its lane.
    func move(_ stored: StoredMessage, from queue: StoredQueue, to target: StoredQueue) throws {
        var properties = MessageProperties(text: nil)
        properties.groupID = stored.message.groupID
        properties.user = stored.message.userProperties
        properties.system = stored.message.systemProperties
        let letter = Letter(
            number: stored.number, id: stored.message.id, priority: stored.message.priority,
            enqueuedAt: stored.message.enqueuedAt, hiding: .none, properties: properties)
        move(letter, from: queue, to: target)
    }

    /// Moves hidden messages.
    private func move(_ rows: [QueueChanges.HiddenRow], from queue: StoredQueue) throws {
        guard let first = rows.first, let target = try deadLetterTarget(of: first.timing, in: queue) else { return }
        let identities = try connection.all(QueueMessageSQL.identities, .integers(rows.map(\.message))) { row in
            (
                number: row.integer(0), id: try row.id(1, as: MessageID.self),
                properties: MessageProperties(text: row.optionalText(2))
            )
        }
        for row in rows {
            guard let identity = identities.first(where: { $0.number == row.message }) else {
                throw StoreError(.corrupted, "the database lacks message \(row.message) of a queue")
            }
            queueChanges.unhidden.append(row.message)
            let letter = Letter(
                number: row.message, id: identity.id, priority: row.priority, enqueuedAt: row.timing.enqueuedAt,
                hiding: row.timing.hiding, properties: identity.properties)
            move(letter, from: queue, to: target)
        }
    }

    private struct Letter {
        let number: Int64
        let id: MessageID
        let priority: Int
        let enqueuedAt: Timestamp
        let hiding: MessageHiding
        let properties: MessageProperties
    }

    /// A message of its own in the target, as old as it was, that tells where it comes from.
    private func move(_ letter: Letter, from queue: StoredQueue, to target: StoredQueue) {
        var properties = letter.properties
        let origin = DeadLetterPolicy.properties(from: queue.address, message: letter.id)
        properties.system.removeAll { property in origin.contains { $0.name == property.name } }
        properties.system += origin
        queueChanges.letters.append(
            .init(message: letter.number, target: target.id, id: newID(), properties: properties.text))
        let timing = MessageTiming(
            enqueuedAt: letter.enqueuedAt, hiding: .none, visibleAt: now, dequeueCount: 0,
            firstDequeuedAt: letter.enqueuedAt, receive: 0, revision: 0)
        queueChanges.ready.append(
            .init(
                queue: target.id, lane: QueuePlace.returned(letter.priority),
                place: QueuePlace.place(at: now, number: letter.number), message: letter.number, timing: timing))
        queueChanges.noteMove(in: queue, from: letter.hiding, to: nil)
        queueChanges.noteMove(in: target, from: nil, to: MessageHiding.none)
        desk.floors.noteAge(letter.enqueuedAt, in: target.id)
    }
}

/// The statements that find messages.
enum QueueMessageSQL {
    /// Columns as `MessageRows.columns`, of a query over `queue_messages m` and a row of `queue_ready` as `g`.
    static let readyColumns = """
        g.message, 0, g.enqueued_at, g.dequeue_count, g.first_dequeued_at, 0, 0, g.enqueued_at, m.priority, \
        m.message_id, m.digest, m.properties, m.body
        """

    /// Lane by lane, until there are enough; a lane is not looked at before the one in front of it is done.
    static let claim = SQL(
        """
        WITH picked AS MATERIALIZED (
          SELECT r.row FROM unnest($2::bigint[], $3::bigint[]) v (lane, floor)
          CROSS JOIN LATERAL (
            SELECT q.ctid AS row FROM queue_ready q
            WHERE q.queue = $1 AND q.lane = v.lane AND q.place >= v.floor
            ORDER BY q.place, q.message LIMIT $4 FOR UPDATE SKIP LOCKED) r
          LIMIT $4),
        gone AS (
          DELETE FROM queue_ready WHERE ctid = ANY(ARRAY(SELECT row FROM picked))
          RETURNING lane, place, message, enqueued_at, dequeue_count, first_dequeued_at)
        SELECT \(readyColumns), g.lane, g.place FROM gone g JOIN queue_messages m ON m.id = g.message
        """)
    static let due = SQL(
        """
        SELECT \(QueueHiddenRows.columns) FROM queue_hidden h
        WHERE h.queue = $1 AND h.visible_at >= $2 AND h.visible_at <= $3
        ORDER BY h.visible_at LIMIT $4 FOR UPDATE SKIP LOCKED
        """)
    static let firstHidden = SQL(
        "SELECT visible_at FROM queue_hidden WHERE queue = $1 AND visible_at > $2 ORDER BY visible_at LIMIT 1")
    static let identities = SQL(
        "SELECT id, message_id, properties FROM queue_messages WHERE id = ANY($1::bigint[])")
}
