package import Logging
import Synchronization
import TowlineCore
import TowlineQueue
package import TowlineStore

/// The store on one PostgreSQL database that several nodes share.
///
/// Every call runs on a connection's own thread. Calls of one kind that come while their connections are busy are
/// gathered and run as one transaction of a few set-based statements. Once a call has begun, cancelling its task changes
/// nothing: it gets its result. Design: docs/proposals/0008-postgres-store.md.
package final class PostgresStore: Store, SharedSlotStore {
    package let signals: StoreSignals
    let configuration: PostgresStoreConfiguration
    let logger: Logger
    /// Runs transactions; shared by everything that writes.
    let runner: TransactionRunner
    let writers: PostgresPool
    let readers: PostgresPool
    let batches: Batches
    /// How far listeners of one account have been passed over other accounts' events.
    let places = PostgresListenerPlaces()
    /// Where the next step of ``trimDeliveryLog(olderThan:limit:)`` goes on.
    let trimmed = Mutex<DeliveryID?>(nil)
    /// The endpoint that was tended last: they take turns.
    let lastTended = Mutex<Int64>(0)
    private let hub: PostgresSignals
    private let ear: NotificationEar

    /// Opens a store, making or upgrading its tables.
    ///
    /// Leases of other nodes are left alone: they run out by themselves.
    ///
    /// - Throws: ``StoreError`` with code `newerSchema`, `corrupted`, `full`, `unavailable`, or `locked` while a migration
    ///   into the database has not ended, each with one sentence for the operator.
    package static func open(_ configuration: PostgresStoreConfiguration, logger: Logger) async throws -> PostgresStore
    {
        let store = PostgresStore(configuration: configuration, logger: logger)
        do {
            try await store.writers.perform { session in
                let connection = try session.connected()
                try MigrationMark.refuseUnfinished(connection)
                try Schema.migrate(connection)
                try store.runner.run(on: session) { transaction in
                    try transaction.checkSeal()
                    transaction.connection.add(UpkeepSQL.raiseCommitOffset)
                }
            }
        } catch {
            await store.close()
            throw error
        }
        store.ear.start()
        return store
    }

    private init(configuration: PostgresStoreConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        let settings = configuration.settings
        let lanes = LaneCache()
        let turns = LaneTurns()
        let connector = PostgresConnector(
            settings: settings, session: configuration.session, intercept: configuration.intercept, logger: logger,
            // The server may be another one now, which has not got all that the one before told: after a fail-over
            // without synchronous replication lanes can be missing, and their numbers be those of others.
            onConnect: {
                lanes.forget()
                turns.forget()
            })
        writers = PostgresPool(
            name: "towline-pg-write", size: configuration.writers, limit: configuration.maxWaiting,
            connector: connector)
        readers = PostgresPool(
            name: "towline-pg-read", size: configuration.readers, limit: configuration.maxWaiting,
            connector: connector)
        signals = StoreSignals()
        hub = PostgresSignals(signals: signals, pool: readers)
        runner = TransactionRunner(settings: configuration, signals: hub, turns: turns, lanes: lanes)
        ear = NotificationEar(
            connector: connector, hub: hub, safetyPoll: configuration.safetyPoll, logger: logger)
        batches = Batches(pool: writers, runner: runner, settings: configuration)
        startQueues(hub: hub)
    }

    deinit {
        let reason = StoreError(.unavailable, "the store is closed")
        ear.stop()
        runner.desk.stop()
        writers.abandon(reason)
        readers.abandon(reason)
    }

    /// Calls that wait for a connection or for their turn.
    package var waitingCalls: Int { writers.waitingJobs + readers.waitingJobs }

    /// Runs an operation in a transaction of its own and returns its result after the commit.
    ///
    /// The operation may run more than once.
    func write<T: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> T) async throws -> T {
        try await writers.perform { [runner] session in
            try runner.run(on: session) { transaction in
                try transaction.start()
                return try body(transaction)
            }
        }
    }

    /// The same for an operation that sends its first statements together with the beginning; it calls
    /// ``Transaction/start()`` itself.
    func writeLate<T: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> T) async throws -> T {
        try await writers.perform { [runner] session in try runner.run(on: session, body) }
    }

    /// Answers a question with one or a few statements, each with a snapshot of its own.
    func read<T: Sendable>(_ body: @escaping @Sendable (PostgresConnection) throws -> T) async throws -> T {
        try await readers.perform { session in
            let isFresh = session.isDisconnected
            let connection = try session.connected()
            do {
                return try body(connection)
            } catch let failure as PostgresFailure where failure.isConnectionLost && !isFresh {
                connection.discard()
                session.disconnect()
                return try body(try session.connected())
            } catch {
                connection.discard()
                throw error
            }
        }
    }

    /// The server's time for questions, with what tests add.
    static let clock = SQL("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")

    /// Reads the server's time.
    func now(_ connection: PostgresConnection) throws -> Timestamp {
        let reading = try connection.first(Self.clock) { $0.integer(0) } ?? 0
        return Timestamp(milliseconds: reading) + configuration.clockOffset()
    }

    package func checkReadiness() async throws {
        // A write that reaches the disk: a read-only server, a full disk and a pool without connections are noticed.
        // In one round trip: a node that stops in between would keep the row, and every node from being ready.
        try await writeLate { transaction in _ = transaction.connection.add(UpkeepSQL.touch) }
    }

    package func close() async {
        let reason = StoreError(.unavailable, "the store is closed")
        ear.stop()
        runner.desk.stop()
        await writers.close(reason)
        await readers.close(reason)
        await ear.ended()
    }
}
