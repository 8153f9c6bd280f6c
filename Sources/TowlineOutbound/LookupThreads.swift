import Foundation
import Synchronization

/// Runs blocking look-ups on a bounded number of threads of its own.
///
/// Threads start when there is work and end when there is none, so that nothing has to be shut down and idle time costs
/// nothing. The state is under a lock.
final class LookupThreads: Sendable {
    typealias Work = @Sendable () -> Void

    private struct State {
        var running = 0
        var waiting: [Work] = []
    }

    private let maximum: Int
    private let state = Mutex(State())

    /// - Parameter maximum: Most threads at once, 1 or more.
    init(maximum: Int) {
        self.maximum = maximum
    }

    /// Runs work when a thread is free.
    func run(_ work: @escaping Work) {
        let startsThread = state.withLock { state in
            state.waiting.append(work)
            guard state.running < maximum else { return false }
            state.running += 1
            return true
        }
        guard startsThread else { return }
        let thread = Thread { [self] in
            while let work = next() { work() }
        }
        thread.name = "towline-dns"
        thread.stackSize = 512 << 10
        thread.start()
    }

    /// The next work, or `nil` when the thread has to end.
    private func next() -> Work? {
        state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.running -= 1
            return nil
        }
    }
}
