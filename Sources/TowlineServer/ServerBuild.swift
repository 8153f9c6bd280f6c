import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import MNSWire
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization
import TowlineAPI
import TowlineConsole
import TowlineCore
import TowlineDelivery
import TowlineObjects
import TowlineObjectsS3
import TowlineOutbound
import TowlineQueueAPI
import TowlineStore
import TowlineWorker

/// The wiring of one server; ``StoreOpening`` and it are the only places that name concrete stores.
///
/// Reads top to bottom in the order of start.
final class ServerBuild: Sendable {
    let addresses: TowlineServer.Addresses
    private let settings: Settings
    private let logger: Logger
    private let ports: (api: Int, admin: Int)
    private let threads: NIOThreadPool
    private let store: any Store
    private let objects: any ObjectStore
    private let bucket: BucketObjects?
    private let sources: OutboundClient
    private let callbacks: OutboundClient
    private let judges: (sources: OutboundClient, callbacks: OutboundClient)
    private let caretaker: ObjectCaretaker
    private let running = RunningAttempts()
    private let drain = DrainSign()
    private let tls: TLSConfiguration?
    private let keys: KeyCache
    /// The clients of the queues, whose listener's channels report there.
    private let queueConnections = MNSConnections()
    private let fatal: FatalSignal

    /// Opens everything that a server needs, in the order in which it is needed.
    ///
    /// - Throws: ``ServerError`` with one sentence.
    init(settings: Settings, logger: Logger) async throws {
        self.settings = settings
        self.logger = logger
        let group = MultiThreadedEventLoopGroup.singleton
        tls = try settings.api.tls.map { try TLSFiles($0).serverConfiguration() }
        let apiPort = try await FreePort.resolve(settings.api.listen, setting: "api.listen", group: group)
        let adminPort = try await FreePort.resolve(
            settings.admin.listen, setting: "admin.listen", besides: apiPort, group: group)
        ports = (apiPort, adminPort)
        let publicURL = settings.api.effectivePublicURL(port: apiPort)
        var adminListen = settings.admin.listen
        adminListen.port = adminPort
        addresses = TowlineServer.Addresses(api: publicURL, admin: "http://\(adminListen)")

        let access = try SourceAccess(settings)
        func client(allow: [CIDR], dnsTimeout: Duration, isForSources: Bool) -> OutboundClient {
            var configuration = OutboundConfiguration()
            configuration.connectTimeout = settings.pull.connectTimeout
            configuration.firstByteTimeout = settings.pull.firstByteTimeout
            configuration.idleTimeout = settings.pull.idleTimeout
            configuration.dnsTimeout = dnsTimeout
            configuration.maxRedirects = settings.pull.maxRedirects
            configuration.readBufferBudgetBytes = settings.pull.readBufferBytes
            configuration.extraCAFile = settings.net.caFile
            configuration.userAgent = "Towline/\(TowlineVersion.current)"
            if isForSources { access.apply(to: &configuration) }
            return OutboundClient(
                configuration: configuration, policy: AddressPolicy(allow: allow, deny: settings.net.deny),
                resolver: NameResolution.resolver(settings.net, group: group), logger: logger, eventLoopGroup: group)
        }
        let (pullAllow, callbackAllow) = (settings.net.sourceAllow, settings.net.callbackAllow)
        sources = client(allow: pullAllow, dnsTimeout: settings.pull.dnsTimeout, isForSources: true)
        callbacks = client(allow: callbackAllow, dnsTimeout: settings.pull.dnsTimeout, isForSources: false)
        do {
            try sources.validate()
        } catch {
            throw ServerError("net.ca-file: \(error.message)", exitCode: 2)
        }
        // A caller waits while an address is judged: names get less time than when they are connected.
        let patience = min(settings.pull.dnsTimeout, .seconds(2))
        judges = (
            client(allow: pullAllow, dnsTimeout: patience, isForSources: true),
            client(allow: callbackAllow, dnsTimeout: patience, isForSources: false)
        )

        try DataFolder.prepare(settings.data.path)
        let fatal = FatalSignal()
        self.fatal = fatal
        let store = try await StoreOpening.open(
            settings, publicURL: publicURL, onFatal: { fatal.set($0) }, logger: logger)
        let threads = NIOThreadPool(numberOfThreads: 4)
        threads.start()
        self.store = store
        self.threads = threads
        keys = KeyCache(store: store, signals: store.signals)
        do {
            switch settings.objects {
            case .folder(let path):
                bucket = nil
                objects = try Self.openFolder(path, threads: threads)
            case .bucket(let location):
                let bucket = BucketObjects(settings: settings, location: location, logger: logger)
                self.bucket = bucket
                objects = bucket.store
                try await Self.check(bucket.store, logger: logger)
            }
            caretaker = ObjectCaretaker(
                store: store, objects: objects,
                onFatal: { fatal.set(ServerError("the object store can no longer be trusted: \($0.message)")) },
                logger: logger)
            try await caretaker.restore()
            if settings.mode == .dev { try await Self.createKnownKey(in: store) }
        } catch {
            await store.close()
            try? await threads.shutdownGracefully()
            switch error {
            case let error as StoreError: throw ServerError(error.message)
            case let error as ObjectStoreError: throw ServerError("the object store failed: \(error.message)")
            default: throw error
            }
        }
    }

