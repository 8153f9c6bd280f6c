import Synchronization

/// The end of the writer's thread, for those who wait for it.
final class WriterEnding: Sendable {
    private enum State {
        case running([CheckedContinuation<Void, Never>])
        case ended
    }

    private let state = Mutex(State.running([]))

    /// The end of a thread that runs.
    init() {}

    /// Returns when the thread has ended.
    func wait() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                guard case .running(let waiting) = state else { return true }
                state = .running(waiting + [continuation])
                return false
            }
            if hasEnded { continuation.resume() }
        }
    }

    /// The thread has ended.
    func signal() {
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard case .running(let waiting) = state else { return [] }
            state = .ended
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
