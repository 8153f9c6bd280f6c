import Logging
import TowlineStore

/// Commits waiting operations in groups, one transaction for each group.
///
/// Lives on the writer's thread.
final class GroupWriter {
    private let context: WriteContext
    private let queue: WriteQueue
    private let signals: StoreSignals
    private let configuration: SQLiteStoreConfiguration
    private let logger: Logger
    private var checkpointer: Checkpointer

    private var connection: SQLConnection { context.connection }

    /// A writer on a connection that nobody else writes with.
    init(
        context: WriteContext, queue: WriteQueue, signals: StoreSignals, configuration: SQLiteStoreConfiguration,
        logger: Logger
    ) {
        self.context = context
        self.queue = queue
        self.signals = signals
        self.configuration = configuration
        self.logger = logger
        checkpointer = Checkpointer(pages: configuration.checkpointPages)
    }

    /// Commits groups until the queue is closed and empty, or until the file can no longer be trusted.
    func run() {
        while let group = queue.next(budget: max(1, configuration.maxGroup)) {
            guard commit(group) else { return }
            do {
                try checkpointer.runIfNeeded(on: connection)
            } catch {
                guard handleCheckpoint(error) else { return }
            }
        }
        do {
            try checkpointer.finish(on: connection)
        } catch {
            logger.warning("the write-ahead log stays beside the database", metadata: ["error": "\(error)"])
        }
    }

    /// How an attempt to commit a group ended.
    private enum Outcome {
        /// Every operation has its result.
        case committed(WriteEffects, [Result<@Sendable () -> Void, StoreError>])
        /// An operation failed after it had written: the group must be begun again with savepoints.
        case needsIsolation
    }

    /// Commits a group and tells its callers.
    ///
    /// - Returns: Whether the store goes on.
    private func commit(_ group: [WriteOperation]) -> Bool {
        do {
            var outcome = try attempt(group, isolated: false)
            if case .needsIsolation = outcome { outcome = try attempt(group, isolated: true) }
            guard case .committed(let effects, let results) = outcome else { return true }
            // Signals first: who has a result knows that everything that depends on it has been told.
            effects.send(through: signals)
            for (operation, result) in zip(group, results) {
                switch result {
                case .success(let deliver): deliver()
                case .failure(let error): operation.fail(error)
                }
            }
            return true
        } catch {
            return abort(group, error)
        }
    }

    /// Runs a group's operations in one transaction and commits it.
    ///
    /// - Parameters:
    ///   - group: The operations in their order.
    ///   - isolated: Whether each operation gets a savepoint of its own. Savepoints copy every page that they touch,
    ///     so the first attempt goes without: most operations that fail do so before they write.
    /// - Returns: The results, or that savepoints are needed after all; the transaction is undone then.
    /// - Throws: A fault of the database; the transaction may still be open.
    private func attempt(_ group: [WriteOperation], isolated: Bool) throws -> Outcome {
        try connection.begin()
        let start = connection.totalChanges
        var effects = WriteEffects()
        var results: [Result<@Sendable () -> Void, StoreError>] = []
        results.reserveCapacity(group.count)
        for operation in group {
            let before = connection.totalChanges
            do {
                if isolated { try connection.run(Self.savepoint) }
                let (added, deliver) = try operation.run(context)
                if isolated { try connection.run(Self.releaseSavepoint) }
                effects.merge(added)
                results.append(.success(deliver))
            } catch {
                guard let refusal = refusal(error) else { throw error }
                if isolated {
                    try connection.run(Self.rollbackToSavepoint)
                    try connection.run(Self.releaseSavepoint)
                    context.forget()
                } else if connection.totalChanges != before {
                    try connection.rollback()
                    context.forget()
                    return .needsIsolation
                }
                results.append(.failure(refusal))
            }
        }
        try context.settleQueues(&effects)
        // A group that changed nothing, as a claim that found nothing, commits without touching the disk.
        if connection.totalChanges != start { try context.finishGroup(effects) }
        do {
            try connection.commit()
        } catch {
            throw CommitFailure(cause: error)
        }
        return .committed(effects, results)
    }

    /// The error of an operation whose data were refused; nil for a fault of the database.
    private func refusal(_ error: any Error) -> StoreError? {
        switch error {
        case let error as StoreError: error
        case let error as SQLFailure where error.isConstraint: error.storeError(path: configuration.path)
        default: nil
        }
    }

    /// Undoes a group and fails all its operations.
    ///
    /// - Returns: Whether the store goes on.
    private func abort(_ group: [WriteOperation], _ error: any Error) -> Bool {
        let isCommit = error is CommitFailure
        let cause = (error as? CommitFailure)?.cause ?? error
        let reason = storeError(from: cause, path: configuration.path)
        var isFatal = isCommit ? !reason.mayPassAtCommit : SQLFailure.of(cause)?.isFatal == true
        do {
            try connection.rollback()
        } catch {
            isFatal = true
        }
        context.forget()
        logger.error(
            "a group of operations failed", metadata: ["error": "\(reason)", "operations": "\(group.count)"])
        if isFatal {
            stop(reason)
            for operation in group { operation.fail(queue.refusal ?? reason) }
        } else {
            for operation in group { operation.fail(reason) }
        }
        return !isFatal
    }

    /// Judges a failed checkpoint: nothing is lost by one that can be repeated.
    private func handleCheckpoint(_ error: any Error) -> Bool {
        let reason = storeError(from: error, path: configuration.path)
        guard SQLFailure.of(error)?.isFatal == true else {
            logger.warning("the write-ahead log could not be folded in", metadata: ["error": "\(reason)"])
            return true
        }
        stop(reason)
        return false
    }

    /// Stops taking operations: what was thought durable may not be, so nothing is acknowledged any more.
    private func stop(_ reason: StoreError) {
        let final = StoreError(
            reason.code == .corrupted ? .corrupted : .unavailable,
            "the store has stopped, since the database failed: \(reason.message)")
        logger.critical("the store has stopped", metadata: ["error": "\(reason)"])
        queue.fail(final)
        configuration.onFatal(final)
    }

    private static let savepoint = SQL("SAVEPOINT operation")
    private static let releaseSavepoint = SQL("RELEASE operation")
    private static let rollbackToSavepoint = SQL("ROLLBACK TO operation")
}

/// A commit that failed: whether its data are on the disk is not known.
private struct CommitFailure: Error {
    let cause: any Error
}

extension StoreError {
    /// Whether a commit that failed so has left everything as it was before, and later ones may succeed.
    fileprivate var mayPassAtCommit: Bool { code == .full }
}
