import Foundation
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

/// Figures for docs/benchmarks.md; run with
/// `TOWLINE_BENCH=0,1000000 swift test -c release --filter StoreBenchmarks`: the numbers of jobs that wait meanwhile.
@Suite("figures of the store", .serialized, .enabled(if: !backlogs.isEmpty))
struct StoreBenchmarks {
    @Test("lifecycles of small jobs in groups of 200", arguments: backlogs)
    func lifecycles(waiting: Int) async throws {
        let folder = try TestFolder(onDisk: true)
        let store = try await folder.open()
        try await fill(store, waiting: waiting)
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackURL = "https://receiver.test/hook"
        configuration.eventTypeList = "ALL"
        configuration.authSwitch = "on"
        configuration.authKey = "key"
        try await store.setCallback(configuration, nonce: nil)

        var run = BenchmarkRun(store: store)
        for _ in 0..<100 { try await run.round(200) }
        run.report("\(waiting) waiting")
        let size = try FileManager.default.attributesOfItem(atPath: folder.database)[.size] ?? 0
        show("  file: \(size) bytes")
        await store.close()
    }

    @Test("deliveries of a backlog to one endpoint, claimed by 64 and recorded by 32")
    func deliveries() async throws {
        let folder = try TestFolder(onDisk: true)
        let store = try await folder.open()
        try await store.sendEvents()
        let jobs = 20_000
        for _ in 0..<(jobs / 500) {
            try await store.accept(500)
            let reports = try await store.claim(500).map {
                JobAttemptReport(
                    job: $0.job.id, lease: $0.lease, result: .stored(bytes: 1, small: nil), record: JobAttemptRecord())
            }
            _ = try await store.finish(reports)
        }
        let start = ContinuousClock.now
        let processor = processorTime()
        let writer = WriterTime()
        var count = 0
        while true {
            let claims = try await store.claimDeliveries(64)
            if claims.isEmpty { break }
            count += claims.count
            let reports = claims.map {
                DeliveryReport(
                    delivery: $0.id, lease: $0.lease, next: .delivered, signal: .success, record: benchmarkAttempt)
            }
            async let first = store.recordDeliveries(Array(reports.prefix(32)))
            _ = try await store.recordDeliveries(Array(reports.dropFirst(32)))
            _ = try await first
        }
        func each(_ time: Duration) -> String { String(format: "%.1f", time.seconds * 1e6 / Double(count)) }
        show(
            "deliveries: \(count); µs each: \(each(.now - start)), processor time of the process "
                + "\(each(processorTime() - processor)), of the writer's thread \(each(writer.elapsed))")
        await store.close()
    }

    @Test("opening a store that exists")
    func opening() async throws {
        let folder = try TestFolder(onDisk: true)
        await (try folder.open()).close()
        var times: [Duration] = []
        for _ in 0..<21 {
            let start = ContinuousClock.now
            let store = try await folder.open()
            times.append(.now - start)
            await store.close()
        }
        times.sort()
        show("opening: median \(String(format: "%.1f", times[10].seconds * 1000)) ms")
    }

    /// Jobs of another account and origin that wait with less urgency.
    private func fill(_ store: SQLiteStore, waiting: Int) async throws {
        let account = AccountID("2")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for call in 0..<(waiting / 20) {
                if call >= 64 { try await group.next() }
                group.addTask {
                    let requests = (0..<20).map { number in
                        benchmarkRequest(call * 20 + number, origin: "https://waiting-\(call % 1000).test:443")
                    }
                    _ = try await store.accept(JobSubmission(account: account, requests: requests))
                }
            }
            try await group.waitForAll()
        }
        // Their lanes are full from now on: the figure is about the others.
        guard waiting > 0 else { return }
        while true {
            let claims = try await store.claimJobs(
                JobClaimRequest(node: NodeID("n"), limit: 1000, perOrigin: 1, lease: .seconds(3600)))
            if claims.items.isEmpty { return }
        }
    }
}

private let backlogs = (ProcessInfo.processInfo.environment["TOWLINE_BENCH"] ?? "").split(separator: ",")
    .compactMap { Int($0) }

private func benchmarkRequest(_ number: Int, origin: String) -> PullRequest {
    var metadata = MediaMetadata()
    metadata.title = "file-\(number).bin"
    metadata.fileExtension = "bin"
    let url = "\(origin)/files/file-\(number).bin?token=0123456789abcdef"
    return PullRequest(sourceURL: url, displayURL: url, origin: origin, metadata: metadata, userData: nil)
}

