import TowlineCore
import TowlineStore

extension WriteContext {
    /// Why an attempt ended that its process did not see the end of.
    static let interruption = "interrupted: the process ended during the attempt"

    /// Brings the rows in order after the processes that used the store before: they are gone, since this one holds the
    /// lock.
    ///
    /// Their leases are released, slots are counted anew, and the objects of their attempts may go, but for those that a
    /// checkpoint keeps.
    ///
    /// - Returns: The number of jobs and deliveries that were taken back.
    func recover() throws -> Int {
        try checkSeal()
        let jobs = try takeBackJobs(leasesUntil: nil, limit: .max, sweepAt: { _ in self.now })
        let deliveries = try takeBackDeliveries(leasesUntil: nil, limit: .max)
        try connection.run(RecoverySQL.abandonAll, .time(now))
        try connection.run(RecoverySQL.freeGroups)
        try connection.run(RecoverySQL.freeAccounts, .time(now))
        try connection.run(RecoverySQL.unblockLanes, .time(now))
        return jobs + deliveries
    }

    /// Seals a known text with the first opening, and opens it with every later one: another key file is noticed
    /// here and not when a secret is needed.
    private func checkSeal() throws {
        let purpose = "seal-check"
        if let sealed = try connection.first(RecoverySQL.findSeal, read: { $0.blob(0) }) {
            _ = try secretBox.open(sealed, for: purpose)
        } else {
            try connection.run(RecoverySQL.insertSeal, .blob(try secretBox.seal("towline", for: purpose)))
        }
    }

    /// Takes back leases that ended without a report, in bounded steps (``Store/reapLeases()``).
    func reapLeases() throws -> Int {
        let jobs = try takeBackJobs(leasesUntil: now, limit: 256, sweepAt: { self.now + $0.leaseLength })
        return jobs + (try takeBackDeliveries(leasesUntil: now, limit: 256))
    }

    /// Makes jobs available at once whose attempts were not seen to end.
    ///
    /// The attempt keeps its number and its row, but does not count against the retries: the source is not to blame.
    private func takeBackJobs(
        leasesUntil end: Timestamp?, limit: Int, sweepAt: (StoredRun) -> Timestamp
    ) throws -> Int {
        let seqs = try connection.all(
            RecoverySQL.leasedJobs, .integer(end?.milliseconds ?? .max), .integer(limit)
        ) { $0.integer(0) }
        for seq in seqs {
            let run = try connection.first(RecoverySQL.readJob, .integer(seq)) { try StoredRun($0) }
            guard let run, let lease = run.lease else { throw StoreError(.corrupted, "the database lacks job \(seq)") }
            var record = JobAttemptRecord()
            record.duration = max(.zero, min(now, run.leaseUntil ?? now) - run.attemptStartedAt)
            record.bytesReceived = run.job.bytesReceived
            try insertAttempt(of: run, record: record, failure: JobFailure(.internalError, Self.interruption))
            try connection.run(RecoverySQL.takeBackJob, .integer(seq), .integer(run.job.run), .time(now))
            try abandon(run.objectKey(lease: lease), at: sweepAt(run))
            try releaseSlot(lane: run.lane)
            effects.countJob(from: run.job.state, to: .pending)
            effects.revoke(lease)
            lanes.wake(run.lane, kind: .pull, at: now)
        }
        return seqs.count
    }

    /// Makes deliveries available at once whose attempts were not seen to end.
    ///
    /// The attempt keeps its row, but gives its number back: the receiver is not to blame, and may have got the event.
    private func takeBackDeliveries(leasesUntil end: Timestamp?, limit: Int) throws -> Int {
        let ids = try connection.all(
            RecoverySQL.leasedDeliveries, .integer(end?.milliseconds ?? .max), .integer(limit)
        ) { try $0.id(0, as: DeliveryID.self) }
        for id in ids {
            let stored = try connection.first(DeliverySQL.find, .id(id)) { try StoredDelivery($0) }
            guard let stored else { throw StoreError(.corrupted, "the database lacks delivery \(id)") }
            var record = DeliveryAttemptRecord()
            record.duration = max(.zero, min(now, stored.leaseUntil ?? now) - stored.attemptStartedAt)
            record.cause = Self.interruption
            try insertRecord(record, of: id, stored)
            try connection.run(RecoverySQL.countRecord, .id(id))
            try giveBack(id, stored)
            try releaseSlot(lane: stored.lane, kind: .deliver)
        }
        return ids.count
    }
}

/// The statements that take leases back.
enum RecoverySQL {
    static let findSeal = SQL("SELECT sealed FROM seal_check WHERE id = 1")
    static let insertSeal = SQL("INSERT INTO seal_check (id, sealed) VALUES (1, ?)")
    static let leasedJobs = SQL(
        "SELECT job FROM runs WHERE lease_until IS NOT NULL AND lease_until <= ? ORDER BY lease_until LIMIT ?")
    static let leasedDeliveries = SQL(
        "SELECT id FROM deliveries WHERE lease_until IS NOT NULL AND lease_until <= ? ORDER BY lease_until LIMIT ?")
    static let readJob = SQL(
        """
        SELECT \(JobRows.columns), \(StoredRun.columns)
        FROM jobs j JOIN runs r ON r.job = j.seq AND r.run = j.run WHERE j.seq = ?
        """)
    static let takeBackJob = SQL(
        """
        UPDATE runs SET state = 0, phase = 0, waiting = 1, due = ?3, lease = NULL, lease_until = NULL,
          fruitless = max(0, fruitless - 1)
        WHERE job = ?1 AND run = ?2
        """)
    static let countRecord = SQL("UPDATE deliveries SET records = records + 1 WHERE id = ?")
    static let abandonAll = SQL(
        "UPDATE object_intents SET sweep_at = ?1 WHERE sweep_at IS NULL AND kept = 0 OR sweep_at > ?1")
    static let freeGroups = SQL(
        "UPDATE lane_groups SET in_use = 0, blocked_lanes = 0 WHERE in_use <> 0 OR blocked_lanes <> 0")
    static let freeAccounts = SQL(
        """
        UPDATE lane_accounts SET in_use = 0, blocked = 0, ready_at = ?1
        WHERE in_use <> 0 OR blocked <> 0
          OR account_id IN (SELECT account_id FROM lanes WHERE kind = 0 AND blocked_turn IS NOT NULL)
        """)
    static let unblockLanes = SQL(
        "UPDATE lanes SET ready_at = ?, blocked_turn = NULL WHERE blocked_turn IS NOT NULL")
}
