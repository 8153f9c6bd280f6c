import NIOCore
import Synchronization

/// One request and its response, between the task that makes the call and the connection that carries it.
///
/// The connection's event loop puts the head and the bytes in; the task takes them out. The state is under a lock;
/// continuations are resumed and the connection is called outside it.
final class HTTP1Exchange: Sendable {
    /// How the exchange ended.
    enum Outcome: Sendable {
        case complete
        case failed(OutboundError)
    }

    private typealias HeadResult = Result<HTTP1ResponseHead, OutboundError>
    private typealias ChunkResult = Result<ByteBuffer?, OutboundError>

    private struct State {
        var head: HTTP1ResponseHead?
        var headWaiter: CheckedContinuation<HeadResult, Never>?
        var chunks = ChunkQueue()
        var chunkWaiter: CheckedContinuation<ChunkResult, Never>?
        var outcome: Outcome?
        /// Whether the connection stopped reading because the reader has not taken what is here.
        var isHeld = false
        /// Whether nobody reads any more.
        var isAbandoned = false
    }

    let connection: HTTP1Connection
    private let state = Mutex(State())

    init(connection: HTTP1Connection) {
        self.connection = connection
    }

    // MARK: The task's side

    /// Waits for the head of the final response.
    func head() async throws(OutboundError) -> HTTP1ResponseHead {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: CheckedContinuation<HeadResult, Never>) in
                let ready: HeadResult? = state.withLock { state in
                    if let head = state.head { return .success(head) }
                    if case .failed(let error) = state.outcome { return .failure(error) }
                    state.headWaiter = waiter
                    return nil
                }
                if let ready { waiter.resume(returning: ready) }
            }
        } onCancel: {
            cancel()
        }
        return try result.get()
    }

    /// Takes the next bytes of the body, or `nil` at its end.
    func nextChunk() async throws(OutboundError) -> ByteBuffer? {
        if let ready = takeChunk() { return try ready.get() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: CheckedContinuation<ChunkResult, Never>) in
                if let ready = takeChunk(orWaitWith: waiter) { waiter.resume(returning: ready) }
            }
        } onCancel: {
            cancel()
        }
        return try result.get()
    }

    /// Gives the exchange up because the task was cancelled.
    func cancel() {
        if finish(.failed(.cancelled())) { connection.abort(self) }
    }

    /// Gives the exchange up because nobody reads it any more.
    func abandon() {
        let isOpen = state.withLock { state in
            state.isAbandoned = true
            state.chunks.removeAll()
            return state.outcome == nil
        }
        if isOpen { cancel() }
    }

    private func takeChunk(orWaitWith waiter: CheckedContinuation<ChunkResult, Never>? = nil) -> ChunkResult? {
        let (result, resumesReading): (ChunkResult?, Bool) = state.withLock { state in
            var result: ChunkResult?
            if case .failed(let error) = state.outcome {
                // Bytes before a failure are delivered first, so that a partial file can be resumed.
                result = state.chunks.popFirst().map { .success($0) } ?? .failure(error)
            } else if let chunk = state.chunks.popFirst() {
                result = .success(chunk)
            } else if state.outcome != nil {
                result = .success(nil)
            } else if let waiter {
                precondition(state.chunkWaiter == nil, "a body has one reader")
                state.chunkWaiter = waiter
            }
            let resumesReading = state.isHeld && state.chunks.isEmpty && state.outcome == nil
            if resumesReading { state.isHeld = false }
            return (result, resumesReading)
        }
        if resumesReading { connection.resumeReading(self) }
        return result
    }

    // MARK: The connection's side

    /// Hands the head over.
    func receive(_ head: HTTP1ResponseHead) {
        let waiter = state.withLock { state in
            state.head = head
            defer { state.headWaiter = nil }
            return state.headWaiter
        }
        waiter?.resume(returning: .success(head))
    }

    /// Hands bytes of the body over.
    func receive(_ chunks: [ByteBuffer]) {
        let (waiter, chunk) = state.withLock { state in
            guard state.outcome == nil, !state.isAbandoned else {
                return (CheckedContinuation<ChunkResult, Never>?.none, ByteBuffer?.none)
            }
            state.chunks.append(contentsOf: chunks)
            guard let waiter = state.chunkWaiter, let chunk = state.chunks.popFirst() else { return (nil, nil) }
            state.chunkWaiter = nil
            return (waiter, chunk)
        }
        waiter?.resume(returning: .success(chunk))
    }

    /// Ends the exchange; what is here can still be taken.
    ///
    /// - Returns: Whether it had not ended before.
    @discardableResult
    func finish(_ outcome: Outcome) -> Bool {
        let (isFirst, headWaiter, chunkWaiter) = state.withLock { state in
            guard state.outcome == nil else {
                return (
                    false, CheckedContinuation<HeadResult, Never>?.none, CheckedContinuation<ChunkResult, Never>?.none
                )
            }
            state.outcome = outcome
            defer {
                state.headWaiter = nil
                state.chunkWaiter = nil
            }
            return (true, state.headWaiter, state.chunkWaiter)
        }
        switch outcome {
        case .complete: chunkWaiter?.resume(returning: .success(nil))
        case .failed(let error):
            headWaiter?.resume(returning: .failure(error))
            chunkWaiter?.resume(returning: .failure(error))
        }
        return isFirst
    }

    /// Whether the connection has done its part.
    var isOver: Bool { state.withLock { $0.outcome != nil } }

    /// Whether the connection may read on; when not, it is told by ``HTTP1Connection/resumeReading(_:)`` when it may.
    func mayReadMore() -> Bool {
        state.withLock { state in
            guard state.outcome == nil, !state.chunks.isEmpty else { return true }
            state.isHeld = true
            return false
        }
    }
}

/// Pieces of a body in order; a body of one piece, as most answers have, costs no allocation.
private struct ChunkQueue {
    private var first: ByteBuffer?
    private var rest: CircularBuffer<ByteBuffer>?

    var isEmpty: Bool { first == nil }

    mutating func append(contentsOf chunks: [ByteBuffer]) {
        for chunk in chunks {
            if first == nil {
                first = chunk
            } else if rest == nil {
                rest = [chunk]
            } else {
                rest?.append(chunk)
            }
        }
    }

    mutating func popFirst() -> ByteBuffer? {
        guard let chunk = first else { return nil }
        first = rest?.popFirst()
        return chunk
    }

    mutating func removeAll() {
        first = nil
        rest = nil
    }
}
