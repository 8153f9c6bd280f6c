import Foundation
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

/// What a scripted source does with one request.
struct SourceAnswer: Sendable {
    /// What happens after the body.
    enum Ending: Sendable { case keep, close, reset, stall }

    var status = 200
    var headers: [(String, String)] = []
    /// The bytes that are sent.
    var body: ArraySlice<UInt8>
    /// The length that is announced; nil for chunks.
    var announced: Int?
    var ending = Ending.keep

    /// The whole file.
    static func whole(_ bytes: [UInt8], tag: String? = "\"v1\"") -> SourceAnswer {
        SourceAnswer(
            headers: tag.map { [("ETag", $0)] } ?? [], body: bytes[...], announced: bytes.count)
    }

    /// A part of the file as it should be sent.
    static func part(_ bytes: [UInt8], from first: Int, to last: Int? = nil, tag: String? = "\"v1\"") -> SourceAnswer {
        let last = last ?? bytes.count - 1
        var answer = SourceAnswer(
            status: 206, headers: [("Content-Range", "bytes \(first)-\(last)/\(bytes.count)")],
            body: bytes[first...last], announced: last - first + 1)
        if let tag { answer.headers.append(("ETag", tag)) }
        return answer
    }

    /// The same, cut after some bytes.
    func cut(after count: Int, _ ending: Ending = .close) -> SourceAnswer {
        var answer = self
        answer.body = body.prefix(count)
        answer.ending = ending
        return answer
    }

    /// The same with other fields.
    func with(_ name: String, _ value: String?) -> SourceAnswer {
        var answer = self
        answer.headers.removeAll { $0.0 == name }
        if let value { answer.headers.append((name, value)) }
        return answer
    }
}

/// A scripted source, a real store and a real disk, with engines over them.
final class ResumeBench: Sendable {
    typealias Respond = @Sendable (_ number: Int, _ request: OriginRequest) -> SourceAnswer

    let store: SQLiteStore
    let folder: TemporaryFolder
    let clock: MonotonicStoreClock
    let objects: DiskObjectStore
    let origin: ScriptedOrigin
    let running = RunningAttempts()
    private let client: OutboundClient

