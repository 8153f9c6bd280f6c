import NIOCore
import TowlineCore
import TowlineObjects
import TowlineStore

/// The way of one file from its source into one object, over as many connections as bring it forward.
struct PullTransfer {
    /// How often one attempt may find that what it has is of no use.
    private static let mostRestarts = 3
    /// How much is read back at once to check what an earlier attempt left.
    private static let readBackBytes = 256 << 10

    private let claim: ClaimedJob
    private let fetcher: any SourceFetcher
    private let objects: any ObjectStore
    private let configuration: PullConfiguration
    private let clock: any MonotonicClock
    private let progress: AttemptProgress
    private let ledger: CheckpointLedger

    private var track = SourceTrack()
    private var sink: ObjectSink
    private var floor: SpeedFloor
    private var plan: CheckpointPlan
    private var entry: CheckpointLedger.Entry?
    /// Whether what earlier attempts left is taken over, or was found to be of no use.
    private var hasResumed = false
    /// Whether bytes were written that are in no checkpoint.
    private var isAhead = false
    /// The most bytes of the file that were ever here at the end of a connection.
    private var furthest: Int64
    private let start: Int64

    /// A transfer for a claim.
    init(
        claim: ClaimedJob, fetcher: any SourceFetcher, objects: any ObjectStore, configuration: PullConfiguration,
        clock: any MonotonicClock, progress: AttemptProgress, ledger: CheckpointLedger
    ) {
        self.claim = claim
        self.fetcher = fetcher
        self.objects = objects
        self.configuration = configuration
        self.clock = clock
        self.progress = progress
        self.ledger = ledger
        start = claim.resume?.checkpoint.bytes ?? 0
        furthest = start
        sink = ObjectSink(
            objects: objects, key: claim.objectKey, smallObjectBytes: configuration.smallObjectBytes)
        floor = SpeedFloor(
            bytesPerSecond: configuration.minBytesPerSecond, window: configuration.speedWindow, now: clock.elapsed)
        plan = CheckpointPlan(
            bytes: configuration.checkpointBytes, time: configuration.checkpointTime, recorded: 0, now: clock.elapsed)
    }

    /// Bytes of the file that are here.
    var bytes: Int64 { track.position }

    /// Whether the attempt brought the file on so far that the count of attempts starts anew.
    var hasMadeProgress: Bool { track.version != nil && track.position - start >= configuration.progressBytes }

    /// Receives the whole file.
    ///
    /// - Parameter record: Is told what is known about the last connection.
    /// - Throws: ``SourceError``, `JobFailure`, ``ObjectStoreError``, ``StoreError``, `HTTPURLError`,
    ///   `CancellationError`.
    mutating func receive(noting record: inout JobAttemptRecord) async throws {
        let url = try HTTPURL(parsing: claim.job.request.displayURL)
        try await resume()
        var restarts = 0
        repeat {
            try Task.checkCancellation()
            let response = try await fetcher.fetch(SourceRequest(url: url, range: track.nextRange()))
            record.httpStatus = response.status
            record.address = response.address
            record.redirects = response.redirects
            let isFresh = track.position == 0
            let expected: Int64?
            switch track.judge(
                status: response.status, fields: response.fields, contentLength: response.contentLength)
            {
            case .refused(let failure): throw failure
            case .afresh(let reason):
                restarts += 1
                guard restarts <= Self.mostRestarts else { throw JobFailure(.sourceUnavailable, reason) }
                track.restart()
                try await startAfresh()
                continue
            case .whole:
                if !isFresh { try await startAfresh() }
                expected = track.total
                sink.expect(bytes: expected)
            case .rest(let count): expected = count
            }
            progress.expect(total: track.total ?? claim.job.request.metadata.expectedBytes)
            if let total = track.total, total > configuration.maxBytes { throw tooLarge(total) }
            try await receive(response, expected: expected)
        } while !track.isComplete
    }

    /// Makes the object durable.
    ///
    /// - Returns: The bytes of a small object, which ride in the terminal transaction.
    mutating func finish() async throws -> [UInt8]? {
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
        if progress.isRevoked {
            // Only what was recorded may be left: nothing can be recorded any more.
            guard ledger.hasRecorded else {
                await sink.abort()
                return .nothing
            }
        } else {
            do {
                if isAhead { try await upload.sync() }
            } catch {
                await sink.abort()
                return .nothing
            }
        }
        await upload.leave()
        return progress.isRevoked ? .recorded : .checkpoint(checkpoint)
    }

