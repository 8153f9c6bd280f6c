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

@Suite("The pull engine over a real store and a real disk", .timeLimit(.minutes(5)))
struct PullEngineTests {
    private let test: TestStore
    private let objects: DiskObjectStore
    private let running = RunningAttempts()

    init() async throws {
        test = try await TestStore()
        objects = try DiskObjectStore(root: test.folder.path + "/media", threads: .singleton)
    }

    private func withEngine<Result: Sendable>(
        _ fetcher: ScriptedFetcher, clock: any MonotonicClock = SystemMonotonicClock(),
        configure: (inout PullConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (GracefulShutdownTestTrigger) async throws -> Result
    ) async throws -> Result {
        var configuration = PullConfiguration(node: NodeID("test"))
        configuration.grace = .zero
        configuration.retry.firstWait = .milliseconds(1)
        configure(&configuration)
        let engine = PullEngine(
            store: test.store, signals: test.store.signals, objects: objects, fetcher: fetcher,
            configuration: configuration, running: running, clock: clock, random: { 0 }, logger: .silent)
        return try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                let result = try await body(trigger)
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
                return result
            }
        }
    }

    private var media: [String] { test.folder.files.filter { $0.hasPrefix("media/") } }

    @Test("a file beyond the small size is stored under its own key, whole, and nothing else is left")
    func large() async throws {
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let job = try await test.accept("a.mp4")
        let fetcher = ScriptedFetcher(["https://media.example.com/a.mp4": [.bytes(bytes, announced: 300_000)]])
        let done = try await withEngine(fetcher) { _ in try await test.wait(for: job.id) { $0.state.isTerminal } }
        #expect(done.state == .succeeded)
        #expect(done.bytesTotal == 300_000)
        let key = try #require(done.objectKey)
        #expect(media == ["media/\(key)"])
        #expect(test.folder.contents("media/\(key)") == bytes)
        #expect(try await test.store.lastSmallObject() == nil)
    }

    @Test("a small file rides in the terminal transaction and is on disk as well")
    func small() async throws {
        let job = try await test.accept("a.mp4")
        let fetcher = ScriptedFetcher(["https://media.example.com/a.mp4": [.bytes(Array("tiny".utf8), announced: 4)]])
        let done = try await withEngine(fetcher) { _ in try await test.wait(for: job.id) { $0.state.isTerminal } }
        let key = try #require(done.objectKey)
        #expect(test.folder.contents("media/\(key)") == Array("tiny".utf8))
        let rows = try await test.store.smallObjects(after: 0, limit: 10)
        #expect(rows.map(\.key) == [key])
        #expect(rows.first?.bytes == Array("tiny".utf8))
    }

    @Test("a crash that took a small file does no harm: the row puts it back, and then goes")
    func restore() async throws {
        let job = try await test.accept("a.mp4")
        let fetcher = ScriptedFetcher(["https://media.example.com/a.mp4": [.bytes(Array("tiny".utf8), announced: 4)]])
        let done = try await withEngine(fetcher) { _ in try await test.wait(for: job.id) { $0.state.isTerminal } }
        let key = try #require(done.objectKey)
        #expect(try await objects.remove([key]) == [key])
        try await ObjectCaretaker(store: test.store, objects: objects, logger: .silent).restore()
        #expect(test.folder.contents("media/\(key)") == Array("tiny".utf8))
        #expect(try await test.store.lastSmallObject() == nil)
    }

    @Test("a cause that can pass is tried again, and progress does not lose the earlier attempt's record")
    func retries() async throws {
        let job = try await test.accept("a.mp4")
        let broken = SourceError(JobFailure(.sourceUnavailable, "the source answered HTTP 503"), httpStatus: 503)
        let fetcher = ScriptedFetcher([
            "https://media.example.com/a.mp4": [
                .failure(broken), .broken([1, 2, 3], announced: 5, broken), .bytes([1, 2, 3, 4, 5], announced: 5),
            ]
        ])
        let done = try await withEngine(fetcher) { _ in try await test.wait(for: job.id) { $0.state.isTerminal } }
        #expect(done.state == .succeeded)
        #expect(done.attempts == 3)
        let attempts = try #require(try await test.store.jobDetail(job.id)).attempts
        #expect(attempts.map(\.record.httpStatus) == [503, 503, 200])
        #expect(attempts.map(\.record.failure?.code) == [.sourceUnavailable, .sourceUnavailable, nil])
    }

    @Test("after the last attempt the run fails with the cause")
    func givesUp() async throws {
        let job = try await test.accept("a.mp4")
        let broken = SourceError(JobFailure(.sourceUnavailable, "the source answered HTTP 503"), httpStatus: 503)
        let fetcher = ScriptedFetcher(["https://media.example.com/a.mp4": [.failure(broken)]])
        let done = try await withEngine(fetcher, configure: { $0.retry.attempts = 3 }) { _ in
            try await test.wait(for: job.id) { $0.state.isTerminal }
        }
        #expect(done.state == .failed)
        #expect(done.failure?.code == .sourceUnavailable)
        #expect(fetcher.count("https://media.example.com/a.mp4") == 3)
    }

    @Test("a lasting cause fails after one request")
    func permanent() async throws {
        let job = try await test.accept("missing.mp4")
        let fetcher = ScriptedFetcher([:])
        let done = try await withEngine(fetcher) { _ in try await test.wait(for: job.id) { $0.state.isTerminal } }
        #expect(done.state == .failed)
        #expect(done.failure?.code == .urlInvalid)
        #expect(fetcher.count("https://media.example.com/missing.mp4") == 1)
        #expect(media.isEmpty)
    }

    @Test("a body that ends early is never stored, however small or large", arguments: [10, 400_000])
    func truncated(size: Int) async throws {
        let job = try await test.accept("a.mp4")
        let bytes = [UInt8](repeating: 1, count: size)
        let fetcher = ScriptedFetcher([
            "https://media.example.com/a.mp4": [.bytes(bytes, announced: Int64(size) + 1)]
        ])
        let done = try await withEngine(fetcher, configure: { $0.retry.attempts = 2 }) { _ in
            try await test.wait(for: job.id) { $0.state.isTerminal }
        }
        #expect(done.failure?.code == .sourceTruncated)
        #expect(media.isEmpty)
    }

    @Test("a file over the limit is refused by its announcement, and stopped where there was none")
    func tooLarge() async throws {
        let announced = try await test.accept("announced.mp4")
        let silent = try await test.accept("silent.mp4")
        let bytes = [UInt8](repeating: 1, count: 20_000)
        let fetcher = ScriptedFetcher([
            "https://media.example.com/announced.mp4": [.bytes(bytes, announced: 20_000)],
            "https://media.example.com/silent.mp4": [.bytes(bytes, announced: nil)],
        ])
        try await withEngine(fetcher, configure: { $0.maxBytes = 10_000 }) { _ in
            for job in [announced, silent] {
                let done = try await test.wait(for: job.id) { $0.state.isTerminal }
                #expect(done.failure?.code == .fileTooLarge)
                #expect(done.failure?.message.contains("10000") == true)
            }
        }
        #expect(media.isEmpty)
    }

    @Test("a cancel stops a running attempt and leaves nothing")
    func cancel() async throws {
        let job = try await test.accept("a.mp4")
        let bytes = [UInt8](repeating: 1, count: 400_000)
        let fetcher = ScriptedFetcher(["https://media.example.com/a.mp4": [.hangs(bytes)]])
        try await withEngine(fetcher) { _ in
            while (running.progress(of: job.id)?.bytesReceived ?? 0) < 400_000 { await Task.yield() }
            let cancelled = try await test.store.cancel(
                [job.id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "by a test"), nonce: nil)
            #expect(cancelled == [job.id])
            while running.count > 0 { await Task.yield() }
        }
        let done = try #require(try await test.store.jobs([job.id], account: nil).first)
        #expect(done.state == .cancelled)
        #expect(media.isEmpty)
    }

    @Test("shutdown gives a running job back at once without using up an attempt")
    func shutdown() async throws {
        let job = try await test.accept("a.mp4")
        let fetcher = ScriptedFetcher(["https://media.example.com/a.mp4": [.hangs([1, 2, 3])]])
        try await withEngine(fetcher) { _ in
            while (running.progress(of: job.id)?.bytesReceived ?? 0) < 3 { await Task.yield() }
        }
        let back = try #require(try await test.store.jobs([job.id], account: nil).first)
        #expect(back.state == .pending)
        #expect(back.attempts == 0)
        #expect(media.isEmpty)
    }

    @Test("no more attempts run at once than the engine may, nor against one origin")
    func limits() async throws {
        var jobs: [Job] = []
        var answers: [String: [ScriptedFetcher.Answer]] = [:]
        for number in 0..<12 {
            jobs.append(try await test.accept("\(number).mp4"))
            answers["https://media.example.com/\(number).mp4"] = [.hangs([1])]
        }
        let fetcher = ScriptedFetcher(answers)
        try await withEngine(fetcher, configure: { $0.perOrigin = 5 }) { _ in
            while running.count < 5 { await Task.yield() }
            let claims = try await test.store.claimJobs(
                JobClaimRequest(node: NodeID("other"), limit: 10, perOrigin: 5, lease: .seconds(30)))
            #expect(claims.items.isEmpty)
            #expect(running.count == 5)
        }
    }
}
