import MNSWire
package import TowlineCore
package import TowlineQueue
package import TowlineStore

/// Decides which queue a callback of the type MNS means, and whether events may go there.
package struct QueueTargets: Sendable {
    /// Makes sure that a queue is there, making it where that is allowed; false when it is missing.
    package typealias EnsureQueue = @Sendable (AccountID, QueueName) async throws -> Bool

    /// Why a queue cannot be a target.
    struct Problem: Error, Sendable, Hashable {
        /// The parameter to change: `MnsEndpoint` or `MnsQueueName`.
        let parameter: String
        /// What is wrong and what is allowed, as sentences.
        let detail: String
    }

    static let endpointParameter = "MnsEndpoint"
    static let nameParameter = "MnsQueueName"

    private let own: OwnAddress
    private let acceptsRemote: @Sendable (HTTPURL) -> Bool
    private let ensureQueue: EnsureQueue

    /// The queues of one server.
    ///
    /// - Parameters:
    ///   - own: Which endpoints are this server's own.
    ///   - acceptsRemote: Whether the access key for queues of other servers belongs to an endpoint; signatures
    ///     must reach nobody else.
    ///   - ensureQueue: Makes sure that a built-in queue is there.
    package init(
        own: OwnAddress, acceptsRemote: @escaping @Sendable (HTTPURL) -> Bool, ensureQueue: @escaping EnsureQueue
    ) {
        self.own = own
        self.acceptsRemote = acceptsRemote
        self.ensureQueue = ensureQueue
    }

    /// The queues of one server over its store.
    ///
    /// - Parameters:
    ///   - own: Which endpoints are this server's own.
    ///   - acceptsRemote: Whether the access key for queues of other servers belongs to an endpoint; signatures
    ///     must reach nobody else.
    ///   - store: Holds the built-in queues.
    ///   - createsMissing: Whether a missing built-in queue is made (`queue.create-missing`).
    package init(
        own: OwnAddress, acceptsRemote: @escaping @Sendable (HTTPURL) -> Bool, store: any QueueStore,
        createsMissing: Bool
    ) {
        self.init(own: own, acceptsRemote: acceptsRemote) { account, name in
            let queue = QueueAddress(account: account, name: name)
            do {
                _ = try await store.queue(queue)
            } catch let error as QueueError where error.code == .queueMissing {
                guard createsMissing else { return false }
                // No attributes: a queue that somebody else made meanwhile stays as it is.
                _ = try await store.createQueue(queue, attributes: QueueAttributeChanges())
            }
            return true
        }
    }

    /// What becomes of a target that an operator names.
    package enum Resolution: Sendable, Hashable {
        /// Events may go there; a queue at one of this server's own addresses is a built-in one.
        case target(CallbackTarget)
        /// Why not, as sentences that say what is allowed.
        case refused(String)
    }

    /// Judges a target that is named by ``TowlineCore/CallbackTarget/text``, as an operator's subscription is, and makes
    /// sure that a built-in queue is there.
    ///
    /// - Parameters:
    ///   - target: A callback's URL is left to the caller.
    ///   - account: Whose events go there.
    ///   - callbacks: Judges the address of another server.
    /// - Returns: What to store, or why not.
    /// - Throws: Whatever the store throws.
    package func resolve(
        _ target: CallbackTarget, account: AccountID, callbacks: any AddressJudge
    ) async throws -> Resolution {
        do {
            var target = target
            switch target {
            case .http: return .target(target)
            case .queue(let name): try Self.check(name: name)
            case .remoteQueue(let endpoint, let name):
                target = try await self.target(endpoint: endpoint, name: name, callbacks: callbacks)
            }
            try await ensure(target, account: account)
            return .target(target)
        } catch let problem as Problem {
            return .refused(problem.detail)
        }
    }

    /// Judges an endpoint and a name; nothing is made.
    ///
    /// - Parameters:
    ///   - endpoint: As submitted.
    ///   - name: As submitted.
    ///   - callbacks: Judges the address of another server.
    /// - Returns: A built-in queue, or one of another server, its endpoint without slashes at the end.
    /// - Throws: ``Problem``.
    func target(
        endpoint: String, name: String, callbacks: any AddressJudge
    ) async throws(Problem) -> CallbackTarget {
        let url = try Self.url(of: endpoint)
        try Self.check(name: name)
        guard !own.includes(url) else { return .queue(name: name) }
        guard acceptsRemote(url) else {
            throw Problem(
                parameter: Self.endpointParameter,
                detail: "It is another server's address, and there is no access key for it: name the endpoint of "
                    + "queue.remote-endpoint with its queue.remote-access-key-id, or this server's own.")
        }
        if let refusal = await callbacks.refusal(of: url) {
            throw Problem(parameter: Self.endpointParameter, detail: refusal)
        }
        var trimmed = endpoint[...]
        while trimmed.hasSuffix("/") { trimmed.removeLast() }
        return .remoteQueue(endpoint: String(trimmed), name: name)
    }

    /// Makes sure that a target is there, as the last step before it is stored; a queue of another server is not asked for.
    ///
    /// - Throws: ``Problem`` for a queue that is missing; whatever the store throws.
    func ensure(_ target: CallbackTarget, account: AccountID) async throws {
        guard case .queue(let text) = target else { return }
        do {
            if try await ensureQueue(account, QueueName(text)) { return }
        } catch let error as QueueError {
            throw Problem(parameter: Self.nameParameter, detail: error.message.asSentence)
        }
        throw Problem(
            parameter: Self.nameParameter,
            detail: "There is no queue \(text) in the account \(account); create it, or set queue.create-missing.")
    }

    private static func check(name: String) throws(Problem) {
        do {
            _ = try QueueName(name)
        } catch {
            throw Problem(parameter: nameParameter, detail: error.message.asSentence)
        }
    }

    private static func url(of endpoint: String) throws(Problem) -> HTTPURL {
        guard endpoint.utf8.count <= 256 else {
            throw Problem(parameter: endpointParameter, detail: "It has more than 256 bytes.")
        }
        do {
            _ = try MNSEndpoint(parsing: endpoint)
        } catch {
            throw Problem(parameter: endpointParameter, detail: error.message)
        }
        do {
            return try HTTPURL(parsing: endpoint)
        } catch {
            throw Problem(parameter: endpointParameter, detail: error.reason)
        }
    }
}

extension String {
    /// A part of a sentence as a sentence of its own.
    fileprivate var asSentence: String { prefix(1).uppercased() + dropFirst() + "." }
}
