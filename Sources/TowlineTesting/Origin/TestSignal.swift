import Synchronization

/// A latch between a test and the double that it steers: waiting ends once it was fired, now or later.
///
/// The state is under a lock; waiters are resumed outside it.
package final class TestSignal: Sendable {
    private struct State {
        var isFired = false
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    /// Makes a signal that was not fired yet.
    package init() {}

    /// Whether it was fired.
    package var isFired: Bool { state.withLock { $0.isFired } }

    /// Lets everybody who waits go on, now and later.
    package func fire() {
        let waiters = state.withLock { state in
            state.isFired = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits until it is fired or the task is cancelled.
    package func wait() async {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let goesOn = state.withLock { state in
                    if state.isFired || Task.isCancelled { return true }
                    state.waiters[number] = waiter
                    return false
                }
                if goesOn { waiter.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }
}
