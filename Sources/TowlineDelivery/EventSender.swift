/// Where an engine sends events over HTTP: the guarded client, or a script in tests.
package protocol EventSender: Sendable {
    /// Makes one POST and reads the beginning of the answer. Redirects are not followed.
    ///
    /// Ends early when the task is cancelled. Once a status has come the answer counts, whatever follows it.
    func send(_ request: EventRequest) async -> EventExchange

    /// What calls to a URL run on best; nil for anything.
    func executor(for url: String) -> (any TaskExecutor)?
}

extension EventSender {
    package func executor(for url: String) -> (any TaskExecutor)? { nil }
}

/// One field of a head.
package struct EventHeader: Sendable, Hashable {
    package let name: String
    package let value: String

    /// Joins a name and a value.
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// One POST of an event.
package struct EventRequest: Sendable, Hashable {
    package var url: String
    /// In the order in which they are sent.
    package var headers: [EventHeader]
    package var body: [UInt8]
    /// How much of the answer's body is read.
    package var keptResponseBytes: Int
    /// The time for everything together, from the look-up to the end of what is read.
    package var timeout: Duration
    /// The time for the answer's body alone.
    package var responseBodyTimeout: Duration

    /// Joins the parts of a request.
    package init(
        url: String, headers: [EventHeader], body: [UInt8], keptResponseBytes: Int, timeout: Duration,
        responseBodyTimeout: Duration
    ) {
        self.url = url
        self.headers = headers
        self.body = body
        self.keptResponseBytes = keptResponseBytes
        self.timeout = timeout
        self.responseBodyTimeout = responseBodyTimeout
    }
}

/// What became of one attempt to hand an event over.
package struct EventExchange: Sendable, Hashable {
    /// The ways it can end.
    package enum Outcome: Sendable, Hashable {
        /// A status came.
        case answered(EventAnswer)
        /// A queue gave its verdict; a remote one with an answer, for the log.
        case queued(QueueVerdict, answer: EventAnswer? = nil)
        /// No answer came; why, as one sentence without secrets.
        case failed(cause: String)
        /// The address cannot be called, now or later; why, as one sentence without secrets.
        case unusable(cause: String)
        /// The task was cancelled before an answer came.
        case cancelled
    }

    package var outcome: Outcome
    /// The address that was connected, or that failed or was refused.
    package var address: String?
    /// Request line and headers as sent, one a line, secrets masked; empty when nothing would be sent.
    package var requestHead: String

    /// Joins the parts of an exchange.
    package init(_ outcome: Outcome, address: String? = nil, requestHead: String = "") {
        self.outcome = outcome
        self.address = address
        self.requestHead = requestHead
    }

    /// What was answered, whatever it means.
    package var answer: EventAnswer? {
        switch outcome {
        case .answered(let answer): answer
        case .queued(_, let answer): answer
        case .failed, .unusable, .cancelled: nil
        }
    }
}

/// The answer of a receiver.
package struct EventAnswer: Sendable, Hashable {
    package var status: Int
    package var headers: [EventHeader]
    /// The beginning of the body.
    package var body: [UInt8]

    /// Joins the parts of an answer.
    package init(status: Int, headers: [EventHeader] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