    /// The services in the order of their dependencies; they stop in the reverse order.
    func services(onListening: @escaping @Sendable () async -> Void) throws -> [any Service] {
        // Services stop in the reverse order: the engines first, so that nothing new begins while the listeners finish.
        let vod = vodService
        var services: [any Service] = []
        if hasAPIListener { services.append(try apiListener(vod, onListening: onListening)) }
        services += [
            adminListener(vod, onListening: onListening),
            MaintenanceService(
                store: store, interval: max(.seconds(1), settings.lease / 3), clock: SystemMonotonicClock(),
                logger: logger),
            caretaker,
            QueueWaits(store: store),
        ]
        if settings.roles.contains(.deliver) {
            services += [
                ReplayEngine(store: store, signals: store.signals, logger: logger),
                DeliveryLogTrimmer(store: store, retention: settings.delivery.logRetention, logger: logger),
                deliveryEngine,
            ]
        }
        if settings.roles.contains(.pull) { services.append(pullEngine) }
        services.append(drain)
        return services
    }

    /// How many listeners there are: the admin listener always, the API's by role.
    var listenerCount: Int { hasAPIListener ? 2 : 1 }

    /// The VOD actions and the queues share a listener.
    private var hasAPIListener: Bool { !settings.roles.isDisjoint(with: [.api, .queue]) }

    /// What made the server stop by itself.
    var fatalError: ServerError? { fatal.error }

    /// Calls the handler when the store can no longer be trusted.
    func onFatal(_ handler: @escaping @Sendable () async -> Void) { fatal.onSet(handler) }

    /// Closes in the reverse order of opening.
    func close() async {
        await judges.sources.shutdown()
        await judges.callbacks.shutdown()
        await callbacks.shutdown()
        await sources.shutdown()
        await bucket?.close()
        await store.close()
        try? await threads.shutdownGracefully()
    }

    private var deliveryEngine: DeliveryEngine {
        var configuration = DeliveryConfiguration(node: NodeID(settings.nodeID))
        configuration.grace = settings.shutdownTimeout * 3 / 5
        configuration.concurrency = settings.delivery.concurrency
        configuration.perEndpoint = settings.delivery.perEndpoint
        configuration.perEndpointPerSecond = settings.delivery.perEndpointPerSecond
        configuration.durablePolicy = .durable(waits: settings.delivery.schedule)
        configuration.maxRetryAfter = settings.delivery.maxRetryAfter
        configuration.responseBodyTimeout = settings.delivery.answerTimeout
        configuration.timeout = settings.delivery.timeout
        configuration.lease = max(settings.lease, settings.delivery.timeout * 3)
        return DeliveryEngine(
            store: store, signals: store.signals, sender: OutboundEventSender(client: callbacks),
            queues: StoreQueueSender(
                store: store, encoding: settings.queue.bodyEncoding, createsMissing: settings.queue.createsMissing),
            remoteQueues: RemoteQueueSender(
                client: callbacks,
                credentials: settings.queue.remoteKey.map {
                    MNSCredentials(accessKeyID: $0.id, secret: $0.secret.value)
                },
                accepts: acceptsRemoteQueues, encoding: settings.queue.bodyEncoding, wallClock: WallClock.now),
            configuration: configuration, wallClock: WallClock.now, logger: logger)
    }

