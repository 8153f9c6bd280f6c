import HTTPTypes
package import Hummingbird
package import Logging
package import TowlineCore
package import TowlineStore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The admin API (docs/admin-api.md); each area's routes and handlers are in a file of their own.
package struct AdminRoutes: Sendable {
    let store: any Store
    let progress: @Sendable (JobID) -> JobProgress?
    let unknownParameters: @Sendable () -> [String: Int]
    let isReady: @Sendable () async throws -> Void
    let makeSecret: @Sendable () -> (id: String, secret: String)
    let version: String
    let hooks: AdminHooks
    private let token: String?
    private let logger: Logger

    /// Routes over a store.
    ///
    /// - Parameters:
    ///   - store: What is shown and changed.
    ///   - progress: The progress of a running job as this process knows it.
    ///   - unknownParameters: Parameters that no VOD action knows, with counts.
    ///   - isReady: Throws the reason when the process cannot take work.
    ///   - makeSecret: Gives a fresh random access key.
    ///   - token: What callers must show (`admin.token`); nil lets loopback in.
    ///   - version: The version of this build.
    ///   - hooks: What routes of events and endpoints need from other parts.
    ///   - logger: Gets what goes wrong.
    package init(
        store: any Store, progress: @escaping @Sendable (JobID) -> JobProgress?,
        unknownParameters: @escaping @Sendable () -> [String: Int],
        isReady: @escaping @Sendable () async throws -> Void,
        makeSecret: @escaping @Sendable () -> (id: String, secret: String), token: String?, version: String,
        hooks: AdminHooks = AdminHooks(), logger: Logger
    ) {
        self.store = store
        self.progress = progress
        self.unknownParameters = unknownParameters
        self.isReady = isReady
        self.makeSecret = makeSecret
        self.token = token
        self.version = version
        self.hooks = hooks
        self.logger = logger
    }

    /// The router with every route.
    ///
    /// A path that is known answers other methods with 405 and `Allow`.
    package func router() -> Router<AdminContext> {
        let router = Router(context: AdminContext.self)
        router.add(middleware: AdminGuard(token: token))
        var allowed: [String: [HTTPRequest.Method]] = [:]
        for route in serverRoutes + jobRoutes + keyRoutes + eventRoutes + deliveryRoutes + endpointRoutes + replayRoutes
            + listenerRoutes + queueRoutes + messageRoutes
        {
            allowed[route.path, default: []].append(route.method)
            router.on(RouterPath(route.path), method: route.method) { request, context in
                await answer(AdminCall(request: request, context: context), route.handler)
            }
        }
        for (path, methods) in allowed {
            let list = methods.map(\.rawValue).sorted().joined(separator: ", ")
            for method in Self.methods where !methods.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ in
                    var response = AdminError(
                        .methodNotAllowed, "MethodNotAllowed", "this path takes \(list)"
                    ).response
                    response.headers[.allow] = list
                    return response
                }
            }
        }
        return router
    }

    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

    private func answer(_ call: AdminCall, _ handler: AdminRoute.Handler) async -> Response {
        var response: Response
        do {
            response = try await handler(call).response
        } catch is CancellationError {
            response = AdminError(.serviceUnavailable, "Unavailable", "the request was given up").response
        } catch {
            let adminError = AdminError(error)
            if adminError.status.code >= 500 {
                logger.error("an admin request failed", metadata: ["error": "\(error)"])
            }
            response = adminError.response
        }
        // A wait watches the connection for its end and cannot give it back.
        if call.isLongPoll { response.headers[.connection] = "close" }
        return response
    }
}

/// What routes of events and endpoints need from other parts of the server.
package struct AdminHooks: Sendable {
    /// Why a URL may not be a callback's address now, as one sentence that names the rule; nil when it may.
    package var callbackRefusal: @Sendable (HTTPURL) async -> String? = { _ in
        "No address policy is connected to this server's admin API."
    }
    /// Where events to a queue go in the end: a queue of ours or another service's may stand behind one address.
    package var resolveQueue: @Sendable (CallbackTarget, AccountID) async throws -> QueueChoice = { _, _ in
        .refused("No queues are connected to this server's admin API.")
    }
    /// The headers of an event's POST to a URL, freshly signed with these keys.
    package var composeRequest: @Sendable (Event, String, DeliverySigning) -> [(name: String, value: String)] = {
        _, _, _ in []
    }
    /// Returns when the server begins to shut down, or on cancellation.
    package var untilShutdown: @Sendable () async -> Void = {
        let (never, source) = AsyncStream.makeStream(of: Void.self)
        for await _ in never {}
        source.finish()
    }
    /// Random bytes that cannot be guessed, as many as asked for.
    package var randomBytes: @Sendable (Int) -> [UInt8] = { count in
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
    /// What waits are measured with.
    package var clock: any MonotonicClock = SystemMonotonicClock()
    /// The current moment, for telling a pause that lasts from one that is over.
    package var wallClock: @Sendable () -> Timestamp = {
        Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }

    /// Hooks that refuse every callback address and compose no headers; the rest is the system's.
    package init() {}
}

/// Whether a queue may be the target of an endpoint.
package enum QueueChoice: Sendable, Hashable {
    /// It may; this is what is stored.
    case target(CallbackTarget)
    /// Why it may not, as one sentence.
    case refused(String)
}

/// One route: a method, a path with `:id` or `:name`, and what answers.
struct AdminRoute: Sendable {
    typealias Handler = @Sendable (AdminCall) async throws -> AdminAnswer

    let method: HTTPRequest.Method
    let path: String
    let handler: Handler

    init(
        _ method: HTTPRequest.Method, _ path: String,
        _ handler: @escaping @Sendable (AdminCall) async throws -> JSONValue
    ) {
        self.init(method, path, answering: { AdminAnswer(json: try await handler($0)) })
    }

    init(_ method: HTTPRequest.Method, _ path: String, answering handler: @escaping Handler) {
        self.method = method
        self.path = path
        self.handler = handler
    }
}

/// What a route answers with.
struct AdminAnswer: Sendable {
    let json: JSONValue
    /// Undoes what the route did, for when the answer cannot be written.
    var onLoss: (@Sendable () async -> Void)?

    var response: Response { onLoss.map { .json(json, onLoss: $0) } ?? .json(json) }
}

/// One request to a route.
struct AdminCall {
    let request: Request
    let context: AdminContext

    /// Whether the request may wait, for events or for messages.
    var isLongPoll: Bool {
        let path = request.uri.path
        if path.hasPrefix("/api/v1/queues/") { return path.hasSuffix("/receive") }
        return path.hasPrefix("/api/v1/listeners/") && request.uri.queryParameters.get("wait") != nil
    }

    /// The query; unknown parameters are refused.
    func query(_ allowed: String...) throws -> AdminQuery { try AdminQuery(request, allowed: allowed) }

    /// The body; unknown members are refused, and so is a query.
    func body(_ allowed: String...) async throws -> AdminBody {
        _ = try AdminQuery(request, allowed: [])
        return try await AdminBody(request.body, allowed: allowed)
    }

    /// Refuses a query and a body with members, for routes that read neither.
    func nothing() async throws { _ = try await body() }

    /// The identifier in the path.
    ///
    /// - Throws: ``AdminError`` 404 for a text that is none.
    func id<ID: TimeOrderedID>(_ type: ID.Type = ID.self, of what: String) throws -> ID {
        let text = parameter("id")
        guard let id = ID(text) else { throw AdminError.missing(what, text) }
        return id
    }

    /// A part of the path.
    func parameter(_ name: String) -> String { context.parameters.get(name) ?? "" }
}
