import Foundation
import Logging
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

/// A folder of its own for one test, removed at the end.
final class TestFolder: Sendable {
    let path: String

    /// Makes the folder in memory where the system has a place for that, since what is tested is not the disk.
    convenience init(onDisk: Bool = false) throws {
        let memory = "/dev/shm"
        let base =
            !onDisk && FileManager.default.isWritableFile(atPath: memory)
            ? URL(fileURLWithPath: memory) : FileManager.default.temporaryDirectory
        try self.init(in: base.path)
    }

    /// Makes the folder within another.
    init(in base: String) throws {
        let url = URL(fileURLWithPath: base).appendingPathComponent("towline-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The database file.
    var database: String { path + "/towline.db" }

    /// The folder as a process that was killed now would leave it: a copy of the files of an open store.
    func crashed() throws -> TestFolder {
        let copy = try TestFolder()
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: database + suffix) {
            try FileManager.default.copyItem(atPath: database + suffix, toPath: copy.database + suffix)
        }
        return copy
    }

    /// A configuration for this folder.
    func configuration(clock: any StoreClock = MonotonicStoreClock()) throws -> SQLiteStoreConfiguration {
        var configuration = SQLiteStoreConfiguration(
            path: database, lockPath: path + "/lock", secretBox: try SecretBox(key: [UInt8](repeating: 7, count: 32)),
            composer: StoreSuite.composer)
        configuration.clock = clock
        return configuration
    }

    /// Fails when a text lies in clear in one of the files.
    func expectNowhere(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        for file in try FileManager.default.contentsOfDirectory(atPath: path) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path + "/" + file))
            #expect(bytes.range(of: Data(text.utf8)) == nil, "in \(file)", sourceLocation: sourceLocation)
        }
    }

    /// Opens the store of this folder.
    func open(
        clock: any StoreClock = MonotonicStoreClock(), configure: (inout SQLiteStoreConfiguration) -> Void = { _ in }
    ) async throws -> SQLiteStore {
        var configuration = try configuration(clock: clock)
        configure(&configuration)
        // The folder stays as long as its store.
        let onFatal = configuration.onFatal
        configuration.onFatal = { [self] error in withExtendedLifetime(self) { onFatal(error) } }
        return try await SQLiteStore.open(configuration, logger: quiet)
    }
}

/// A logger that says nothing.
let quiet: Logger = {
    var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    logger.logLevel = .critical
    return logger
}()

/// What the conformance suite makes its stores with.
final class SQLiteUnderTest: StoreUnderTest {
    private let clock = SteppedStoreClock()
    private let folder: TestFolder
    private let intercept: (@Sendable (String) throws -> Void)?

    init(intercept: (@Sendable (String) throws -> Void)? = nil) throws {
        folder = try TestFolder()
        self.intercept = intercept
    }

    func make() async throws -> any Store { try await folder.open(clock: clock) { $0.intercept = intercept } }

    func advance(by duration: Duration) { clock.advance(by: duration) }
}

/// A store's clock that does not care how busy the machine is: it goes on by a millisecond every twenty looks, and when
/// a test moves it.
final class SteppedStoreClock: StoreClock {
    private let state = Mutex((looks: 0, offset: Duration.zero))

    func now() -> Timestamp {
        state.withLock { state in
            state.looks += 1
            return Timestamp(milliseconds: 1_770_000_000_000) + .milliseconds(state.looks / 20) + state.offset
        }
    }

    /// Moves the clock forward.
    func advance(by duration: Duration) { state.withLock { $0.offset += duration } }
}

/// A request for a file of an origin.
func request(_ name: String = "a.mp4", origin: String = "https://origin.test:443") -> PullRequest {
    let url = "\(origin)/\(name)"
    var metadata = MediaMetadata()
    metadata.title = name
    metadata.fileExtension = "mp4"
    return PullRequest(sourceURL: url, displayURL: url, origin: origin, metadata: metadata)
}

extension SQLiteStore {
    /// Accepts jobs of one origin, at most twenty a call.
    @discardableResult
    func accept(_ count: Int, origin: String = "https://origin.test:443") async throws -> [Job] {
        var jobs: [Job] = []
        while jobs.count < count {
            let requests = (jobs.count..<min(jobs.count + 20, count)).map { request("\($0).mp4", origin: origin) }
            jobs += try await accept(JobSubmission(account: .standard, requests: requests))
        }
        return jobs
    }

    /// Claims jobs.
    func claim(_ limit: Int = 100, perOrigin: Int = 1000) async throws -> [ClaimedJob] {
        try await claimJobs(
            JobClaimRequest(node: NodeID("node"), limit: limit, perOrigin: perOrigin, lease: .seconds(30))
        ).items
    }

    /// Reports an attempt's end.
    @discardableResult
    func finish(
        _ claim: ClaimedJob, _ result: JobAttemptResult = .stored(bytes: 1, small: nil)
    ) async throws -> LeaseVerdict {
        try await finish([
            JobAttemptReport(job: claim.job.id, lease: claim.lease, result: result, record: JobAttemptRecord())
        ])[0]
    }

    /// Claims deliveries.
    func claimDeliveries(_ limit: Int = 100) async throws -> [ClaimedDelivery] {
        try await claimDeliveries(
            DeliveryClaimRequest(node: NodeID("node"), limit: limit, perEndpoint: 1000, lease: .seconds(30))
        ).items
    }

    /// Reports an attempt of a delivery.
    @discardableResult
    func report(_ claim: ClaimedDelivery, _ next: DeliveryNext) async throws -> LeaseVerdict {
        try await recordDeliveries([
            DeliveryReport(delivery: claim.id, lease: claim.lease, next: next, record: DeliveryAttemptRecord())
        ])[0]
    }

    /// Sends every event of the standard account somewhere.
    func sendEvents(key: String = "auth-key-in-clear") async throws {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackURL = "https://receiver.test/hook"
        configuration.eventTypeList = "ALL"
        configuration.authSwitch = "on"
        configuration.authKey = key
        try await setCallback(configuration, nonce: nil)
    }
}

/// Fails unless a call throws a ``StoreError`` with a code; gives its sentence.
@discardableResult
func expectStoreError(
    _ code: StoreError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> String {
    do {
        try await body()
        Issue.record("no error was thrown", sourceLocation: sourceLocation)
    } catch let error as StoreError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        return error.message
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
    return ""
}
