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

    let source: SourceList.Entry
    /// With a known length.
    let version: SourceVersion
    let fetcher: any SourceFetcher
    let upload: any PositionedUpload
    let board: PieceBoard
    let progress: AttemptProgress
    let recorder: FlightRecorder
    let throttle: Throttle
    /// Whether a further connection ends with each piece, so that its slot is given back and taken anew.
    let bringsOnePieceAtATime: Bool
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
                if isExtra, bringsOnePieceAtATime { return .idle }
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
        let request = SourceRequest(url: source.url, range: range, headers: source.headers)
        var note = recorder.begin(request, source: source.index)
        do {
            let isRight = try await bring(piece, by: request, noting: &note, &position, &digest)
            recorder.end(note)
            return isRight
        } catch {
            note.fail(error)
            recorder.end(note)
            throw error
        }
    }

    private func bring(
        _ piece: Range<Int64>, by request: SourceRequest, noting note: inout RequestNote, _ position: inout Int64,
        _ digest: inout CRC64
    ) async throws -> Bool {
        let response = try await fetcher.fetch(request)
        note.take(response)
        var track = SourceTrack(version: version, position: piece.lowerBound)
        _ = track.nextRange()
        let verdict = track.judge(
            status: response.status, fields: response.fields, contentLength: response.contentLength)
        guard verdict == .rest(Int64(piece.count)) else {
            note.discard("not the part that was asked for")
            return false
        }
        for try await chunk in response.body {
            guard position + Int64(chunk.readableBytes) <= piece.upperBound else { return false }
            try await upload.write(chunk, at: position)
            digest.update(chunk)
            position += Int64(chunk.readableBytes)
            progress.receive(bytes: chunk.readableBytes)
            board.receive(chunk.readableBytes)
            note.receive(chunk.readableBytes)
            _ = try await throttle.pass(chunk.readableBytes)
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
