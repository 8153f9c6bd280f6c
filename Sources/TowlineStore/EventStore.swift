package import TowlineCore

/// Which events a list shows, and which a replay takes.
package struct EventFilter: Sendable, Hashable {
    package var type: EventType?
    package var job: JobID?
    package var account: AccountID?
    package var app: AppID?
    /// Only events with a delivery whose latest for its endpoint is in this state.
    package var state: DeliveryState?
    /// Only events with a delivery to this endpoint.
    package var endpoint: EndpointID?
    /// Made at or after this moment.
    package var since: Timestamp?
    /// Made before this moment.
    package var until: Timestamp?

    /// A filter that lets every event through.
    package init() {}
}

/// An event with its deliveries.
package struct EventDetail: Sendable {
    package let event: Event
    /// In the order of their making.
    package let deliveries: [Delivery]

    /// Joins an event with its deliveries.
    package init(event: Event, deliveries: [Delivery]) {
        self.event = event
        self.deliveries = deliveries
    }
}

/// Events as they are stored for good.
package protocol EventStore: Sendable {
    /// One event with its deliveries; nil when unknown.
    func event(_ id: EventID) async throws -> EventDetail?

    /// A page of events, newest first, looking at a bounded number of rows: a page may hold fewer events than asked
    /// for, or none, and still name a next one.
    func events(matching filter: EventFilter, before: EventID?, limit: Int) async throws -> Page<EventDetail>

    /// Makes new deliveries of an event: one for the endpoint named, or one for each endpoint that it was for.
    ///
    /// An event that was for no endpoint goes where the account's configuration says now.
    ///
    /// - Returns: The new deliveries; one to a disabled endpoint is held.
    /// - Throws: ``StoreError`` with code `notFound`; `conflict` when there is no endpoint, or it is another account's
    ///   or was removed.
    func redeliver(_ event: EventID, to endpoint: EndpointID?) async throws -> [Delivery]
}

/// What a replay is to do.
package struct ReplayRequest: Sendable, Hashable {
    /// Which events; its `endpoint` and `state` also say which of an event's endpoints get it again.
    package var filter: EventFilter
    /// Sends every event that matches to this endpoint instead, also such that were never for it.
    package var destination: EndpointID?
    /// Most deliveries that become due in a second; nil for no limit.
    package var perSecond: Int?

    /// Joins the parts of a request.
    package init(filter: EventFilter, destination: EndpointID? = nil, perSecond: Int? = nil) {
        self.filter = filter
        self.destination = destination
        self.perSecond = perSecond
    }
}

/// Where a replay stands.
package enum ReplayState: String, Sendable, Hashable, CaseIterable {
    /// Goes through the events. Left by reaching the last, or by cancel.
    case running
    /// Ends what it made and what has not been tried yet. Left when nothing of that is left.
    case cancelling
    /// Has made all its deliveries. Left by nothing.
    case done
    /// Cancelled. Left by nothing.
    case cancelled
}

/// One replay as stored.
package struct Replay: Sendable, Identifiable {
    package let id: ReplayID
    package let request: ReplayRequest
    package let state: ReplayState
    /// Events that it goes through in all, matching or not; those made after it began are not among them.
    package let eventsInRange: Int
    /// Events that it has looked at.
    package let eventsSeen: Int
    /// Deliveries that it has made.
    package let created: Int
    /// Of these, the ones that were delivered.
    package let delivered: Int
    /// Of these, the ones that ended as dead, cancelled ones included.
    package let dead: Int
    package let createdAt: Timestamp
    package let endedAt: Timestamp?

    /// Joins the parts of a replay.
    package init(
        id: ReplayID, request: ReplayRequest, state: ReplayState, eventsInRange: Int, eventsSeen: Int, created: Int,
        delivered: Int, dead: Int, createdAt: Timestamp, endedAt: Timestamp?
    ) {
        self.id = id
        self.request = request
        self.state = state
        self.eventsInRange = eventsInRange
        self.eventsSeen = eventsSeen
        self.created = created
        self.delivered = delivered
        self.dead = dead
        self.createdAt = createdAt
        self.endedAt = endedAt
    }
}

/// Replays: durable jobs in bounded steps (design section 5, "bulk").
///
/// A replay goes through the events that existed when it began, in their order; each step makes at most 500 rows and
/// moves the cursor in one transaction, so that a kill at any time leaves exactly one delivery for each event and
/// endpoint. Its deliveries wait in a lane of their own beside the endpoint's, so that new events do not queue up
/// behind them, and leave the endpoint's health alone.
package protocol ReplayStore: Sendable {
    /// How many events and deliveries a replay would concern now; changes nothing.
    func countReplay(_ request: ReplayRequest) async throws -> (events: Int, deliveries: Int)

    /// Begins a replay; on stable storage before it returns.
    ///
    /// - Throws: ``StoreError`` with code `notFound` when the destination is unknown, `conflict` when it was removed.
    func startReplay(_ request: ReplayRequest) async throws -> Replay

    /// One replay; nil when unknown.
    func replay(_ id: ReplayID) async throws -> Replay?

    /// The latest replays, newest first.
    func replays(limit: Int) async throws -> [Replay]

    /// Ends a replay: it makes no more deliveries, and those that have not been tried end as dead.
    ///
    /// - Throws: ``StoreError`` with code `notFound`, or `conflict` when it has ended.
    func cancelReplay(_ id: ReplayID) async throws -> Replay

    /// Does one bounded step of each replay that is due.
    ///
    /// - Returns: Time until the next step is due, zero when more is to be done at once; nil when no replay runs.
    func stepReplays() async throws -> Duration?
}

/// Where a new listener begins.
package enum ListenerStart: Sendable, Hashable {
    /// With the next event.
    case now
    /// With the oldest event.
    case beginning
    /// After this event.
    case after(EventID)
}

/// A reader of events with a durable place.
package struct EventListener: Sendable {
    /// 1 to 64 letters, digits, `-`, `.` and `_`, chosen by whoever listens.
    package let name: String
    /// Only events of this account; nil for all.
    package let account: AccountID?
    /// The last event that was acknowledged; nil when it is older than every event.
    package let acknowledged: EventID?
    package let createdAt: Timestamp
    /// When events were last asked for or acknowledged.
    package let seenAt: Timestamp

    /// Joins the parts of a listener.
    package init(
        name: String, account: AccountID?, acknowledged: EventID?, createdAt: Timestamp, seenAt: Timestamp
    ) {
        self.name = name
        self.account = account
        self.acknowledged = acknowledged
        self.createdAt = createdAt
        self.seenAt = seenAt
    }
}

/// Readers that follow events in their order and acknowledge how far they are.
package protocol ListenerStore: Sendable {
    /// Makes a listener, or gives the one of that name, whose place stays as it is.
    func openListener(_ name: String, account: AccountID?, start: ListenerStart) async throws -> EventListener

    /// Every listener by name.
    func listeners() async throws -> [EventListener]

    /// The next events after those that were acknowledged, in their order; the same again until they are acknowledged.
    ///
    /// - Throws: ``StoreError`` with code `notFound`.
    func events(for listener: String, limit: Int) async throws -> [Event]

    /// Moves a listener's place to an event; never back.
    ///
    /// - Throws: ``StoreError`` with code `notFound` for an unknown listener or event.
    func acknowledge(_ event: EventID, by listener: String) async throws

    /// Forgets a listener; forgetting none is fine.
    func removeListener(_ name: String) async throws
}
