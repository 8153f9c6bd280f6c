import Synchronization
import TowlineCore
import TowlineStore

/// Collects outcomes and writes them in groups.
///
/// There is no timer: the first outcome is written at once, and whatever ends while a write is under way goes with the
/// next one. The state is under a lock; continuations are resumed outside it.
final class OutcomeRecorder: Sendable {
    /// Writes that are under way at once, so that the store has the next one when it is done with one.
    static let writers = 2
    /// The largest group.
    static let largestGroup = 500

    private struct State {
        var waiting: [DeliveryReport] = []
        var idle: [CheckedContinuation<[DeliveryReport], Never>] = []
        var isFinished = false

        mutating func takeGroup() -> [DeliveryReport] {
            guard waiting.count > OutcomeRecorder.largestGroup else {
                defer { waiting = [] }
                return waiting
            }
            let group = Array(waiting.prefix(OutcomeRecorder.largestGroup))
            waiting.removeFirst(OutcomeRecorder.largestGroup)
            return group
        }
    }

    private let state = Mutex(State())

    /// Takes one outcome.
    func add(_ report: DeliveryReport) {
        let (writer, group) = state.withLock { state in
            state.waiting.append(report)
            guard let writer = state.idle.popLast() else {
                return (CheckedContinuation<[DeliveryReport], Never>?.none, [DeliveryReport]())
            }
            return (writer, state.takeGroup())
        }
        writer?.resume(returning: group)
    }

    /// Lets the writers end when everything is written.
    func finish() {
        let idle = state.withLock { state in
            state.isFinished = true
            defer { state.idle = [] }
            return state.idle
        }
        for writer in idle { writer.resume(returning: []) }
    }

    /// Runs one writer until ``finish()``; cancelling does not end it, since what has ended must be recorded.
    func run(_ write: ([DeliveryReport]) async -> Void) async {
        while true {
            let group = await nextGroup()
            if group.isEmpty { return }
            await write(group)
        }
    }

    /// The next outcomes to write; none at the end.
    private func nextGroup() async -> [DeliveryReport] {
        await withCheckedContinuation { continuation in
            let group: [DeliveryReport]? = state.withLock { state in
                if state.waiting.isEmpty, !state.isFinished {
                    state.idle.append(continuation)
                    return nil
                }
                return state.takeGroup()
            }
            if let group { continuation.resume(returning: group) }
        }
    }
}
