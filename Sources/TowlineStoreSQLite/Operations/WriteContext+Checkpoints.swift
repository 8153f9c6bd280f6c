import TowlineCore
import TowlineStore

extension WriteContext {
    /// Records or forgets checkpoints (``JobStore/recordCheckpoints(_:)``).
    func recordCheckpoints(_ notes: [CheckpointNote]) throws -> [LeaseVerdict] {
        try notes.map { try record($0) }
    }

    private func record(_ note: CheckpointNote) throws -> LeaseVerdict {
        let run = try connection.first(FinishSQL.find, .id(note.job)) { try StoredRun($0) }
        guard let run, run.holds(note.lease, at: now) else { return .leaseLost }
        let key = run.objectKey(lease: note.lease)
        if let checkpoint = note.checkpoint {
            try keep(checkpoint, under: key, of: run.seq)
        } else {
            // The attempt goes on: its own key must not be swept under it.
            try connection.run(CheckpointSQL.letGo, .text(key.description))
            try forgetCheckpoint(of: run.seq, sweepAt: now)
        }
        return .recorded
    }

    /// Puts down what an attempt that ended leaves to the next one.
    func leave(_ leftover: AttemptLeftover, under key: ObjectKey, of run: StoredRun) throws {
        switch leftover {
        case .recorded: return
        case .nothing: try forgetCheckpoint(of: run.seq, sweepAt: now)
        case .checkpoint(let checkpoint): try keep(checkpoint, under: key, of: run.seq)
        }
    }

    /// What earlier attempts of a job's run left.
    func resumePoint(of job: Int64) throws -> ResumePoint? {
        let checkpoint = try connection.first(CheckpointSQL.find, .integer(job)) { JobRows.checkpoint($0) }
        guard let checkpoint else { return nil }
        let keys = try connection.all(CheckpointSQL.keptKeys, .integer(job)) { ObjectKey($0.text(0)) }
        return ResumePoint(checkpoint: checkpoint, keys: keys)
    }

    /// Forgets a run's checkpoint, if it has one, and lets what its attempts left be removed from a moment on.
    func forgetCheckpoint(of job: Int64, sweepAt: Timestamp) throws {
        guard try connection.change(CheckpointSQL.forget, .integer(job)) > 0 else { return }
        try connection.run(CheckpointSQL.sweepKept, .time(sweepAt), .integer(job), .text(""))
        effects.signal(.objectsPending)
    }

    private func keep(_ checkpoint: TransferCheckpoint, under key: ObjectKey, of job: Int64) throws {
        try connection.run(
            CheckpointSQL.record, .integer(job), .text(checkpoint.version.validator),
            .integer(checkpoint.version.total), .integer(checkpoint.bytes),
            .integer(Int64(bitPattern: checkpoint.crc64)), .integer(checkpoint.source), .time(now))
        try connection.run(CheckpointSQL.keep, .text(key.description))
        // The bytes are under this key now; whoever wrote under the others was stopped when they were taken over.
        if try connection.change(CheckpointSQL.sweepKept, .time(now), .integer(job), .text(key.description)) > 0 {
            effects.signal(.objectsPending)
        }
    }
}

/// The statements about checkpoints of transfers.
enum CheckpointSQL {
    static let find = SQL("SELECT \(JobRows.checkpointColumns) FROM job_checkpoints c WHERE c.job = ?")
    static let keptKeys = SQL("SELECT object_key FROM object_intents WHERE job = ? AND kept = 1")
    static let record = SQL(
        """
        INSERT OR REPLACE INTO job_checkpoints (job, validator, bytes_total, bytes, crc64, source, recorded_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """)
    static let forget = SQL("DELETE FROM job_checkpoints WHERE job = ?")
    static let keep = SQL("UPDATE object_intents SET kept = 1 WHERE object_key = ?")
    static let letGo = SQL("UPDATE object_intents SET kept = 0 WHERE object_key = ?")
    static let sweepKept = SQL(
        "UPDATE object_intents SET kept = 0, sweep_at = ? WHERE job = ? AND kept = 1 AND object_key <> ?")
}
