import Synchronization

/// A doorbell: rings from anywhere wake the one who waits, and a ring while nobody waits is kept, once.
package final class Wakeup: Sendable {
    private struct State {
        var isRung = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// A doorbell that has not been rung.
    package init() {}

    /// Wakes the waiter, or lets the next wait return at once.
    package func ring() {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard let waiting = state.waiting else {
                state.isRung = true
                return nil
            }
            state.waiting = nil
            return waiting
        }
        waiting?.resume()
    }

    /// Waits for a ring, for a time to pass, or for cancellation.
    ///
    /// One waiter at a time.
    ///
    /// - Parameters:
    ///   - limit: The longest wait; nil for no end.
    ///   - clock: What measures the limit.
    package func wait(atMost limit: Duration?, clock: any MonotonicClock) async {
        guard let limit else { return await waitForRing() }
        guard limit > .zero else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForRing() }
            group.addTask { try? await clock.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForRing() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state -> Bool in
                    if state.isRung || Task.isCancelled {
                        state.isRung = false
                        return true
                    }
                    state.waiting = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume()
        }
    }
}
