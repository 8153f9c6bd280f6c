import TowlineCore
import TowlineQueue
import TowlineStore

/// What a transaction changes in queues, gathered to be written by one statement for each table.
struct QueueChanges {
    /// A message that is sent.
    struct NewRow {
        /// Its number; nil until the rows are written.
        var number: Int64?
        let queue: StoredQueue
        let id: MessageID
        let timing: MessageTiming
        let outgoing: OutgoingMessage
    }

    /// A message that can be seen.
    struct ReadyRow {
        let queue: Int64
        let lane: Int64
        let place: Int64
        let message: Int64
        let timing: MessageTiming
    }

    /// A message that cannot be seen.
    struct HiddenRow {
        let message: Int64
        let queue: Int64
        let priority: Int
        var timing: MessageTiming
    }

    /// A dead letter.
    struct Letter {
        let message: Int64
        let target: Int64
        let id: MessageID
        let properties: String?
    }

    var new: [NewRow] = []
    var ready: [ReadyRow] = []
    var hidden: [HiddenRow] = []
    /// Hidden ones that stay hidden, otherwise.
    var changed: [HiddenRow] = []
    /// Messages that are hidden no longer.
    var unhidden: [Int64] = []
    var removed: [Int64] = []
    var letters: [Letter] = []
    /// Changes of counters, by queue and ``MessageHiding``.
    private(set) var counts: [Int64: SIMD4<Int64>] = [:]
    /// Messages that can be seen and could not before, by queue.
    private(set) var shown: [QueueAddress: Int] = [:]

    /// Notes what a change means for a queue's counters and for who waits.
    mutating func noteMove(in queue: StoredQueue, from old: MessageHiding?, to new: MessageHiding?, times: Int = 1) {
        var change = counts[queue.id] ?? .zero
        if let old { change[old.number] -= Int64(times) }
        if let new { change[new.number] += Int64(times) }
        counts[queue.id] = change
        if new == MessageHiding.none { shown[queue.address, default: 0] += times }
    }

    /// Somebody has seen to those who wait for a queue.
    mutating func forgetShown(_ queue: QueueAddress) { shown[queue] = nil }

