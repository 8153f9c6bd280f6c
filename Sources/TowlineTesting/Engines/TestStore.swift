package import Logging
package import TowlineCore
import TowlineStore
package import TowlineStoreSQLite

/// A real store in a folder of its own, for tests of engines and listeners.
package struct TestStore: Sendable {
    /// The store.
    package let store: SQLiteStore
    /// Where it lies.
    package let folder: TemporaryFolder

    /// Opens a fresh store.
    ///
    /// - Parameters:
    ///   - policy: The policy of new deliveries.
    ///   - configure: Changes anything else before the store is opened.
    /// - Throws: What opening throws.
    package init(
        policy: DeliveryPolicy.Name = .exact, configure: (inout SQLiteStoreConfiguration) -> Void = { _ in }
    ) async throws {
        folder = try TemporaryFolder()
        var configuration = SQLiteStoreConfiguration(
            path: folder.path + "/towline.db", lockPath: folder.path + "/towline.db.lock",
            secretBox: try SecretBox(key: [UInt8](repeating: 7, count: 32)),
            composer: EventComposer(publicURL: "http://127.0.0.1:8787"))
        configuration.deliveryPolicy = policy
        configure(&configuration)
        store = try await SQLiteStore.open(configuration, logger: .silent)
    }

    /// Sends every event of the default application to a URL.
    package func setCallback(_ url: String, authKey: String? = nil) async throws {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackURL = url
        configuration.eventTypeList = "ALL"
        if let authKey {
            configuration.authSwitch = "on"
            configuration.authKey = authKey
        }
        try await store.setCallback(configuration, nonce: nil)
    }

    /// Sends every event of the default application into a built-in queue, which may be missing.
    package func setCallback(queue: String) async throws {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackType = "MNS"
        configuration.mnsEndpoint = "http://127.0.0.1:8787"
        configuration.mnsQueueName = queue
        configuration.isOwnQueue = true
        configuration.eventTypeList = "ALL"
        try await store.setCallback(configuration, nonce: nil)
    }

    /// Accepts one job for a URL of the host `media.example.com`.
    package func accept(_ path: String) async throws -> Job {
        let url = "https://media.example.com/\(path)"
        let request = PullRequest(sourceURL: url, displayURL: url, origin: "https://media.example.com:443")
        let jobs = try await store.accept(JobSubmission(account: .standard, requests: [request]))
        guard let job = jobs.first else { throw StoreError(.notFound, "no job was accepted") }
        return job
    }

    /// Waits until a job is in a state.
    package func wait(for id: JobID, _ isMeant: @Sendable (Job) -> Bool) async throws -> Job {
        let changes = store.signals.listen(to: .jobsChanged)
        if let job = try await store.jobs([id], account: nil).first, isMeant(job) { return job }
        for await _ in changes {
            if let job = try await store.jobs([id], account: nil).first, isMeant(job) { return job }
        }
        throw CancellationError()
    }
}

extension Logger {
    /// A logger that says nothing.
    package static var silent: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
