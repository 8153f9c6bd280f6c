import TowlineCore
import TowlineStore

extension WriteContext {
    /// Cancels jobs (``JobStore/cancel(_:account:onlyPending:failure:nonce:)``).
    func cancel(
        _ jobs: [JobID], account: AccountID?, onlyPending: Bool, failure: JobFailure, nonce: RequestNonce?
    ) throws -> [JobID] {
        try use(nonce)
        var cancelled: [JobID] = []
        for id in jobs {
            let run = try connection.first(FinishSQL.find, .id(id)) { try StoredRun($0) }
            guard let run, account == nil || run.job.account == account else { continue }
            guard onlyPending ? run.job.state == .pending : !run.job.state.isTerminal else { continue }
            var received = run.job.bytesReceived
            if let lease = run.lease {
                received = try revoke(lease, of: run, failure: failure)
                effects.revoke(lease)
            }
            let sweepAt = run.lease == nil ? now : now + run.leaseLength
            try end(run, with: .cancelled(failure), received: received, sweepAt: sweepAt)
            cancelled.append(id)
        }
        return cancelled
    }

    /// Takes a running attempt's lease from it: its row is written with what is known, its slot is free, and its
    /// object may go when a writer that has not noticed must have stopped.
    ///
    /// - Returns: Bytes that the attempt had received as last recorded.
    func revoke(_ lease: LeaseToken, of run: StoredRun, failure: JobFailure) throws -> Int64 {
        var record = JobAttemptRecord()
        record.duration = now - run.attemptStartedAt
        record.bytesReceived = run.job.bytesReceived
        try insertAttempt(of: run, record: record, failure: failure)
        try abandon(run.objectKey(lease: lease), at: now + run.leaseLength)
        try releaseSlot(lane: run.lane)
        return run.job.bytesReceived
    }

    /// Ends runs that have waited too long (``JobStore/expireJobs(limit:)``).
    func expireJobs(limit: Int) throws -> Int {
        let seqs = try connection.all(ControlSQL.expired, .time(now), .integer(limit)) { $0.integer(0) }
        for seq in seqs {
            let run = try connection.first(RecoverySQL.readJob, .integer(seq)) { try StoredRun($0) }
            guard let run else { throw StoreError(.corrupted, "the database lacks job \(seq)") }
            try end(run, with: .failed(.expired(run.job)), received: run.job.bytesReceived)
        }
        return seqs.count
    }

    /// Starts the next run of a job (``JobStore/retry(_:)``).
    func retry(_ id: JobID) throws -> Job {
        let run = try connection.first(FinishSQL.find, .id(id)) { try StoredRun($0) }
        guard let run else { throw StoreError(.notFound, "there is no job \(id)") }
        guard run.job.state == .failed || run.job.state == .cancelled else {
            throw StoreError(
                .conflict, "job \(id) is \(run.job.state.rawValue); only failed and cancelled jobs can be retried")
        }
        let next = run.job.run + 1
        try connection.run(ControlSQL.supersede, .integer(run.seq), .integer(run.job.run))
        try connection.run(ControlSQL.setRun, .integer(next), .integer(run.seq))
        try insertRun(next, of: run.seq, lane: run.lane, request: run.job.request)
        effects.uncountJob(run.job.state)
        return run.restarted(at: now)
    }
}

/// The statements of operators' actions.
enum ControlSQL {
    static let supersede = SQL("UPDATE runs SET superseded = 1 WHERE job = ? AND run = ?")
    static let setRun = SQL("UPDATE jobs SET run = ? WHERE seq = ?")
    static let expired = SQL(
        """
        SELECT job FROM runs WHERE waiting IS NOT NULL AND expires_at IS NOT NULL AND expires_at <= ?
        ORDER BY expires_at LIMIT ?
        """)
}
