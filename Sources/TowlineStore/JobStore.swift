package import TowlineCore

/// One `UploadMediaByURL` call: its jobs are accepted together or not at all.
package struct JobSubmission: Sendable {
    package var account: AccountID
    package var app: AppID
    /// Unique per account and application within ten minutes (vod-api.md 1.5); nil for no such check.
    package var sessionID: String?
    package var nonce: RequestNonce?
    /// 1 to 20 requests, in the order of the call.
    package var requests: [PullRequest]

    /// Joins the parts of a submission.
    package init(
        account: AccountID, app: AppID = .standard, sessionID: String? = nil, nonce: RequestNonce? = nil,
        requests: [PullRequest]
    ) {
        self.account = account
        self.app = app
        self.sessionID = sessionID
        self.nonce = nonce
        self.requests = requests
    }
}

/// What an engine asks for when it has room for more attempts.
package struct JobClaimRequest: Sendable {
    package var node: NodeID
    /// Most jobs to return, at least 1.
    package var limit: Int
    /// Most attempts that may run at once against one origin, over all nodes and accounts.
    package var perOrigin: Int
    /// Most attempts of one account that may run at once, over all nodes and origins.
    package var perAccount: Int
    /// Attempts that may begin in a second against one origin, over all nodes and accounts; 0 for no limit.
    package var perOriginPerSecond: Double
    /// How long the claims hold unless renewed.
    package var lease: Duration

    /// Joins the parts of a claim request.
    package init(
        node: NodeID, limit: Int, perOrigin: Int, perAccount: Int = .max, perOriginPerSecond: Double = 0,
        lease: Duration
    ) {
        self.node = node
        self.limit = limit
        self.perOrigin = perOrigin
        self.perAccount = perAccount
        self.perOriginPerSecond = perOriginPerSecond
        self.lease = lease
    }
}

/// One claimed job: the right to run one attempt.
package struct ClaimedJob: Sendable, Hashable {
    /// The job as it stands after the claim: state `pulling`, attempt counted.
    package let job: Job
    package let lease: LeaseToken
    /// Attempts since the last progress, this one included, from 1.
    package let fruitless: Int
    /// Time since the run was accepted.
    package let runAge: Duration
    /// The key that this attempt alone may write to; an intent row names it already (design 4.5).
    package let objectKey: ObjectKey
    /// What earlier attempts left, if anything; nothing removes it while this attempt holds its lease.
    package let resume: ResumePoint?

    /// Joins the parts of a claim.
    package init(
        job: Job, lease: LeaseToken, fruitless: Int, runAge: Duration, objectKey: ObjectKey, resume: ResumePoint? = nil
    ) {
        self.job = job
        self.lease = lease
        self.fruitless = fruitless
        self.runAge = runAge
        self.objectKey = objectKey
        self.resume = resume
    }
}

/// The answer to a claim.
package struct Claims<Item: Sendable>: Sendable {
    package let items: [Item]
    /// Time until something more becomes due that no signal will announce; zero when more is due at once and only
    /// the limit kept it back; nil when nothing waits for time.
    package let nextDue: Duration?

    /// Joins claimed rows with the time of the next.
    package init(items: [Item], nextDue: Duration?) {
        self.items = items
        self.nextDue = nextDue
    }
}

/// What is worth keeping of one attempt of a pull.
package struct JobAttemptRecord: Sendable, Hashable {
    package var duration: Duration = .zero
    /// The address that was connected, if any.
    package var address: String?
    package var httpStatus: Int?
    package var bytesReceived: Int64 = 0
    /// Redirects that were followed, with masked URLs.
    package var redirects: [String] = []
    /// Why it failed; nil on success.
    package var failure: JobFailure?
    /// What the attempt did, request by request; nil where nobody saw it.
    package var recording: AttemptRecording?

    /// A record with nothing in it.
    package init() {}
}

/// How an attempt ended.
package enum JobAttemptResult: Sendable, Hashable {
    /// The object is durable, or small enough to ride along as bytes that the store keeps until it is.
    case stored(bytes: Int64, small: [UInt8]?)
    /// The run ends without an object.
    case failed(JobFailure)
    /// The run goes on after a wait.
    case retry(JobFailure, after: Duration, madeProgress: Bool)
    /// Interrupted by shutdown: the attempt's number is given back and the job is available at once.
    case released
}

/// The report on one attempt.
package struct JobAttemptReport: Sendable {
    package var job: JobID
    package var lease: LeaseToken
    package var result: JobAttemptResult
    package var record: JobAttemptRecord
    /// What the next attempt goes on with, where the run goes on.
    package var leftover: AttemptLeftover
    /// The digests of a stored object.
    package var digests: ContentDigests?
    /// For how long no attempt may begin against the job's origin: it asked for less.
    package var originPause: Duration?

    /// Joins the parts of a report.
    package init(
        job: JobID, lease: LeaseToken, result: JobAttemptResult, record: JobAttemptRecord,
        leftover: AttemptLeftover = .nothing, digests: ContentDigests? = nil, originPause: Duration? = nil
    ) {
        self.job = job
        self.lease = lease
        self.result = result
        self.record = record
        self.leftover = leftover
        self.digests = digests
        self.originPause = originPause
    }
}

