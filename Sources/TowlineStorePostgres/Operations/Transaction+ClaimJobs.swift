import TowlineCore
import TowlineStore

extension Transaction {
    /// One round of a claim of jobs (``JobStore/claimJobs(_:)``).
    ///
    /// Groups come first, then accounts, then lanes, each in the order of their keys: the one order in which everybody
    /// takes these rows. Runs are taken only as far as nobody else has them, so that no claim waits for one.
    func claimJobs(_ request: JobClaimRequest, limit: Int, waits: Bool) throws -> LaneRound<ClaimedJob> {
        var round = LaneRound<ClaimedJob>()
        let all = try candidates(.pull, limit: limit)
        guard !all.isEmpty else {
            round.next = try nextDue(flushed(addNext(.pull)), of: .pull)
            return round
        }
        let (candidates, plan) = try plan(all, request, limit: limit, waits: waits)
        guard !candidates.isEmpty else {
            round.isBusy = true
            return round
        }
        lockLanes(plan.visits.map(\.candidate.lane) + plan.aside.map(\.candidate.lane))
        let claims = try take(plan, for: request)
        var taken: [Int64: Int] = [:]
        for claim in claims { taken[claim.lane.id, default: 0] += 1 }
        let next = settle(.pull, plan, taken: taken, nextStarts: nextStarts(plan, taken, request))
        try connection.flush()
        round.items = claims.map(\.claimed)
        round.aside = plan.aside.count + plan.visits.count { taken[$0.candidate.lane.id] == nil }
        round.next = try nextDue(next, of: .pull)
        return round
    }

    private func flushed(_ pending: PostgresPending) throws -> PostgresPending {
        try connection.flush()
        return pending
    }

    /// Takes the rows of groups and accounts, and shares out.
    private func plan(
        _ all: [LaneCandidate], _ request: JobClaimRequest, limit: Int, waits: Bool
    ) throws -> ([LaneCandidate], LanePlan) {
        let groups = lockGroups(of: all, waits: waits)
        let owners = request.perAccount == .max ? nil : lockOwners(of: all)
        try connection.flush()
        let starts = request.perOriginPerSecond > 0 ? StartLimit(perSecond: request.perOriginPerSecond) : nil
        var inUse: [Int64: Int] = [:]
        var admissions: [Int64: Admission] = [:]
        for state in try groupStates(groups) {
            inUse[state.group] = state.inUse
            admissions[state.group] =
                state.nextStart > now
                ? .notBefore(state.nextStart) : .open(slots: request.perOrigin, starts: starts?.bundle ?? .max)
        }
        var left: [Int64: Int] = [:]
        try owners?.result().forEach { left[$0.integer(0)] = max(1, request.perAccount) - $0.int(1) }
        let candidates = all.filter { admissions[$0.lane.group] != nil }
        return (
            candidates,
            LanePlan(candidates, limit: limit, admissions: admissions, inUse: inUse, owners: left)
        )
    }

    /// Before when nothing more begins against an origin.
    private func nextStarts(
        _ plan: LanePlan, _ taken: [Int64: Int], _ request: JobClaimRequest
    ) -> [Int64: Timestamp] {
        guard request.perOriginPerSecond > 0 else { return [:] }
        let limit = StartLimit(perSecond: request.perOriginPerSecond)
        var begun: [Int64: Int] = [:]
        for visit in plan.visits {
            begun[visit.candidate.lane.group, default: 0] += taken[visit.candidate.lane.id] ?? 0
        }
        return begun.filter { $0.value > 0 }.mapValues { now + limit.rest(after: $0) }
    }

