import NIOCore
import TowlineCore
import TowlineObjects
import TowlineStore

/// One of several connections that bring pieces of one file to their places.
struct PieceWorker: Sendable {
    /// Why a connection brings no more.
    enum End: Sendable {
        /// There is no piece to take for now.
        case idle
        /// The source does not send the pieces that it is asked for.
        case refused
        /// It failed.
        case failed(any Error)
        /// Not a connection: it is time to measure.
        case tick

        /// Waits, and says that it is time to measure.
        static func tick(after time: Duration, on clock: any MonotonicClock) async throws -> End {
            try await clock.sleep(for: time)
            return .tick
        }
    }

    let url: HTTPURL
    /// With a known length.
    let version: SourceVersion
    let fetcher: any SourceFetcher
    let upload: any PositionedUpload
    let board: PieceBoard
    let progress: AttemptProgress
    /// Whether further connections should make room for other transfers.
    let isSurplus: @Sendable () -> Bool

    /// Brings pieces until there are none, or something goes wrong.
    ///
    /// - Parameter isExtra: Whether the connection is one beside the transfer's own.
    /// - Returns: Why it ends.
    func run(isExtra: Bool) async -> End {
        while !Task.isCancelled, !(isExtra && isSurplus()), !board.takeDismissal(), let piece = board.take() {
            var position = piece.lowerBound
            var digest = CRC64()
            do {
                let isRight = try await bring(piece, &position, &digest)
                board.end(piece, at: position, crc64: digest)
                if !isRight { return .refused }
            } catch {
                board.end(piece, at: position, crc64: digest)
                return .failed(error)
            }
        }
        return Task.isCancelled ? .failed(CancellationError()) : .idle
    }

    /// Brings one piece.
    ///
    /// - Returns: Whether the source sent what it was asked for.
    private func bring(
        _ piece: Range<Int64>, _ position: inout Int64, _ digest: inout CRC64
    ) async throws -> Bool {
        let range = SourceRange(
            first: piece.lowerBound, last: piece.upperBound - 1, validator: version.validator)
        let response = try await fetcher.fetch(SourceRequest(url: url, range: range))
        var track = SourceTrack(version: version, position: piece.lowerBound)
        _ = track.nextRange()
        let verdict = track.judge(
            status: response.status, fields: response.fields, contentLength: response.contentLength)
        guard verdict == .rest(Int64(piece.count)) else { return false }
        for try await chunk in response.body {
            guard position + Int64(chunk.readableBytes) <= piece.upperBound else { return false }
            try await upload.write(chunk, at: position)
            digest.update(chunk)
            position += Int64(chunk.readableBytes)
            progress.receive(bytes: chunk.readableBytes)
            board.receive(chunk.readableBytes)
        }
        try Task.checkCancellation()
        guard position == piece.upperBound else {
            throw JobFailure(
                .sourceTruncated,
                "the source announced \(piece.count) bytes and sent \(position - piece.lowerBound)")
        }
        return true
    }
}
