import TowlineCore
import TowlineStore

extension Transaction {
    /// Why an attempt ended that its process did not see the end of.
    static let interruption = "interrupted: the process ended during the attempt"

    /// Cancels jobs (``JobStore/cancel(_:account:onlyPending:failure:nonce:)``).
    func cancel(
        _ jobs: [JobID], account: AccountID?, onlyPending: Bool, failure: JobFailure, nonce: RequestNonce?
    ) throws -> [JobID] {
        let checks = addChecks(nonces: [nonce])
        let found = lockRuns(jobs)
        try start()
        try refuse(nonce, checks)
        try use(nonces: [nonce])
        let runs = try heldRuns(found)
        var seen: Set<JobID> = []
        let chosen = jobs.compactMap { id -> HeldRun? in
            guard seen.insert(id).inserted, let run = runs[id] else { return nil }
            guard account == nil || run.stored.job.account == account else { return nil }
            let state = run.stored.job.state
            return (onlyPending ? state == .pending : !state.isTerminal) ? run : nil
        }
        var ends = try beginEnds(of: chosen.map { ($0.stored.job, events: 1) })
        try releaseExtraSlots(of: chosen)
        for held in chosen {
            let run = held.stored
            if let lease = run.lease {
                revoke(lease, of: held, failure: failure, until: now)
                effects.revoke(lease)
            }
            let sweepAt = run.lease == nil ? now : now + run.leaseLength
            try end(run, with: .cancelled(failure), received: run.job.bytesReceived, sweepAt: sweepAt, &ends)
        }
        return chosen.map(\.stored.job.id)
    }

    /// Takes a running attempt's lease from it: its row is written with what is known, its slot is free, and its
    /// object may go when a writer that has not noticed should have stopped.
    ///
    /// Until that writer is heard of, nobody knows whether it has.
    private func revoke(_ lease: LeaseToken, of held: HeldRun, failure: JobFailure, until end: Timestamp) {
        let run = held.stored
        var record = JobAttemptRecord()
        record.duration = max(.zero, end - run.attemptStartedAt)
        record.bytesReceived = run.job.bytesReceived
        rows.jobAttempts.append(.init(run: run, content: record, failure: failure))
        rows.intents.abandon(run.objectKey(lease: lease), at: now + run.leaseLength, isUnheard: true)
        lanes.release(held.lane, kind: .pull)
    }

    /// Ends runs that have waited too long (``JobStore/expireJobs(limit:)``).
    func expireJobs(limit: Int) throws -> Int {
        let found = connection.add(ControlSQL.expired, offset, .integer(limit))
        try start()
        let runs = try found.result().map { try HeldRun($0) }
        var ends = try beginEnds(of: runs.map { ($0.stored.job, events: 1) })
        for run in runs {
            let job = run.stored.job
            try end(run.stored, with: .failed(.expired(job)), received: job.bytesReceived, &ends)
        }
        return runs.count
    }

    /// Makes jobs available at once whose leases have run out.
    ///
    /// The attempt keeps its number and its row, but does not count against the retries: the source is not to blame.
    func takeBackJobs(limit: Int) throws -> Int {
        let found = connection.add(ControlSQL.overdue, offset, .integer(limit))
        try start()
        let runs = try found.result().map { try HeldRun($0) }
        try releaseExtraSlots(of: runs)
        for held in runs {
            guard let lease = held.stored.lease else { continue }
            revoke(
                lease, of: held, failure: JobFailure(.internalError, Self.interruption),
                until: min(now, held.stored.leaseUntil ?? now))
            effects.revoke(lease)
            var change = NewRows.RunChange(held.stored, state: .pending)
            change.fruitless = max(0, change.fruitless - 1)
            makeReady(held, change)
        }
        return runs.count
    }

    /// Starts the next run of a job (``JobStore/retry(_:)``).
    func retry(_ id: JobID) throws -> Job {
        let found = lockRuns([id])
        try start()
        guard let held = try heldRuns(found)[id] else { throw StoreError(.notFound, "there is no job \(id)") }
        let state = held.stored.job.state
        guard state == .failed || state == .cancelled else {
            throw StoreError(
                .conflict, "job \(id) is \(state.rawValue); only failed and cancelled jobs can be retried")
        }
        let next = held.stored.restarted(at: now)
        connection.add(ControlSQL.supersede, .integer(held.stored.seq), .integer(held.stored.job.run))
        insertRuns([(seq: held.stored.seq, run: next.run, lane: held.lane, request: next.request)])
        effects.uncountJob(state)
        return next
    }

