import NIOCore
import Synchronization

/// The memory that the parts of all uploads share.
///
/// It is handed out in pieces as bytes come, so that a source that sends nothing holds nothing. When too little is left,
/// parts wait in order. One of the waiting, the one that has come furthest, is preferred: for it, as much as a part can
/// need is kept in reserve, so that it comes to its end and gives back what it holds, whatever the others do. Without
/// that, many half-filled parts could wait for each other for ever.
package final class PartBudget: Sendable {
    /// What is handed out at a time.
    static let pieceBytes = 256 << 10
    /// The least that makes sense: one part that fills, and one on its way.
    package static let leastBytes = 16 << 20

    private struct Waiter {
        let part: PartMemory
        let continuation: CheckedContinuation<ByteBuffer?, Never>
    }

    private struct State {
        /// Pieces that can still be handed out, the reserve not counted.
        var free: Int
        /// Pieces of the reserve that can be handed out to the preferred part.
        var reserve: Int
        var preferred: PartMemory?
        var waiting: [Waiter] = []
        /// Pieces that were given back, to be used again.
        var spare: [ByteBuffer] = []
        var handedOut = 0
        var most = 0
    }

    /// The largest part that can be sure to be filled.
    let largestPart: Int
    private let state: Mutex<State>

    /// A budget.
    ///
    /// - Parameter bytes: For all parts together; at least ``leastBytes``.
    package init(bytes: Int = 32 << 20) {
        let pieces = max(Self.leastBytes, bytes) / Self.pieceBytes
        largestPart = pieces / 2 * Self.pieceBytes
        state = Mutex(State(free: pieces - pieces / 2, reserve: pieces / 2))
    }

    /// The most that was handed out at a time, in bytes.
    package var mostBytes: Int { state.withLock { $0.most } * Self.pieceBytes }

    /// How many pieces are handed out.
    var piecesInUse: Int { state.withLock { $0.handedOut } }

    /// Takes a piece for a part; waits while there is none.
    ///
    /// - Throws: `CancellationError`.
    func take(for part: PartMemory) async throws -> ByteBuffer {
        if let piece = state.withLock({ state in state.waiting.isEmpty ? Self.take(for: part, &state) : nil }) {
            return piece
        }
        let piece = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<ByteBuffer?, Never>) in
                let woken = state.withLock { state in
                    guard !Task.isCancelled else { return [(continuation, ByteBuffer?.none)] }
                    state.waiting.append(Waiter(part: part, continuation: continuation))
                    return Self.serve(&state)
                }
                for (continuation, piece) in woken { continuation.resume(returning: piece) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiting.firstIndex(where: { $0.part === part }) else { return nil }
                return state.waiting.remove(at: index)
            }
            waiter?.continuation.resume(returning: nil)
        }
        guard let piece else { throw CancellationError() }
        return piece
    }

    /// Gives all pieces of a part back.
    func giveBack(_ pieces: [ByteBuffer], of part: PartMemory) {
        let woken = state.withLock { state in
            let reserved = state.preferred === part ? part.reservedPieces : 0
            if state.preferred === part { state.preferred = nil }
            state.reserve += reserved
            state.free += pieces.count - reserved
            state.handedOut -= pieces.count
            state.spare += pieces
            if state.handedOut == 0, state.waiting.isEmpty { state.spare = [] }
            return Self.serve(&state)
        }
        for (continuation, piece) in woken { continuation.resume(returning: piece) }
    }

    /// Hands out what can be handed out, in order; and prefers one of those who go without.
    private static func serve(_ state: inout State) -> [(CheckedContinuation<ByteBuffer?, Never>, ByteBuffer?)] {
        var woken: [(CheckedContinuation<ByteBuffer?, Never>, ByteBuffer?)] = []
        while true {
            if state.free == 0, state.preferred == nil {
                state.preferred = state.waiting.max { $0.part.pieceCount < $1.part.pieceCount }?.part
            }
            let index = state.waiting.firstIndex { state.free > 0 || $0.part === state.preferred }
            guard let index, let piece = take(for: state.waiting[index].part, &state) else { return woken }
            woken.append((state.waiting.remove(at: index).continuation, piece))
        }
    }

    private static func take(for part: PartMemory, _ state: inout State) -> ByteBuffer? {
        if part === state.preferred {
            guard state.reserve > 0 else { return nil }
            state.reserve -= 1
            part.countPiece(isReserved: true)
        } else {
            guard state.free > 0 else { return nil }
            state.free -= 1
            part.countPiece(isReserved: false)
        }
        state.handedOut += 1
        state.most = max(state.most, state.handedOut)
        var piece = state.spare.popLast() ?? ByteBuffer()
        piece.clear(minimumCapacity: pieceBytes)
        return piece
    }
}

/// The memory of one part.
final class PartMemory: Sendable {
    private struct State {
        var pieces: [ByteBuffer] = []
        var bytes = 0
        var counted = 0
        var reserved = 0
        var isReleased = false
    }

    private let budget: PartBudget
    private let state = Mutex(State())

    init(budget: PartBudget) { self.budget = budget }

    deinit { release() }

    /// How many bytes are here.
    var bytes: Int { state.withLock { $0.bytes } }

    /// The bytes, in order.
    var pieces: [ByteBuffer] { state.withLock { $0.pieces.filter { $0.readableBytes > 0 } } }

    var pieceCount: Int { state.withLock { $0.counted } }
    var reservedPieces: Int { state.withLock { $0.reserved } }

    func countPiece(isReserved: Bool) {
        state.withLock {
            $0.counted += 1
            if isReserved { $0.reserved += 1 }
        }
    }

    /// Takes bytes until there is a number of them here.
    ///
    /// - Throws: `CancellationError` while it waits for memory.
    func fill(from source: inout ByteBuffer, upTo limit: Int) async throws {
        while source.readableBytes > 0, bytes < limit {
            if !append(from: &source, upTo: limit) {
                let piece = try await budget.take(for: self)
                state.withLock { $0.pieces.append(piece) }
            }
        }
    }

    /// Gives the memory back.
    func release() {
        let pieces = state.withLock { state -> [ByteBuffer]? in
            guard !state.isReleased else { return nil }
            state.isReleased = true
            defer { state.pieces = [] }
            return state.pieces
        }
        if let pieces, !pieces.isEmpty { budget.giveBack(pieces, of: self) }
    }

    /// Copies what fits into the last piece; false when there is no room in it.
    private func append(from source: inout ByteBuffer, upTo limit: Int) -> Bool {
        state.withLock { state in
            guard let last = state.pieces.indices.last else { return false }
            let room = PartBudget.pieceBytes - state.pieces[last].readableBytes
            let count = min(room, source.readableBytes, limit - state.bytes)
            guard count > 0, var slice = source.readSlice(length: count) else { return false }
            state.pieces[last].writeBuffer(&slice)
            state.bytes += count
            return true
        }
    }
}
