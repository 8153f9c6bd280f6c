package import TowlineCore

/// Which jobs a list shows.
package struct JobFilter: Sendable {
    package var state: JobState?
    /// Exactly this origin, as in ``PullRequest/origin``.
    package var origin: String?
    /// Text within the title or the source URL.
    package var text: String?
    /// Only jobs made before this one: the ``Page/next`` of the page before.
    package var before: JobID?

    /// A filter that lets every job through.
    package init(state: JobState? = nil, origin: String? = nil, text: String? = nil, before: JobID? = nil) {
        self.state = state
        self.origin = origin
        self.text = text
        self.before = before
    }
}

/// A page of a list.
package struct Page<Item: Sendable>: Sendable {
    package let items: [Item]
    /// What to ask the next page with; nil on the last.
    package let next: String?

    /// Joins items with the mark of the next page.
    package init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }
}

/// One attempt of a job as recorded.
package struct JobAttempt: Sendable {
    package let run: Int
    /// From 1 within the run.
    package let number: Int
    package let node: NodeID
    package let startedAt: Timestamp
    package let record: JobAttemptRecord

    /// Joins the parts of an attempt.
    package init(run: Int, number: Int, node: NodeID, startedAt: Timestamp, record: JobAttemptRecord) {
        self.run = run
        self.number = number
        self.node = node
        self.startedAt = startedAt
        self.record = record
    }
}

/// A job with everything that happened to it.
package struct JobDetail: Sendable {
    package let job: Job
    /// In the order of their starts.
    package let attempts: [JobAttempt]
    package let events: [Event]
    package let deliveries: [Delivery]
    /// How far its transfer is known to be on stable storage, while the run is not over.
    package let checkpoint: TransferCheckpoint?
    /// The digests of the stored object, as far as they were computed.
    package let digests: ContentDigests?

    /// Joins a job with its history.
    package init(
        job: Job, attempts: [JobAttempt], events: [Event], deliveries: [Delivery],
        checkpoint: TransferCheckpoint? = nil, digests: ContentDigests? = nil
    ) {
        self.job = job
        self.attempts = attempts
        self.events = events
        self.deliveries = deliveries
        self.checkpoint = checkpoint
        self.digests = digests
    }
}
