/// One receive call, from its beginning to its answer.
package struct WaiterID: Sendable, Hashable, Comparable {
    let number: UInt64

    /// Earlier calls are less.
    package static func < (left: WaiterID, right: WaiterID) -> Bool { left.number < right.number }
}

/// A receiver in a line.
package struct Waiter: Sendable, Hashable {
    package let id: WaiterID
    /// Most messages that it takes.
    package let count: Int
    /// How long they stay hidden; nil for the queue's attribute.
    package let visibility: Duration?

    /// Joins the parts of a waiter.
    package init(id: WaiterID, count: Int, visibility: Duration?) {
        self.id = id
        self.count = count
        self.visibility = visibility
    }
}

/// Who waits for messages of which queue, in the order of arrival, and what is due when: no locks, no clocks.
///
/// A caller enters, stands in the line of a queue once nothing was found for it, and leaves with its answer. A line
/// has an alarm for the moment when the next hidden message of its queue can be seen, a waiter one for its patience.
/// The cost of a step does not depend on how many wait.
struct WaitingRoom: Sendable {
    private struct Call: Sendable {
        /// The queue in whose line it stands; nil until it does.
        var queue: Int64?
        var waiter: Waiter?
        var until: Duration = .zero
    }

    private struct Line: Sendable {
        /// In the order of arrival; also those that have left.
        var ids: [WaiterID] = []
        /// The first that may still be there.
        var head = 0
        /// Those that are still there.
        var count = 0
        /// When the next hidden message can be seen, as far as known.
        var alarm: Duration?
    }

    private enum Alarm: Sendable {
        case patience(WaiterID)
        case line(Int64)
    }

    private var calls: [WaiterID: Call] = [:]
    private var lines: [Int64: Line] = [:]
    private var alarms = AlarmQueue<Alarm>()
    private var last: UInt64 = 0
    /// Callers that stand in lines.
    private(set) var standing = 0

    /// An empty room.
    init() {}

    /// A call begins.
    mutating func enter() -> WaiterID {
        last += 1
        let id = WaiterID(number: last)
        calls[id] = Call()
        return id
    }

    /// Whether a call has no answer yet.
    func contains(_ id: WaiterID) -> Bool { calls[id] != nil }

    /// Puts a caller at the end of a line; one that stands there already keeps its place.
    ///
    /// - Returns: Whether it stands there now: not when it has left the room.
    mutating func stand(_ waiter: Waiter, in queue: Int64, until: Duration) -> Bool {
        guard let call = calls[waiter.id] else { return false }
        if call.queue == queue { return true }
        stepOut(waiter.id)
        calls[waiter.id] = Call(queue: queue, waiter: waiter, until: until)
        lines[queue, default: Line()].ids.append(waiter.id)
        lines[queue, default: Line()].count += 1
        standing += 1
        alarms.add(.patience(waiter.id), at: until)
        return true
    }

    /// Puts everybody in a line behind another, in their order.
    mutating func moveLine(from old: Int64, to new: Int64) {
        for waiter in line(old, atMost: .max) {
            _ = stand(waiter, in: new, until: calls[waiter.id]?.until ?? .zero)
        }
    }

    /// Takes a caller out of its line, but not out of the room.
    mutating func stepOut(_ id: WaiterID) {
        guard let queue = calls[id]?.queue else { return }
        calls[id] = Call()
        standing -= 1
        guard var line = lines.removeValue(forKey: queue), line.count > 1 else { return }
        line.count -= 1
        // Many that left amid those that stay: as rare as it is long.
        if line.ids.count > 2 * line.count + 64 {
            line.ids = line.ids[line.head...].filter { calls[$0]?.queue == queue }
            line.head = 0
        }
        lines[queue] = line
    }

    /// A call ends.
    ///
    /// - Returns: Whether it had not ended before.
    mutating func leave(_ id: WaiterID) -> Bool {
        stepOut(id)
        return calls.removeValue(forKey: id) != nil
    }

    /// Everybody who stands in a line leaves.
    mutating func clear() -> [WaiterID] {
        let all = calls.filter { $0.value.queue != nil }.map(\.key).sorted()
        for id in all { _ = leave(id) }
        return all
    }

    /// Whether anybody stands in a line.
    func hasLine(_ queue: Int64) -> Bool { lines[queue] != nil }

    /// The first in a line, in their order.
    mutating func line(_ queue: Int64, atMost limit: Int) -> [Waiter] {
        guard var line = lines.removeValue(forKey: queue) else { return [] }
        while line.head < line.ids.count, calls[line.ids[line.head]]?.queue != queue { line.head += 1 }
        var waiters: [Waiter] = []
        for id in line.ids[line.head...] where calls[id]?.queue == queue {
            guard waiters.count < limit, let waiter = calls[id]?.waiter else { break }
            waiters.append(waiter)
        }
        lines[queue] = line
        return waiters
    }

    /// Notes when the next hidden message of a queue can be seen; only an earlier moment than the known one counts.
    ///
    /// Without a line nobody wants to know.
    mutating func expect(_ queue: Int64, at time: Duration) {
        guard let line = lines[queue], line.alarm.map({ time < $0 }) ?? true else { return }
        lines[queue]?.alarm = time
        alarms.add(.line(queue), at: time)
    }

    /// What has become due.
    struct Due: Sendable, Equatable {
        /// Callers whose patience is over, in the order of their patience's end; they have left.
        var impatient: [WaiterID] = []
        /// Queues in which a hidden message can be seen now.
        var queues: [Int64] = []
    }

    /// Takes out what has become due.
    mutating func takeDue(at now: Duration) -> Due {
        var due = Due()
        while let alarm = alarms.first, alarm.time <= now {
            alarms.removeFirst()
            guard isMeant(alarm.time, alarm.item) else { continue }
            switch alarm.item {
            case .patience(let id):
                _ = leave(id)
                due.impatient.append(id)
            case .line(let queue):
                lines[queue]?.alarm = nil
                due.queues.append(queue)
            }
        }
        return due
    }

    /// When something becomes due next; nil while nobody waits.
    mutating func nextAlarm() -> Duration? {
        if alarms.count > 4 * standing + 1024 {
            let copy = self
            alarms.keep { copy.isMeant($0, $1) }
        }
        while let alarm = alarms.first {
            if isMeant(alarm.time, alarm.item) { return alarm.time }
            alarms.removeFirst()
        }
        return nil
    }

    /// Whether an alarm is still for somebody.
    private func isMeant(_ time: Duration, _ alarm: Alarm) -> Bool {
        switch alarm {
        case .patience(let id): calls[id].map { $0.queue != nil && $0.until == time } ?? false
        case .line(let queue): lines[queue]?.alarm == time
        }
    }
}
