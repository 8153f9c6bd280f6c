import Testing
import TowlineCore
import TowlineStore
import TowlineStorePostgres
import TowlineTesting

extension StoreSuite.QueueCase: CustomTestStringConvertible {
    /// The sentence about queues.
    public var testDescription: String { description }
}

/// What the suite about queues makes its stores with.
final class PostgresQueuesUnderTest: QueueStoreUnderTest {
    private let offset = TestOffset()
    private let waitClock = ManualClock()

    func make() async throws -> any Store { try await make(EventQueueOptions()) }

    func make(_ options: EventQueueOptions) async throws -> any Store {
        var configuration = try configuration(url: PostgresServer.shared().makeSchema(), offset: offset)
        configuration.eventBodyEncoding = options.bodyEncoding
        configuration.createMissingQueues = options.createMissing
        configuration.waitClock = waitClock
        return try await PostgresStore.open(configuration, logger: quiet)
    }

    func advance(by duration: Duration) { offset.advance(by: duration) }

    func advanceWaiting(by duration: Duration) async {
        await waitClock.waitForSleepers(1)
        offset.advance(by: duration)
        waitClock.advance(by: duration)
    }
}

/// The server's clock goes on by itself, so that a case must not take a second where it says that none has passed.
@Suite(
    "the suite about queues on PostgreSQL", .serialized,
    .enabled(if: PostgresServer.isAvailable, "no PostgreSQL server"))
struct QueueConformanceTests {
    @Test("a store keeps its contract about queues", arguments: StoreSuite.queueCases)
    func conforms(_ queueCase: StoreSuite.QueueCase) async throws {
        try await queueCase.run(PostgresQueuesUnderTest())
    }
}
