import TowlineCore
import TowlineQueue
import TowlineStore

/// How far a walk through all queues has come.
struct QueueTrimStep: Sendable {
    /// Messages that the step removed, moved or made visible.
    let count: Int
    /// The queue to go on after; nil at the end of the walk.
    let next: Int64?
}

extension Transaction {
    /// Most queues that one step looks at.
    private static let queuesPerStep = 64
    /// How long after its end a queue's number may still get rows, from a send that was under way.
    private static let dropDelay: Duration = .seconds(60)

    /// One step of ``QueueStore/trimQueues(limit:)``.
    ///
    /// - Parameters:
    ///   - limit: Most messages.
    ///   - last: The queue that the walk has come to.
    /// - Returns: What was done, and where to go on.
    /// - Throws: ``PostgresFailure``; ``StoreError``.
    func trimQueues(limit: Int, after last: Int64) throws -> QueueTrimStep {
        var left = limit - (last == 0 ? try removeDropped(limit: limit) : 0)
        let page = try connection.all(
            QueueUpkeepSQL.queues, .integer(last), .integer(Self.queuesPerStep)
        ) { QueueRows.read($0) }
        var reached = last
        for queue in page where left > 0 {
            left -= try trim(queue, limit: left)
            // A queue that has used the step up may hold more.
            if left > 0 { reached = queue.id }
        }
        let isEnd = left > 0 && page.count < Self.queuesPerStep
        return QueueTrimStep(count: limit - left, next: isEnd ? nil : reached)
    }

    /// Does for a queue what the next receive would do, and removes what has expired.
    private func trim(_ queue: StoredQueue, limit: Int) throws -> Int {
        let shown = try showDue(in: queue, limit: limit).count
        try writeQueueRows()
        guard shown < limit else { return shown }
        return shown + (try removeExpired(of: queue, limit: limit - shown))
    }

    private func removeExpired(of queue: StoredQueue, limit: Int) throws -> Int {
        let start = ContinuousClock.now
        let cutoff = queue.attributes.expiryCutoff(at: now)
        let (floor, isSweep) = desk.floors.floor(.age, of: queue.id)
        let found = try connection.first(
            QueueUpkeepSQL.removeExpired, .integer(queue.id), .integer(floor), .time(cutoff), .integer(limit)
        ) { row in (counts: StoredCounts(row, first: 0), seen: row.int(3), last: row.optionalTime(4)) }
        guard let found else { return 0 }
        queueChanges.noteMove(in: queue, from: MessageHiding.none, to: nil, times: found.counts.shown)
        queueChanges.noteMove(in: queue, from: .received, to: nil, times: found.counts.received)
        queueChanges.noteMove(in: queue, from: .delayed, to: nil, times: found.counts.delayed)
        // What could not be removed now is found again from the beginning.
        let next = found.seen < limit ? cutoff : found.last ?? cutoff
        let floors = desk.floors
        effects.afterCommit {
            floors.note(.age, floor: next.milliseconds, of: queue.id)
            if isSweep { floors.noteSweep(.age, of: queue.id, since: start) }
        }
        return found.counts.total
    }

    /// Removes messages of queues that were deleted or purged.
    private func removeDropped(limit: Int) throws -> Int {
        let dropped = try connection.all(QueueUpkeepSQL.dropped, .integer(Self.queuesPerStep)) { row in
            (id: row.integer(0), at: row.time(1))
        }
        var left = limit
        for queue in dropped where left > 0 {
            left -= try removeDropped(queue.id, since: queue.at, limit: left)
        }
        return limit - left
    }

    private func removeDropped(_ queue: Int64, since time: Timestamp, limit: Int) throws -> Int {
        let floors = desk.floors
        let start = ContinuousClock.now
        let (age, isAgeSweep) = floors.floor(.age, of: queue)
        let (hidden, isHiddenSweep) = floors.floor(.hidden, of: queue)
        var search = QueueSearch(floors, queue: queue, cutoff: Timestamp(milliseconds: 0), now: now)
        let messages = connection.add(
            QueueUpkeepSQL.dropMessages, .integer(queue), .integer(limit), .integer(age))
        let hiddenOnes = connection.add(
            QueueUpkeepSQL.dropHidden, .integer(queue), .integer(limit), .integer(hidden))
        let ready = connection.add(
            QueueUpkeepSQL.dropReady, .integer(queue), .integers(QueuePlace.lanes), .integers(search.floors),
            .integer(limit))
        connection.add(QueueUpkeepSQL.dropCounts, .integer(queue))
        try connection.flush()
        func last(_ pending: PostgresPending) throws -> (count: Int, last: Int64?) {
            try pending.result().first { ($0.int(0), $0.optionalInteger(1)) } ?? (0, nil)
        }
        let ends = (try last(messages), try last(hiddenOnes))
        let places = try ready.result().map { (lane: $0.integer(0), place: $0.integer(1)) }.max { $0 < $1 }
        let isReadyEmpty = places == nil
        search.advance(past: places, isExhausted: try ready.result().count < limit)
        effects.afterCommit { [search] in
            if let last = ends.0.last { floors.note(.age, floor: last, of: queue) }
            if let last = ends.1.last { floors.note(.hidden, floor: last, of: queue) }
            search.note(in: floors)
            if isAgeSweep { floors.noteSweep(.age, of: queue, since: start) }
            if isHiddenSweep { floors.noteSweep(.hidden, of: queue, since: start) }
        }
        // Its row goes when it has nothing any more, seen from the beginning, and nobody can add to it.
        let isEmpty = ends.0.count == 0 && ends.1.count == 0 && isReadyEmpty
        if isEmpty, isAgeSweep, isHiddenSweep, search.isSweep, now - time > Self.dropDelay {
            connection.add(QueueUpkeepSQL.forgetDropped, .integer(queue))
        }
        return ends.0.count
    }
}