    /// What a checkpoint of this moment says; nil where nothing could be gone on with.
    private var checkpoint: TransferCheckpoint? {
        guard let version = track.version, track.position > 0 else { return nil }
        return TransferCheckpoint(version: version, bytes: track.position, crc64: sink.crc64.value)
    }

    // MARK: What earlier attempts left

    private mutating func resume() async throws {
        defer { hasResumed = true }
        guard let point = claim.resume else { return }
        let checkpoint = point.checkpoint
        guard let objects = objects as? any ResumableObjectStore,
            let upload = try await objects.takeOver(point.keys, as: claim.objectKey, bytes: checkpoint.bytes)
        else { return try await ledger.forget() }
        guard try await isIntact(upload, checkpoint) else {
            try await ledger.forget()
            return await upload.abort()
        }
        sink.goOn(with: upload, crc64: CRC64(checkpoint.crc64))
        track = SourceTrack(checkpoint)
        plan = CheckpointPlan(
            bytes: configuration.checkpointBytes, time: configuration.checkpointTime, recorded: checkpoint.bytes,
            now: clock.elapsed)
        progress.place(at: checkpoint.bytes)
        try await ledger.record(checkpoint)
    }

    /// Reads back what an earlier attempt left: what counts is what is on disk.
    private func isIntact(_ upload: any ResumableUpload, _ checkpoint: TransferCheckpoint) async throws -> Bool {
        var digest = CRC64()
        var offset: Int64 = 0
        while offset < checkpoint.bytes {
            try Task.checkCancellation()
            let bytes = try await upload.read(
                at: offset, count: Int(min(Int64(Self.readBackBytes), checkpoint.bytes - offset)))
            guard bytes.readableBytes > 0 else { return false }
            digest.update(bytes)
            offset += Int64(bytes.readableBytes)
        }
        return digest.value == checkpoint.crc64
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

    private mutating func receive(_ response: SourceResponse, expected: Int64?) async throws {
        let first = track.position
        do {
            for try await chunk in response.body {
                guard track.position - first + Int64(chunk.readableBytes) <= expected ?? .max else {
                    throw SourceError(JobFailure(.sourceUnavailable, "the source sent more than it announced"))
                }
                try await take(chunk)
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
            furthest = track.position
        }
    }

    private mutating func take(_ chunk: ByteBuffer) async throws {
        progress.receive(bytes: chunk.readableBytes)
        guard track.position + Int64(chunk.readableBytes) <= configuration.maxBytes else { throw tooLarge(nil) }
        let now = clock.elapsed
        guard floor.isFastEnough(after: chunk.readableBytes, now: now) else {
            throw JobFailure(
                .sourceTimeout,
                "the source sent less than \(configuration.minBytesPerSecond) bytes a second over "
                    + "\(configuration.speedWindow)")
        }
        guard claim.runAge + (now - progress.startedAt) < configuration.totalTimeout else {
            throw configuration.totalTimeoutFailure
        }
        try await sink.write(chunk)
        track.receive(chunk.readableBytes)
        isAhead = true
        try await writeDown(now: now)
    }

    /// Whether another connection may go on at once: only one that brought the file on is followed by another.
    private func canGoOn(after error: any Error) -> Bool {
        guard !Task.isCancelled, track.version != nil, track.position - furthest >= configuration.progressBytes else {
            return false
        }
        switch error {
        case let error as SourceError: return error.failure.code.isRetryable
        case let error as JobFailure: return error.code == .sourceTruncated
        default: return false
        }
    }

    /// Keeps the checkpoints going.
    private mutating func writeDown(now: Duration) async throws {
        guard track.version != nil, let upload = sink.resumable else { return }
        if let entry, entry.isOver.isSet { try await settle() }
        var step = plan.step(position: track.position, now: now)
        if step == .wait {
            try await settle()
            step = plan.step(position: track.position, now: now)
        }
        guard step == .begin, let checkpoint else { return }
        plan.begin(position: track.position, now: now)
        entry = ledger.begin(checkpoint, of: upload)
    }

    /// Waits for the checkpoint that was begun.
    private mutating func settle() async throws {
        guard let entry else { return }
        self.entry = nil
        plan.end()
        try await entry.work.value
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