    /// A file that no two places of look alike.
    static func file(_ count: Int = 300_000, version: Int = 1) -> [UInt8] {
        var state = UInt64(version)
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    init(
        copyOf other: TemporaryFolder? = nil, origin: ScriptedOrigin? = nil, idleTimeout: Duration = .seconds(60),
        respond: @escaping Respond
    ) async throws {
        folder = try TemporaryFolder()
        if let other {
            // As a process that is killed leaves them; the database first, so that it names no byte that is not there.
            for name in ["towline.db", "towline.db-wal", "media"]
            where FileManager.default.fileExists(atPath: other.path + "/" + name) {
                try FileManager.default.copyItem(atPath: other.path + "/" + name, toPath: folder.path + "/" + name)
            }
        }
        clock = MonotonicStoreClock()
        var configuration = SQLiteStoreConfiguration(
            path: folder.path + "/towline.db", lockPath: folder.path + "/lock",
            secretBox: try SecretBox(key: [UInt8](repeating: 7, count: 32)),
            composer: EventComposer(publicURL: "http://127.0.0.1:8787"))
        configuration.clock = clock
        store = try await SQLiteStore.open(configuration, logger: .silent)
        objects = try DiskObjectStore(root: folder.path + "/media", threads: .singleton)
        if let origin {
            self.origin = origin
        } else {
            let count = Mutex(0)
            self.origin = try await ScriptedOrigin.start { connection in
                while true {
                    let request = try await connection.readHead()
                    let number = count.withLock { count in
                        defer { count += 1 }
                        return count
                    }
                    guard try await Self.send(respond(number, request), on: connection) else { return }
                }
            }
        }
        var outbound = OutboundConfiguration()
        outbound.idleTimeout = idleTimeout
        client = OutboundClient(
            configuration: outbound, policy: AddressPolicy(allow: [CIDR(IPAddress(v4: 0x7F00_0001), prefixLength: 32)]),
            resolver: NoNames(), logger: .silent, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    /// Ends what the bench has opened.
    func close() async {
        await client.shutdown()
        await origin.stop()
        await store.close()
    }

    private static func send(_ answer: SourceAnswer, on connection: OriginConnection) async throws -> Bool {
        var head = "HTTP/1.1 \(answer.status) Scripted\r\n"
        for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
        if let announced = answer.announced {
            try await connection.send(head + "Content-Length: \(announced)\r\n\r\n")
            try await connection.send(ByteBuffer(bytes: answer.body))
        } else {
            try await connection.send(head + "Transfer-Encoding: chunked\r\n\r\n")
            if !answer.body.isEmpty {
                try await connection.send(String(answer.body.count, radix: 16) + "\r\n")
                try await connection.send(ByteBuffer(bytes: answer.body))
                try await connection.send("\r\n")
            }
            if answer.ending == .keep { try await connection.send("0\r\n\r\n") }
        }
        switch answer.ending {
        case .keep: return true
        case .close: return false
        case .reset: try await connection.reset()
        case .stall: try await connection.waitForClose()
        }
        return false
    }

    /// Accepts a job for the source.
    func accept(expecting expected: ExpectedContent = ExpectedContent()) async throws -> Job {
        let url = try origin.url("/a.mp4").absoluteString
        var metadata = MediaMetadata()
        metadata.expected = expected
        let request = PullRequest(
            sourceURL: url, displayURL: url, origin: "http://127.0.0.1:\(origin.port)", metadata: metadata)
        return try #require(
            try await store.accept(JobSubmission(account: .standard, requests: [request])).first)
    }

    /// Runs an engine while a test looks on.
    func withEngine<Result: Sendable>(
        configure: (inout PullConfiguration) -> Void = { _ in }, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        var configuration = PullConfiguration(node: NodeID("test"))
        configuration.grace = .zero
        configuration.retry = RetryRule(attempts: 3, firstWait: .milliseconds(1))
        configuration.smallObjectBytes = 1000
        configuration.progressBytes = 10_000
        configuration.checkpointBytes = 40_000
        configure(&configuration)
        let engine = PullEngine(
            store: store, signals: store.signals, objects: objects,
            fetcher: OutboundSourceFetcher(client: client, wallClock: { Timestamp(milliseconds: 1_770_000_000_000) }),
            configuration: configuration, running: running, random: { 0 }, logger: .silent)
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

    /// Runs an engine until a job has ended.
    func run(_ job: JobID, configure: (inout PullConfiguration) -> Void = { _ in }) async throws -> Job {
        try await withEngine(configure: configure) { [self] in
            try await wait(for: job) { $0.state.isTerminal }
        }
    }

    /// Waits until a job is in a state.
    func wait(for id: JobID, _ isMeant: @Sendable (Job) -> Bool) async throws -> Job {
        let changes = store.signals.listen(to: .jobsChanged)
        if let job = try await store.jobs([id], account: nil).first, isMeant(job) { return job }
        for await _ in changes {
            if let job = try await store.jobs([id], account: nil).first, isMeant(job) { return job }
        }
        throw CancellationError()
    }

    /// Waits until the running attempt has so many bytes of the file.
    func wait(for id: JobID, bytes: Int64) async {
        while (running.progress(of: id)?.bytesReceived ?? 0) < bytes { await Task.yield() }
    }

    /// Waits until something of the transfer is recorded.
    func waitForCheckpoint(of id: JobID) async throws -> TransferCheckpoint {
        while true {
            if let checkpoint = try await store.jobDetail(id)?.checkpoint { return checkpoint }
            await Task.yield()
        }
    }

    /// What lies in the object store.
    var media: [String] { folder.files.filter { $0.hasPrefix("media/") } }

    /// The parts that were asked for, in the order of the requests; nil for the whole file.
    var ranges: [String?] { origin.record.requests.map { $0.header("Range") } }

    /// The bytes that all attempts have received.
    func received(_ id: JobID) async throws -> Int64 {
        try await attempts(id).reduce(0) { $0 + $1.record.bytesReceived }
    }

    /// The attempts of a job.
    func attempts(_ id: JobID) async throws -> [JobAttempt] {
        try #require(try await store.jobDetail(id)).attempts
    }

    /// Fails unless the job has stored exactly these bytes, and nothing else is left once the caretaker has been round.
    func expectStored(
        _ job: Job, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(job.state == .succeeded, "\(String(describing: job.failure))", sourceLocation: sourceLocation)
        try await expectNoLeftovers(sourceLocation: sourceLocation)
        let key = try #require(job.objectKey, sourceLocation: sourceLocation)
        #expect(media == ["media/\(key)"], sourceLocation: sourceLocation)
        #expect(folder.contents("media/\(key)") == bytes, sourceLocation: sourceLocation)
        #expect(job.bytesTotal == Int64(bytes.count), sourceLocation: sourceLocation)
    }

    /// Lets everything be removed that has an intent, and fails where files are left that nobody chose.
    func expectNoLeftovers(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let named = try await store.abandonedObjects(limit: 100)
        if !named.keys.isEmpty {
            try await store.forgetObjects(try await objects.remove(named.keys), asOf: named.time)
        }
        let parts = media.filter { $0.hasSuffix(".part") }
        #expect(parts.isEmpty, sourceLocation: sourceLocation)
    }
}

/// A resolver for tests that name addresses only.
private struct NoNames: HostResolver {
    func resolve(_ name: String, within limit: Duration) async throws -> [IPAddress] { throw ResolverError.notFound }
}
