import TowlineCore
import TowlineStore

extension WriteContext {
    /// Accepts the jobs of one call (``JobStore/accept(_:)``).
    func accept(_ submission: JobSubmission) throws -> [Job] {
        // Refusals come before the first write, so that they cost the group of operations nothing.
        if try isUsed(submission.nonce) { throw StoreError(.nonceUsed, "the request's nonce was used before") }
        if try isTaken(session: submission.sessionID, account: submission.account, app: submission.app) {
            throw StoreError(
                .conflict, "the session id was used within the last \(sessionLifetime.components.seconds) s")
        }
        try use(submission.nonce)
        try use(session: submission.sessionID, account: submission.account, app: submission.app)
        return try submission.requests.map { request in
            try insertJob(request, account: submission.account, app: submission.app)
        }
    }

    private func insertJob(_ request: PullRequest, account: AccountID, app: AppID) throws -> Job {
        let lane = try pullLane(account: account, origin: request.origin)
        let job = Job(id: newID(), account: account, app: app, media: newID(), request: request, acceptedAt: now)
        let callback = request.callback?.text
        try connection.run(
            AcceptSQL.insertJob, .id(job.id), .text(account.description), .text(app.description), .id(job.media),
            .integer(lane.id), .integer(request.priority), .text(request.origin), .text(request.sourceURL),
            .integer(JobRows.sourceHash(account: account, url: request.sourceURL)),
            request.displayURL == request.sourceURL ? .null : .text(request.displayURL),
            .text(request.metadata.title), .text(request.metadata.fileExtension),
            .text(JobRows.rest(of: request.metadata)), .text(request.userData), .text(request.extend),
            .text(callback), .time(now), .blob(try JobRows.sealed(request.headers, of: job.id, with: secretBox)))
        try insertRun(1, of: connection.lastInsertedRow, lane: lane.id, request: request)
        return job
    }

    /// Adds a run that is claimable at once.
    func insertRun(_ run: Int, of seq: Int64, lane: Int64, request: PullRequest) throws {
        let expiry = request.metadata.expireSeconds.map { now + .seconds($0) }
        try connection.run(
            AcceptSQL.insertRun, .integer(seq), .integer(run), .integer(lane), .integer(request.priority), .time(now),
            .time(expiry))
        effects.countJob(to: .pending)
        lanes.wake(lane, kind: .pull, at: now)
    }
}

/// The statements that accept jobs.
enum AcceptSQL {
    static let insertJob = SQL(
        """
        INSERT INTO jobs (
          id, account_id, app, media, lane_id, run, priority, origin, source_url, source_hash, display_url, title,
          file_extension, metadata, user_data, extend, callback_url, created_at, sealed_headers)
        VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    static let insertRun = SQL(
        """
        INSERT INTO runs (job, run, lane_id, priority, state, waiting, due, started_at, expires_at)
        VALUES (?1, ?2, ?3, ?4, 0, 1, ?5, ?5, ?6)
        """)
}