    /// Gives back what attempts have taken of further connections.
    func releaseExtraSlots(of runs: [HeldRun]) throws {
        let leases = runs.filter { $0.extraSlots > 0 }.compactMap(\.stored.lease)
        guard !leases.isEmpty else { return }
        let slots = try connection.all(ControlSQL.forgetExtraSlots, .ids(leases)) { ($0.integer(0), $0.int(1)) }
        for (group, count) in slots { lanes.giveBack(count, group: group, kind: .pull) }
    }

    /// Takes slots of an origin for a running attempt
    /// (``SharedSlotStore/takeExtraSlots(_:origin:job:lease:perOrigin:)``).
    func takeExtraSlots(
        _ count: Int, origin: String, job: JobID, lease: LeaseToken, perOrigin: Int
    ) throws -> Int {
        let found = lockRuns([job])
        let hash = LaneKey.origin(origin)
        makeGroups(.pull, [(hash, origin)])
        connection.add(ControlSQL.lockGroup, .id(hash))
        let group = connection.add(ControlSQL.groupState, .id(hash))
        try start()
        guard let run = try heldRuns(found)[job], run.stored.holds(lease, at: now),
            let (id, inUse) = try group.result().first({ ($0.integer(0), $0.int(1)) })
        else { return 0 }
        let taken = min(count, max(0, perOrigin - inUse))
        guard taken > 0 else { return 0 }
        connection.add(ControlSQL.addExtraSlots, .id(lease), .integer(id), .integer(taken))
        connection.add(
            ControlSQL.countExtraSlots, .integer(run.stored.seq), .integer(run.stored.job.run), .integer(taken))
        connection.add(ControlSQL.useGroup, .integer(id), .integer(taken))
        return taken
    }

    /// Gives slots back (``SharedSlotStore/giveBackExtraSlots(_:origin:job:lease:)``).
    func giveBackExtraSlots(_ count: Int, origin: String, job: JobID, lease: LeaseToken) throws {
        let found = lockRuns([job])
        let held = connection.add(ControlSQL.extraSlots, .id(lease), .id(LaneKey.origin(origin)))
        try start()
        guard let run = try heldRuns(found)[job], run.stored.lease == lease,
            let (group, slots) = try held.result().first({ ($0.integer(0), $0.int(1)) })
        else { return }
        let given = min(max(0, count), slots)
        guard given > 0 else { return }
        connection.add(ControlSQL.addExtraSlots, .id(lease), .integer(group), .integer(-given))
        connection.add(
            ControlSQL.countExtraSlots, .integer(run.stored.seq), .integer(run.stored.job.run), .integer(-given))
        lanes.giveBack(given, group: group, kind: .pull)
    }
}

/// The statements of operators' actions and of leases that ended by themselves.
enum ControlSQL {
    static let supersede = SQL("UPDATE runs SET superseded = true WHERE job = $1 AND run = $2")
    static let expired = SQL(
        """
        SELECT \(HeldRun.columns) FROM runs r \(HeldRun.joins)
        WHERE r.waiting IS NOT NULL AND r.expires_at IS NOT NULL AND r.expires_at <= \(ServerClock.plus("$1"))
        ORDER BY r.expires_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED
        """)
    static let overdue = SQL(
        """
        SELECT \(HeldRun.columns) FROM runs r \(HeldRun.joins)
        WHERE r.lease_until IS NOT NULL AND r.lease_until <= \(ServerClock.plus("$1"))
        ORDER BY r.lease_until LIMIT $2 FOR UPDATE OF r SKIP LOCKED
        """)
    static let forgetExtraSlots = SQL(
        "DELETE FROM extra_slots WHERE lease = ANY($1::uuid[]) RETURNING group_id, slots")
    static let lockGroup = SQL("SELECT 1 FROM lane_groups WHERE kind = 0 AND hash = $1 FOR UPDATE")
    static let groupState = SQL(
        """
        SELECT k.id, n.in_use FROM lane_groups k CROSS JOIN LATERAL (\(SlotStates.groups.of("k.id"))) n
        WHERE k.kind = 0 AND k.hash = $1
        """)
    static let useGroup = SlotStates.groups.change("in_use = g.in_use + $2", of: "(SELECT $1::bigint AS id) v")
    static let addExtraSlots = SQL(
        """
        INSERT INTO extra_slots (lease, group_id, slots) VALUES ($1, $2, $3)
        ON CONFLICT (lease, group_id) DO UPDATE SET slots = extra_slots.slots + excluded.slots
        """)
    static let countExtraSlots = SQL("UPDATE runs SET extra_slots = extra_slots + $3 WHERE job = $1 AND run = $2")
    static let extraSlots = SQL(
        """
        SELECT e.group_id, e.slots FROM lane_groups g JOIN extra_slots e ON e.lease = $1 AND e.group_id = g.id
        WHERE g.kind = 0 AND g.hash = $2
        """)
}
