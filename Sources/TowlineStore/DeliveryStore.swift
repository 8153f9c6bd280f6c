package import TowlineCore

/// One delivery as stored.
package struct Delivery: Sendable, Identifiable {
    package let id: DeliveryID
    package let event: EventID
    package let eventType: EventType
    package let endpoint: EndpointID
    package let target: CallbackTarget
    package let origin: DeliveryOrigin
    package let policy: DeliveryPolicy.Name
    package let state: DeliveryState
    /// Attempts so far.
    package let attempts: Int
    /// Why it is dead, or why the last attempt failed.
    package let reason: String?
    package let createdAt: Timestamp
    /// When its next attempt may begin, as far as it alone is concerned; nil unless it is pending or held.
    package let dueAt: Timestamp?
    package let endedAt: Timestamp?

    /// Joins the parts of a delivery.
    package init(
        id: DeliveryID, event: EventID, eventType: EventType, endpoint: EndpointID, target: CallbackTarget,
        origin: DeliveryOrigin, policy: DeliveryPolicy.Name, state: DeliveryState, attempts: Int, reason: String?,
        createdAt: Timestamp, dueAt: Timestamp?, endedAt: Timestamp?
    ) {
        self.id = id
        self.event = event
        self.eventType = eventType
        self.endpoint = endpoint
        self.target = target
        self.origin = origin
        self.policy = policy
        self.state = state
        self.attempts = attempts
        self.reason = reason
        self.createdAt = createdAt
        self.dueAt = dueAt
        self.endedAt = endedAt
    }
}

/// What an engine asks for when it has room for more deliveries.
package struct DeliveryClaimRequest: Sendable {
    package var node: NodeID
    /// Most deliveries to return, at least 1.
    package var limit: Int
    /// Most attempts that may run at once against one endpoint without a limit of its own, over all nodes.
    package var perEndpoint: Int
    /// Most attempts that may begin in a second against one endpoint without a limit of its own, over all nodes; 0
    /// for no limit.
    package var perSecond: Int
    /// How long the claims hold; there is no renewal, so it is longer than an attempt can take.
    package var lease: Duration

    /// Joins the parts of a claim request.
    package init(node: NodeID, limit: Int, perEndpoint: Int, perSecond: Int = 0, lease: Duration) {
        self.node = node
        self.limit = limit
        self.perEndpoint = perEndpoint
        self.perSecond = perSecond
        self.lease = lease
    }
}

/// The keys that sign an attempt: those of the moment, not those of the event's time (design section 6).
package struct DeliverySigning: Sendable, Hashable {
    /// The key of the `X-VOD-*` pair; nil while that signature is off.
    package var authKey: String?
    /// The secrets of `webhook-signature` in text form (`whsec_…`), the newest first; none while it is off.
    package var webhookSecrets: [String]

    /// Joins keys.
    package init(authKey: String? = nil, webhookSecrets: [String] = []) {
        self.authKey = authKey
        self.webhookSecrets = webhookSecrets
    }
}

/// One claimed delivery: the right to make one attempt.
package struct ClaimedDelivery: Sendable {
    package let id: DeliveryID
    package let lease: LeaseToken
    /// The attempt that this claim began, from 1.
    package let attempt: Int
    package let event: Event
    package let endpoint: EndpointID
    package let target: CallbackTarget
    package let origin: DeliveryOrigin
    package let policy: DeliveryPolicy.Name
    package let signing: DeliverySigning

    /// Joins the parts of a claim.
    package init(
        id: DeliveryID, lease: LeaseToken, attempt: Int, event: Event, endpoint: EndpointID, target: CallbackTarget,
        origin: DeliveryOrigin, policy: DeliveryPolicy.Name, signing: DeliverySigning
    ) {
        self.id = id
        self.lease = lease
        self.attempt = attempt
        self.event = event
        self.endpoint = endpoint
        self.target = target
        self.origin = origin
        self.policy = policy
        self.signing = signing
    }
}

