import Foundation
import Testing
import TowlineCore
import TowlineStore
import TowlineStorePostgres
import TowlineTesting

/// Figures for docs/benchmarks.md.
///
/// Run with
/// `TOWLINE_PG_BENCH=0,1000000 swift test -c release --filter StoreFigures`: the numbers of jobs that wait meanwhile.
/// With `TOWLINE_PG_SECONDS=300` the rounds go on for so many seconds; with `TOWLINE_PG_HOLD=1` another transaction is open
/// meanwhile.
/// With `TOWLINE_PG_PER_ORIGIN=8` an origin takes so many at once, so that its lane waits for slots all the time.
/// `TOWLINE_PG_ROUNDS` is how many rounds are measured, 50 by default. With `TOWLINE_PG_HOST` the server is one that runs
/// already, with its socket in that folder: `Benchmarks/pgstore.py` measures pgbench on the same one.
@Suite("figures of the store on PostgreSQL", .serialized, .enabled(if: !backlogs.isEmpty))
struct StoreFigures {
    @Test("lifecycles of small jobs in groups of 200", arguments: backlogs)
    func lifecycles(waiting: Int) async throws {
        let server = try host.map { try PostgresServer(host: $0) } ?? PostgresServer(options: options)
        try server.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public")
        let store = try await PostgresStore.open(url: try server.makeSchema())
        try await fill(store, waiting: waiting)
        try await store.sendEvents()
        // What the server has to do after so many rows at once is not part of it.
        if waiting > 0 { try server.run("VACUUM ANALYZE") }
        try server.run("CHECKPOINT")
        let held = try seconds.flatMap { isHeld ? try server.holdTransaction(seconds: $0) : nil }
        var figures = Lifecycles(store: store)
        for _ in 0..<10 { try await figures.round() }
        try server.run("SELECT public.pg_stat_statements_reset()")
        figures = Lifecycles(store: store, from: figures.jobs)
        let end = ContinuousClock.now + .seconds(seconds ?? 0)
        var parts = 0
        repeat {
            for _ in 0..<rounds { try await figures.round() }
            parts += 1
            if seconds != nil {
                show("  after \(parts * rounds) rounds: \(figures.rate) jobs/s in the last \(rounds)")
            }
            figures.startPart()
        } while .now < end
        let spent = try server.run("SELECT sum(total_exec_time) FROM public.pg_stat_statements")
        figures.report("\(waiting) waiting", serverTime: Double(spent.split(separator: "\n").first ?? "0") ?? 0)
        if let held { kill(held, SIGTERM) }
        await store.close()
    }

    /// Jobs of another account and of 1,000 origins that wait.
    private func fill(_ store: PostgresStore, waiting: Int) async throws {
        let account = AccountID("2")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for call in 0..<(waiting / 20) {
                if call >= 256 { try await group.next() }
                group.addTask {
                    let requests = (0..<20).map { number in
                        TowlineStorePostgresTests.request(
                            "\(call * 20 + number).bin", origin: "https://waiting-\(call % 1000).test:443")
                    }
                    _ = try await store.accept(JobSubmission(account: account, requests: requests))
                }
            }
            try await group.waitForAll()
        }
        // Their lanes are full from now on: the figure is about the others.
        while waiting > 0 {
            let claims = try await store.claim(1000, perOrigin: 1, lease: .seconds(36_000))
            if claims.isEmpty { return }
        }
    }
}

private let environment = ProcessInfo.processInfo.environment
private let backlogs = (environment["TOWLINE_PG_BENCH"] ?? "").split(separator: ",").compactMap { Int($0) }
private let seconds = environment["TOWLINE_PG_SECONDS"].flatMap { Int($0) }
private let perOrigin = environment["TOWLINE_PG_PER_ORIGIN"].flatMap { Int($0) } ?? 1000
private let isHeld = environment["TOWLINE_PG_HOLD"] == "1"
private let rounds = environment["TOWLINE_PG_ROUNDS"].flatMap { Int($0) } ?? 50
private let host = environment["TOWLINE_PG_HOST"]
/// How the server is started; `Benchmarks/pgstore.py` starts its own in the same way.
private let options =
    "-c shared_buffers=512MB -c max_wal_size=4GB -c shared_preload_libraries=pg_stat_statements "
    + "-c pg_stat_statements.track_utility=on"

