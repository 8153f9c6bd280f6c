import NIOCore
import Synchronization

/// One try to connect, between the task that waits for it and the channel that is set up.
///
/// Ends once: ready, failed, timed out or cancelled. A channel that comes too late is closed.
final class ConnectAttempt: Sendable {
    typealias Outcome = Result<HTTP1Connection, OutboundError>

    private struct State {
        var channel: (any Channel)?
        var waiter: CheckedContinuation<Outcome, Never>?
        var outcome: Outcome?
    }

    private let state = Mutex(State())

    /// Waits until the connection is ready for its first exchange; cancelling the task closes it.
    func connection() async throws(OutboundError) -> HTTP1Connection {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: CheckedContinuation<Outcome, Never>) in
                let early = state.withLock { state in
                    if state.outcome == nil { state.waiter = waiter }
                    return state.outcome
                }
                if let early { waiter.resume(returning: early) }
            }
        } onCancel: {
            fail(.cancelled())
        }
        return try outcome.get()
    }

    /// Takes the channel before it connects.
    ///
    /// - Returns: Whether it is still wanted.
    func take(_ channel: any Channel) -> Bool {
        state.withLock { state in
            state.channel = channel
            return state.outcome == nil
        }
    }

    /// Ends the attempt well.
    ///
    /// - Returns: Whether it had not ended before; otherwise the connection has to be closed.
    func succeed(_ connection: HTTP1Connection) -> Bool {
        finish(.success(connection))
    }

    /// Ends the attempt and closes its channel, unless it had ended before.
    func fail(_ error: OutboundError) {
        guard finish(.failure(error)) else { return }
        state.withLock { $0.channel }?.close(promise: nil)
    }

    private func finish(_ outcome: Outcome) -> Bool {
        let (isFirst, waiter) = state.withLock { state in
            guard state.outcome == nil else { return (false, CheckedContinuation<Outcome, Never>?.none) }
            state.outcome = outcome
            return (true, state.waiter.take())
        }
        waiter?.resume(returning: outcome)
        return isFirst
    }
}
