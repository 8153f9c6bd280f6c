import NIOCore
import TowlineCore
import TowlineObjects
import TowlineStore

/// One attempt: fetches the source, streams it to the attempt's own key and says how it ended.
struct PullAttempt: Sendable {
    let claim: ClaimedJob
    let fetcher: any SourceFetcher
    let store: any JobStore
    let objects: any ObjectStore
    let configuration: PullConfiguration
    let clock: any MonotonicClock
    let progress: AttemptProgress
    let slots: OriginSlots
    /// What all transfers of this node share; nil without a limit.
    let bandwidth: BandwidthLimit?
    let random: @Sendable () -> Double

    /// Runs the attempt to its end.
    ///
    /// Never throws: what goes wrong is in the report.
    func run() async -> JobAttemptReport {
        var record = JobAttemptRecord()
        var leftover = AttemptLeftover.nothing
        var digests: ContentDigests?
        let recorder = FlightRecorder(clock: clock)
        var originPause: Duration?
        let result = await result(
            record: &record, leftover: &leftover, digests: &digests, originPause: &originPause, recorder: recorder)
        record.duration = clock.elapsed - progress.startedAt
        record.bytesReceived = progress.received
        switch result {
        case .stored, .released: break
        case .failed(let failure): record.failure = failure
        case .retry(let failure, let wait, _):
            record.failure = failure
            recorder.note { $0.nextAttemptAfter = wait }
        }
        record.recording = recorder.recording
        return JobAttemptReport(
            job: claim.job.id, lease: claim.lease, result: result, record: record, leftover: leftover,
            digests: digests, originPause: originPause)
    }

    private func result(
        record: inout JobAttemptRecord, leftover: inout AttemptLeftover, digests: inout ContentDigests?,
        originPause: inout Duration?, recorder: FlightRecorder
    ) async -> JobAttemptResult {
        let sources: SourceList
        do {
            sources = try SourceList(claim.job.request, first: claim.resume?.checkpoint.source ?? 0)
        } catch {
            return .failed(JobFailure(.urlInvalid, error.description))
        }
        var transfer = PullTransfer(
            claim: claim, sources: sources, fetcher: fetcher, objects: objects, configuration: configuration,
            clock: clock, progress: progress, extras: ExtraSlots(slots: slots, store: store, claim: claim),
            ledger: CheckpointLedger(progress: progress, hasRecorded: claim.resume != nil, store: store),
            recorder: recorder, throttle: throttle(recorder))
        let result = await run(&transfer, record: &record, leftover: &leftover, digests: &digests)
        await transfer.leaveMirror()
        originPause = transfer.originPause
        if let pause = transfer.originPause { recorder.note { $0.retryAfter = pause } }
        return result
    }

    private func throttle(_ recorder: FlightRecorder) -> Throttle {
        let own = configuration.transferMaxBytesPerSecond
        let limits = [bandwidth, own > 0 ? BandwidthLimit(bytesPerSecond: own, now: clock.elapsed) : nil]
        return Throttle(limits: limits.compactMap(\.self), clock: clock, recorder: recorder)
    }

    private func run(
        _ transfer: inout PullTransfer, record: inout JobAttemptRecord, leftover: inout AttemptLeftover,
        digests: inout ContentDigests?
    ) async -> JobAttemptResult {
        do {
            guard claim.runAge < configuration.totalTimeout else { throw configuration.totalTimeoutFailure }
            try await transfer.receive(noting: &record)
            progress.enter(.downloaded)
            progress.expect(total: transfer.bytes)
            try Task.checkCancellation()
            progress.enter(.uploading)
            let small = try await transfer.finish()
            digests = transfer.digests
            return .stored(bytes: transfer.bytes, small: small)
        } catch {
            if error is CancellationError || Task.isCancelled {
                leftover = await transfer.leave()
                return .released
            }
            let failure = failure(for: error, record: &record)
            let result = followUp(
                to: failure, hasMadeProgress: transfer.hasMadeProgress, atLeast: transfer.originPause)
            // What a store has that failed is not trusted; what a failed run has is of no use.
            if case .retry = result, !(error is ObjectStoreError) {
                leftover = await transfer.leave()
            } else {
                await transfer.abort()
            }
            return result
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
        default: return JobFailure(.internalError, "the attempt failed: \(type(of: error))")
        }
    }

    private func followUp(
        to failure: JobFailure, hasMadeProgress: Bool, atLeast: Duration?
    ) -> JobAttemptResult {
        let remaining = configuration.totalTimeout - claim.runAge - (clock.elapsed - progress.startedAt)
        let decision = configuration.retry.decide(
            after: failure, fruitless: hasMadeProgress ? 0 : claim.fruitless, atLeast: atLeast ?? .zero,
            remaining: remaining, random: random())
        switch decision {
        case .giveUp: return .failed(failure)
        case .retry(let wait): return .retry(failure, after: wait, madeProgress: hasMadeProgress)
        }
    }
}
