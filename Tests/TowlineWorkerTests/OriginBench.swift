import NIOCore
import NIOPosix
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import Testing
import TowlineCore
import TowlineObjects
import TowlineOutbound
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import TowlineWorker

/// Runs one behaviour of an origin through the real engine, client, store and disk.
final class OriginBench: Sendable {
    private struct Origins {
        var main: ScriptedOrigin?
        var other: ScriptedOrigin?
        var port = 0
    }

    private let test: OriginCase
    private let store: TestStore
    private let objects: DiskObjectStore
    private let client: OutboundClient
    private let origins: SharedOrigins

    /// The origins; under a lock, since one of them may start late.
    private final class SharedOrigins: Sendable {
        private let state = Mutex(Origins())

        var main: ScriptedOrigin? { state.withLock { $0.main } }
        var other: ScriptedOrigin? { state.withLock { $0.other } }
        var port: Int { state.withLock { $0.port } }

        func start(_ test: OriginCase) async throws {
            if let other = test.other {
                let origin = try await ScriptedOrigin.start(setUp: try other.leaf?.setUp()) { [self] number in
                    other.steps(.init(connection: number, port: port, otherPort: self.other?.port ?? 0))
                }
                state.withLock { $0.other = origin }
            }
            let origin = try await listen(test, port: 0)
            state.withLock { $0.port = origin.port }
            if test.isDownAtFirst { return await origin.stop() }
            state.withLock { $0.main = origin }
        }

        func startLate(_ test: OriginCase) async throws {
            let origin = try await listen(test, port: port)
            state.withLock { $0.main = origin }
        }

        private func listen(_ test: OriginCase, port: Int) async throws -> ScriptedOrigin {
            try await ScriptedOrigin.start(host: test.host, port: port, setUp: try test.leaf?.setUp()) {
                [self] number in
                test.steps(.init(connection: number, port: self.port, otherPort: other?.port ?? 0))
            }
        }

        func stop() async {
            await main?.stop()
            await other?.stop()
        }
    }

