import NIOCore
import TowlineCore
import TowlineObjects
import TowlineStore

/// One attempt: fetches the source, streams it to the attempt's own key and says how it ended.
struct PullAttempt: Sendable {
    let claim: ClaimedJob
    let fetcher: any SourceFetcher
    let objects: any ObjectStore
    let configuration: PullConfiguration
    let clock: any MonotonicClock
    let progress: AttemptProgress
    let random: @Sendable () -> Double

    /// Runs the attempt to its end.
    ///
    /// Never throws: what goes wrong is in the report.
    func run() async -> JobAttemptReport {
        var record = JobAttemptRecord()
        let result = await result(record: &record)
        record.duration = clock.elapsed - progress.startedAt
        record.bytesReceived = progress.received
        switch result {
        case .stored, .released: break
        case .failed(let failure), .retry(let failure, _, _): record.failure = failure
        }
        return JobAttemptReport(job: claim.job.id, lease: claim.lease, result: result, record: record)
    }

    private func result(record: inout JobAttemptRecord) async -> JobAttemptResult {
        do {
            return try await pull(record: &record)
        } catch {
            if error is CancellationError || Task.isCancelled { return .released }
            return followUp(to: failure(for: error, record: &record))
        }
    }

    private func failure(for error: any Error, record: inout JobAttemptRecord) -> JobFailure {
        switch error {
        case let error as SourceError:
            record.httpStatus = error.httpStatus ?? record.httpStatus
            record.address = error.address ?? record.address
            if !error.redirects.isEmpty { record.redirects = error.redirects }
            return error.failure
        case let error as JobFailure: return error
        case let error as ObjectStoreError: return JobFailure(.storageFailed, error.message)
        case let error as HTTPURLError: return JobFailure(.urlInvalid, error.description)
        default: return JobFailure(.internalError, "the attempt failed: \(type(of: error))")
        }
    }

    private func followUp(to failure: JobFailure) -> JobAttemptResult {
        let remaining = configuration.totalTimeout - claim.runAge - (clock.elapsed - progress.startedAt)
        let decision = configuration.retry.decide(
            after: failure, fruitless: claim.fruitless, remaining: remaining, random: random())
        switch decision {
        case .giveUp: return .failed(failure)
        // Every attempt starts afresh, so that none builds on what another received.
        case .retry(let wait): return .retry(failure, after: wait, madeProgress: false)
        }
    }

    private func pull(record: inout JobAttemptRecord) async throws -> JobAttemptResult {
        guard claim.runAge < configuration.totalTimeout else { throw totalTimeout }
        let response = try await fetcher.fetch(try HTTPURL(parsing: claim.job.request.displayURL))
        record.httpStatus = response.status
        record.address = response.address
        record.redirects = response.redirects
        progress.expect(total: response.contentLength ?? claim.job.request.metadata.expectedBytes)
        if let length = response.contentLength, length > configuration.maxBytes { throw tooLarge(length) }

        var sink = ObjectSink(
            objects: objects, key: claim.objectKey, expectedBytes: response.contentLength,
            smallObjectBytes: configuration.smallObjectBytes)
        do {
            try await receive(response.body, into: &sink)
            guard response.contentLength == nil || response.contentLength == progress.received else {
                throw JobFailure(
                    .sourceTruncated,
                    "the source announced \(response.contentLength ?? 0) bytes and sent "
                        + "\(progress.received)")
            }
            progress.enter(.downloaded)
            progress.expect(total: progress.received)
            try Task.checkCancellation()
            progress.enter(.uploading)
            let small = try await sink.finish()
            return .stored(bytes: progress.received, small: small)
        } catch {
            await sink.abort()
            throw error
        }
    }

    private func receive(
        _ body: any AsyncSequence<ByteBuffer, any Error> & Sendable, into sink: inout ObjectSink
    ) async throws {
        var floor = SpeedFloor(
            bytesPerSecond: configuration.minBytesPerSecond, window: configuration.speedWindow, now: clock.elapsed)
        for try await chunk in body {
            progress.receive(bytes: chunk.readableBytes)
            guard progress.received <= configuration.maxBytes else { throw tooLarge(nil) }
            let now = clock.elapsed
            guard floor.isFastEnough(after: chunk.readableBytes, now: now) else {
                throw JobFailure(
                    .sourceTimeout,
                    "the source sent less than \(configuration.minBytesPerSecond) bytes a second over "
                        + "\(configuration.speedWindow)")
            }
            guard claim.runAge + (now - progress.startedAt) < configuration.totalTimeout else { throw totalTimeout }
            try await sink.write(chunk)
        }
        try Task.checkCancellation()
    }

    private var totalTimeout: JobFailure {
        JobFailure(
            .sourceTimeout, "the run took longer than \(configuration.totalTimeout) (pull.total-timeout-seconds)")
    }

    private func tooLarge(_ length: Int64?) -> JobFailure {
        let size = length.map { "the file has \($0) bytes" } ?? "the file goes on"
        return JobFailure(.fileTooLarge, "\(size); the limit is \(configuration.maxBytes) bytes (pull.max-bytes)")
    }
}
