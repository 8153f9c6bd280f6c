import TowlineCore
import TowlineStore

extension WriteContext {
    /// Claims due jobs (``JobStore/claimJobs(_:)``).
    func claimJobs(_ request: JobClaimRequest) throws -> Claims<ClaimedJob> {
        var claimed: [ClaimedJob] = []
        let starts = request.perOriginPerSecond > 0 ? StartLimit(perSecond: request.perOriginPerSecond) : nil
        let next = try claimByAccount(
            limit: request.limit, perAccount: request.perAccount,
            admit: { admission(of: $0, slots: request.perOrigin, starts: starts) },
            visit: { try visit($0, room: $1, starts: starts, for: request, into: &claimed) })
        if !claimed.isEmpty { effects.signal(.jobsChanged) }
        return Claims(items: claimed, nextDue: next)
    }

    /// What an origin lets through now.
    private func admission(of group: Int64, slots: Int, starts: StartLimit?) -> Admission {
        if let next = lanes.nextStart(group: group), next > now { return .notBefore(next) }
        return .open(slots: slots, starts: starts?.bundle ?? .max)
    }

    /// Claims runs of one lane.
    private func visit(
        _ lane: Lane, room: Int, starts: StartLimit?, for request: JobClaimRequest, into claimed: inout [ClaimedJob]
    ) throws -> LaneVisit {
        try promoteDueRuns(of: lane.id)
        // One row more than there is room for tells whether the lane is empty afterwards.
        let rows = try connection.all(ClaimSQL.ready, .integer(lane.id), .integer(room + 1)) {
            (job: $0.integer(0), run: $0.int(1))
        }
        for row in rows.prefix(room) { claimed.append(try claim(job: row.job, run: row.run, for: request)) }
        let taken = min(rows.count, room)
        var next: Timestamp?
        if let starts, taken > 0 {
            let time = now + starts.rest(after: taken)
            lanes.setNextStart(time, group: lane.group, now: now)
            // A moment behind the lanes that were kept back by this one: they take turns.
            next = time + .milliseconds(1)
        }
        if rows.count > room { return LaneVisit(taken: taken, rest: next.map { .later($0) } ?? .ready) }
        let later = try connection.first(ClaimSQL.firstScheduled, .integer(lane.id)) { $0.time(0) }
        guard let later else { return LaneVisit(taken: taken, rest: .empty) }
        return LaneVisit(taken: taken, rest: .later(later))
    }

    /// Makes runs ready whose wait is over, the earliest first, in bounded number: what is left over follows with
    /// the next visit of the lane.
    private func promoteDueRuns(of lane: Int64) throws {
        let due = try connection.all(ClaimSQL.dueScheduled, .integer(lane), .time(now)) {
            (job: $0.integer(0), run: $0.int(1))
        }
        for row in due { try connection.run(ClaimSQL.promote, .integer(row.job), .integer(row.run)) }
    }

    private func claim(job seq: Int64, run: Int, for request: JobClaimRequest) throws -> ClaimedJob {
        let lease = newID(LeaseToken.self)
        let stored = try connection.first(ClaimSQL.read, .integer(seq), .integer(run)) { try StoredRun($0) }
        guard let stored else { throw StoreError(.corrupted, "the database lacks job \(seq)") }
        let fruitless = stored.fruitless + 1
        try connection.run(
            ClaimSQL.claim, .integer(seq), .integer(run), .id(lease), .time(now + request.lease),
            .integer(request.lease.wholeMilliseconds), .text(request.node.description), .time(now))
        let key = stored.objectKey(lease: lease)
        let resume = try resumePoint(of: seq)
        try connection.run(
            ClaimSQL.insertIntent, .text(key.description), .integer(seq), .time(now), .integer(resume == nil ? 0 : 1))
        effects.countJob(from: stored.job.state, to: .pulling)
        return ClaimedJob(
            job: stored.claimed(openingWith: secretBox), lease: lease, fruitless: fruitless,
            runAge: now - stored.job.runStartedAt,
            objectKey: key, resume: resume)
    }

    /// Prolongs leases (``JobStore/renewJobs(_:lease:)``).
    func renew(_ leases: [(job: JobID, token: LeaseToken)], lease: Duration) throws -> Set<LeaseToken> {
        var lost: Set<LeaseToken> = []
        for (job, token) in leases {
            let changed = try connection.change(
                ClaimSQL.renew, .time(now + lease), .integer(lease.wholeMilliseconds), .id(job), .id(token), .time(now))
            if changed == 0 { lost.insert(token) }
        }
        return lost
    }

    /// Records progress (``JobStore/recordProgress(_:)``).
    func record(_ notes: [JobProgress]) throws {
        for note in notes {
            let old = try connection.first(
                ClaimSQL.findLeased, .id(note.job), .id(note.lease), .time(now)
            ) { (job: $0.integer(0), run: $0.int(1), state: try JobState(number: $0.int(2))) }
            guard let old else { continue }
            try connection.run(
                ClaimSQL.progress, .integer(old.job), .integer(old.run), .integer(note.jobState.number),
                .integer(note.phase.number), .integer(note.bytesReceived), .integer(note.bytesTotal))
            effects.countJob(from: old.state, to: note.jobState)
        }
    }
}

/// The statements that claim jobs and keep their leases.
enum ClaimSQL {
    static let dueScheduled = SQL(
        "SELECT job, run FROM runs WHERE lane_id = ? AND waiting = 2 AND due <= ? ORDER BY due LIMIT 64")
    static let promote = SQL("UPDATE runs SET waiting = 1 WHERE job = ? AND run = ?")
    static let ready = SQL(
        "SELECT job, run FROM runs WHERE lane_id = ? AND waiting = 1 ORDER BY priority, due, job LIMIT ?")
    static let firstScheduled = SQL("SELECT due FROM runs WHERE lane_id = ? AND waiting = 2 ORDER BY due LIMIT 1")
    static let read = SQL(
        """
        SELECT \(JobRows.columns), \(StoredRun.columns)
        FROM jobs j JOIN runs r ON r.job = j.seq WHERE j.seq = ? AND r.run = ?
        """)
    static let claim = SQL(
        """
        UPDATE runs SET state = 1, phase = 0, waiting = NULL, lease = ?3, lease_until = ?4, lease_length = ?5,
          node = ?6, attempt_started_at = ?7, attempts = attempts + 1, fruitless = fruitless + 1, bytes_received = 0
        WHERE job = ?1 AND run = ?2
        """)
    static let insertIntent = SQL(
        "INSERT INTO object_intents (object_key, job, created_at, kept) VALUES (?, ?, ?, ?)")
    static let renew = SQL(
        """
        UPDATE runs SET lease_until = ?1, lease_length = ?2
        WHERE (job, run) = (SELECT seq, run FROM jobs WHERE id = ?3) AND lease = ?4 AND lease_until > ?5
        """)
    static let findLeased = SQL(
        """
        SELECT r.job, r.run, r.state FROM jobs j JOIN runs r ON r.job = j.seq AND r.run = j.run
        WHERE j.id = ? AND r.lease = ? AND r.lease_until > ?
        """)
    static let progress = SQL(
        """
        UPDATE runs SET state = ?3, phase = ?4, bytes_received = ?5, bytes_total = coalesce(?6, bytes_total)
        WHERE job = ?1 AND run = ?2
        """)
}