    init(_ test: OriginCase) async throws {
        self.test = test
        store = try await TestStore()
        objects = try DiskObjectStore(root: store.folder.path + "/media", threads: .singleton)
        let origins = SharedOrigins()
        self.origins = origins
        try await origins.start(test)
        var configuration = OutboundConfiguration()
        // A busy machine must not look like a slow network.
        configuration.connectTimeout = .seconds(60)
        configuration.firstByteTimeout = .seconds(60)
        configuration.idleTimeout = .seconds(60)
        configuration.extraCAFile = try (test.leaf ?? test.other?.leaf)?.authority(in: store.folder)
        test.limits(&configuration)
        let resolver = TableResolver(test.names) { number in
            if test.isDownAtFirst, number == 1 { try await origins.startLate(test) }
        }
        client = OutboundClient(
            configuration: configuration, policy: AddressPolicy(allow: Self.allowed), resolver: resolver,
            logger: .silent, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    /// What counts as public: 127.0.0.1 to 127.0.0.3, of which nothing listens on the last, 127.0.0.99 and ::1.
    private static let allowed =
        [1, 2, 3, 99].map { CIDR(IPAddress(v4: 0x7f00_0000 + $0), prefixLength: 32) }
        + [CIDR(IPAddress(v6High: 0, low: 1), prefixLength: 128)]

    /// Accepts a job and runs it until it has ended or waits, and checks what came of it.
    func run() async throws {
        let url = test.url(origins.port)
        let origin = try HTTPURL(parsing: url).origin
        let request = PullRequest(sourceURL: url, displayURL: url, origin: origin)
        let job = try #require(
            try await store.store.accept(JobSubmission(account: .standard, requests: [request])).first)
        let waits = if case .waiting = test.outcome { true } else { false }
        let store = store
        let ended = try await withEngine {
            try await store.wait(for: job.id) { $0.state.isTerminal || (waits && $0.failure != nil) }
        }
        if test.isClosedByClient { await origins.main?.wait { !$0.closedByClient.isEmpty } }
        try await check(ended)
    }

    /// Ends what the bench has opened.
    func close() async {
        await client.shutdown()
        await origins.stop()
        await store.store.close()
    }

    private func withEngine<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        var configuration = PullConfiguration(node: NodeID("test"))
        configuration.grace = .zero
        configuration.retry = RetryRule(attempts: 2, firstWait: .milliseconds(1))
        configuration.smallObjectBytes = 1_000
        configuration.progressBytes = 5_000
        configuration.checkpointBytes = 4_000
        configuration.maxBytes = 1 << 20
        test.pull(&configuration)
        let engine = PullEngine(
            store: store.store, signals: store.store.signals, objects: objects,
            fetcher: OutboundSourceFetcher(client: client, wallClock: { Timestamp(milliseconds: 1_770_000_000_000) }),
            configuration: configuration, running: RunningAttempts(),
            random: { 0 }, logger: .silent)
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

    // MARK: Checks

    private var media: [String] { store.folder.files.filter { $0.hasPrefix("media/") } }

    private func check(_ job: Job) async throws {
        let detail = try #require(try await store.store.jobDetail(job.id))
        let named = try await store.store.abandonedObjects(limit: 100)
        if !named.keys.isEmpty {
            try await store.store.forgetObjects(try await objects.remove(named.keys), asOf: named.time)
        }
        let ends = detail.events.filter { $0.type == .uploadByURLComplete }
        switch test.outcome {
        case .stored(let bytes):
            #expect(job.state == .succeeded, "\(String(describing: job.failure))")
            #expect(ends.count == 1)
            try checkStored(bytes, job, detail)
        case .failed(let code):
            #expect(job.state == .failed)
            #expect(job.failure?.code == code, "\(String(describing: job.failure))")
            #expect(job.failure?.message.contains(test.message) == true, "\(String(describing: job.failure))")
            #expect(job.failure?.message.contains("abc") == false)
            #expect(ends.count == 1)
            #expect(media.isEmpty)
        case .waiting(let time):
            #expect(job.state == .pending)
            #expect(ends.isEmpty)
            let claims = try await store.store.claimJobs(
                JobClaimRequest(node: NodeID("other"), limit: 1, perOrigin: 8, lease: .seconds(30)))
            #expect(claims.items.isEmpty)
            // Some of it is over already.
            let due = try #require(claims.nextDue)
            #expect(due > time.lowerBound - .seconds(30) && due <= time.upperBound, "due in \(due)")
        }
        checkAttempts(detail)
        checkRequests()
    }

    private func checkStored(_ bytes: [UInt8], _ job: Job, _ detail: JobDetail) throws {
        let key = try #require(job.objectKey)
        #expect(media == ["media/\(key)"])
        #expect(store.folder.contents("media/\(key)") == bytes)
        #expect(job.bytesTotal == Int64(bytes.count))
        var digest = CRC64()
        digest.update(ByteBuffer(bytes: bytes))
        #expect(detail.digests?.crc64 == digest.value)
    }

    private func checkAttempts(_ detail: JobDetail) {
        let attempts = test.attempts ?? test.requests
        #expect(attempts.contains(detail.attempts.count), "attempts: \(detail.attempts.map(\.record.failure))")
        // What was tried again had a cause that may pass.
        for attempt in detail.attempts.dropLast() {
            #expect(attempt.record.failure?.code.isRetryable == true)
        }
    }

    private func checkRequests() {
        guard let record = origins.main?.record else { return }
        #expect(test.requests.contains(record.requests.count), "requests: \(record.requests.count)")
        if let ranges = test.ranges { #expect(record.requests.map { $0.header("Range") } == ranges) }
        if let most = test.sentBytes { #expect(record.sentBytes <= most, "sent: \(record.sentBytes)") }
        for request in record.requests + (origins.other?.record.requests ?? []) {
            #expect(request.method == "GET")
            #expect(request.header("Accept-Encoding") == "identity")
            #expect(request.header("Cookie") == nil)
            let validator = request.header("If-Range")
            #expect((request.header("Range") == nil) == (validator == nil))
            #expect(validator?.hasPrefix("W/") != true)
        }
        for request in origins.other?.record.requests ?? [] { #expect(request.header("Authorization") == nil) }
    }
}

/// Answers look-ups from lists: each look-up of a name takes the next list, the last one stays.
private final class TableResolver: HostResolver {
    private struct State {
        var answers: [String: [[String]]]
        var count = 0
    }

    private let state: Mutex<State>
    private let before: @Sendable (Int) async throws -> Void

    /// `before` runs before the answer to each look-up, by its number from 0.
    init(_ answers: [String: [[String]]], before: @escaping @Sendable (Int) async throws -> Void) {
        state = Mutex(State(answers: answers))
        self.before = before
    }

    func resolve(_ name: String, within limit: Duration) async throws -> [IPAddress] {
        let (number, texts) = state.withLock { state in
            defer { state.count += 1 }
            let lists = state.answers[name] ?? []
            if lists.count > 1 { state.answers[name] = Array(lists.dropFirst()) }
            return (state.count, lists.first)
        }
        try await before(number)
        guard let texts else { throw ResolverError.notFound }
        return texts.compactMap { IPAddress(parsing: $0) }
    }
}
