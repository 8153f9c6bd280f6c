package import MNSWire
package import TowlineCore
package import TowlineOutbound

/// Puts events into queues of another server that speaks the queue protocol, through the guarded client.
///
/// The address policy of callbacks holds for every attempt (design 4.6), redirects are not followed, and each attempt is
/// signed anew. Only an answer of success with the digest of what was sent means that the queue holds the event; whatever
/// else comes with a status of success, or is cut off, is tried again and may put the event into the queue twice.
package final class RemoteQueueSender: QueueSender {
    private let client: OutboundClient
    private let targets: OutboundTargets
    private let credentials: MNSCredentials?
    private let accepts: @Sendable (HTTPURL) -> Bool
    private let encoding: MNSBodyEncoding
    private let wallClock: @Sendable () -> Timestamp

    /// A sender over a client that was made with the policy for callbacks.
    ///
    /// - Parameters:
    ///   - client: Makes the connections.
    ///   - credentials: Sign the requests (`queue.remote-access-key-id`, `queue.remote-access-key-secret`); without them
    ///     every attempt fails.
    ///   - accepts: Whether the credentials belong to an endpoint (`queue.remote-endpoint`): nobody else may see what
    ///     they signed, since a signature does not cover the host.
    ///   - encoding: How events stand in messages (`queue.body-encoding`).
    ///   - wallClock: What requests are dated with.
    package init(
        client: OutboundClient, credentials: MNSCredentials?,
        accepts: @escaping @Sendable (HTTPURL) -> Bool = { _ in true }, encoding: EventBodyEncoding,
        wallClock: @escaping @Sendable () -> Timestamp
    ) {
        self.client = client
        targets = OutboundTargets(client: client)
        self.credentials = credentials
        self.accepts = accepts
        self.encoding = encoding == .base64 ? .base64 : .plain
        self.wallClock = wallClock
    }

    package func executor(for endpoint: String) -> (any TaskExecutor)? {
        try? targets.target(of: endpoint).executor
    }

    package func send(_ request: QueueEventRequest) async -> EventExchange {
        let endpoint: MNSEndpoint
        let url: HTTPURL
        do {
            endpoint = try MNSEndpoint(parsing: request.endpoint)
            url = try targets.target(of: endpoint.description).url
            try MNSLimits.checkQueueName(request.queue)
        } catch {
            return EventExchange(.unusable(cause: Self.unusable(error)))
        }
        guard let credentials, accepts(url) else {
            return EventExchange(
                .failed(
                    cause: "there is no access key for \(endpoint); set queue.remote-endpoint, "
                        + "queue.remote-access-key-id and queue.remote-access-key-secret"))
        }
        let transport = GuardedMNSTransport(
            client: client, targets: targets, time: request.timeout, keptBytes: request.keptResponseBytes)
        let service = MNSClient(endpoint: endpoint, credentials: credentials, transport: transport) { [wallClock] in
            wallClock().milliseconds / 1000
        }
        let outcome: EventExchange.Outcome
        do {
            let body = try encoding.encode(String(decoding: request.body, as: UTF8.self))
            let receipt = try await service.send(MNSOutgoingMessage(body: body), to: request.queue)
            outcome = .queued(.stored(messageID: receipt.messageID), answer: transport.log.answer)
        } catch let error as MNSClientError {
            // What was on its way when a shutdown began is sent again.
            outcome =
                Task.isCancelled
                ? .cancelled : .queued(Self.verdict(of: error), answer: transport.log.answer)
        } catch let error as MNSError {
            outcome = .queued(.refused(cause: "the event cannot be a message: \(error.message.asPart)"))
        } catch {
            outcome = .cancelled
        }
        return EventExchange(outcome, address: transport.log.address, requestHead: transport.log.requestHead)
    }

    private static func unusable(_ error: any Error) -> String {
        switch error {
        case let error as MNSClientError: "the queue's endpoint is not usable: \(error.message.asPart)"
        case let error as HTTPURLError: "the queue's endpoint is not usable: \(error.reason.asPart)"
        case let error as MNSError: "the queue's name is not usable: \(error.message.asPart)"
        default: "the queue's address is not usable: \(error)"
        }
    }

    /// What an error means for the event.
    ///
    /// Dead is only what no later attempt can bring in: a message that breaks the protocol's rules. What somebody can
    /// mend (queue, permission, key, clock, address) and what may pass is tried again.
    static func verdict(of error: MNSClientError) -> QueueVerdict {
        switch error.kind {
        case .invalidRequest: return .refused(cause: "the event cannot be a message: \(error.message.asPart)")
        case .unreachable:
            return .failed(cause: (error.cause as? OutboundError)?.causeText ?? error.message.asPart)
        case .unexpectedAnswer:
            let cause = error.message.asPart
            switch error.status {
            case 413: return .refused(cause: cause)
            case 429, 502, 503, 504: return .busy(cause: cause)
            default: return .failed(cause: cause)
            }
        case .refused:
            let status = error.status.map { "\($0) " } ?? ""
            let words = error.message.isEmpty ? "" : ": \(error.message)"
            let cause = "the queue service answered \(status)\(error.code)\(words)"
            switch error.code {
            case "InvalidArgument", "MalformedXML", "InvalidDegist", "InvalidDigest": return .refused(cause: cause)
            case "QpsLimitExceeded", "TooManyRequests": return .busy(cause: cause)
            default: return [429, 502, 503, 504].contains(error.status) ? .busy(cause: cause) : .failed(cause: cause)
            }
        }
    }
}
