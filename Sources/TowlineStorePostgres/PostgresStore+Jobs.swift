package import TowlineCore
package import TowlineStore

extension PostgresStore {
    package func accept(_ submission: JobSubmission) async throws -> [Job] {
        try await batches.accept.perform(submission, cost: submission.requests.count)
    }

    package func claimJobs(_ request: JobClaimRequest) async throws -> Claims<ClaimedJob> {
        try await claim(limit: request.limit) { try $0.claimJobs(request, limit: $1, waits: $2) }
    }

    /// Runs rounds of a claim, each a transaction, until nothing more is to be had.
    func claim<Item: Sendable>(
        limit: Int, _ body: @escaping @Sendable (Transaction, _ limit: Int, _ waits: Bool) throws -> LaneRound<Item>
    ) async throws -> Claims<Item> {
        var items: [Item] = []
        var next: Duration?
        var waits = false
        var rounds = 64
        while items.count < max(1, limit), rounds > 0 {
            rounds -= 1
            let left = max(1, limit) - items.count
            let round: LaneRound<Item>
            do {
                round = try await writeLate { [waits] in try body($0, left, waits) }
            } catch {
                // What was claimed before has its leases.
                if items.isEmpty { throw error }
                return Claims(items: items, nextDue: .zero)
            }
            items += round.items
            next = round.next
            if round.isBusy {
                waits = true
                continue
            }
            guard next == .zero, !round.items.isEmpty || round.aside > 0 else { break }
        }
        return Claims(items: items, nextDue: next)
    }

    package func renewJobs(
        _ leases: [(job: JobID, token: LeaseToken)], lease: Duration
    ) async throws -> Set<LeaseToken> {
        guard !leases.isEmpty else { return [] }
        return try await writeLate { try $0.renew(leases, lease: lease) }
    }

    package func recordProgress(_ notes: [JobProgress]) async throws {
        guard !notes.isEmpty else { return }
        try await batches.progress.perform(notes, cost: notes.count)
    }

    package func recordCheckpoints(_ notes: [CheckpointNote]) async throws -> [LeaseVerdict] {
        guard !notes.isEmpty else { return [] }
        return try await batches.checkpoints.perform(notes, cost: notes.count)
    }

    package func finish(_ reports: [JobAttemptReport]) async throws -> [LeaseVerdict] {
        guard !reports.isEmpty else { return [] }
        return try await batches.finish.perform(reports, cost: reports.count)
    }

    package func cancel(
        _ jobs: [JobID], account: AccountID?, onlyPending: Bool, failure: JobFailure, nonce: RequestNonce?
    ) async throws -> [JobID] {
        try await writeLate {
            try $0.cancel(jobs, account: account, onlyPending: onlyPending, failure: failure, nonce: nonce)
        }
    }

    package func expireJobs(limit: Int) async throws -> Int {
        let limit = max(1, min(limit, 256))
        return try await writeLate { try $0.expireJobs(limit: limit) }
    }

    package func retry(_ job: JobID) async throws -> Job { try await writeLate { try $0.retry(job) } }

    package func takeExtraSlots(
        _ count: Int, origin: String, job: JobID, lease: LeaseToken, perOrigin: Int
    ) async throws -> Int {
        try await writeLate {
            try $0.takeExtraSlots(count, origin: origin, job: job, lease: lease, perOrigin: perOrigin)
        }
    }

    package func giveBackExtraSlots(_ count: Int, origin: String, job: JobID, lease: LeaseToken) async throws {
        try await writeLate { try $0.giveBackExtraSlots(count, origin: origin, job: job, lease: lease) }
    }

    package func jobs(_ ids: [JobID], account: AccountID?) async throws -> [Job] {
        try await read { connection in
            try connection.all(JobSQL.byID, .ids(ids)) { try JobRows.read($0) }
                .filter { account == nil || $0.account == account }
        }
    }

