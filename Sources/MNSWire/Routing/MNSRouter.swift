/// Tells what a request asks for.
///
/// Wire reference: mns-api 1.1, 3, 4 and 10.1.
package enum MNSRouter {
    /// Whether a target belongs to the queue protocol at all, for a listener that also serves other things.
    ///
    /// - Parameter target: The target as on the request line.
    /// - Returns: `true` for `/queues…` and for what ``route(method:target:)`` refuses as unsupported: `/topics…` and
    ///   `/commonbuy/openservice`.
    package static func owns(target: String) -> Bool {
        switch MNSTarget.firstSegment(target) {
        case "queues", "topics", "commonbuy": true
        default: false
        }
    }

    /// Tells what a request asks for.
    ///
    /// Parameters that the operation does not know are ignored.
    ///
    /// - Parameters:
    ///   - method: The HTTP method.
    ///   - target: Path and query exactly as on the request line.
    /// - Returns: The operation with its checked parameters.
    /// - Throws: ``MNSError`` in the vendor's words: `InvalidRequestURL` for an unknown path, for a method that does not
    ///   belong to it and for what this server does not offer, `InvalidQueueName`, `QueueNameLengthError`,
    ///   `InvalidQueryString`, `InvalidArgument`, `MissingReceiptHandle`, `MissingVisibilityTimeout`.
    package static func route(method: String, target: String) throws(MNSError) -> MNSOperation {
        let target = try MNSTarget(target)
        switch target.path.first {
        case "queues": break
        case "topics": throw .unsupported("Topics and subscriptions")
        case "commonbuy": throw .unsupported("Operations on the account")
        case nil where target.parameter("accountmeta") != nil: throw .unsupported("Operations on the account")
        default: throw MNSError(.invalidRequestURL, "The path must begin with /queues.")
        }
        guard target.path.count > 1 else {
            try check(method, isOneOf: ["GET"], for: "/queues")
            return .listQueues
        }
        let queue = target.path[1]
        if target.path.count > 2, target.path.count != 3 || target.path[2] != "messages" {
            throw MNSError(.invalidRequestURL, "The path after the queue's name must be /messages.")
        }
        try MNSLimits.checkQueueName(queue)
        return target.path.count == 2
            ? try queueOperation(method, queue, target)
            : try messageOperation(method, queue, target)
    }

    private static func queueOperation(
        _ method: String, _ queue: String, _ target: MNSTarget
    ) throws(MNSError) -> MNSOperation {
        try check(method, isOneOf: ["GET", "PUT", "DELETE"], for: "a queue")
        switch method {
        case "GET": return .getQueueAttributes(queue)
        case "DELETE": return .deleteQueue(queue)
        default: return target.isTrue("metaoverride") ? .setQueueAttributes(queue) : .createQueue(queue)
        }
    }

    private static func messageOperation(
        _ method: String, _ queue: String, _ target: MNSTarget
    ) throws(MNSError) -> MNSOperation {
        try check(method, isOneOf: ["GET", "POST", "PUT", "DELETE"], for: "messages")
        switch method {
        case "POST": return .sendMessages(queue: queue)
        case "GET": return try receiveOperation(queue, target)
        case "DELETE":
            guard let handle = target.parameter("receipthandle") else { return .batchDeleteMessages(queue: queue) }
            return .deleteMessage(queue: queue, receiptHandle: handle)
        default:
            guard let handle = target.parameter("receipthandle") else { throw MNSError(.missingReceiptHandle) }
            guard let timeout = target.parameter("visibilitytimeout") else {
                throw MNSError(.missingVisibilityTimeout)
            }
            return .changeMessageVisibility(
                queue: queue, receiptHandle: handle,
                visibilityTimeout: try MNSLimits.visibilityTimeout.parseInRange(timeout))
        }
    }

    private static func receiveOperation(_ queue: String, _ target: MNSTarget) throws(MNSError) -> MNSOperation {
        let count = try number(MNSLimits.numOfMessages, in: target)
        if target.isTrue("peekonly") {
            return count.map { .batchPeekMessages(queue: queue, count: $0) } ?? .peekMessage(queue: queue)
        }
        let wait = try number(MNSLimits.waitSeconds, in: target)
        return count.map { .batchReceiveMessages(queue: queue, count: $0, waitSeconds: wait) }
            ?? .receiveMessage(queue: queue, waitSeconds: wait)
    }

    private static func number(_ number: MNSNumber, in target: MNSTarget) throws(MNSError) -> Int? {
        guard let text = target.parameter(ASCIIText.lowercased(number.name)) else { return nil }
        return try number.parseInRange(text)
    }

    private static func check(_ method: String, isOneOf methods: [String], for what: String) throws(MNSError) {
        guard !methods.contains(method) else { return }
        throw MNSError(
            .invalidRequestURL, "The method for \(what) must be \(methods.joined(separator: ", ")).")
    }
}
