import NIOPosix
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineObjects
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import TowlineWorker

@Suite("Mirrors, pauses and recordings of pulls", .timeLimit(.minutes(5)))
struct PolitePullTests {
    private let test: TestStore
    private let objects: DiskObjectStore

    init() async throws {
        test = try await TestStore()
        objects = try DiskObjectStore(root: test.folder.path + "/media", threads: .singleton)
    }

    private static let own = "https://a.test/f.mp4"
    private static let mirror = "https://b.test/f.mp4?sign=secret"

    private func accept(
        mirrors: [String] = [], headers: [SourceHeader] = [], configure: (inout MediaMetadata) -> Void = { _ in }
    ) async throws -> Job {
        var metadata = MediaMetadata()
        metadata.mirrors = mirrors
        configure(&metadata)
        let request = PullRequest(
            sourceURL: Self.own, displayURL: Self.own, origin: "https://a.test:443", metadata: metadata,
            headers: headers)
        return try #require(
            try await test.store.accept(JobSubmission(account: .standard, requests: [request])).first)
    }

    private func run(
        _ fetcher: ScriptedFetcher, configure: (inout PullConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable () async throws -> Job
    ) async throws -> Job {
        var configuration = PullConfiguration(node: NodeID("test"))
        configuration.grace = .zero
        configuration.retry = RetryRule(attempts: 2, firstWait: .milliseconds(1))
        configure(&configuration)
        let engine = PullEngine(
            store: test.store, signals: test.store.signals, objects: objects, fetcher: fetcher,
            configuration: configuration, running: RunningAttempts(), random: { 0 }, logger: .silent)
        return try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                let result = try await body()
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
                return result
            }
        }
    }

    private func end(of job: Job) async throws -> Job { try await test.wait(for: job.id) { $0.state.isTerminal } }

    private static let busy = SourceError(
        JobFailure(.sourceUnavailable, "the source answered HTTP 503"), httpStatus: 503)

    @Test("a mirror brings the file when the job's own URL does not, and does not see its header fields")
    func mirror() async throws {
        let job = try await accept(mirrors: [Self.mirror], headers: [SourceHeader("X-Token", "secret")])
        let fetcher = ScriptedFetcher([Self.mirror: [.bytes([1, 2, 3], announced: 3)]])
        let done = try await run(fetcher) { try await end(of: job) }
        #expect(done.state == .succeeded)
        #expect(done.attempts == 1)
        #expect(fetcher.headers(Self.own) == [[SourceHeader("X-Token", "secret")]])
        #expect(fetcher.headers(Self.mirror) == [[]])
        let attempt = try #require(try await test.store.jobDetail(job.id)?.attempts.first)
        let requests = try #require(attempt.record.recording).requests
        #expect(requests.map(\.source) == [0, 1])
        #expect(requests.map(\.status) == [404, 200])
        #expect(requests.map(\.bytes) == [0, 3])
        #expect(
            requests[1].url == "https://b.test:443/f.mp4?sign=…" || requests[1].url == "https://b.test/f.mp4?sign=…")
        #expect(requests[0].failure?.contains("404") == true)
        #expect(requests[1].failure == nil)
    }

    @Test("bytes of one URL are never joined with another's")
    func afresh() async throws {
        let job = try await accept(mirrors: [Self.mirror])
        let first = [UInt8](repeating: 1, count: 300_000)
        let second = [UInt8](repeating: 2, count: 300_000)
        let fetcher = ScriptedFetcher([
            Self.own: [.broken(Array(first.prefix(200_000)), announced: 300_000, Self.busy)],
            Self.mirror: [.bytes(second, announced: 300_000)],
        ])
        let done = try await run(fetcher) { try await end(of: job) }
        let key = try #require(done.objectKey)
        #expect(test.folder.contents("media/\(key)") == second)
    }

    @Test("a mirror is tried when the job's own URL has another file than its caller expects")
    func mismatch() async throws {
        let job = try await accept(mirrors: [Self.mirror]) { $0.expected.bytes = 5 }
        let fetcher = ScriptedFetcher([
            Self.own: [.bytes([1, 2, 3], announced: 3)], Self.mirror: [.bytes([1, 2, 3, 4, 5], announced: 5)],
        ])
        #expect(try await run(fetcher) { try await end(of: job) }.state == .succeeded)
    }

    @Test("a run whose URLs all fail is tried again while one of them may come back")
    func allFail() async throws {
        let job = try await accept(mirrors: [Self.mirror])
        let fetcher = ScriptedFetcher([Self.mirror: [.failure(Self.busy)]])
        let done = try await run(fetcher) { try await end(of: job) }
        #expect(done.failure?.code == .sourceUnavailable)
        #expect(done.failure?.message.contains("none of the file's 2 URLs") == true)
        #expect(fetcher.count(Self.own) == 2)
        #expect(fetcher.count(Self.mirror) == 2)
    }

    @Test("a mirror's origin that has no room is passed over, and its slot is given back in time")
    func mirrorSlots() async throws {
        let job = try await accept(mirrors: [Self.mirror, "https://b.test/g.mp4"])
        let fetcher = ScriptedFetcher(["https://b.test/g.mp4": [.bytes([7], announced: 1)]])
        let done = try await run(fetcher, configure: { $0.perOrigin = 1 }) { try await end(of: job) }
        #expect(done.state == .succeeded)
    }

    @Test("an attempt that begins with a mirror counts against the limit of the mirror's origin")
    func resumedMirror() async throws {
        let job = try await accept(mirrors: [Self.mirror])
        let first = try #require(
            try await test.store.claimJobs(
                JobClaimRequest(node: NodeID("gone"), limit: 1, perOrigin: 1, lease: .seconds(30))
            ).items.first)
        let left = TransferCheckpoint(
            version: SourceVersion(validator: "\"v1\"", total: 9), bytes: 3, crc64: 1, source: 1)
        let held = "https://b.test/held.mp4"
        let origin = try HTTPURL(parsing: held).origin
        _ = try await test.store.accept(
            JobSubmission(
                account: .standard,
                requests: [PullRequest(sourceURL: held, displayURL: held, origin: origin, priority: 1)]))
        let fetcher = ScriptedFetcher([
            held: [.hangs([1])], Self.mirror: [.bytes([1, 2, 3, 4, 5, 6, 7, 8, 9], announced: 9)],
        ])
        let changed = try await run(
            fetcher,
            configure: {
                $0.perOrigin = 1
                $0.retry.firstWait = .seconds(600)
            }
        ) {
            // The mirror's origin is busy before the attempt begins.
            while fetcher.count(held) == 0 { await Task.yield() }
            _ = try await test.store.finish([
                JobAttemptReport(
                    job: job.id, lease: first.lease,
                    result: .retry(Self.busy.failure, after: .zero, madeProgress: true), record: JobAttemptRecord(),
                    leftover: .checkpoint(left))
            ])
            return try await test.wait(for: job.id) {
                $0.attempts == 2 && ($0.state == .pending || $0.state.isTerminal)
            }
        }
        #expect(
            changed.failure?.message.contains("the mirror's origin") == true, "\(String(describing: changed.failure))")
        #expect(fetcher.count(Self.mirror) == 0)
        #expect(try await test.store.jobDetail(job.id)?.checkpoint == left)
    }

    @Test("Retry-After is waited out, by every job of the origin")
    func retryAfter() async throws {
        var asks = Self.busy
        asks.retryAfter = .seconds(60)
        let job = try await accept()
        let fetcher = ScriptedFetcher([Self.own: [.failure(asks)]])
        _ = try await run(fetcher) {
            try await test.wait(for: job.id) { $0.state == .pending && $0.attempts == 1 }
        }
        let attempt = try #require(try await test.store.jobDetail(job.id)?.attempts.first)
        #expect(attempt.record.recording?.nextAttemptAfter == .seconds(60))
        #expect(attempt.record.recording?.retryAfter == .seconds(60))
        _ = try await accept()
        let claims = try await test.store.claimJobs(
            JobClaimRequest(node: NodeID("other"), limit: 10, perOrigin: 10, lease: .seconds(30)))
        #expect(claims.items.isEmpty)
        let due = try #require(claims.nextDue)
        #expect(due > .seconds(1) && due <= .seconds(60))
    }

    @Test("what may be received in a second holds for a transfer")
    func throttled() async throws {
        let job = try await accept()
        let bytes = [UInt8](repeating: 1, count: 300_000)
        let fetcher = ScriptedFetcher([Self.own: [.bytes(bytes, announced: 300_000)]])
        let done = try await run(fetcher, configure: { $0.transferMaxBytesPerSecond = 600_000 }) {
            try await end(of: job)
        }
        #expect(done.state == .succeeded, "\(String(describing: done.failure))")
        let attempt = try #require(try await test.store.jobDetail(job.id)?.attempts.first)
        // Half a second for the bytes, less the burst, whoever waits for it.
        #expect(attempt.record.duration >= .milliseconds(200))
    }
}