/// What is worth keeping of one attempt of a delivery.
package struct DeliveryAttemptRecord: Sendable, Hashable {
    package var duration: Duration = .zero
    /// The address that was connected, if any.
    package var address: String?
    package var httpStatus: Int?
    /// The request line and the headers that were sent, one a line, secrets masked.
    ///
    /// The body is the event's.
    package var requestHead: String = ""
    /// The headers of the answer, one `name: value` a line, secrets masked.
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
    /// The receiver is gone: the delivery is due again as soon as its endpoint is enabled.
    case held(reason: String)
    /// Interrupted by shutdown: the attempt's number is given back and the delivery is available at once.
    case released
}

/// The report on one attempt of a delivery.
package struct DeliveryReport: Sendable {
    package var delivery: DeliveryID
    package var lease: LeaseToken
    package var next: DeliveryNext
    /// What the attempt tells about the endpoint; stores ignore it for deliveries that do not count for its health.
    package var signal: EndpointSignal
    package var record: DeliveryAttemptRecord

    /// Joins the parts of a report.
    package init(
        delivery: DeliveryID, lease: LeaseToken, next: DeliveryNext, signal: EndpointSignal = .none,
        record: DeliveryAttemptRecord
    ) {
        self.delivery = delivery
        self.lease = lease
        self.next = next
        self.signal = signal
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

/// Which deliveries a list shows.
package struct DeliveryFilter: Sendable {
    package var state: DeliveryState?
    package var endpoint: EndpointID?
    package var event: EventID?
    package var replay: ReplayID?
    /// Only deliveries made before this one: the ``Page/next`` of the page before.
    package var before: DeliveryID?

    /// A filter that lets every delivery through.
    package init(
        state: DeliveryState? = nil, endpoint: EndpointID? = nil, event: EventID? = nil, replay: ReplayID? = nil,
        before: DeliveryID? = nil
    ) {
        self.state = state
        self.endpoint = endpoint
        self.event = event
        self.replay = replay
        self.before = before
    }
}

/// The duty to deliver events.
package protocol DeliveryStore: Sendable {
    /// Claims due deliveries lane by lane and starts one attempt for each. Returns at once when nothing is due.
    ///
    /// Endpoints that are disabled, paused, probing (one attempt at a time) or at their limits are passed over, and
    /// ``Claims/nextDue`` knows when a pause or a second is over.
    func claimDeliveries(_ request: DeliveryClaimRequest) async throws -> Claims<ClaimedDelivery>

    /// Records attempts with what follows them, in one transaction each (design 4.2), and what they tell about their
    /// endpoints.
    ///
    /// When the delivery is the account's own callback of the run's `UploadByURLComplete`, its success, its third
    /// attempt, its death or its being held moves the job from `stored` to `succeeded` (design section 6).
    ///
    /// - Returns: One verdict per report, in the same order.
    func recordDeliveries(_ reports: [DeliveryReport]) async throws -> [LeaseVerdict]

    /// One delivery with its event and its attempts in order; nil when unknown.
    func delivery(_ id: DeliveryID) async throws -> DeliveryDetail?

    /// A page of deliveries, newest first, looking at a bounded number of rows: a page may hold fewer deliveries than
    /// asked for, or none, and still name a next one.
    func deliveries(matching filter: DeliveryFilter, limit: Int) async throws -> Page<Delivery>

    /// Deliveries by state; `held` ones are counted as `pending` and, up to 100,000 for each endpoint, as `held`.
    func deliveryCounts() async throws -> [DeliveryState: Int]

    /// Removes attempts of ended deliveries that were made longer ago than an age, at most `limit` rows a call.
    ///
    /// Their deliveries and events stay.
    ///
    /// - Returns: The number of rows removed; less than `limit` means that nothing is left for now.
    func trimDeliveryLog(olderThan age: Duration, limit: Int) async throws -> Int
}

/// A delivery with everything that happened to it.
package struct DeliveryDetail: Sendable {
    package let delivery: Delivery
    package let event: Event
    /// In the order of their starts.
    package let attempts: [DeliveryAttempt]

    /// Joins a delivery with its history.
    package init(delivery: Delivery, event: Event, attempts: [DeliveryAttempt]) {
        self.delivery = delivery
        self.event = event
        self.attempts = attempts
    }
}
