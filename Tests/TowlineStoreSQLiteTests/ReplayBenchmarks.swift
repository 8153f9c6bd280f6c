import Foundation
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite

/// Figures for docs/benchmarks.md; run with
/// `TOWLINE_BENCH_REPLAY=100000 swift test -c release --filter ReplayBenchmarks`: the number of events.
@Suite("figures of replays", .serialized, .enabled(if: eventCount > 0))
struct ReplayBenchmarks {
    @Test("a replay of many events, alone and beside callers that submit jobs")
    func replay() async throws {
        let folder = try TestFolder(onDisk: true)
        let meter = TransactionMeter()
        let store = try await folder.open { $0.intercept = { meter.pass($0) } }
        try await store.sendEvents()
        try await fill(store, events: eventCount)

        let (_, idle) = try await submit(to: store) { try await Task.sleep(for: .seconds(10)) }
        show("accept, nothing else running: \(idle)")
        for perSecond in [nil, 1000] as [Int?] {
            let name = perSecond.map { "\($0) deliveries a second" } ?? "as fast as it goes"
            let request = ReplayRequest(filter: EventFilter(), perSecond: perSecond)
            meter.reset()
            let alone = try await run(request, on: store, atMost: .seconds(10))
            show("replay alone, \(name): \(alone); transactions \(meter.report)")
            let (beside, latency) = try await submit(to: store) {
                try await run(request, on: store, atMost: .seconds(10))
            }
            show("replay beside callers, \(name): \(beside)")
            show("accept beside it: \(latency)")
        }
        let start = ContinuousClock.now
        let count = try await store.countReplay(ReplayRequest(filter: EventFilter()))
        show(
            "dry count of \(count.events) events, \(count.deliveries) deliveries: \((ContinuousClock.now - start).seconds) s"
        )
        var dead = EventFilter()
        dead.state = .dead
        let second = ContinuousClock.now
        _ = try await store.countReplay(ReplayRequest(filter: dead))
        show("dry count of the dead: \((ContinuousClock.now - second).seconds) s")
        await store.close()
    }

    @Test("trimming attempts with answers of 16 KiB")
    func trimming() async throws {
        let folder = try TestFolder(onDisk: true)
        let meter = TransactionMeter()
        let clock = MonotonicStoreClock()
        let store = try await folder.open(clock: clock) { $0.intercept = { meter.pass($0) } }
        try await store.sendEvents()
        var record = DeliveryAttemptRecord()
        record.responseBody = [UInt8](repeating: 65, count: 16_384)
        try await fill(store, events: 20_000, record: record)
        clock.advance(by: .seconds(3600))
        meter.reset()
        let start = ContinuousClock.now
        var removed = 0
        while true {
            let count = try await store.trimDeliveryLog(olderThan: .seconds(60), limit: 1000)
            removed += count
            if count < 1000 { break }
        }
        show("trimming \(removed) attempts: \((ContinuousClock.now - start).seconds) s; transactions \(meter.report)")
        await store.close()
    }

    /// Stores jobs until there are as many events as asked for, all delivered.
    private func fill(
        _ store: SQLiteStore, events: Int, record: DeliveryAttemptRecord = DeliveryAttemptRecord()
    ) async throws {
        for _ in 0..<(events / 400) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 { group.addTask { _ = try await store.accept(20) } }
                try await group.waitForAll()
            }
            let reports = try await store.claim(200).map {
                JobAttemptReport(
                    job: $0.job.id, lease: $0.lease, result: .stored(bytes: 1, small: nil), record: JobAttemptRecord())
            }
            _ = try await store.finish(reports)
            let outcomes = try await store.claimDeliveries(400).map {
                DeliveryReport(delivery: $0.id, lease: $0.lease, next: .delivered, record: record)
            }
            _ = try await store.recordDeliveries(outcomes)
        }
    }

    /// Runs a replay until it ends, or cancels it after a time.
    private func run(
        _ request: ReplayRequest, on store: SQLiteStore, atMost limit: Duration
    ) async throws -> ReplayFigure {
        let id = try await store.startReplay(request).id
        var figure = ReplayFigure()
        let start = ContinuousClock.now
        while ContinuousClock.now - start < limit {
            let step = ContinuousClock.now
            guard let wait = try await store.stepReplays() else { break }
            figure.add(ContinuousClock.now - step)
            if wait > .zero { try await Task.sleep(for: wait) }
        }
        figure.time = ContinuousClock.now - start
        figure.made = try #require(await store.replay(id)).created
        if (try? await store.cancelReplay(id)) != nil { while try await store.stepReplays() != nil {} }
        return figure
    }

    /// Submits one job after the other, 200 a second, while something runs; gives the latencies.
    private func submit<T>(
        to store: SQLiteStore, during body: () async throws -> T
    ) async throws -> (result: T, latencies: String) {
        let caller = Task {
            var latencies: [Duration] = []
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(5))
                let start = ContinuousClock.now
                try await store.accept(1)
                latencies.append(ContinuousClock.now - start)
            }
            return latencies
        }
        let result = try await body()
        caller.cancel()
        return (result, percentiles(try await caller.value))
    }
}

/// How a replay went.
private struct ReplayFigure: CustomStringConvertible {
    var time = Duration.zero
    var made = 0
    private var steps: [Duration] = []

    mutating func add(_ step: Duration) { steps.append(step) }

    var description: String {
        let rate = Int(Double(made) / time.seconds)
        let perSecond = Int(Double(steps.count) / time.seconds)
        return
            "\(made) deliveries in \(time.seconds) s, \(rate)/s; \(perSecond) steps/s, with their commit \(percentiles(steps))"
    }
}

/// How long transactions take from their begin to their commit, without the commit.
private final class TransactionMeter: Sendable {
    private let state = Mutex((begun: ContinuousClock.Instant?.none, times: [Duration]()))

    func pass(_ sql: String) {
        switch sql {
        case "BEGIN IMMEDIATE": state.withLock { $0.begun = .now }
        case "COMMIT":
            state.withLock { state in
                if let begun = state.begun { state.times.append(.now - begun) }
                state.begun = nil
            }
        default: break
        }
    }

    func reset() { state.withLock { $0.times = [] } }

    var report: String { state.withLock { percentiles($0.times) } }
}

private let eventCount = Int(ProcessInfo.processInfo.environment["TOWLINE_BENCH_REPLAY"] ?? "") ?? 0

private func percentiles(_ durations: [Duration]) -> String {
    let sorted = durations.sorted()
    guard let longest = sorted.last else { return "none" }
    func text(_ duration: Duration) -> String { String(format: "%.2f", duration.seconds * 1000) }
    return
        "p50 \(text(sorted[sorted.count / 2])), p99 \(text(sorted[sorted.count * 99 / 100])), most \(text(longest)) ms"
}
