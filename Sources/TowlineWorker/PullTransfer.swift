import NIOCore
import TowlineCore
import TowlineObjects
import TowlineStore

/// The way of one file from its source into one object, over as many connections as bring it forward.
struct PullTransfer {
    /// How often one attempt may find that what it has is of no use.
    private static let mostRestarts = 3

    let claim: ClaimedJob
    let fetcher: any SourceFetcher
    let objects: any ObjectStore
    let configuration: PullConfiguration
    let clock: any MonotonicClock
    let progress: AttemptProgress
    let extras: ExtraSlots
    let ledger: CheckpointLedger
    let recorder: FlightRecorder
    let throttle: Throttle
    var sources: SourceList

    var track = SourceTrack()
    var sink: ObjectSink
    private var floor: SpeedFloor
    var plan: CheckpointPlan
    var entry: CheckpointLedger.Entry?
    /// Whether what earlier attempts left is taken over, or was found to be of no use.
    var hasResumed = false
    /// Whether bytes were written that are in no checkpoint.
    var isAhead = false
    /// Whether several connections were tried.
    var hasTriedPieces = false
    /// Where and when the connection began.
    var connection: (position: Int64, time: Duration)
    /// What one connection brings, once several are to be tried.
    private var rate: Double?
    /// The most bytes of the file that were ever here at the end of a connection.
    var furthest: Int64
    private var start: Int64
    /// Answers of the current URL that were of no use.
    private var restarts = 0
    /// The origin of the mirror in use, whose slot this transfer holds.
    private var mirrorOrigin: String?
    /// What the job's own origin asked for in `Retry-After`.
    private(set) var originPause: Duration?

    /// A transfer for a claim.
    init(
        claim: ClaimedJob, sources: SourceList, fetcher: any SourceFetcher, objects: any ObjectStore,
        configuration: PullConfiguration, clock: any MonotonicClock, progress: AttemptProgress, extras: ExtraSlots,
        ledger: CheckpointLedger, recorder: FlightRecorder, throttle: Throttle
    ) {
        self.sources = sources
        self.recorder = recorder
        self.throttle = throttle
        self.claim = claim
        self.fetcher = fetcher
        self.objects = objects
        self.configuration = configuration
        self.clock = clock
        self.progress = progress
        self.extras = extras
        self.ledger = ledger
        start = claim.resume?.checkpoint.bytes ?? 0
        furthest = start
        connection = (0, clock.elapsed)
        sink = ObjectSink(
            objects: objects, key: claim.objectKey, smallObjectBytes: configuration.smallObjectBytes,
            expected: claim.job.request.metadata.expected)
        floor = SpeedFloor(
            bytesPerSecond: configuration.minBytesPerSecond, window: configuration.speedWindow, now: clock.elapsed)
        plan = CheckpointPlan(
            bytes: configuration.checkpointBytes, time: configuration.checkpointTime, recorded: 0, now: clock.elapsed)
    }

    /// Bytes of the file that are here.
    var bytes: Int64 { track.position }

    /// The digests of what is here.
    var digests: ContentDigests { sink.digest.value }

    var expected: ExpectedContent { claim.job.request.metadata.expected }

    /// Whether the attempt brought the file on so far that the count of attempts starts anew.
    var hasMadeProgress: Bool { track.version != nil && track.position - start >= configuration.progressBytes }

    /// The origin in use, whose limit further connections count against.
    var origin: String { mirrorOrigin ?? claim.job.request.origin }

    /// Receives the whole file, from the first of its URLs that brings it.
    ///
    /// - Parameter record: Is told what is known about the last connection.
    /// - Throws: ``SourceError``, `JobFailure`, ``ObjectStoreError``, ``StoreError``, `CancellationError`.
    mutating func receive(noting record: inout JobAttemptRecord) async throws {
        try await takeSlotOfFirstMirror()
        try await resume()
        repeat {
            try Task.checkCancellation()
            do {
                try await receiveOverOne(noting: &record)
                if let rate {
                    self.rate = nil
                    try await receiveInPieces(rate: rate)
                }
            } catch {
                try await moveOn(after: error)
            }
        } while !track.isComplete
    }

    /// Takes the slot of a mirror that an earlier attempt left bytes of: the claim's own is that of the job's origin.
    private mutating func takeSlotOfFirstMirror() async throws {
        let first = sources.current
        guard first.index > 0, first.url.origin != claim.job.request.origin else { return }
        guard await extras.take(first.url.origin) else {
            throw JobFailure(.sourceUnavailable, "the limit of the mirror's origin is reached")
        }
        mirrorOrigin = first.url.origin
    }

