import Synchronization
package import TowlineCore

/// Receivers that wait for messages, with what wakes them: a message for one of them, the end of its patience, its
/// cancellation, or the end of the store.
///
/// A store asks here who is next when it has messages, claims them, and gives them with ``answer(_:with:)``. When that
/// says no, the receiver is gone, and the store puts the messages back. One task measures time for all lines; it lives
/// only while somebody waits. Thousands may wait at once.
package final class QueueWaiters<Answer: Sendable>: Sendable {
    private struct State {
        var room = WaitingRoom()
        var continuations: [WaiterID: CheckedContinuation<Answer?, any Error>] = [:]
        var isOpen = true
        /// Until when the timekeeper sleeps; nil while there is none.
        var asleepUntil: Duration?

        /// What must be done so that somebody watches the earliest alarm.
        mutating func watch() -> Watch {
            guard let next = room.nextAlarm() else { return .kept }
            guard let asleepUntil else {
                self.asleepUntil = next
                return .missing
            }
            return next < asleepUntil ? .asleep : .kept
        }
    }

    private enum Watch {
        /// Nothing.
        case kept
        /// A timekeeper must begin.
        case missing
        /// The timekeeper sleeps too long.
        case asleep
    }

    private let state = Mutex(State())
    private let clock: any MonotonicClock
    private let limit: Int
    private let onDue: @Sendable (Int64, QueueWaiters) -> Void
    private let bell = Wakeup()

    /// A place without receivers.
    ///
    /// - Parameters:
    ///   - clock: Measures patience and the hiding of messages.
    ///   - limit: Most receivers that stand in lines; more are answered at once (mns-api.md 4.5).
    ///   - onDue: Called when a hidden message of a queue with a line can be seen; not while a lock is held.
    ///     Its arguments are the queue's number and this place.
    package init(
        clock: any MonotonicClock, limit: Int = 20_000, onDue: @escaping @Sendable (Int64, QueueWaiters) -> Void
    ) {
        self.clock = clock
        self.limit = limit
        self.onDue = onDue
    }

    /// Receivers that stand in lines.
    package var count: Int { state.withLock { $0.room.standing } }

    /// Begins a call and waits for its answer.
    ///
    /// - Parameter begin: Sets off the work that ends with ``answer(_:with:)``, ``fail(_:with:)`` or
    ///   ``stand(_:in:until:)``.
    /// - Returns: The answer; nil when there was none in time.
    /// - Throws: `CancellationError` when cancelled before the answer came: the answer then finds nobody. What
    ///   ``fail(_:with:)`` said.
    package func call(_ begin: (WaiterID) -> Void) async throws -> Answer? {
        let id = state.withLock { $0.room.enter() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    let isCancelled = Task.isCancelled
                    if isCancelled { _ = state.room.leave(id) } else { state.continuations[id] = continuation }
                    return isCancelled
                }
                guard !isCancelled else { return continuation.resume(throwing: CancellationError()) }
                begin(id)
            }
        } onCancel: {
            fail(id, with: CancellationError())
        }
    }

    /// The moment that a patience counts from.
    package var now: Duration { clock.elapsed }

    /// Whether a call still waits for its answer.
    package func isWaiting(_ id: WaiterID) -> Bool { state.withLock { $0.room.contains(id) } }

    /// Puts a receiver for whom nothing was found at the end of a queue's line; one that stands there keeps its place.
    ///
    /// - Parameters:
    ///   - waiter: The receiver with what it wants.
    ///   - queue: The store's number of the queue.
    ///   - until: The end of its patience by ``now``.
    /// - Returns: Whether it stands there; when not, it is to be answered at once.
    package func stand(_ waiter: Waiter, in queue: Int64, until: Duration) -> Bool {
        change { state in
            guard state.isOpen, state.room.standing < limit else { return false }
            return state.room.stand(waiter, in: queue, until: until)
        }
    }

    /// Takes a receiver out of its line: it is about to be answered.
    package func stepOut(_ id: WaiterID) { state.withLock { $0.room.stepOut(id) } }

    /// Whether anybody stands in a queue's line.
    package func hasLine(_ queue: Int64) -> Bool { state.withLock { $0.room.hasLine(queue) } }

    /// Whether anybody but a receiver itself is first in a queue's line.
    package func isBehind(_ id: WaiterID, in queue: Int64) -> Bool {
        line(queue, atMost: 1).first.map { $0.id != id } ?? false
    }

    /// The first in a queue's line, in their order.
    package func line(_ queue: Int64, atMost limit: Int) -> [Waiter] {
        state.withLock { $0.room.hasLine(queue) ? $0.room.line(queue, atMost: limit) : [] }
    }

    /// Notes that a hidden message of a queue can be seen after a time: ``init(clock:limit:onDue:)``'s closure is called
    /// then, should there be a line.
    package func expect(_ queue: Int64, after wait: Duration) {
        let time = clock.elapsed + max(.zero, wait)
        change { $0.room.expect(queue, at: time) }
    }

    /// Gives a receiver its answer; nil says that there is nothing for it.
    ///
    /// - Returns: False when the receiver is gone and the answer was not taken.
    @discardableResult
    package func answer(_ id: WaiterID, with answer: Answer?) -> Bool {
        guard let continuation = remove(id) else { return false }
        continuation.resume(returning: answer)
        return true
    }

    /// Tells a receiver that its call failed; one that is gone does not hear it.
    package func fail(_ id: WaiterID, with error: any Error) {
        remove(id)?.resume(throwing: error)
    }

    /// Tells everybody in a queue's line that their calls failed, as when the queue is deleted.
    package func failLine(_ queue: Int64, with error: any Error) {
        for waiter in line(queue, atMost: .max) { fail(waiter.id, with: error) }
    }

    /// Puts everybody in a queue's line behind another's, as when a store keeps the queue under a new number.
    package func moveLine(from old: Int64, to new: Int64) {
        change { $0.room.moveLine(from: old, to: new) }
    }

    /// Answers everybody who waits that there is nothing, and lets nobody wait from now on, as at the end of a store.
    package func close() {
        let waiting = state.withLock { state in
            state.isOpen = false
            return state.room.clear().compactMap { state.continuations.removeValue(forKey: $0) }
        }
        for continuation in waiting { continuation.resume(returning: nil) }
        bell.ring()
    }

    private func remove(_ id: WaiterID) -> CheckedContinuation<Answer?, any Error>? {
        state.withLock { state in
            _ = state.room.leave(id)
            return state.continuations.removeValue(forKey: id)
        }
    }

    /// Changes the room and sees to it that somebody watches the earliest alarm.
    private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, watch) = state.withLock { state in
            let result = body(&state)
            return (result, state.watch())
        }
        switch watch {
        case .kept: break
        case .missing: Task { await keepTime() }
        case .asleep: bell.ring()
        }
        return result
    }

    /// Sleeps from alarm to alarm; ends when nobody waits.
    private func keepTime() async {
        while true {
            let now = clock.elapsed
            let (due, gone, next) = state.withLock { state in
                let due = state.room.takeDue(at: now)
                let gone = due.impatient.compactMap { state.continuations.removeValue(forKey: $0) }
                state.asleepUntil = state.room.nextAlarm()
                return (due, gone, state.asleepUntil)
            }
            for continuation in gone { continuation.resume(returning: nil) }
            for queue in due.queues { onDue(queue, self) }
            guard let next else { return }
            await bell.wait(atMost: next - now, clock: clock)
        }
    }
}
