import Synchronization
import TowlineCore
import TowlineObjects
import TowlineStore

/// Writes down how far one attempt's transfer is, beside the transfer.
final class CheckpointLedger: Sendable {
    private struct State {
        var hasRecorded: Bool
        /// The most that this attempt recorded.
        var recordedBytes: Int64 = 0
        var isEnded = false
    }

    /// A checkpoint that was begun.
    struct Entry {
        /// Ends with the number of bytes that are recorded.
        let work: Task<Int64, any Error>
        let isOver: StopFlag
    }

    private let state: Mutex<State>
    private let progress: AttemptProgress
    private let store: any JobStore

    /// A ledger of an attempt.
    ///
    /// - Parameters:
    ///   - progress: Is told when the lease turns out to be gone.
    ///   - hasRecorded: Whether an earlier attempt recorded a checkpoint.
    ///   - store: Keeps what is recorded.
    init(
        progress: AttemptProgress, hasRecorded: Bool, store: any JobStore
    ) {
        self.progress = progress
        self.store = store
        state = Mutex(State(hasRecorded: hasRecorded))
    }

    /// Whether a checkpoint was recorded, or may have been, and not forgotten.
    var hasRecorded: Bool { state.withLock { $0.hasRecorded } }

    /// Records what is on stable storage.
    ///
    /// A store that cannot take it now is no reason to stop: less can be gone on with then.
    ///
    /// - Throws: `CancellationError` when the lease is gone.
    func record(_ checkpoint: TransferCheckpoint) async throws {
        state.withLock {
            $0.hasRecorded = true
            $0.recordedBytes = checkpoint.bytes
        }
        guard let verdicts = try? await store.recordCheckpoints([note(checkpoint)]) else { return }
        try heed(verdicts)
    }

    /// Forgets what was recorded, before other bytes take its place.
    ///
    /// - Throws: ``StoreError``, `CancellationError` when the lease is gone; nothing may be overwritten then.
    func forget() async throws {
        try heed(try await store.recordCheckpoints([note(nil)]))
        state.withLock {
            $0.hasRecorded = false
            $0.recordedBytes = 0
        }
    }

    /// Begins to make a checkpoint durable and record it, or as much of it as the store can make durable now.
    func begin(_ checkpoint: TransferCheckpoint, of upload: any ResumableUpload) -> Entry {
        let isOver = StopFlag()
        let work = Task {
            defer { isOver.set() }
            let durable = checkpoint.limited(to: try await upload.sync(isLast: false))
            let (isEnded, recorded) = state.withLock { ($0.isEnded, $0.recordedBytes) }
            guard let durable, durable.bytes > recorded, !isEnded else { return recorded }
            try await record(durable)
            return durable.bytes
        }
        return Entry(work: work, isOver: isOver)
    }

    /// Lets a checkpoint that was begun end without being recorded: the object is complete.
    func end() { state.withLock { $0.isEnded = true } }

    private func note(_ checkpoint: TransferCheckpoint?) -> CheckpointNote {
        CheckpointNote(job: progress.job, lease: progress.lease, checkpoint: checkpoint)
    }

    private func heed(_ verdicts: [LeaseVerdict]) throws {
        guard verdicts.contains(.leaseLost) else { return }
        progress.revoke()
        throw CancellationError()
    }
}

extension TransferCheckpoint {
    /// The checkpoint of what a store says is durable; nil where that is nothing.
    ///
    /// - Parameter prefix: What is durable, or nil for everything.
    /// - Returns: The checkpoint to record.
    func limited(to prefix: StoredPrefix?) -> TransferCheckpoint? {
        guard let prefix else { return self }
        return prefix.bytes > 0
            ? TransferCheckpoint(version: version, bytes: prefix.bytes, crc64: prefix.crc64) : nil
    }
}
