import Synchronization
import TowlineCore

/// Joins callers that ask for the same name at the same time, and keeps good answers for a moment.
///
/// A pure table under a lock; continuations are resumed outside it.
final class LookupTable: Sendable {
    typealias Answer = Result<[IPAddress], ResolverError>
    /// What a waiting caller is told; `nil` when it was cancelled.
    typealias Waiter = CheckedContinuation<Answer?, Never>

    /// What a caller has to do.
    enum Step {
        /// Nothing: it was answered, or waits for a look-up that is under way.
        case wait
        /// Start the look-up.
        case start
    }

    private struct State {
        var nextCaller: UInt64 = 0
        var flights: [String: [UInt64: Waiter]] = [:]
        var answers: [String: (addresses: [IPAddress], until: ContinuousClock.Instant)] = [:]
        var early: Set<UInt64> = []
    }

    /// Most names whose answers are kept.
    private static let maximumAnswers = 1_024

    private let reuse: Duration
    private let state = Mutex(State())

    /// - Parameter reuse: How long a good answer is given to further callers; zero for not at all.
    init(reuse: Duration) {
        self.reuse = reuse
    }

    /// A number that stands for one caller.
    func newCaller() -> UInt64 {
        state.withLock { state in
            state.nextCaller += 1
            return state.nextCaller
        }
    }

    /// Answers a caller from what is kept, or lets it wait.
    func join(_ name: String, caller: UInt64, waiter: Waiter) -> Step {
        let (step, answer): (Step, Answer??) = state.withLock { state in
            if state.early.remove(caller) != nil { return (.wait, .some(nil)) }
            if let kept = state.answers[name] {
                if kept.until > .now { return (.wait, .some(.success(kept.addresses))) }
                state.answers[name] = nil
            }
            let isFirst = state.flights[name] == nil
            state.flights[name, default: [:]][caller] = waiter
            return (isFirst ? .start : .wait, nil)
        }
        if let answer { waiter.resume(returning: answer) }
        return step
    }

    /// Lets a caller go that was cancelled.
    func leave(_ name: String, caller: UInt64) {
        let waiter = state.withLock { state in
            let waiter = state.flights[name]?.removeValue(forKey: caller)
            // Cancelled before it could wait: it finds out when it joins.
            if waiter == nil { state.early.insert(caller) }
            return waiter
        }
        waiter?.resume(returning: nil)
    }

    /// Forgets a caller that has its answer.
    func forget(_ caller: UInt64) {
        state.withLock { _ = $0.early.remove(caller) }
    }

    /// Whether anybody waits for a name; when not, its look-up is over.
    func isWanted(_ name: String) -> Bool {
        state.withLock { state in
            guard state.flights[name]?.isEmpty == true else { return state.flights[name] != nil }
            state.flights[name] = nil
            return false
        }
    }

    /// Answers everybody who waits for a name.
    func finish(_ name: String, _ answer: Answer) {
        let waiters = state.withLock { state in
            if case .success(let addresses) = answer, reuse > .zero {
                if state.answers.count >= Self.maximumAnswers {
                    state.answers = state.answers.filter { $0.value.until > .now }
                }
                if state.answers.count < Self.maximumAnswers {
                    state.answers[name] = (addresses, .now + reuse)
                }
            }
            return state.flights.removeValue(forKey: name) ?? [:]
        }
        for waiter in waiters.values { waiter.resume(returning: answer) }
    }
}
