import Synchronization

/// One client's connection: whether it is still there, and which answers have not reached it.
///
/// Requests of a connection are answered one after the other, but the next may begin before the last answer is
/// written; so answers are told apart by their request ids.
final class MNSConnection: Sendable {
    private struct Unsent {
        let requestID: String
        let undo: @Sendable () -> Void
    }

    private struct State {
        var isGone = false
        var whenGone: (@Sendable () -> Void)?
        var unsent: [Unsent] = []
        /// The answer that is on its way to the socket.
        var inFlight: String?
    }

    private let state = Mutex(State())

    /// Has something done when the client goes away, at once if it has; until ``stopWatching()``.
    func watch(_ action: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            if !state.isGone { state.whenGone = action }
            return state.isGone
        }
        if isGone { action() }
    }

    /// Forgets what ``watch(_:)`` was told.
    func stopWatching() { state.withLock { $0.whenGone = nil } }

    /// Notes that an answer is about to be written whose effect is to be undone if it cannot be.
    ///
    /// - Returns: False when the client has gone away: nothing is noted, and there is nobody to answer.
    func expectAnswer(to requestID: String, orElse undo: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard !state.isGone else { return false }
            state.unsent.append(Unsent(requestID: requestID, undo: undo))
            return true
        }
    }

    /// An answer's head is being written; its request id is asked for only when it matters.
    ///
    /// - Returns: The request id if ``answerEnded(_:isWritten:)`` is to be called for it.
    func answerBegins(_ requestID: () -> String?) -> String? {
        state.withLock { state in
            guard !state.unsent.isEmpty, let id = requestID(), state.unsent.contains(where: { $0.requestID == id })
            else { return nil }
            state.inFlight = id
            return id
        }
    }

    /// The answer's last byte was given to the system, or could not be.
    func answerEnded(_ requestID: String, isWritten: Bool) {
        let undo = state.withLock { state -> (@Sendable () -> Void)? in
            if state.inFlight == requestID { state.inFlight = nil }
            guard let index = state.unsent.firstIndex(where: { $0.requestID == requestID }) else { return nil }
            return state.unsent.remove(at: index).undo
        }
        if !isWritten { undo?() }
    }

    /// The client has gone away, or at least says no more; what is on its way to the socket is judged when it arrives.
    func gone() {
        let actions = state.withLock { state in
            state.isGone = true
            let lost = state.unsent.filter { $0.requestID != state.inFlight }
            state.unsent.removeAll { $0.requestID != state.inFlight }
            defer { state.whenGone = nil }
            return (state.whenGone.map { [$0] } ?? []) + lost.map(\.undo)
        }
        for action in actions { action() }
    }
}
