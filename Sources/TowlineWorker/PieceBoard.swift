import Synchronization
import TowlineObjects

/// The plan that the connections of one transfer share.
final class PieceBoard: Sendable {
    private struct State {
        var plan: PiecePlan
        var received: Int64 = 0
        var isClosed = false
        var dismissed = 0
    }

    private let state: Mutex<State>

    /// A board for a plan.
    init(_ plan: PiecePlan) { state = Mutex(State(plan: plan)) }

    /// The plan as it is now.
    var plan: PiecePlan { state.withLock { $0.plan } }

    /// Bytes received over all connections.
    var received: Int64 { state.withLock { $0.received } }

    /// Whether pieces are handed out no more.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Lets so many connections end with their pieces.
    func dismiss(_ count: Int) { state.withLock { $0.dismissed += count } }

    /// Whether the connection that asks is one that should end.
    func takeDismissal() -> Bool {
        state.withLock { state in
            guard state.dismissed > 0 else { return false }
            state.dismissed -= 1
            return true
        }
    }

    /// Hands out no more pieces.
    func close() { state.withLock { $0.isClosed = true } }

    /// The next piece; nil when there is none for now, or no more.
    func take() -> Range<Int64>? { state.withLock { $0.isClosed ? nil : $0.plan.take() } }

    /// Takes note of bytes that were received.
    func receive(_ count: Int) { state.withLock { $0.received += Int64(count) } }

    /// Takes a piece back of which so much is in place.
    func end(_ piece: Range<Int64>, at position: Int64, crc64: CRC64) {
        state.withLock {
            $0.plan.putInPlace(piece.lowerBound..<position, crc64: crc64)
            $0.plan.giveBack(position..<piece.upperBound)
        }
    }
}
