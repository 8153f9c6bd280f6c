package import Logging
import ServiceLifecycle
package import TowlineCore
package import TowlineObjects
package import TowlineStore

/// Looks after the object store: makes deferred small objects durable and lets their rows go, and removes objects
/// that no run chose, from their intent rows.
package struct ObjectCaretaker: Service, CustomStringConvertible {
    /// The name that service groups log; without it they would spell out every stored property.
    package var description: String { "ObjectCaretaker" }

    private let intents: any ObjectIntentStore
    private let small: (rows: any SmallObjectStore, files: any DeferredObjectStore)?
    private let signals: StoreSignals
    private let objects: any ObjectStore
    private let clock: any MonotonicClock
    private let onFatal: @Sendable (ObjectStoreError) -> Void
    private let logger: Logger
    private let wakeup = Wakeup()
    private let syncHasFailed = StopFlag()
    /// How many keys one step removes.
    private static let step = 200

    /// A caretaker over a store and an object store; small objects are looked after where both sides offer it.
    package init(
        store: any Store, objects: any ObjectStore, clock: any MonotonicClock = SystemMonotonicClock(),
        onFatal: @escaping @Sendable (ObjectStoreError) -> Void = { _ in }, logger: Logger
    ) {
        self.onFatal = onFatal
        intents = store
        if let rows = store as? any SmallObjectStore, let files = objects as? any DeferredObjectStore {
            small = (rows, files)
        } else {
            small = nil
        }
        signals = store.signals
        self.objects = objects
        self.clock = clock
        self.logger = logger
    }

    /// Puts back the files of small objects whose rows are still there: a crash may have taken the files.
    ///
    /// To be called before anything else uses the object store.
    ///
    /// - Throws: ``StoreError`` or ``ObjectStoreError``; calling again is fine.
    package func restore() async throws {
        guard let small, let last = try await small.rows.lastSmallObject() else { return }
        var sequence: Int64 = 0
        while true {
            let rows = try await small.rows.smallObjects(after: sequence, limit: 16)
            guard let greatest = rows.last?.sequence else { break }
            for row in rows { try await small.files.putDeferred(row.key, row.bytes) }
            sequence = greatest
        }
        try await small.files.syncDeferred()
        try await small.rows.releaseSmallObjects(upTo: last)
    }

    /// Runs until graceful shutdown or a sync that failed; works at most once a second, and only when there is something to do.
    package func run() async throws {
        let stop = StopFlag()
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { helpers in
                helpers.addTask { for await _ in signals.listen(to: .objectsPending) { wakeup.ring() } }
                while !stop.isSet && !Task.isCancelled {
                    let isMoreToDo = await step()
                    await wakeup.wait(atMost: isMoreToDo ? .zero : .seconds(60), clock: clock)
                    if !stop.isSet { try? await clock.sleep(for: .seconds(1)) }
                }
                _ = await step()
                helpers.cancelAll()
            }
        } onGracefulShutdown: {
            stop.set()
            wakeup.ring()
        }
    }

    /// Syncs what is deferred and removes one step of abandoned objects.
    ///
    /// A sync that failed is never tried again: `onFatal` ends the process.
    ///
    /// - Returns: Whether more abandoned objects wait.
    func step() async -> Bool {
        guard !syncHasFailed.isSet else { return false }
        do {
            if let small, let last = try await small.rows.lastSmallObject() {
                do {
                    try await small.files.syncDeferred()
                } catch let error as ObjectStoreError {
                    // A failed sync has thrown pages away: a later one that succeeds says nothing about them. The rows
                    // stay, and the next start writes the files anew.
                    syncHasFailed.set()
                    onFatal(error)
                    return false
                }
                try await small.rows.releaseSmallObjects(upTo: last)
            }
            let abandoned = try await intents.abandonedObjects(limit: Self.step)
            guard !abandoned.keys.isEmpty else { return false }
            let removed = try await objects.remove(abandoned.keys)
            try await intents.forgetObjects(removed, asOf: abandoned.time)
            return abandoned.keys.count == Self.step && !removed.isEmpty
        } catch {
            logger.error("the object store could not be tidied", metadata: ["error": "\(error)"])
            return false
        }
    }
}