/// What is kept of an attempt that succeeded.
private let benchmarkAttempt: DeliveryAttemptRecord = {
    var attempt = DeliveryAttemptRecord()
    attempt.duration = .milliseconds(1)
    attempt.address = "127.0.0.1:9001"
    attempt.httpStatus = 200
    attempt.requestHead = String(repeating: "content-type: application/json\n", count: 10)
    attempt.responseHead = "content-length: 2\ndate: now\n"
    attempt.responseBody = Array("ok".utf8)
    return attempt
}()

/// Rounds of whole lifecycles, timed by phase.
private struct BenchmarkRun {
    let store: SQLiteStore
    var jobs = 0
    private var phases: [(name: String, time: Duration, writer: Duration)] = []

    init(store: SQLiteStore) { self.store = store }

    /// Times one phase of a round.
    private mutating func measure(_ name: String, _ body: () async throws -> Void) async rethrows {
        let start = ContinuousClock.now
        let writer = WriterTime()
        try await body()
        let index = phases.firstIndex { $0.name == name } ?? phases.count
        if index == phases.count { phases.append((name, .zero, .zero)) }
        phases[index].time += .now - start
        phases[index].writer += writer.elapsed
    }

    mutating func round(_ count: Int) async throws {
        let store = store
        let base = jobs
        jobs += count
        try await measure("accept") {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<count {
                    group.addTask {
                        let nonce = RequestNonce(accessKeyID: "key", value: "nonce-\(base + number)-0123456789")
                        let call = JobSubmission(
                            account: .standard, nonce: nonce,
                            requests: [benchmarkRequest(base + number, origin: "https://origin.test:443")])
                        _ = try await store.accept(call)
                    }
                }
                try await group.waitForAll()
            }
        }
        var claims: [ClaimedJob] = []
        try await measure("claim") {
            while claims.count < count {
                claims += try await store.claimJobs(
                    JobClaimRequest(node: NodeID("node-1"), limit: count, perOrigin: 1000, lease: .seconds(30))
                ).items
            }
        }
        var record = JobAttemptRecord()
        record.duration = .milliseconds(3)
        record.address = "127.0.0.1:9000"
        record.httpStatus = 200
        record.bytesReceived = 16_384
        let reports = claims.map {
            JobAttemptReport(
                job: $0.job.id, lease: $0.lease, result: .stored(bytes: 16_384, small: nil), record: record)
        }
        try await measure("finish") { _ = try await store.finish(reports) }
        var deliveries: [ClaimedDelivery] = []
        try await measure("claim deliveries") {
            while deliveries.count < 2 * count {
                deliveries += try await store.claimDeliveries(
                    DeliveryClaimRequest(node: NodeID("node-1"), limit: count, perEndpoint: 1000, lease: .seconds(30))
                ).items
            }
        }
        let outcomes = deliveries.map {
            DeliveryReport(
                delivery: $0.id, lease: $0.lease, next: .delivered, signal: .success, record: benchmarkAttempt)
        }
        try await measure("record") {
            for start in stride(from: 0, to: outcomes.count, by: count) {
                _ = try await store.recordDeliveries(Array(outcomes[start..<min(start + count, outcomes.count)]))
            }
        }
    }

    func report(_ title: String) {
        show("lifecycles, \(title): \(jobs) jobs; µs a job, and of these the processor time of the writer's thread")
        var all = (time: Duration.zero, writer: Duration.zero)
        for phase in phases {
            all.time += phase.time
            all.writer += phase.writer
            show("  \(phase.name): \(perJob(phase.time)), \(perJob(phase.writer))")
        }
        show("  all: \(perJob(all.time)), \(perJob(all.writer))")
    }

    private func perJob(_ time: Duration) -> String {
        String(format: "%.1f", time.seconds * 1e6 / Double(jobs))
    }
}

/// Processor time that the process has used.
private func processorTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
}

/// Measures the processor time that the writer's thread uses from now on; zero where the system does not say.
///
/// Threads that it started may carry its name, so it is the busiest of that name.
struct WriterTime {
    private let start = WriterTime.times()

    /// The time used so far.
    var elapsed: Duration {
        .nanoseconds(Self.times().map { $0.value - (start[$0.key] ?? 0) }.max() ?? 0)
    }

    private static func times() -> [String: Int64] {
        let tasks = "/proc/self/task"
        var times: [String: Int64] = [:]
        for task in (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? [] {
            guard let name = try? String(contentsOfFile: "\(tasks)/\(task)/comm", encoding: .utf8),
                name.hasPrefix("towline-store"),
                let spent = try? String(contentsOfFile: "\(tasks)/\(task)/schedstat", encoding: .utf8)
            else { continue }
            times[task] = Int64(spent.prefix { $0 != " " })
        }
        return times
    }
}

/// Writes a line for the person who runs the figures.
func show(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}
