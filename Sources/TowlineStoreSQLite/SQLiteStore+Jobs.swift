package import TowlineCore
package import TowlineStore

extension SQLiteStore {
    package func accept(_ submission: JobSubmission) async throws -> [Job] {
        try await write(.accept, cost: submission.requests.count) { try $0.accept(submission) }
    }

    package func claimJobs(_ request: JobClaimRequest) async throws -> Claims<ClaimedJob> {
        try await write(.complete, cost: min(request.limit, 32)) { try $0.claimJobs(request) }
    }

    package func renewJobs(
        _ leases: [(job: JobID, token: LeaseToken)], lease: Duration
    ) async throws -> Set<LeaseToken> {
        guard !leases.isEmpty else { return [] }
        return try await write(.complete, cost: leases.count) { try $0.renew(leases, lease: lease) }
    }

    package func recordProgress(_ notes: [JobProgress]) async throws {
        guard !notes.isEmpty else { return }
        try await write(.complete, cost: notes.count) { try $0.record(notes) }
    }

    package func recordCheckpoints(_ notes: [CheckpointNote]) async throws -> [LeaseVerdict] {
        guard !notes.isEmpty else { return [] }
        return try await write(.complete, cost: notes.count) { try $0.recordCheckpoints(notes) }
    }

    package func finish(_ reports: [JobAttemptReport]) async throws -> [LeaseVerdict] {
        guard !reports.isEmpty else { return [] }
        return try await write(.complete, cost: reports.count) { try $0.finish(reports) }
    }

    package func cancel(
        _ jobs: [JobID], account: AccountID?, onlyPending: Bool, failure: JobFailure, nonce: RequestNonce?
    ) async throws -> [JobID] {
        try await write(.accept, cost: jobs.count) {
            try $0.cancel(jobs, account: account, onlyPending: onlyPending, failure: failure, nonce: nonce)
        }
    }

    package func expireJobs(limit: Int) async throws -> Int {
        let limit = max(1, min(limit, 256))
        return try await write(.complete, cost: limit) { try $0.expireJobs(limit: limit) }
    }

    package func retry(_ job: JobID) async throws -> Job {
        try await write(.accept) { try $0.retry(job) }
    }

    package func jobs(_ ids: [JobID], account: AccountID?) async throws -> [Job] {
        try await read { connection in
            try ids.compactMap { id in
                let job = try connection.first(JobSQL.byID, .id(id)) { try JobRows.read($0) }
                return job.flatMap { account == nil || $0.account == account ? $0 : nil }
            }
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
            let found = try connection.first(JobSQL.withSeq, .id(id)) { row in
                (job: try JobRows.read(row), seq: row.integer(JobRows.end))
            }
            guard let (job, seq) = found else { return nil }
            return JobDetail(
                job: job,
                attempts: try connection.all(JobSQL.attempts, .integer(seq)) { try JobRows.attempt($0) },
                events: try connection.all(JobSQL.events, .id(id)) { try DeliveryRows.event($0) },
                deliveries: try connection.all(JobSQL.deliveries, .id(id)) { try DeliveryRows.delivery($0) },
                checkpoint: try connection.first(CheckpointSQL.find, .integer(seq)) { JobRows.checkpoint($0) },
                digests: try connection.first(JobSQL.digests, .id(job.media)) { JobRows.digests($0) } ?? nil)
        }
    }

    package func jobCounts() async throws -> [JobState: Int] {
        try await counts(from: 0)
    }

    /// The counters of a kind of states.
    func counts<State: StoredAsNumber & Hashable>(from base: Int) async throws -> [State: Int] {
        let values = try await read { connection in
            try connection.all(JobSQL.counters) { $0.int(0) }
        }
        var counts: [State: Int] = [:]
        for state in State.allCases where base + state.number < values.count {
            counts[state] = values[base + state.number]
        }
        return counts
    }
}

/// The queries about jobs.
enum JobSQL {
    private static let from = "FROM jobs j JOIN runs r ON r.job = j.seq AND r.run = j.run"

    static let byID = SQL("SELECT \(JobRows.columns) \(from) WHERE j.id = ?")
    static let withSeq = SQL("SELECT \(JobRows.columns), j.seq \(from) WHERE j.id = ?")
    static let bySeq = SQL("SELECT \(JobRows.columns) \(from) WHERE j.seq = ?")
    static let bySource = SQL(
        """
        SELECT \(JobRows.columns) \(from)
        WHERE j.source_hash = ? AND j.account_id = ? AND j.source_url = ? ORDER BY j.seq DESC LIMIT ?
        """)
    static let counters = SQL("SELECT value FROM counters ORDER BY id")
    static let attempts = SQL(
        "SELECT \(JobRows.attemptColumns) FROM job_attempts WHERE job = ? ORDER BY run, number")
    static let events = SQL("SELECT \(DeliveryRows.eventColumns) FROM events e WHERE e.job = ? ORDER BY e.seq")
    static let deliveries = SQL(
        """
        SELECT \(DeliveryRows.columns) FROM deliveries d \(DeliveryRows.joins)
        WHERE e.job = ? ORDER BY e.seq, d.id
        """)

    static let digests = SQL("SELECT \(JobRows.digestColumns) FROM media WHERE id = ?")
}