    /// Claims the first runs of each lane.
    private func take(_ plan: LanePlan, for request: JobClaimRequest) throws -> [(lane: Lane, claimed: ClaimedJob)] {
        guard !plan.visits.isEmpty else { return [] }
        let later = plan.visits.filter(\.candidate.hasLater).map(\.candidate.lane.id)
        if !later.isEmpty { connection.add(ClaimJobSQL.promote, .integers(later), .time(now)) }
        let found = connection.add(
            ClaimJobSQL.pick, .integers(plan.visits.map(\.candidate.lane.id)),
            .integers(plan.visits.map { Int64($0.room) }))
        try connection.flush()
        let picked = try found.result().map { try PickedRun($0) }
        guard !picked.isEmpty else { return [] }
        let until = now + request.lease
        let claims = picked.map { run -> (lane: Lane, claimed: ClaimedJob) in
            let lease = newID(LeaseToken.self)
            let stored = run.held.stored
            effects.countJob(from: stored.job.state, to: .pulling)
            let job = stored.claimed(openingWith: settings.secretBox)
            return (
                run.held.lane,
                ClaimedJob(
                    job: job, lease: lease, fruitless: stored.fruitless + 1, runAge: now - stored.job.runStartedAt,
                    objectKey: stored.objectKey(lease: lease), resume: run.resume)
            )
        }
        connection.add(
            ClaimJobSQL.claim, .integers(picked.map(\.held.stored.seq)),
            .integers(picked.map { Int64($0.held.stored.job.run) }), .ids(claims.map(\.claimed.lease)), .time(until),
            .integer(request.lease.wholeMilliseconds), .text(request.node.description), .time(now))
        connection.add(
            ClaimJobSQL.insertIntents, .texts(claims.map(\.claimed.objectKey.description)),
            .integers(picked.map(\.held.stored.seq)), .booleans(claims.map { $0.claimed.resume != nil }), .time(now))
        return claims
    }
}

/// A run that is claimed, with what earlier attempts left.
private struct PickedRun {
    let held: HeldRun
    let resume: ResumePoint?

    init(_ row: borrowing PostgresRow) throws {
        held = try HeldRun(row)
        let first = HeldRun.end
        guard !row.isNull(first) else {
            resume = nil
            return
        }
        let keys = row.text(first + 5).split(separator: "\n").map { ObjectKey(String($0)) }
        resume = ResumePoint(checkpoint: JobRows.checkpoint(row, at: first), keys: keys)
    }
}

/// The statements that claim jobs.
enum ClaimJobSQL {
    static let promote = SQL(
        """
        WITH due AS (
          SELECT p.job, p.run, l.mark FROM unnest($1::bigint[]) v (lane)
          CROSS JOIN LATERAL (\(LaneStates.of("v.lane"))) l
          CROSS JOIN LATERAL (
            SELECT r.job, r.run FROM runs r
            WHERE r.lane_id = l.lane_id AND r.waiting = 2 AND r.due > l.later_mark AND r.due <= $2
            ORDER BY r.due, r.job LIMIT 64 FOR UPDATE SKIP LOCKED) p)
        UPDATE runs r SET waiting = 1, due = greatest(r.due, due.mark + 1) FROM due
        WHERE r.job = due.job AND r.run = due.run
        """)
    static let pick = SQL(
        """
        SELECT \(HeldRun.columns), \(JobRows.checkpointColumns),
          CASE WHEN c.job IS NOT NULL THEN (
            SELECT string_agg(i.object_key, E'\\n') FROM object_intents i WHERE i.job = r.job AND i.kept) END
        FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY v (lane, room, place)
        CROSS JOIN LATERAL (\(LaneStates.of("v.lane"))) k
        CROSS JOIN LATERAL (
          SELECT x.job, x.run FROM generate_series(1, 10) p CROSS JOIN LATERAL (
            SELECT w.job, w.run, w.level, w.due FROM runs w
            WHERE w.lane_id = k.lane_id AND w.waiting = 1 AND w.level = p AND w.due > k.mark
            ORDER BY w.due, w.job LIMIT v.room) x
          WHERE (k.levels >> p) & 1 = 1
          ORDER BY x.level, x.due, x.job LIMIT v.room) q
        JOIN runs r ON r.job = q.job AND r.run = q.run \(HeldRun.joins)
        LEFT JOIN job_checkpoints c ON c.job = r.job
        WHERE coalesce(r.waiting, 0) = 1
        ORDER BY v.place, r.level, r.due, r.job FOR UPDATE OF r SKIP LOCKED
        """)
    static let claim = SQL(
        """
        UPDATE runs r SET state = 1, phase = 0, waiting = NULL, lease = v.lease, lease_until = $4, lease_length = $5,
          node = $6, attempt_started_at = $7, attempts = r.attempts + 1, fruitless = r.fruitless + 1, bytes_received = 0
        FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) v (job, run, lease) WHERE r.job = v.job AND r.run = v.run
        """)
    static let insertIntents = SQL(
        """
        INSERT INTO object_intents (object_key, job, kept, created_at)
        SELECT v.*, $4 FROM unnest($1::text[], $2::bigint[], $3::boolean[]) v
        """)
}
