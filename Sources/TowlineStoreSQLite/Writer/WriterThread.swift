import Foundation
import GRDB
import Logging
import TowlineCore
import TowlineQueue
import TowlineStore

/// The life of the writer's thread: it takes the lock, opens the file, recovers, writes until it is told to stop, and
/// closes.
///
/// All of it blocks, so none of it runs on Swift's own threads.
enum WriterThread {
    /// Starts a thread that opens a store.
    ///
    /// - Parameters:
    ///   - configuration: What to open.
    ///   - logger: Where the thread reports.
    ///   - opened: Called once, on that thread, with the open store or the reason why there is none.
    static func start(
        configuration: SQLiteStoreConfiguration, logger: Logger,
        opened: @escaping @Sendable (Result<SQLiteStore, any Error>) -> Void
    ) {
        let thread = Thread {
            Thread.current.name = "towline-store"
            let shared = WriterShared(configuration: configuration)
            do {
                let lock = try StoreLock(path: configuration.lockPath)
                defer { lock.release() }
                let pool = try openPool(configuration)
                defer { close(pool, logger: logger) }
                try serve(pool, shared: shared, configuration: configuration, logger: logger) { opened(.success($0)) }
            } catch {
                opened(.failure(storeError(from: error, path: configuration.path)))
            }
            shared.ending.signal()
        }
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// Opens the connections.
    ///
    /// The file is durable from here on only after ``harden(_:)``.
    private static func openPool(_ configuration: SQLiteStoreConfiguration) throws -> DatabasePool {
        var settings = GRDB.Configuration()
        settings.label = "towline"
        settings.foreignKeysEnabled = false
        settings.maximumReaderCount = max(1, configuration.maxReaders)
        // Only another program, such as the sqlite3 shell, can make the writer wait.
        settings.busyMode = .timeout(5)
        let path = configuration.path
        settings.prepareDatabase { database in
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
            if database.configuration.readonly {
                try database.execute(sql: "PRAGMA cache_size = -512")
            } else {
                try Schema.verify(database, path: path)
                try database.execute(sql: "PRAGMA cache_size = -4096; PRAGMA journal_size_limit = 67108864")
            }
        }
        return try DatabasePool(path: path, configuration: settings)
    }

    /// Makes every commit wait for stable storage, and reads back that it does.
    ///
    /// GRDB turns it down to NORMAL when it opens a pool, after its own hook for settings.
    static func harden(_ database: Database, path: String) throws {
        try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0")
        let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode")
        let synchronous = try Int.fetchOne(database, sql: "PRAGMA synchronous")
        guard mode == "wal", synchronous == 2 else {
            throw StoreError(
                .unavailable, "the database \(path) does not take journal_mode=WAL with synchronous=FULL")
        }
    }

    /// Serves a store on its writing connection until it is closed or fails.
    ///
    /// - Parameters:
    ///   - pool: The connections.
    ///   - shared: What the store's callers share with the thread.
    ///   - configuration: How to serve.
    ///   - logger: Where to report.
    ///   - opened: Called once, when the store is ready; not called when an error is thrown.
    /// - Throws: The reason why there is no store.
    private static func serve(
        _ pool: DatabasePool, shared: WriterShared, configuration: SQLiteStoreConfiguration, logger: Logger,
        opened: (SQLiteStore) -> Void
    ) throws {
        try pool.writeWithoutTransaction { database in
            try harden(database, path: configuration.path)
            try Schema.migrate(database)
            let connection = try SQLConnection(database, intercept: configuration.intercept)
            connection.takeOverCheckpoints()
            defer { connection.endCheckpoints() }
            let clock = FlooredClock(configuration.clock, floor: try floor(connection))
            let context = WriteContext(
                connection: connection, configuration: configuration, clock: clock, desk: shared.desk)
            try recover(context, logger: logger)
            let writer = GroupWriter(
                context: context, queue: shared.queue, signals: shared.signals, configuration: configuration,
                logger: logger)
            opened(SQLiteStore(configuration: configuration, clock: clock, pool: pool, shared: shared))
            writer.run()
            // After a fault, too: nobody is served any more.
            shared.desk.waiters.close()
        }
    }

    private static func close(_ pool: DatabasePool, logger: Logger) {
        do {
            try pool.close()
        } catch {
            logger.warning("the database could not be closed", metadata: ["error": "\(error)"])
        }
    }

    private static func floor(_ connection: SQLConnection) throws -> Timestamp {
        try connection.first(readFloor) { $0.time(0) } ?? Timestamp(milliseconds: 0)
    }

    private static func recover(_ context: WriteContext, logger: Logger) throws {
        try context.connection.begin()
        do {
            let (count, effects) = try context.perform { try $0.recover() }
            try context.finishGroup(effects)
            try context.connection.commit()
            if count > 0 { logger.notice("interrupted attempts were taken back", metadata: ["count": "\(count)"]) }
        } catch {
            try? context.connection.rollback()
            throw error
        }
    }

    private static let readFloor = SQL("SELECT value FROM meta WHERE name = 'clock_floor'")
}

/// What the writer's thread and the store's callers share.
struct WriterShared: Sendable {
    let queue: WriteQueue
    let signals = StoreSignals()
    let ending = WriterEnding()
    let desk: MessageDesk

    /// What a new thread shares.
    init(configuration: SQLiteStoreConfiguration) {
        queue = WriteQueue()
        desk = MessageDesk(
            queue: queue, clock: configuration.waitClock, limit: max(0, configuration.maxWaitingReceives))
    }
}
