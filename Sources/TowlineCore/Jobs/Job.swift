/// Where a run of a job stands.
///
/// The moves are drawn in docs/states.md; the VOD names are in ``VODStatus``.
package enum JobState: String, Sendable, Hashable, CaseIterable {
    /// Waits for a claim, also between two attempts. Left by a claim, a cancel or expiry.
    case pending
    /// Claimed; its source is being fetched. Left by progress, failure, cancel or shutdown (back to pending).
    case pulling
    /// All bytes are here and are being made durable. Left by completion, failure, cancel or shutdown.
    case storing
    /// Ended well; the account's own callback is still open. Left when that delivery ends or has had three attempts.
    case stored
    /// Ended well. Left by nothing.
    case succeeded
    /// Ended badly. Left by an operator's retry, which starts the next run.
    case failed
    /// Ended by a cancel. Left by an operator's retry, which starts the next run.
    case cancelled

    /// Whether the run has had its terminal write.
    package var isTerminal: Bool {
        switch self {
        case .pending, .pulling, .storing: false
        case .stored, .succeeded, .failed, .cancelled: true
        }
    }
}

/// How far a running attempt is; kept in memory and recorded now and then.
package enum PullPhase: String, Sendable, Hashable, CaseIterable {
    /// Claimed; no byte of the body has arrived.
    case starting
    /// Bytes are arriving.
    case downloading
    /// The body is complete and checked.
    case downloaded
    /// The object store is making the bytes durable.
    case uploading
}

/// One request to fetch one source and store it as one object.
package struct Job: Sendable, Hashable, Identifiable {
    package let id: JobID
    package let account: AccountID
    package let app: AppID
    /// Fixed when the job is accepted; absent from failure events all the same (design section 6).
    package let media: MediaID
    /// What was asked for.
    package let request: PullRequest
    /// The current run, from 1.
    package let run: Int
    package let state: JobState
    /// Meaningful while the state is `pulling` or `storing`.
    package let phase: PullPhase
    /// Attempts that the current run has begun.
    package let attempts: Int
    /// Why the last attempt failed, or the run ended without an object.
    package let failure: JobFailure?
    /// Bytes that the running attempt has received, as last recorded.
    package let bytesReceived: Int64
    /// Bytes that the source announced, or the size of the stored object.
    package let bytesTotal: Int64?
    /// Where the object lies; set by the terminal write.
    package let objectKey: ObjectKey?
    package let createdAt: Timestamp
    /// When the current run was accepted: for the first run the same as `createdAt`.
    package let runStartedAt: Timestamp
    /// When the current run had its terminal write.
    package let endedAt: Timestamp?

    /// Joins the parts of a job as a store read them.
    package init(
        id: JobID, account: AccountID, app: AppID, media: MediaID, request: PullRequest, run: Int, state: JobState,
        phase: PullPhase, attempts: Int, failure: JobFailure?, bytesReceived: Int64, bytesTotal: Int64?,
        objectKey: ObjectKey?,
        createdAt: Timestamp, runStartedAt: Timestamp, endedAt: Timestamp?
    ) {
        self.id = id
        self.account = account
        self.app = app
        self.media = media
        self.request = request
        self.run = run
        self.state = state
        self.phase = phase
        self.attempts = attempts
        self.failure = failure
        self.bytesReceived = bytesReceived
        self.bytesTotal = bytesTotal
        self.objectKey = objectKey
        self.createdAt = createdAt
        self.runStartedAt = runStartedAt
        self.endedAt = endedAt
    }
}