    /// Goes to the next URL of the file, from its beginning.
    ///
    /// - Throws: What the attempt failed with, when no URL is left or the cause is none of the source's.
    private mutating func moveOn(after error: any Error) async throws {
        let failure: JobFailure
        switch error {
        case let error as SourceError:
            failure = error.failure
            if sources.current.index == 0 { originPause = error.retryAfter }
        case let error as JobFailure: failure = error
        default: throw error
        }
        guard SourceList.isOfOneSource(failure.code), !Task.isCancelled else { throw error }
        var latest = failure
        while sources.moveOn(after: latest) {
            if try await enterCurrent() { return }
            latest = JobFailure(.sourceUnavailable, "the limit of the mirror's origin is reached")
        }
        let final = sources.failure(last: failure)
        guard var known = error as? SourceError else { throw final }
        known.failure = final
        throw known
    }

    /// Begins anew with the current URL.
    ///
    /// - Returns: False when its origin has no room.
    private mutating func enterCurrent() async throws -> Bool {
        let next = sources.current.url.origin
        if next != origin {
            await leaveMirror()
            if next != claim.job.request.origin {
                guard await extras.take(next) else { return false }
                mirrorOrigin = next
            }
        }
        track.restart()
        try await startAfresh()
        restarts = 0
        hasTriedPieces = false
        furthest = 0
        start = 0
        return true
    }

    /// Gives the slot of a mirror's origin back.
    mutating func leaveMirror() async {
        guard let held = mirrorOrigin else { return }
        mirrorOrigin = nil
        await extras.giveBack(held)
    }

    /// Receives what one connection brings; it is closed when this returns.
    private mutating func receiveOverOne(noting record: inout JobAttemptRecord) async throws {
        let source = sources.current
        let request = SourceRequest(url: source.url, range: track.nextRange(), headers: source.headers)
        var note = recorder.begin(request, source: source.index)
        do {
            progress.awaitSource(since: clock.elapsed)
            let response = try await fetcher.fetch(request)
            note.take(response)
            record.httpStatus = response.status
            record.address = response.address
            record.redirects = response.redirects
            try await receive(response, noting: &note)
            recorder.end(note)
        } catch {
            note.fail(error)
            recorder.end(note)
            throw error
        }
    }

    /// Receives an answer, as far as it is of use.
    private mutating func receive(_ response: SourceResponse, noting note: inout RequestNote) async throws {
        let isFresh = track.position == 0
        let expected: Int64?
        switch track.judge(
            status: response.status, fields: response.fields, contentLength: response.contentLength)
        {
        case .refused(let failure): throw failure
        case .afresh(let reason):
            restarts += 1
            guard restarts <= Self.mostRestarts else { throw JobFailure(.sourceUnavailable, reason) }
            note.discard("starts afresh: \(reason)")
            track.restart()
            return try await startAfresh()
        case .whole:
            if !isFresh { try await startAfresh() }
            expected = track.total
            sink.expect(bytes: expected)
        case .rest(let count): expected = count
        }
        progress.expect(total: track.total ?? claim.job.request.metadata.expectedBytes)
        if let total = track.total { try check(total: total) }
        try await receive(response, expected: expected, noting: &note)
    }

    /// Makes the object durable, if it is what the caller expects.
    ///
    /// - Returns: The bytes of a small object, which ride in the terminal transaction.
    mutating func finish() async throws -> [UInt8]? {
        if !expected.isEmpty, let failure = expected.judge(bytes: bytes, digests: digests) { throw failure }
        ledger.end()
        let small = try await sink.finish()
        _ = try? await entry?.work.value
        return small
    }

    /// Ends a transfer that did not come to its end, and drops what it has.
    mutating func abort() async {
        ledger.end()
        _ = try? await entry?.work.value
        await sink.abort()
    }

    /// Ends a transfer that did not come to its end, and leaves what it has to the next attempt where that is possible.
    mutating func leave() async -> AttemptLeftover {
        _ = try? await entry?.work.value
        if !hasResumed, claim.resume != nil { return .recorded }
        guard let upload = sink.resumable, let checkpoint else {
            await sink.abort()
            return .nothing
        }
        var left: TransferCheckpoint? = checkpoint
        if progress.isRevoked {
            // Only what was recorded may be left: nothing can be recorded any more.
            guard ledger.hasRecorded else {
                await sink.abort()
                return .nothing
            }
        } else {
            do {
                if isAhead { left = checkpoint.limited(to: try await upload.sync(isLast: true)) }
            } catch {
                left = nil
            }
        }
        guard let left else {
            await sink.abort()
            return .nothing
        }
        await upload.leave()
        return progress.isRevoked ? .recorded : .checkpoint(left)
    }

