package import TowlineCore

/// One delivery as stored.
package struct Delivery: Sendable, Identifiable {
    package let id: DeliveryID
    package let event: EventID
    package let eventType: EventType
    package let target: CallbackTarget
    package let state: DeliveryState
    /// Attempts so far.
    package let attempts: Int
    /// Why it is dead, or why the last attempt failed.
    package let reason: String?
    package let createdAt: Timestamp
    package let endedAt: Timestamp?

    /// Joins the parts of a delivery.
    package init(
        id: DeliveryID, event: EventID, eventType: EventType, target: CallbackTarget, state: DeliveryState,
        attempts: Int, reason: String?, createdAt: Timestamp, endedAt: Timestamp?
    ) {
        self.id = id
        self.event = event
        self.eventType = eventType
        self.target = target
        self.state = state
        self.attempts = attempts
        self.reason = reason
        self.createdAt = createdAt
        self.endedAt = endedAt
    }
}

/// What an engine asks for when it has room for more deliveries.
package struct DeliveryClaimRequest: Sendable {
    package var node: NodeID
    /// Most deliveries to return, at least 1.
    package var limit: Int
    /// Most attempts that may run at once against one endpoint, over all nodes.
    package var perEndpoint: Int
    /// How long the claims hold; there is no renewal, so it is longer than an attempt can take.
    package var lease: Duration

    /// Joins the parts of a claim request.
    package init(node: NodeID, limit: Int, perEndpoint: Int, lease: Duration) {
        self.node = node
        self.limit = limit
        self.perEndpoint = perEndpoint
        self.lease = lease
    }
}

/// One claimed delivery: the right to make one attempt.
package struct ClaimedDelivery: Sendable {
    package let id: DeliveryID
    package let lease: LeaseToken
    /// The attempt that this claim began, from 1.
    package let attempt: Int
    package let event: Event
    package let target: CallbackTarget
    /// The key that signs now by the account's configuration; nil while signing is off.
    package let signingKey: String?

    /// Joins the parts of a claim.
    package init(
        id: DeliveryID, lease: LeaseToken, attempt: Int, event: Event, target: CallbackTarget, signingKey: String?
    ) {
        self.id = id
        self.lease = lease
        self.attempt = attempt
        self.event = event
        self.target = target
        self.signingKey = signingKey
    }
}

/// What is worth keeping of one attempt of a delivery.
package struct DeliveryAttemptRecord: Sendable, Hashable {
    package var duration: Duration = .zero
    /// The address that was connected, if any.
    package var address: String?
    package var httpStatus: Int?
    /// The headers that were sent, one `name: value` a line, secrets masked.
    package var requestHead: String = ""
    /// The headers of the answer, one `name: value` a line.
    package var responseHead: String?
    /// The beginning of the answer's body, at most 16 KiB.
    package var responseBody: [UInt8]?
    /// Why it failed; nil on success.
    package var cause: String?

    /// A record with nothing in it.
    package init() {}
}

/// What follows an attempt of a delivery.
package enum DeliveryNext: Sendable, Hashable {
    case delivered
    case retry(after: Duration)
    case dead(reason: String)
    /// Interrupted by shutdown: the attempt's number is given back and the delivery is available at once.
    case released
}

/// The report on one attempt of a delivery.
package struct DeliveryReport: Sendable {
    package var delivery: DeliveryID
    package var lease: LeaseToken
    package var next: DeliveryNext
    package var record: DeliveryAttemptRecord

    /// Joins the parts of a report.
    package init(delivery: DeliveryID, lease: LeaseToken, next: DeliveryNext, record: DeliveryAttemptRecord) {
        self.delivery = delivery
        self.lease = lease
        self.next = next
        self.record = record
    }
}

/// One attempt of a delivery as recorded.
package struct DeliveryAttempt: Sendable {
    /// From 1.
    package let number: Int
    package let startedAt: Timestamp
    package let record: DeliveryAttemptRecord

    /// Joins the parts of an attempt.
    package init(number: Int, startedAt: Timestamp, record: DeliveryAttemptRecord) {
        self.number = number
        self.startedAt = startedAt
        self.record = record
    }
}

/// Events and the duty to deliver them.
package protocol DeliveryStore: Sendable {
    /// Claims due deliveries lane by lane and starts one attempt for each. Returns at once when nothing is due.
    func claimDeliveries(_ request: DeliveryClaimRequest) async throws -> Claims<ClaimedDelivery>

    /// Records attempts with what follows them, in one transaction each (design 4.2).
    ///
    /// When the delivery is the account's own callback of the run's `UploadByURLComplete`, its success, its third
    /// attempt or its death moves the job from `stored` to `succeeded` (design section 6).
    ///
    /// - Returns: One verdict per report, in the same order.
    func recordDeliveries(_ reports: [DeliveryReport]) async throws -> [LeaseVerdict]

    /// One event; nil when unknown.
    func event(_ id: EventID) async throws -> Event?

    /// One delivery with its attempts in order; nil when unknown.
    func delivery(_ id: DeliveryID) async throws -> (delivery: Delivery, attempts: [DeliveryAttempt])?

    /// Deliveries by state.
    func deliveryCounts() async throws -> [DeliveryState: Int]
}
