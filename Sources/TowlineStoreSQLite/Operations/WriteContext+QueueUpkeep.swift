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

extension WriteContext {
    /// Most queues that one step looks at.
    private static let queuesPerStep = 64

    /// One step of ``QueueStore/trimQueues(limit:)``: of a few milliseconds at most.
    ///
    /// - Parameters:
    ///   - limit: Most messages.
    ///   - last: The queue that the walk has come to.
    /// - Returns: What was done, and where to go on.
    /// - Throws: SQLite's failure.
    func trimQueues(limit: Int, after last: Int64) throws -> QueueTrimStep {
        var left = limit - (try removeDropped(limit: limit))
        let page = try connection.all(
            UpkeepSQL.queues, .integer(last), .integer(Self.queuesPerStep)
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

    /// Removes messages of queues that were deleted or purged.
    private func removeDropped(limit: Int) throws -> Int {
        var left = limit
        while left > 0, let dropped = try connection.first(UpkeepSQL.dropped, read: { $0.integer(0) }) {
            let count = try connection.change(UpkeepSQL.removeDropped, .integer(dropped), .integer(left))
            if count < left { try connection.run(UpkeepSQL.forgetDropped, .integer(dropped)) }
            left -= count
        }
        return limit - left
    }

    /// Does for a queue what the next receive would do, and removes what has expired.
    private func trim(_ queue: StoredQueue, limit: Int) throws -> Int {
        let shown = try showDue(in: queue, limit: limit).count
        let expired = try connection.all(
            UpkeepSQL.expired, .integer(queue.id), .time(queue.attributes.expiryCutoff(at: now)),
            .integer(limit - shown)
        ) { (number: $0.integer(0), hiding: try MessageHiding(number: $0.int(1))) }
        for message in expired { try remove(message.number, hiding: message.hiding, from: queue.id) }
        return shown + expired.count
    }
}

/// The statements that keep queues small.
enum UpkeepSQL {
    static let queues = SQL("SELECT \(QueueRows.columns) FROM queues WHERE id > ? ORDER BY id LIMIT ?")
    static let dropped = SQL("SELECT id FROM dropped_queues ORDER BY id LIMIT 1")
    static let removeDropped = SQL(
        "DELETE FROM queue_messages WHERE id IN (SELECT id FROM queue_messages WHERE queue = ? LIMIT ?)")
    static let forgetDropped = SQL("DELETE FROM dropped_queues WHERE id = ?")
    static let expired = SQL(
        "SELECT id, hiding FROM queue_messages WHERE queue = ? AND enqueued_at < ? ORDER BY enqueued_at LIMIT ?")
}
