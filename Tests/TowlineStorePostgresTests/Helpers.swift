import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStorePostgres

/// A value that several tasks and threads of a test share.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    /// Looks at the value or changes it, alone.
    func withLock<T: Sendable>(_ body: (inout Value) -> T) -> T { value.withLock { body(&$0) } }
}

/// A request for a file of an origin.
func request(_ name: String = "a.mp4", origin: String = "https://origin.test:443") -> PullRequest {
    let url = "\(origin)/\(name)"
    var metadata = MediaMetadata()
    metadata.title = name
    metadata.fileExtension = "mp4"
    return PullRequest(sourceURL: url, displayURL: url, origin: origin, metadata: metadata)
}

extension TimeOrderedID {
    /// The form in which the server reads it.
    var uuid: String { String(rawValue, radix: 16).leftPadded(to: 32) }
}

extension String {
    fileprivate func leftPadded(to count: Int) -> String {
        String(repeating: "0", count: max(0, count - self.count)) + self
    }
}

extension PostgresStore {
    /// Opens a store of a schema of its own.
    static func make(
        offset: TestOffset = TestOffset(), configure: (inout PostgresStoreConfiguration) -> Void = { _ in }
    ) async throws -> PostgresStore {
        try await open(url: try PostgresServer.shared().makeSchema(), offset: offset, configure: configure)
    }

    /// Opens a store at a URL.
    static func open(
        url: String, offset: TestOffset = TestOffset(),
        configure: (inout PostgresStoreConfiguration) -> Void = { _ in }
    ) async throws -> PostgresStore {
        var configuration = try configuration(url: url, offset: offset)
        configure(&configuration)
        return try await PostgresStore.open(configuration, logger: quiet)
    }

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
    func claim(
        _ limit: Int = 100, perOrigin: Int = 1000, lease: Duration = .seconds(30), node: String = "node"
    ) async throws -> [ClaimedJob] {
        try await claimJobs(
            JobClaimRequest(node: NodeID(node), limit: limit, perOrigin: perOrigin, lease: lease)
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

    /// Sends every event of the standard account somewhere.
    func sendEvents() async throws {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackURL = "https://receiver.test/hook"
        configuration.eventTypeList = "ALL"
        configuration.authSwitch = "on"
        configuration.authKey = "auth-key-in-clear"
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