/// Rounds of whole lifecycles: accept by 200 callers, claim, finish with events and deliveries, deliver.
private struct Lifecycles {
    private static let size = 200
    let store: PostgresStore
    private(set) var jobs: Int
    private let first: Int
    private var start = ContinuousClock.now
    private var part = (jobs: 0, start: ContinuousClock.now)
    private var phases: [(name: String, time: Duration)] = []

    init(store: PostgresStore, from first: Int = 0) {
        self.store = store
        self.first = first
        jobs = first
        part.jobs = first
    }

    /// Jobs a second since the last part began.
    var rate: Int { Int(Double(jobs - part.jobs) / (ContinuousClock.now - part.start).seconds) }

    mutating func startPart() { part = (jobs, .now) }

    mutating func round() async throws {
        let store = store
        let base = jobs
        jobs += Self.size
        try await measure("accept") {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in base..<(base + Self.size) {
                    group.addTask {
                        let nonce = RequestNonce(accessKeyID: "key", value: "nonce-\(number)-0123456789")
                        _ = try await store.accept(
                            JobSubmission(
                                account: .standard, nonce: nonce,
                                requests: [TowlineStorePostgresTests.request("\(number).bin")]))
                    }
                }
                try await group.waitForAll()
            }
        }
        var left = Self.size
        while left > 0 {
            let claims = try await measure("claim") { try await store.claim(left, perOrigin: perOrigin) }
            try await measure("finish") {
                _ = try await store.finish(
                    claims.map {
                        JobAttemptReport(
                            job: $0.job.id, lease: $0.lease, result: .stored(bytes: 16_384, small: nil),
                            record: JobAttemptRecord())
                    })
            }
            left -= claims.count
        }
        let deliveries = try await measure("claim deliveries") {
            try await store.claimDeliveries(
                DeliveryClaimRequest(
                    node: NodeID("node"), limit: 2 * Self.size, perEndpoint: 1000, lease: .seconds(30))
            ).items
        }
        try await measure("record") {
            _ = try await store.recordDeliveries(
                deliveries.map {
                    DeliveryReport(
                        delivery: $0.id, lease: $0.lease, next: .delivered, signal: .success, record: attempt)
                })
        }
    }

    private mutating func measure<T>(_ name: String, _ body: () async throws -> T) async rethrows -> T {
        let start = ContinuousClock.now
        let result = try await body()
        if let index = phases.firstIndex(where: { $0.name == name }) {
            phases[index].time += .now - start
        } else {
            phases.append((name, .now - start))
        }
        return result
    }

    func report(_ title: String, serverTime: Double) {
        let count = Double(jobs - first)
        let all = (ContinuousClock.now - start).seconds
        show("lifecycles, \(title): \(jobs - first) jobs, \(Int(count / all)) a second; µs a job")
        for phase in phases { show("  \(phase.name): \(String(format: "%.1f", phase.time.seconds * 1e6 / count))") }
        let server = serverTime * 1000 / count
        show(
            String(
                format: "  all: %.1f, of these the server executes statements for %.1f: %.2f", all * 1e6 / count,
                server,
                server / (all * 1e6 / count)))
    }
}

/// What is kept of an attempt that succeeded.
private let attempt: DeliveryAttemptRecord = {
    var attempt = DeliveryAttemptRecord()
    attempt.duration = .milliseconds(1)
    attempt.httpStatus = 200
    attempt.requestHead = String(repeating: "content-type: application/json\n", count: 10)
    return attempt
}()

/// Writes a line for the person who runs the figures.
private func show(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
