import Synchronization

/// The running scripts of an origin; the state is under a lock.
final class OriginConnections: Sendable {
    private struct State {
        var tasks: [Task<Void, Never>] = []
        var isStopped = false
    }

    private let state = Mutex(State())

    /// Runs a script until it ends or everything is stopped.
    func run(_ script: @escaping @Sendable () async -> Void) {
        let task = Task { await script() }
        let isStopped = state.withLock { state in
            state.tasks.append(task)
            return state.isStopped
        }
        if isStopped { task.cancel() }
    }

    /// Cancels every script and waits for its end.
    func stop() async {
        let tasks = state.withLock { state in
            state.isStopped = true
            return state.tasks
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
