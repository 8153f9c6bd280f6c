import NIOCore
import TowlineCore
import TowlineObjects
import TowlineStore

extension PullTransfer {
    /// Whether several connections are worth a try, and what one of them brings in bytes a second.
    ///
    /// They are when the rest would take one connection long, and the source has shown a version to ask parts of.
    func rateWorthSplitting(now: Duration) -> Double? {
        let time = now - connection.time
        guard !hasTriedPieces, time >= configuration.trialTime, configuration.maxConnections > 1,
            track.version != nil, let total = track.total
        else { return nil }
        let rest = total - track.position
        let rate = Double(track.position - connection.position) / max(time.seconds, 1e-6)
        guard rest >= 4 * configuration.pieceBytes, Double(rest) / rate >= configuration.worthwhileTime.seconds,
            sink.resumable is any PositionedUpload, extras.room(origin) > 0
        else { return nil }
        return rate
    }

    /// Receives pieces over several connections, as many as pay, until the file is here or one connection is better.
    ///
    /// Leaves the transfer as one connection would have: with a beginning without a gap and its digests.
    ///
    /// - Throws: What the last connection failed with.
    mutating func receiveInPieces(rate: Double) async throws {
        hasTriedPieces = true
        guard let version = track.version, let total = track.total,
            let upload = sink.resumable as? any PositionedUpload
        else { return }
        try await settle()
        let first = track.position
        let most = min(configuration.maxConnections, 1 + extras.room(origin))
        let window = 2 * configuration.pieceBytes * Int64(configuration.maxConnections)
        let board = PieceBoard(
            PiecePlan(
                total: total, prefix: first, crc64: sink.digest.crc64, pieceBytes: configuration.pieceBytes,
                window: window))
        let (origin, extras) = (origin, extras)
        let worker = PieceWorker(
            source: sources.current, version: version, fetcher: fetcher, upload: upload, board: board,
            progress: progress, recorder: recorder, throttle: throttle, bringsOnePieceAtATime: extras.areShared,
            isSurplus: { extras.isSurplus(origin) })
        var failure: (any Error)?
        do {
            try await run(worker, gauge: ConnectionGauge(most: most, rate: rate))
        } catch {
            failure = error
        }
        let plan = board.plan
        track.receive(Int(plan.prefix - first))
        sink.skip(to: plan.crc64)
        isAhead = isAhead || plan.prefix > first
        progress.place(at: plan.prefix)
        if let failure, !canGoOn(after: failure) { throw failure }
        furthest = max(furthest, track.position)
        try await upload.proceed(from: plan.prefix)
        if sink.digest.needsOrder { try await sink.catchUp(with: upload, from: first, to: plan.prefix) }
    }

    private mutating func run(_ worker: PieceWorker, gauge: ConnectionGauge) async throws {
        var running = 0
        do {
            try await run(worker, gauge: gauge, running: &running)
        } catch {
            for _ in 1..<max(1, running) { await extras.giveBack(origin) }
            throw error
        }
    }

    private mutating func run(_ worker: PieceWorker, gauge: ConnectionGauge, running: inout Int) async throws {
        var gauge = gauge
        var failure: (any Error)?
        var mark = (received: Int64(0), throttled: Duration.zero, time: clock.elapsed, running: 0)
        let clock = clock
        let tick = configuration.gaugeTime
        let board = worker.board
        try await withThrowingTaskGroup(of: PieceWorker.End.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await PieceWorker.End.tick(after: tick, on: clock) }
            repeat {
                // The transfer has one slot of its own; the others are extra.
                while running < gauge.wanted, !board.isClosed {
                    let isExtra = running > 0
                    if isExtra, !(await extras.take(origin)) { break }
                    running += 1
                    group.addTask { await worker.run(isExtra: isExtra) }
                }
                switch try await group.next() {
                case .tick:
                    group.addTask { try await PieceWorker.End.tick(after: tick, on: clock) }
                    let now = clock.elapsed
                    let (received, throttled) = (board.received, recorder.recording.throttled)
                    // All of them wait for a limit that they share.
                    if throttled > mark.throttled { excuse(now - mark.time) }
                    if received == mark.received, throttled == mark.throttled { progress.awaitSource(since: mark.time) }
                    try check(received: received - mark.received, now: now)
                    // The first period after a change shows what connecting costs, not what the change brings.
                    if mark.running == running, running == gauge.wanted, now > mark.time {
                        gauge.measure(bytes: received - mark.received, seconds: (now - mark.time).seconds)
                        if gauge.wanted < running { board.dismiss(running - gauge.wanted) }
                    }
                    mark = (received, throttled, now, running)
                    try await writeDown(board.plan, of: worker.upload, now: now)
                    if gauge.wanted == 1 { board.close() }
                    continue
                case .idle, nil: break
                case .refused: board.close()
                case .failed(let error):
                    if error is CancellationError || error is ObjectStoreError { throw error }
                    failure = error
                    gauge.refuse(at: running)
                    if gauge.wanted == 1 { board.close() }
                }
                running -= 1
                if running > 0 { await extras.giveBack(origin) }
                if board.plan.isComplete { board.close() }
            } while running > 0 || !board.isClosed
        }
        if let failure, !board.plan.isComplete { throw failure }
    }
}