    /// What a checkpoint of this moment says; nil where nothing could be gone on with.
    var checkpoint: TransferCheckpoint? {
        guard let version = track.version, track.position > 0 else { return nil }
        return TransferCheckpoint(
            version: version, bytes: track.position, crc64: sink.digest.crc64.value, source: sources.current.index)
    }

    /// Forgets what is here, and that it was recorded, before other bytes take its place.
    private mutating func startAfresh() async throws {
        try await settle()
        if ledger.hasRecorded { try await ledger.forget() }
        try await sink.restart()
        plan.restart(now: clock.elapsed)
        isAhead = false
        progress.place(at: 0)
    }

    // MARK: One connection

    private mutating func receive(
        _ response: SourceResponse, expected: Int64?, noting note: inout RequestNote
    ) async throws {
        let first = track.position
        connection = (first, clock.elapsed)
        do {
            for try await chunk in response.body {
                guard track.position - first + Int64(chunk.readableBytes) <= expected ?? .max else {
                    throw SourceError(JobFailure(.sourceUnavailable, "the source sent more than it announced"))
                }
                note.receive(chunk.readableBytes)
                try await take(chunk)
                rate = rateWorthSplitting(now: clock.elapsed)
                if rate != nil { return }
            }
            try Task.checkCancellation()
            guard track.position - first == expected ?? track.position - first else {
                throw JobFailure.truncated(announced: expected ?? 0, sent: track.position - first)
            }
            track.endOfWhole()
            if track.isComplete { return }
            throw JobFailure.truncated(announced: track.total ?? 0, sent: track.position)
        } catch {
            guard canGoOn(after: error) else { throw error }
            note.fail(error)
            furthest = track.position
        }
    }

    private mutating func take(_ chunk: ByteBuffer) async throws {
        progress.receive(bytes: chunk.readableBytes)
        try check(position: track.position + Int64(chunk.readableBytes))
        let now = clock.elapsed
        try check(received: Int64(chunk.readableBytes), now: now)
        try await sink.write(chunk)
        track.receive(chunk.readableBytes)
        isAhead = true
        try await writeDown(now: now)
        floor.excuse(try await throttle.pass(chunk.readableBytes))
        progress.awaitSource(since: clock.elapsed)
    }

    /// Whether another connection may go on at once: only one that brought the file on is followed by another.
    func canGoOn(after error: any Error) -> Bool {
        guard !Task.isCancelled, track.version != nil, track.position - furthest >= configuration.progressBytes else {
            return false
        }
        switch error {
        case let error as SourceError: return error.failure.code.isRetryable
        case let error as JobFailure: return error.code == .sourceTruncated
        default: return false
        }
    }

    /// Takes note that bytes were kept back for a while.
    mutating func excuse(_ wait: Duration) { floor.excuse(wait) }

    /// Ends a transfer that is too slow or takes too long.
    mutating func check(received: Int64, now: Duration) throws {
        guard floor.isFastEnough(after: Int(received), now: now) else {
            throw JobFailure(
                .sourceTimeout,
                "the source sent less than \(configuration.minBytesPerSecond) bytes a second over "
                    + "\(configuration.speedWindow)")
        }
        guard claim.runAge + (now - progress.startedAt) < configuration.totalTimeout else {
            throw configuration.totalTimeoutFailure
        }
    }

    /// Refuses a file by the length that the source announced.
    private func check(total: Int64) throws {
        if let failure = expected.judge(bytes: total) { throw failure }
        if total > configuration.maxBytes { throw tooLarge(total) }
    }

    /// Stops a file that is longer than it may be, where nothing was announced.
    private func check(position: Int64) throws {
        if let most = expected.bytes, position > most, let failure = expected.judge(bytes: position) { throw failure }
        if position > configuration.maxBytes { throw tooLarge(nil) }
    }

    private func tooLarge(_ length: Int64?) -> JobFailure {
        let size = length.map { "the file has \($0) bytes" } ?? "the file goes on"
        return JobFailure(.fileTooLarge, "\(size); the limit is \(configuration.maxBytes) bytes (pull.max-bytes)")
    }
}

extension JobFailure {
    fileprivate static func truncated(announced: Int64, sent: Int64) -> JobFailure {
        JobFailure(.sourceTruncated, "the source announced \(announced) bytes and sent \(sent)")
    }
}

extension PullConfiguration {
    /// Why a run ends that takes too long.
    var totalTimeoutFailure: JobFailure {
        JobFailure(.sourceTimeout, "the run took longer than \(totalTimeout) (pull.total-timeout-seconds)")
    }
}
