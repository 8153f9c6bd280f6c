package import Logging
import Synchronization
package import TowlineCore
package import TowlineStore

/// Judges addresses at the time they are named; the guarded client judges them again when it connects.
package protocol AddressJudge: Sendable {
    /// Why a URL may not be used, as one sentence that names the rule; nil when nothing forbids it now.
    func refusal(of url: HTTPURL) async -> String?
}

/// What the VOD actions work with.
package struct VODService: Sendable {
    let store: any Store
    let sources: any AddressJudge
    let callbacks: any AddressJudge
    let queues: QueueTargets?
    /// How long a job may wait for its turn unless its caller says otherwise; zero for ever.
    let expireWaiting: Duration
    let authenticator: VODAuthenticator
    let limiter: RateLimiter
    let wallClock: @Sendable () -> Timestamp
    let logger: Logger
    let unknownParameters = UnknownParameters()

    /// A service over a store and the two address policies; without queues callbacks are HTTP only.
    package init(
        store: any Store, sources: any AddressJudge, callbacks: any AddressJudge, queues: QueueTargets? = nil,
        expireWaiting: Duration = .zero, authenticator: VODAuthenticator, limiter: RateLimiter,
        wallClock: @escaping @Sendable () -> Timestamp,
        logger: Logger
    ) {
        self.store = store
        self.sources = sources
        self.callbacks = callbacks
        self.queues = queues
        self.expireWaiting = expireWaiting
        self.authenticator = authenticator
        self.limiter = limiter
        self.wallClock = wallClock
        self.logger = logger
    }

    /// The actions by their wire names.
    static let actions: [String: any VODAction.Type] = Dictionary(
        uniqueKeysWithValues: [
            UploadMediaByURL.self, GetURLUploadInfos.self, CancelUrlUploadJobs.self, SetMessageCallback.self,
            GetMessageCallback.self, DeleteMessageCallback.self,
        ].map { (action: any VODAction.Type) in (action.name, action) })

    /// Parameters that requests carried and no action knows, with counts: new SDKs add fields (vod-api.md 1.1).
    package var unknownParameterCounts: [String: Int] { unknownParameters.counts }
}

/// One action of the VOD API.
protocol VODAction: SendableMetatype {
    /// The wire name.
    static var name: String { get }
    /// Whether the call changes something, so that its nonce belongs into the same transaction.
    static var isMutating: Bool { get }
    /// The parameters that it reads.
    static var parameters: Set<String> { get }
    /// Carries the call out.
    static func run(_ parameters: ActionParameters, caller: Caller, service: VODService) async throws -> VODAnswer
}

/// Counts names that no action knows; bounded, since the names come from outside.
final class UnknownParameters: Sendable {
    private static let common: Set<String> = [
        "Action", "Version", "Format", "AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion",
        "SignatureNonce", "SignatureType", "Timestamp", "SecurityToken", "RegionId", "OwnerAccount", "OwnerId",
        "ResourceOwnerAccount", "ResourceOwnerId", "ResourceRealOwnerId",
    ]
    private static let capacity = 200
    private let storage = Mutex<[String: Int]>([:])

    var counts: [String: Int] { storage.withLock { $0 } }

    func note(_ names: some Collection<String>, known: Set<String>) {
        let unknown = names.filter { !known.contains($0) && !Self.common.contains($0) }
        guard !unknown.isEmpty else { return }
        storage.withLock { counts in
            for name in unknown where counts[name] != nil || counts.count < Self.capacity {
                counts[String(name.prefix(64)), default: 0] += 1
            }
        }
    }
}