    /// Takes out the counters.
    mutating func takeCounts() -> [(queue: Int64, change: SIMD4<Int64>)] {
        defer { counts = [:] }
        return counts.filter { $0.value != .zero }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension Transaction {
    /// Sends a message to a queue, with all others of the transaction.
    func insert(_ outgoing: OutgoingMessage, id: MessageID, number: Int64?, into queue: StoredQueue) -> MessageTiming {
        let timing = MessageTiming(
            sentAt: now, delay: outgoing.message.delay ?? queue.attributes.delay, receive: newReceiveNumber())
        queueChanges.new.append(.init(number: number, queue: queue, id: id, timing: timing, outgoing: outgoing))
        queueChanges.noteMove(in: queue, from: nil, to: timing.hiding)
        return timing
    }

    /// A message can be seen from now on that could not before.
    func show(_ row: QueueChanges.HiddenRow, timing: MessageTiming, in queue: StoredQueue) {
        queueChanges.unhidden.append(row.message)
        queueChanges.ready.append(
            .init(
                queue: queue.id, lane: QueuePlace.returned(row.priority),
                place: QueuePlace.place(at: now, number: row.message), message: row.message, timing: timing))
        queueChanges.noteMove(in: queue, from: row.timing.hiding, to: MessageHiding.none)
    }

    /// Removes a hidden message for good.
    func remove(_ row: QueueChanges.HiddenRow, from queue: StoredQueue) {
        queueChanges.unhidden.append(row.message)
        queueChanges.removed.append(row.message)
        queueChanges.noteMove(in: queue, from: row.timing.hiding, to: nil)
    }

    /// A number that no other receive has.
    func newReceiveNumber() -> Int64 { Int64(truncatingIfNeeded: newID(MessageID.self).rawValue) }

    /// Sends the rows that were gathered, with what follows.
    func writeQueueRows() throws {
        try numberNewMessages()
        var changes = queueChanges
        let new = changes.new
        for row in new {
            let number = row.number ?? 0
            let priority = row.outgoing.message.effectivePriority
            if row.timing.hiding == .none {
                changes.ready.append(
                    .init(
                        queue: row.queue.id, lane: QueuePlace.fresh(priority),
                        place: QueuePlace.place(at: row.timing.enqueuedAt, number: number), message: number,
                        timing: row.timing))
            } else {
                changes.hidden.append(
                    .init(message: number, queue: row.queue.id, priority: priority, timing: row.timing))
            }
        }
        add(new)
        if !changes.unhidden.isEmpty { connection.add(QueueRowSQL.unhide, .integers(changes.unhidden)) }
        add(changes.letters)
        if !changes.removed.isEmpty { connection.add(QueueRowSQL.remove, .integers(changes.removed)) }
        add(changes.ready)
        addHidden(changes.hidden, with: QueueRowSQL.hide)
        addHidden(changes.changed, with: QueueRowSQL.change)
        for row in changes.hidden + changes.changed {
            desk.floors.noteHidden(until: row.timing.visibleAt, in: row.queue)
        }
        queueChanges.new = []
        queueChanges.ready = []
        queueChanges.hidden = []
        queueChanges.changed = []
        queueChanges.unhidden = []
        queueChanges.removed = []
        queueChanges.letters = []
    }

    /// Writes what has changed in counters, and sees to it that those who wait hear of messages; the last step before a
    /// commit.
    func settleQueues() {
        let shown = Set(queueChanges.shown.filter { $0.value > 0 }.keys.map(\.key))
        let desk = desk
        if !shown.isEmpty { effects.afterCommit { desk.noteShown(shown) } }
        let counts = queueChanges.takeCounts()
        guard !counts.isEmpty else { return }
        connection.add(
            QueueRowSQL.count, .integers(counts.map(\.queue)),
            .integers(counts.map { _ in QueuePlace.place(at: now, number: .random(in: 0...0xF_FFFF)) }),
            .integers(counts.map { $0.change[MessageHiding.none.number] }),
            .integers(counts.map { $0.change[MessageHiding.received.number] }),
            .integers(counts.map { $0.change[MessageHiding.delayed.number] }))
        for count in counts where desk.floors.countAddition(to: count.queue) { putCountsTogether(of: count.queue) }
    }

    /// Replaces additions to a queue's counters by their sum.
    private func putCountsTogether(of queue: Int64) {
        let (floor, isSweep) = desk.floors.floor(.counts, of: queue)
        let start = ContinuousClock.now
        connection.add(
            QueueRowSQL.putTogether, .integer(queue), .integer(floor), .integer(QueuePlace.place(at: now)))
        let floors = desk.floors
        let next = QueuePlace.place(at: now - QueueFloors.margin)
        effects.afterCommit {
            floors.note(.counts, floor: next, of: queue)
            if isSweep { floors.noteSweep(.counts, of: queue, since: start) }
        }
    }

    private func numberNewMessages() throws {
        let missing = queueChanges.new.indices.filter { queueChanges.new[$0].number == nil }
        guard !missing.isEmpty else { return }
        let numbers = try connection.all(QueueRowSQL.numbers, .integer(missing.count)) { $0.integer(0) }
        guard numbers.count == missing.count else {
            throw StoreError(.corrupted, "PostgreSQL gave fewer numbers than asked for")
        }
        for (index, number) in zip(missing, numbers) { queueChanges.new[index].number = number }
    }

    private func add(_ rows: [QueueChanges.NewRow]) {
        guard !rows.isEmpty else { return }
        connection.add(
            QueueRowSQL.insert, .integers(rows.map(\.number)), .integers(rows.map(\.queue.id)),
            .integers(rows.map(\.timing.enqueuedAt.milliseconds)),
            .integers(rows.map { Int64($0.outgoing.message.effectivePriority) }), .ids(rows.map(\.id)),
            .blobs(rows.map(\.outgoing.digest.bytes)), .texts(rows.map(\.outgoing.properties)),
            .blobs(rows.map(\.outgoing.message.body)))
    }

    private func add(_ rows: [QueueChanges.Letter]) {
        guard !rows.isEmpty else { return }
        connection.add(
            QueueRowSQL.move, .integers(rows.map(\.message)), .integers(rows.map(\.target)), .ids(rows.map(\.id)),
            .texts(rows.map(\.properties)))
    }

    private func add(_ rows: [QueueChanges.ReadyRow]) {
        guard !rows.isEmpty else { return }
        connection.add(
            QueueRowSQL.show, .integers(rows.map(\.queue)), .integers(rows.map(\.lane)), .integers(rows.map(\.place)),
            .integers(rows.map(\.message)), .integers(rows.map(\.timing.enqueuedAt.milliseconds)),
            .integers(rows.map { Int64($0.timing.dequeueCount) }),
            .integers(rows.map(\.timing.firstDequeuedAt.milliseconds)))
    }

    private func addHidden(_ rows: [QueueChanges.HiddenRow], with sql: SQL) {
        guard !rows.isEmpty else { return }
        connection.add(
            sql, .integers(rows.map(\.message)), .integers(rows.map(\.queue)),
            .integers(rows.map { Int64($0.timing.hiding.number) }),
            .integers(rows.map(\.timing.visibleAt.milliseconds)),
            .integers(rows.map { Int64($0.priority) }), .integers(rows.map(\.timing.enqueuedAt.milliseconds)),
            .integers(rows.map { Int64($0.timing.dequeueCount) }),
            .integers(rows.map(\.timing.firstDequeuedAt.milliseconds)), .integers(rows.map(\.timing.receive)),
            .integers(rows.map { Int64($0.timing.revision) }))
    }
}

/// The statements that write gathered rows of queues.
enum QueueRowSQL {
    private static let hiddenArrays = """
        unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
          $8::bigint[], $9::bigint[], $10::bigint[])
        """

    static let numbers = SQL("SELECT nextval('queue_message_numbers') FROM generate_series(1, $1)")
    static let insert = SQL(
        """
        INSERT INTO queue_messages (id, queue, enqueued_at, priority, message_id, digest, properties, body)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::bytea[],
          $7::text[], $8::bytea[])
        """)
    static let remove = SQL("DELETE FROM queue_messages WHERE id = ANY($1::bigint[])")
    static let show = SQL(
        """
        INSERT INTO queue_ready (queue, lane, place, message, enqueued_at, dequeue_count, first_dequeued_at)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
          $7::bigint[])
        """)
    static let hide = SQL(
        """
        INSERT INTO queue_hidden (
          message, queue, hiding, visible_at, priority, enqueued_at, dequeue_count, first_dequeued_at, receive, revision)
        SELECT * FROM \(hiddenArrays)
        """)
    static let change = SQL(
        """
        UPDATE queue_hidden h SET hiding = v.hiding, visible_at = v.visible_at, receive = v.receive,
          revision = v.revision
        FROM \(hiddenArrays) v (message, queue, hiding, visible_at, priority, enqueued_at, dequeue_count,
          first_dequeued_at, receive, revision)
        WHERE h.message = v.message
        """)
    static let unhide = SQL("DELETE FROM queue_hidden WHERE message = ANY($1::bigint[])")
    static let move = SQL(
        """
        UPDATE queue_messages m SET queue = v.queue, message_id = v.message_id, properties = v.properties
        FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[]) v (id, queue, message_id, properties)
        WHERE m.id = v.id
        """)
    static let count = SQL(
        """
        INSERT INTO queue_counts (queue, place, shown, received, delayed)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
        """)
    /// All that others are not just putting together; the sum stands behind them.
    static let putTogether = SQL(
        """
        WITH gone AS (
          DELETE FROM queue_counts WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM queue_counts WHERE queue = $1 AND place >= $2 ORDER BY place FOR UPDATE SKIP LOCKED))
          RETURNING shown, received, delayed)
        INSERT INTO queue_counts (queue, place, shown, received, delayed)
        SELECT $1, $3, sum(shown), sum(received), sum(delayed) FROM gone HAVING count(*) > 0
        """)
}
