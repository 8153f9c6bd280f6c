import GRDB
package import Logging
import TowlineCore
import TowlineQueue
package import TowlineStore

/// The store on one SQLite file: one process, one thread that writes, a few connections that read.
///
/// Every write waits in a queue for the writer's thread, which runs all that waits in one transaction and resumes the
/// callers after its commit: many callers share one fsync, and one caller alone waits for nobody. Once a call has
/// begun, cancelling its task changes nothing: it gets its result. After a fault that leaves the file in doubt every
/// call throws and ``SQLiteStoreConfiguration/onFatal`` is called. Design: docs/proposals/0002-sqlite-store.md.
package final class SQLiteStore: Store {
    package let signals: StoreSignals
    /// The clock that stored times come from.
    package let clock: any StoreClock

    let configuration: SQLiteStoreConfiguration
    /// How far listeners of one account have been passed over other accounts' events.
    let places = ListenerPlaces()
    /// Where the next step of ``trimDeliveryLog(olderThan:limit:)`` goes on.
    let trimmed = TrimCursor()
    private let queue: WriteQueue
    /// Where receivers wait for messages.
    let desk: MessageDesk
    /// Makes receipt handles.
    let receiptKey: ReceiptKey
    private let pool: DatabasePool
    private let ending: WriterEnding

    /// Opens a store, making or upgrading its file, and brings in order what earlier processes left.
    ///
    /// - Throws: ``StoreError`` with code `locked`, `newerSchema`, `corrupted`, `full` or `unavailable`, each with one
    ///   sentence for the operator.
    package static func open(_ configuration: SQLiteStoreConfiguration, logger: Logger) async throws -> SQLiteStore {
        try await withCheckedThrowingContinuation { continuation in
            WriterThread.start(configuration: configuration, logger: logger) { continuation.resume(with: $0) }
        }
    }

    /// Joins what the writer's thread has opened.
    init(configuration: SQLiteStoreConfiguration, clock: any StoreClock, pool: DatabasePool, shared: WriterShared) {
        self.configuration = configuration
        self.clock = clock
        self.pool = pool
        signals = shared.signals
        queue = shared.queue
        ending = shared.ending
        desk = shared.desk
        receiptKey = ReceiptKey(bytes: configuration.secretBox.derivedKey(for: "receipt-handles"))
    }

    /// Operations that wait for the writer's next group.
    package var waitingWrites: Int { queue.count }

    deinit { queue.close(StoreError(.unavailable, "the store is closed")) }

    /// Runs an operation in the next group and returns its result after the commit.
    func write<T: Sendable>(
        _ line: WriteClass, cost: Int = 1, _ body: @escaping @Sendable (WriteContext) throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
            let operation = WriteOperation(
                cost: max(1, cost),
                run: { context in
                    let (result, effects) = try context.perform(body)
                    return (effects, { continuation.resume(returning: result) })
                },
                fail: { continuation.resume(throwing: $0) })
            queue.add(operation, to: line)
        }
    }

    /// Puts an operation into the writer's next group.
    func add(_ operation: WriteOperation, to line: WriteClass) { queue.add(operation, to: line) }

    /// Why the store takes no more operations; nil while it does.
    var refusal: StoreError? { queue.refusal }

    /// Runs a query on a reading connection, in one snapshot.
    func read<T: Sendable>(_ body: @escaping @Sendable (SQLConnection) throws -> T) async throws -> T {
        if let refusal = queue.refusal { throw refusal }
        do {
            let intercept = configuration.intercept
            return try await pool.read { try body(SQLConnection($0, intercept: intercept)) }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw storeError(from: error, path: configuration.path)
        }
    }

    package func prune(limit: Int) async throws -> Int {
        let limit = max(1, limit)
        return try await write(.bulk, cost: limit) { try $0.prune(limit: limit) }
    }

    package func reapLeases() async throws -> Int {
        try await write(.complete, cost: 16) { try $0.reapLeases() }
    }

    package func checkReadiness() async throws {
        // A write that reaches the disk: a full or failing one is noticed here.
        try await write(.accept) { try $0.raiseFloor() }
    }

    /// How the writer's connection makes commits durable, as SQLite itself says: `wal` and 2, which is FULL.
    package func durability() async throws -> (journalMode: String, synchronous: Int) {
        try await write(.accept) { context in
            (
                try context.connection.first(Self.journalMode) { $0.text(0) } ?? "",
                try context.connection.first(Self.synchronous) { $0.int(0) } ?? 0
            )
        }
    }

    private static let journalMode = SQL("PRAGMA journal_mode")
    private static let synchronous = SQL("PRAGMA synchronous")

    package func close() async {
        desk.waiters.close()
        queue.close(StoreError(.unavailable, "the store is closed"))
        await ending.wait()
    }
}