    private var pullEngine: PullEngine {
        var configuration = PullConfiguration(node: NodeID(settings.nodeID))
        // The engines end one after the other, and something is left for the rest.
        configuration.grace = settings.shutdownTimeout / 5
        configuration.concurrency = settings.pull.concurrency
        configuration.perOrigin = settings.pull.perOrigin
        configuration.perAccount = settings.pull.perAccount > 0 ? settings.pull.perAccount : .max
        configuration.perOriginPerSecond = settings.pull.perOriginPerSecond
        configuration.maxBytesPerSecond = settings.pull.maxBytesPerSecond
        configuration.transferMaxBytesPerSecond = settings.pull.transferMaxBytesPerSecond
        configuration.maxConnections = settings.pull.maxConnections
        configuration.maxBytes = Int64(settings.pull.maxBytes)
        configuration.retry = RetryRule(attempts: settings.pull.attempts)
        // Rows of small objects are for a database on the same disk as the files (design section 7).
        configuration.smallObjectBytes = store is any SmallObjectStore ? settings.pull.smallObjectBytes : 0
        configuration.checkpointBytes = Int64(settings.pull.checkpointBytes)
        configuration.checkpointTime = settings.pull.checkpointTime
        configuration.minBytesPerSecond = settings.pull.minBytesPerSecond
        configuration.totalTimeout = settings.pull.totalTimeout
        configuration.lease = settings.lease
        return PullEngine(
            store: store, signals: store.signals, objects: objects,
            fetcher: OutboundSourceFetcher(
                client: sources, maxRetryAfter: settings.pull.maxRetryAfter, wallClock: WallClock.now),
            configuration: configuration, running: running, logger: logger)
    }

    private var vodService: VODService {
        let limits = settings.limits
        return VODService(
            store: store, sources: PolicyJudge(client: judges.sources),
            callbacks: PolicyJudge(client: judges.callbacks), queues: queueTargets,
            expireWaiting: settings.pull.expireWaiting,
            authenticator: VODAuthenticator(keys: keys, wallClock: WallClock.now),
            limiter: RateLimiter(perSecond: [
                "UploadMediaByURL": Double(limits.uploadMediaByURL),
                "GetURLUploadInfos": Double(limits.getURLUploadInfos),
                "CancelUrlUploadJobs": Double(limits.cancelURLUploadJobs),
                "SetMessageCallback": Double(limits.setMessageCallback),
                "GetMessageCallback": Double(limits.getMessageCallback),
                "DeleteMessageCallback": Double(limits.deleteMessageCallback),
            ]), wallClock: WallClock.now, logger: logger)
    }

    private func apiListener(
        _ vod: VODService, onListening: @escaping @Sendable () async -> Void
    ) throws -> any Service {
        let actions = VODResponder(
            service: vod, maxBodyBytes: settings.api.maxBodyBytes, makeRequestID: RandomNames.requestID)
        let queues = MNSResponder(
            service: MNSService(
                store: store, keys: keys, publicURL: addresses.api, maxBodyBytes: settings.api.maxBodyBytes,
                wallClock: WallClock.now, connections: queueConnections, logger: logger))
        let server = try apiServer
        func listener(
            _ responder: some HTTPResponder<some InitializableFromSource<ApplicationRequestContextSource>>
        )
            -> any Service
        {
            Application(
                responder: responder, server: server,
                configuration: .init(
                    address: .hostname(settings.api.listen.host, port: ports.api), serverName: "Towline"),
                onServerRunning: { _ in await onListening() }, logger: logger)
        }
        return switch (settings.roles.contains(.api), settings.roles.contains(.queue)) {
        case (true, true): listener(SharedListenerResponder(queues: queues, other: actions))
        case (true, false): listener(actions)
        default: listener(queues)
        }
    }

    private var apiServer: HTTPServerBuilder {
        get throws {
            let connections = queueConnections
            let server = HTTPServerBuilder.http1(
                configuration: channel(headBytes: settings.api.maxTargetBytes) { [connections.makeHandler()] })
            return try tls.map { try .tls(server, tlsConfiguration: $0) } ?? server
        }
    }

    /// Whether the access key for queues of other servers belongs to an endpoint.
    private var acceptsRemoteQueues: @Sendable (HTTPURL) -> Bool {
        let endpoint = settings.queue.remoteKey.flatMap { try? HTTPURL(parsing: $0.endpoint) }
        return { url in endpoint.map { $0.isSameOrigin(as: url) } ?? false }
    }

    /// Which queues callbacks may name.
    private var queueTargets: QueueTargets {
        var listen = settings.api.listen
        listen.port = ports.api
        let scheme = settings.api.tls == nil ? "http" : "https"
        return QueueTargets(
            own: OwnAddress(publicURL: addresses.api, listener: "\(scheme)://\(listen)"),
            acceptsRemote: acceptsRemoteQueues, store: store, createsMissing: settings.queue.createsMissing)
    }