/// The statements that keep queues small.
enum QueueUpkeepSQL {
    static let queues = SQL("SELECT \(QueueRows.columns) FROM queues WHERE id > $1 ORDER BY id LIMIT $2")
    static let dropped = SQL("SELECT id, dropped_at FROM dropped_queues ORDER BY id LIMIT $1")
    static let forgetDropped = SQL("DELETE FROM dropped_queues WHERE id = $1")

    /// Removes old messages wherever they stand; those that somebody is just handling are left.
    static let removeExpired = SQL(
        """
        WITH old AS MATERIALIZED (
          SELECT id, priority, enqueued_at FROM queue_messages
          WHERE queue = $1 AND enqueued_at >= $2 AND enqueued_at < $3
          ORDER BY enqueued_at LIMIT $4 FOR UPDATE SKIP LOCKED),
        hidden AS (
          DELETE FROM queue_hidden WHERE ctid = ANY(ARRAY(
            SELECT q.ctid FROM old o JOIN queue_hidden q ON q.message = o.id FOR UPDATE OF q SKIP LOCKED))
          RETURNING message, hiding),
        fresh AS (
          DELETE FROM queue_ready WHERE ctid = ANY(ARRAY(
            SELECT q.ctid FROM old o JOIN queue_ready q ON q.queue = $1 AND q.lane = o.priority * 2 + 1
              AND q.place = (o.enqueued_at << 20) + (o.id & 1048575) AND q.message = o.id
            FOR UPDATE OF q SKIP LOCKED))
          RETURNING message),
        returned AS (
          DELETE FROM queue_ready WHERE ctid = ANY(ARRAY(
            SELECT q.ctid FROM old o JOIN queue_ready q ON q.message = o.id AND q.lane % 2 = 0
            FOR UPDATE OF q SKIP LOCKED))
          RETURNING message),
        gone AS (
          SELECT message, hiding FROM hidden UNION ALL SELECT message, 0::smallint FROM fresh
          UNION ALL SELECT message, 0::smallint FROM returned),
        removed AS (DELETE FROM queue_messages WHERE id IN (SELECT message FROM gone) RETURNING id)
        SELECT (SELECT count(*) FROM gone WHERE hiding = 0), (SELECT count(*) FROM gone WHERE hiding = 1),
          (SELECT count(*) FROM gone WHERE hiding = 2), count(*), max(enqueued_at) FROM old
        """)
    static let dropMessages = drop("queue_messages", by: "enqueued_at")
    static let dropHidden = drop("queue_hidden", by: "visible_at")
    static let dropReady = SQL(
        """
        DELETE FROM queue_ready WHERE ctid = ANY(ARRAY(
          SELECT r.row FROM unnest($2::bigint[], $3::bigint[]) v (lane, floor)
          CROSS JOIN LATERAL (
            SELECT q.ctid AS row FROM queue_ready q
            WHERE q.queue = $1 AND q.lane = v.lane AND q.place >= v.floor
            ORDER BY q.place, q.message LIMIT $4 FOR UPDATE SKIP LOCKED) r
          LIMIT $4))
        RETURNING lane, place
        """)
    static let dropCounts = SQL("DELETE FROM queue_counts WHERE queue = $1")

    private static func drop(_ table: String, by column: String) -> SQL {
        SQL(
            """
            WITH gone AS (
              DELETE FROM \(table) WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM \(table) WHERE queue = $1 AND \(column) >= $3
                ORDER BY \(column) LIMIT $2 FOR UPDATE SKIP LOCKED))
              RETURNING \(column))
            SELECT count(*), max(\(column)) FROM gone
            """)
    }
}
