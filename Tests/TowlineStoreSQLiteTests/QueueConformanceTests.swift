import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

extension StoreSuite.QueueCase: CustomTestStringConvertible {
    /// The sentence about queues.
    public var testDescription: String { description }
}

/// What the suite about queues makes its stores with.
final class SQLiteQueuesUnderTest: QueueStoreUnderTest {
    private let clock = SteppedStoreClock()
    private let waitClock = ManualClock()
    private let folder: TestFolder
    private let intercept: (@Sendable (String) throws -> Void)?

    init(intercept: (@Sendable (String) throws -> Void)? = nil) throws {
        folder = try TestFolder()
        self.intercept = intercept
    }

    func make() async throws -> any Store { try await make(EventQueueOptions()) }

    func make(_ options: EventQueueOptions) async throws -> any Store {
        try await folder.open(clock: clock) { configuration in
            configuration.eventBodyEncoding = options.bodyEncoding
            configuration.createMissingQueues = options.createMissing
            configuration.intercept = intercept
            configuration.waitClock = waitClock
        }
    }

    func advance(by duration: Duration) { clock.advance(by: duration) }

    func advanceWaiting(by duration: Duration) async {
        await waitClock.waitForSleepers(1)
        clock.advance(by: duration)
        waitClock.advance(by: duration)
    }
}

@Suite("the suite about queues on SQLite")
struct QueueConformanceTests {
    @Test("a store keeps its contract about queues", arguments: StoreSuite.queueCases)
    func conforms(_ queueCase: StoreSuite.QueueCase) async throws {
        try await queueCase.run(SQLiteQueuesUnderTest())
    }
}