/// What became of a write that carried a lease token.
package enum LeaseVerdict: Sendable, Hashable {
    case recorded
    /// The lease had ended or been taken; nothing was changed.
    case leaseLost
}

/// Progress of a running attempt, as far as it is worth a write.
package struct JobProgress: Sendable, Hashable {
    package var job: JobID
    package var lease: LeaseToken
    package var phase: PullPhase
    package var bytesReceived: Int64
    package var bytesTotal: Int64?

    /// Joins the parts of a progress note.
    package init(job: JobID, lease: LeaseToken, phase: PullPhase, bytesReceived: Int64, bytesTotal: Int64?) {
        self.job = job
        self.lease = lease
        self.phase = phase
        self.bytesReceived = bytesReceived
        self.bytesTotal = bytesTotal
    }
}

/// Jobs, their runs, attempts and media.
///
/// Times come from the store's own clock, so no call takes one (design 4.10).
package protocol JobStore: Sendable {
    /// Accepts the jobs of one call, in one transaction, on stable storage before it returns.
    ///
    /// - Returns: One job per request, in the same order, each in state `pending` with its first run.
    /// - Throws: ``StoreError`` with code `conflict` when the session id was used within ten minutes, `nonceUsed`
    ///   for a replayed request; nothing is accepted then.
    func accept(_ submission: JobSubmission) async throws -> [Job]

    /// Claims due jobs lane by lane and starts one attempt for each.
    ///
    /// Accounts take turns, then the lanes of an account; within a lane smaller priority first, then earliest due. So an
    /// account with many jobs, or with many origins, delays another's job by no more than its share. An intent row for
    /// the attempt's object key is written in the same transaction. Returns at once when nothing is due.
    func claimJobs(_ request: JobClaimRequest) async throws -> Claims<ClaimedJob>

    /// Prolongs leases by `lease` from now.
    ///
    /// - Returns: The tokens that no longer hold; their attempts must stop.
    func renewJobs(_ leases: [(job: JobID, token: LeaseToken)], lease: Duration) async throws -> Set<LeaseToken>

    /// Records progress; notes whose lease is gone are ignored.
    func recordProgress(_ notes: [JobProgress]) async throws

    /// Records how far running attempts' objects are on stable storage, in place of what was recorded before.
    ///
    /// From then on the bytes under an attempt's key are kept for the next attempt, whatever becomes of this one, and
    /// what earlier attempts left may go.
    ///
    /// - Returns: One verdict per note, in the same order.
    func recordCheckpoints(_ notes: [CheckpointNote]) async throws -> [LeaseVerdict]

    /// Records how attempts ended: the attempt row always; and for an ended run its state, media record, events and
    /// their deliveries, in one transaction each (design 4.2).
    ///
    /// - Returns: One verdict per report, in the same order.
    func finish(_ reports: [JobAttemptReport]) async throws -> [LeaseVerdict]

    /// Cancels jobs of an account.
    ///
    /// The terminal write happens here, whatever attempt is running: its lease is gone and its later report changes
    /// nothing.
    ///
    /// - Parameters:
    ///   - jobs: The jobs to cancel; unknown ones and other accounts' are passed over.
    ///   - account: The owner; nil for an operator, who may cancel any job.
    ///   - onlyPending: Whether jobs that have started are passed over, as the wire's action does.
    ///   - failure: What the event says.
    ///   - nonce: The request's one-time mark, kept in the same transaction; nil for an operator.
    /// - Returns: The jobs that this call cancelled.
    /// - Throws: ``StoreError`` with code `nonceUsed`.
    func cancel(
        _ jobs: [JobID], account: AccountID?, onlyPending: Bool, failure: JobFailure, nonce: RequestNonce?
    ) async throws -> [JobID]

    /// Ends runs that have waited longer than their caller allowed, with ``FailureCode/expired``; at most `limit`.
    ///
    /// Only runs that wait, for their first attempt or for another one. The time counts from the run's start.
    ///
    /// - Returns: The number of runs ended; less than `limit` means that nothing is left for now.
    func expireJobs(limit: Int) async throws -> Int

    /// Starts the next run of a failed or cancelled job.
    ///
    /// - Throws: ``StoreError`` with code `notFound`, or `conflict` when the job is in another state.
    func retry(_ job: JobID) async throws -> Job

    /// The jobs with these ids, in no order; unknown ones and other accounts' are left out.
    func jobs(_ ids: [JobID], account: AccountID?) async throws -> [Job]

    /// The jobs of an account with this source URL in canonical form, newest first.
    func jobs(sourceURL: String, account: AccountID, limit: Int) async throws -> [Job]

    /// A page of jobs for operators, newest first.
    func jobs(matching filter: JobFilter, limit: Int) async throws -> Page<Job>

    /// One job with its attempts, events and deliveries; nil when unknown.
    func jobDetail(_ id: JobID) async throws -> JobDetail?

    /// Jobs by state.
    func jobCounts() async throws -> [JobState: Int]
}
