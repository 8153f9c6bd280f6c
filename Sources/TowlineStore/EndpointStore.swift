package import TowlineCore

/// What brings an endpoint into being.
package enum EndpointKind: String, Sendable, Hashable, CaseIterable {
    /// A configured callback, or a request's own: made by Towline when it is first named.
    case callback
    /// A subscription of an operator's: gets events beside the callbacks.
    case subscription
}

/// What an operator may choose about an endpoint; nil leaves it to the settings.
package struct EndpointOptions: Sendable, Hashable {
    /// A name for people.
    package var description: String = ""
    /// The policy of new deliveries; nil for `delivery.policy`.
    package var policy: DeliveryPolicy.Name?
    /// Most attempts at once; nil for `delivery.per-endpoint`.
    package var maxConcurrency: Int?
    /// Most attempts that begin in a second; nil for `delivery.per-endpoint-per-second`, 0 for no limit.
    package var maxPerSecond: Int?
    /// A subscription gets only events of these applications; none for all.
    package var apps: [AppID] = []
    /// A subscription gets only events of these types; none for all.
    package var eventTypes: [EventType] = []

    /// Everything left to the settings.
    package init() {}

    /// Whether a subscription with these options gets an event.
    package func includes(_ type: EventType, app: AppID) -> Bool {
        (apps.isEmpty || apps.contains(app)) && (eventTypes.isEmpty || eventTypes.contains(type))
    }
}

/// One receiver of events as stored.
///
/// Callback endpoints are one for each account and URL, whatever configuration or request names them.
package struct Endpoint: Sendable, Identifiable {
    package let id: EndpointID
    package let kind: EndpointKind
    package let account: AccountID
    package let target: CallbackTarget
    package let options: EndpointOptions
    package let health: EndpointHealth
    /// Whether a key of its own signs the `X-VOD-*` pair, as a subscription may have one.
    package let hasAuthKey: Bool
    /// Webhook secrets in force: 0, 1, or 2 during a rotation.
    package let webhookSecrets: Int
    package let createdAt: Timestamp
    /// When it was removed; it stays visible until its deliveries have ended.
    package let removedAt: Timestamp?

    /// Joins the parts of an endpoint.
    package init(
        id: EndpointID, kind: EndpointKind, account: AccountID, target: CallbackTarget, options: EndpointOptions,
        health: EndpointHealth, hasAuthKey: Bool, webhookSecrets: Int, createdAt: Timestamp, removedAt: Timestamp?
    ) {
        self.id = id
        self.kind = kind
        self.account = account
        self.target = target
        self.options = options
        self.health = health
        self.hasAuthKey = hasAuthKey
        self.webhookSecrets = webhookSecrets
        self.createdAt = createdAt
        self.removedAt = removedAt
    }
}

/// An endpoint with numbers that cost a look at its deliveries.
package struct EndpointDetail: Sendable {
    package let endpoint: Endpoint
    /// Deliveries that wait (or are held), counted up to 10,000.
    package let waiting: Int
    /// Attempts that run now.
    package let running: Int

    /// Joins an endpoint with its numbers.
    package init(endpoint: Endpoint, waiting: Int, running: Int) {
        self.endpoint = endpoint
        self.waiting = waiting
        self.running = running
    }
}

/// Which endpoints a list shows.
package struct EndpointFilter: Sendable {
    package var account: AccountID?
    package var kind: EndpointKind?
    /// Only those that are disabled, or only those that are not.
    package var isDisabled: Bool?
    /// Only endpoints made before this one: the ``Page/next`` of the page before.
    package var before: EndpointID?

    /// A filter that lets every endpoint through.
    package init(
        account: AccountID? = nil, kind: EndpointKind? = nil, isDisabled: Bool? = nil, before: EndpointID? = nil
    ) {
        self.account = account
        self.kind = kind
        self.isDisabled = isDisabled
        self.before = before
    }
}

/// Receivers of events: their health, their options, their keys.
///
/// Keys are sealed like every secret; no call gives them back but ``signing(of:)``.
package protocol EndpointStore: Sendable {
    /// Makes a subscription; on stable storage before it returns.
    ///
    /// - Parameters:
    ///   - account: Whose events it gets.
    ///   - url: Where to, byte for byte; valid by the caller's word.
    ///   - options: Filter, policy and limits.
    ///   - authKey: The key of the `X-VOD-*` pair; nil sends no such pair.
    ///   - webhookSecret: The secret of `webhook-signature` in text form; nil for none.
    /// - Returns: The endpoint.
    /// - Throws: ``StoreError``.
    func createSubscription(
        account: AccountID, url: String, options: EndpointOptions, authKey: String?, webhookSecret: String?
    ) async throws -> Endpoint

    /// A page of endpoints, newest first.
    func endpoints(matching filter: EndpointFilter, limit: Int) async throws -> Page<Endpoint>

    /// One endpoint; nil when unknown.
    func endpoint(_ id: EndpointID) async throws -> EndpointDetail?

    /// Replaces an endpoint's options.
    ///
    /// - Throws: ``StoreError`` with code `notFound`; `conflict` for a filter on a callback's endpoint, whose filter is
    ///   its configuration's.
    func setOptions(_ options: EndpointOptions, of id: EndpointID) async throws -> Endpoint

    /// Makes an endpoint as healthy as a new one; what was held is due at once.
    ///
    /// - Throws: ``StoreError`` with code `notFound`; `conflict` when it was removed.
    func enableEndpoint(_ id: EndpointID) async throws -> Endpoint

    /// Holds an endpoint's deliveries until it is enabled; one that is disabled already keeps its reason.
    ///
    /// - Throws: ``StoreError`` with code `notFound`; `conflict` when it was removed.
    func disableEndpoint(_ id: EndpointID, reason: String) async throws -> Endpoint

    /// Removes a subscription: it gets nothing more, and what waits for it ends as dead in bounded steps.
    ///
    /// - Throws: ``StoreError`` with code `notFound`; `conflict` for a callback's endpoint.
    func removeSubscription(_ id: EndpointID) async throws

    /// Sets the secret of `webhook-signature`.
    ///
    /// - Parameters:
    ///   - secret: The new secret in text form; nil ends signing.
    ///   - id: The endpoint.
    ///   - overlap: How long the secret before signs beside it; zero lets it go at once.
    /// - Throws: ``StoreError`` with code `notFound`.
    func setWebhookSecret(_ secret: String?, of id: EndpointID, keepingPreviousFor overlap: Duration) async throws

    /// The keys that would sign an event for an endpoint now; nil when the endpoint is unknown.
    func signing(of id: EndpointID, app: AppID) async throws -> DeliverySigning?

    /// Does one bounded step of what endpoints left to do: the gates of jobs whose callback is held, and the end of
    /// what waits for removed subscriptions.
    ///
    /// - Returns: Whether more is left.
    func tendEndpoints() async throws -> Bool
}