    package func jobs(sourceURL: String, account: AccountID, limit: Int) async throws -> [Job] {
        try await read { connection in
            try connection.all(
                JobSQL.bySource, .integer(JobRows.sourceHash(account: account, url: sourceURL)),
                .text(account.description), .text(sourceURL), .integer(limit)
            ) { try JobRows.read($0) }
        }
    }

    package func jobs(matching filter: JobFilter, limit: Int) async throws -> Page<Job> {
        try await read { try JobPage(filter: filter, limit: max(1, limit)).read(from: $0) }
    }

    package func jobDetail(_ id: JobID) async throws -> JobDetail? {
        try await read { connection in
            let job = connection.add(JobSQL.byID, .ids([id]))
            let attempts = connection.add(JobSQL.attempts, .id(id))
            let events = connection.add(JobSQL.events, .id(id))
            let deliveries = connection.add(JobSQL.deliveries, .id(id))
            let checkpoint = connection.add(JobSQL.checkpoint, .id(id))
            let digests = connection.add(JobSQL.digests, .id(id))
            try connection.flush()
            guard let job = try job.result().first({ try JobRows.read($0) }) else { return nil }
            return JobDetail(
                job: job, attempts: try attempts.result().map { try JobRows.attempt($0) },
                events: try events.result().map { try DeliveryRows.event($0) },
                deliveries: try deliveries.result().map { try DeliveryRows.delivery($0) },
                checkpoint: try checkpoint.result().first { JobRows.checkpoint($0) },
                digests: try digests.result().first { JobRows.digests($0) } ?? nil)
        }
    }

    package func jobCounts() async throws -> [JobState: Int] { try await counts(from: 0) }

    /// The counters of a kind of states.
    func counts<State: StoredAsNumber & Hashable>(from base: Int) async throws -> [State: Int] {
        let values = try await read { connection in
            try connection.all(JobSQL.counters) { (slot: $0.int(0), value: $0.int(1)) }
        }
        var counts: [State: Int] = [:]
        for state in State.allCases {
            counts[state] = values.first { $0.slot == base + state.number }?.value ?? 0
        }
        return counts
    }
}

/// The queries about jobs.
enum JobSQL {
    private static let from = "jobs j JOIN runs r ON r.job = j.seq AND \(HeldRun.isCurrent)"
    private static let seq = "(SELECT seq FROM jobs WHERE id = $1)"

    static let byID = SQL("SELECT \(JobRows.columns) FROM \(from) WHERE j.id = ANY($1::uuid[])")
    static let bySource = SQL(
        """
        SELECT \(JobRows.columns) FROM \(from)
        WHERE j.source_hash = $1 AND j.account_id = $2 AND j.source_url = $3 ORDER BY j.seq DESC LIMIT $4
        """)
    /// What nodes have counted, and what a database brought along when it was moved here or had the first version.
    static let counters = SQL(
        """
        SELECT c.slot, sum(c.value)::bigint FROM (
          SELECT x.slot - 1 AS slot, x.value FROM generate_series(0, 63) g CROSS JOIN LATERAL (
            SELECT s.counts FROM count_shards s WHERE s.shard = g ORDER BY s.version DESC LIMIT 1) n
          CROSS JOIN LATERAL unnest(n.counts) WITH ORDINALITY x (value, slot)
          UNION ALL SELECT slot, value FROM counters) c
        GROUP BY c.slot
        """)
    static let attempts = SQL(
        "SELECT \(JobRows.attemptColumns) FROM job_attempts WHERE job = \(seq) ORDER BY run, number")
    static let events = SQL("SELECT \(DeliveryRows.eventColumns) FROM events e WHERE e.job = $1 ORDER BY e.seq")
    static let deliveries = SQL(
        """
        SELECT \(DeliveryRows.columns) FROM deliveries d \(DeliveryRows.joins)
        WHERE e.job = $1 ORDER BY e.seq, d.id
        """)
    static let checkpoint = SQL("SELECT \(JobRows.checkpointColumns) FROM job_checkpoints c WHERE c.job = \(seq)")
    static let digests = SQL(
        "SELECT \(JobRows.digestColumns) FROM media WHERE id = (SELECT media FROM jobs WHERE id = $1)")
}
