package import TowlineCore

/// Where an engine puts events as messages: the built-in queues, those of another server, or a script in tests.
package protocol QueueSender: Sendable {
    /// Sends one message and waits for the queue's verdict, once and within the request's time.
    ///
    /// Ends early when the task is cancelled. Success means that the queue holds the message.
    func send(_ request: QueueEventRequest) async -> EventExchange

    /// What calls to an endpoint run on best; nil for anything.
    func executor(for endpoint: String) -> (any TaskExecutor)?
}

extension QueueSender {
    package func executor(for endpoint: String) -> (any TaskExecutor)? { nil }
}

/// One event on its way into a queue.
package struct QueueEventRequest: Sendable, Hashable {
    /// Whose event it is, and whose queue when it is a built-in one.
    package var account: AccountID
    /// The queue service's address, as configured; empty for built-in queues.
    package var endpoint: String
    /// The queue's name.
    package var queue: String
    /// The event's bytes, not encoded yet.
    package var body: [UInt8]
    /// How much of an answer's body is kept.
    package var keptResponseBytes: Int
    /// The time for everything together.
    package var timeout: Duration

    /// Joins the parts of a request.
    package init(
        account: AccountID, endpoint: String, queue: String, body: [UInt8], keptResponseBytes: Int, timeout: Duration
    ) {
        self.account = account
        self.endpoint = endpoint
        self.queue = queue
        self.body = body
        self.keptResponseBytes = keptResponseBytes
        self.timeout = timeout
    }
}

/// What a queue said to a message.
package enum QueueVerdict: Sendable, Hashable {
    /// It holds the message, under this id.
    case stored(messageID: String)
    /// It asks for less; why, as one sentence without secrets.
    case busy(cause: String)
    /// It did not take the message, or nobody knows; it may do so later, or once an operator mends something.
    case failed(cause: String)
    /// It can never take this message, whoever sends it and when; it says nothing about other messages.
    case refused(cause: String)
}

/// Stands where a node has no queues: every attempt fails with that cause.
package struct NoQueueSender: QueueSender {
    /// No queues.
    package init() {}

    package func send(_ request: QueueEventRequest) async -> EventExchange {
        EventExchange(.failed(cause: "this node has no connection to the queue \(request.queue)"))
    }
}

/// The ways to send events, one for each kind of target.
struct EventSenders: Sendable {
    /// HTTP callbacks.
    var http: any EventSender
    /// Built-in queues.
    var queues: any QueueSender = NoQueueSender()
    /// Queues of other servers.
    var remoteQueues: any QueueSender = NoQueueSender()
}
