import TowlineClient
import TowlineCore
import VODSignatures

/// Which queue is meant: its name, and its account unless it is the server's standard one.
struct QueueReference: Sendable, Hashable {
    var name: String
    var account: String?

    /// Below `/api/v1`, with the query.
    func path(_ action: String = "") -> String {
        let query = account.map { "?" + FormCoding.encode([(name: "account", value: $0)]) } ?? ""
        return "/queues/\(PercentEncoding.encode(name))\(action)\(query)"
    }
}

/// What a receive asks for.
struct ReceiveOrder: Sendable, Hashable {
    var count = 1
    /// How long the server waits when there is no message, 0 to 30 seconds; nil for the queue's attribute.
    var waitSeconds: Int?
    /// How long the messages stay hidden; nil for the queue's attribute.
    var visibilitySeconds: Int?

    /// The body of the call.
    var json: JSONValue {
        .members([
            "count": .integer(count), "waitSeconds": waitSeconds.map { .integer($0) },
            "visibilityTimeoutSeconds": visibilitySeconds.map { .integer($0) },
        ])
    }
}

extension AdminClient {
    /// How long a purge or a deletion may take.
    private static let longTimeout: Duration = .seconds(120)

    /// A queue with its counters.
    func queue(_ queue: QueueReference) async throws -> JSONValue {
        try await call(.GET, queue.path())
    }

    /// Makes a queue, or changes the attributes that are named of the one that is there.
    func putQueue(_ queue: QueueReference, _ members: JSONValue) async throws -> JSONValue {
        try await call(.PUT, queue.path(), body: members)
    }

    /// Deletes a queue with its messages.
    func deleteQueue(_ queue: QueueReference) async throws -> JSONValue {
        try await call(.DELETE, queue.path(), timeout: Self.longTimeout)
    }

    /// Deletes the messages of a queue.
    func purgeQueue(_ queue: QueueReference) async throws -> JSONValue {
        try await call(.POST, queue.path("/purge"), timeout: Self.longTimeout)
    }

    /// Sends a message.
    func send(_ message: JSONValue, to queue: QueueReference) async throws -> JSONValue {
        try await call(.POST, queue.path("/messages"), body: message)
    }

    /// Receives messages, which are hidden for a while; waits for one as long as the order says.
    func receive(_ order: ReceiveOrder, from queue: QueueReference) async throws -> [JSONValue] {
        let wait = Duration.seconds(order.waitSeconds ?? 30)
        return try messages(
            in: try await call(.POST, queue.path("/receive"), body: order.json, timeout: wait + .seconds(10)))
    }

    /// The messages that would be received next; nothing changes.
    func peek(_ count: Int, in queue: QueueReference) async throws -> [JSONValue] {
        try messages(in: try await call(.POST, queue.path("/peek"), body: .members(["count": .integer(count)])))
    }

    /// Deletes received messages.
    ///
    /// - Returns: Why messages could not be deleted, one sentence for each.
    /// - Throws: ``AdminClientError``, or `CancellationError`.
    func deleteMessages(_ handles: [String], from queue: QueueReference) async throws -> [String] {
        let answer = try await call(.POST, queue.path("/delete"), body: Self.handles(handles))
        guard let failed = answer["failed"]?.elements else { throw notTowline(status: 200) }
        return failed.map { $0["message"]?.string ?? "it could not be deleted" }
    }

    /// Undoes receives: the messages can be received again at once.
    func releaseMessages(_ handles: [String], to queue: QueueReference) async throws {
        _ = try await call(.POST, queue.path("/release"), body: Self.handles(handles))
    }

    /// The POST of the event in a message, signed now.
    ///
    /// - Parameters:
    ///   - message: The message as the admin API shows it.
    ///   - queue: Where it is from.
    ///   - url: The URL that is signed; nil for the configured callback's, if there is one.
    /// - Returns: The request with a signature of this moment, if a key is configured.
    /// - Throws: ``AdminClientError`` with status 400 when there is no URL to sign, or `CancellationError`.
    func request(
        of message: JSONValue, in queue: QueueReference, signedFor url: String?
    ) async throws -> SignedEventRequest {
        let body = JSONValue.members([
            "messageId": message["id"], "body": message["body"], "bodyBase64": message["bodyBase64"], "url": url.json,
        ])
        guard let request = SignedEventRequest(try await call(.POST, queue.path("/request"), body: body)) else {
            throw notTowline(status: 200)
        }
        return request
    }

    private static func handles(_ handles: [String]) -> JSONValue {
        .members(["receiptHandles": .array(handles.map { .string($0) })])
    }

    private func messages(in answer: JSONValue) throws -> [JSONValue] {
        guard let messages = answer["messages"]?.elements else { throw notTowline(status: 200) }
        return messages
    }
}
