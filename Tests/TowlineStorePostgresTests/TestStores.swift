import Logging
import Synchronization
import TowlineCore
import TowlineStore
import TowlineStorePostgres
import TowlineTesting

/// A logger that says nothing.
let quiet: Logger = {
    var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    logger.logLevel = .critical
    return logger
}()

/// What tests add to the server's time.
final class TestOffset: Sendable {
    private let offset = Mutex(Duration.zero)

    var value: Duration { offset.withLock { $0 } }

    /// Moves the clock forward.
    func advance(by duration: Duration) { offset.withLock { $0 += duration } }
}

/// A configuration for a URL.
func configuration(url: String, offset: TestOffset = TestOffset()) throws -> PostgresStoreConfiguration {
    var configuration = PostgresStoreConfiguration(
        url: url, secretBox: try SecretBox(key: [UInt8](repeating: 7, count: 32)), composer: StoreSuite.composer)
    configuration.clockOffset = { offset.value }
    configuration.writers = 2
    configuration.readers = 1
    return configuration
}

/// What the conformance suite makes its stores with: each a schema of its own on the tests' server.
final class PostgresUnderTest: StoreUnderTest {
    private let offset = TestOffset()
    private let server: PostgresServer?

    init(server: PostgresServer? = nil) { self.server = server }

    func make() async throws -> any Store {
        let url = try (server ?? PostgresServer.shared()).makeSchema()
        return try await PostgresStore.open(configuration(url: url, offset: offset), logger: quiet)
    }

    func advance(by duration: Duration) { offset.advance(by: duration) }
}
