/// The event types that Towline emits, as spelled on the wire (vod-api.md 6.8).
package enum EventType: String, Sendable, Hashable, CaseIterable {
    case uploadByURLComplete = "UploadByURLComplete"
    case fileUploadComplete = "FileUploadComplete"
}

/// An immutable fact about a job, written in the transaction that made it true.
package struct Event: Sendable, Hashable, Identifiable {
    package let id: EventID
    package let type: EventType
    package let account: AccountID
    package let app: AppID
    package let job: JobID
    package let run: Int
    /// The bytes that every delivery sends: one JSON object.
    package let body: [UInt8]
    package let createdAt: Timestamp

    /// Joins the parts of an event.
    package init(
        id: EventID, type: EventType, account: AccountID, app: AppID, job: JobID, run: Int, body: [UInt8],
        createdAt: Timestamp
    ) {
        self.id = id
        self.type = type
        self.account = account
        self.app = app
        self.job = job
        self.run = run
        self.body = body
        self.createdAt = createdAt
    }
}

/// How a run ended, as its terminal write says.
package enum RunOutcome: Sendable, Hashable {
    /// The object is durable under a key.
    case stored(ObjectKey, bytes: Int64)
    /// No object; the cause.
    case failed(JobFailure)
    /// Cancelled by its owner or an operator.
    case cancelled(JobFailure)

    /// The state that the run ends in; `open` says whether the account's own callback is still to be delivered.
    package func state(callbackOpen open: Bool) -> JobState {
        switch self {
        case .stored: open ? .stored : .succeeded
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }
}