    /// What both listeners demand of a connection.
    private func channel(
        headBytes: Int, more: @escaping @Sendable () -> [any RemovableChannelHandler] = { [] }
    ) -> HTTP1Channel.Configuration {
        let (requestLimit, idleLimit) = (settings.api.requestTimeout, settings.api.idleTimeout)
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                RequestDeadlineHandler(request: requestLimit, idle: idleLimit), ContinueHandler(),
            ] + more(),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: headBytes, maxHeaderListSize: headBytes + 64 * 1024, maxHeaderFieldCount: 300))
    }

    private func adminListener(
        _ vod: VODService, onListening: @escaping @Sendable () async -> Void
    ) -> any Service {
        let (store, objects, running, drain) = (store, objects, running, drain)
        let probes = [
            readiness(of: "the store") { try await store.checkReadiness() },
            readiness(of: "the object store") { try await objects.checkReadiness() },
        ]
        let routes = AdminRoutes(
            store: store, progress: { running.progress(of: $0) },
            unknownParameters: { vod.unknownParameterCounts },
            isReady: {
                guard !drain.isDraining else { throw ServerError("the node is shutting down") }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for probe in probes { group.addTask { try await probe.ask() } }
                    try await group.waitForAll()
                }
            }, makeSecret: RandomNames.accessKey, token: settings.admin.token?.value,
            version: TowlineVersion.current, hooks: adminHooks, logger: logger)
        return Application(
            router: routes.router(), server: .http1(configuration: channel(headBytes: 64 << 10)),
            configuration: .init(
                address: .hostname(settings.admin.listen.host, port: ports.admin), serverName: "Towline"),
            onServerRunning: { _ in await onListening() }, logger: logger)
    }

    private func readiness(of part: String, _ check: @escaping @Sendable () async throws -> Void) -> ReadinessProbe {
        ReadinessProbe(of: part, limit: settings.admin.readyTimeout, clock: SystemMonotonicClock(), check: check)
    }

    /// What the admin API needs of other parts.
    private var adminHooks: AdminHooks {
        let judge = PolicyJudge(client: judges.callbacks)
        var hooks = AdminHooks()
        hooks.callbackRefusal = { await judge.refusal(of: $0) }
        let targets = queueTargets
        hooks.resolveQueue = { target, account in
            switch try await targets.resolve(target, account: account, callbacks: judge) {
            case .target(let target): .target(target)
            case .refused(let reason): .refused(reason)
            }
        }
        hooks.composeRequest = { event, url, signing in
            let seconds = WallClock.now().milliseconds / 1000
            let headers = try? EventRequestComposer.headers(of: event, to: url, signing: signing, at: seconds)
            // What the guarded client adds to every callback, so that a forwarded one looks the same.
            let client = [("accept", "*/*"), ("accept-encoding", "identity")]
            return (headers ?? []).map { (name: $0.name, value: $0.value) }
                + client.map { (name: $0.0, value: $0.1) }
                + [(name: "user-agent", value: "Towline/\(TowlineVersion.current)")]
        }
        hooks.untilShutdown = { try? await gracefulShutdown() }
        return hooks
    }

    /// Makes the key that everybody knows; one that was revoked on purpose stays so.
    private static func createKnownKey(in store: any KeyStore) async throws {
        do {
            try await store.createKey(
                AccessKey(id: "towline-dev", secret: "towline-dev-secret", account: .standard))
        } catch let error as StoreError where error.code == .conflict {}
    }

    /// Refuses a bucket that will never take anything; one that cannot be reached now may be later.
    private static func check(_ bucket: S3ObjectStore, logger: Logger) async throws {
        do {
            try await bucket.checkReadiness()
        } catch let error as ObjectStoreError where error.code != .forbidden {
            logger.warning("the object store is not ready", metadata: ["error": "\(error.message)"])
        }
    }

    static func openFolder(_ path: String, threads: NIOThreadPool) throws -> DiskObjectStore {
        do {
            return try DiskObjectStore(root: path, threads: threads)
        } catch let error as ObjectStoreError {
            throw ServerError("the object store cannot be opened: \(error.message)")
        }
    }
}

/// Remembers why the server must stop, and tells the one who can stop it.
private final class FatalSignal: Sendable {
    private struct State {
        var error: ServerError?
        var handler: (@Sendable () async -> Void)?
    }

    private let state = Mutex(State())

    var error: ServerError? { state.withLock { $0.error } }

    func set(_ error: ServerError) {
        let handler = state.withLock { state in
            if state.error == nil { state.error = error }
            return state.handler
        }
        if let handler { Task { await handler() } }
    }

    func onSet(_ handler: @escaping @Sendable () async -> Void) {
        let isSet = state.withLock { state in
            state.handler = handler
            return state.error != nil
        }
        if isSet { Task { await handler() } }
    }
}
