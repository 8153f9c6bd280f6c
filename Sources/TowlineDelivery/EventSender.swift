/// Where an engine sends events: the guarded client, or a script in tests.
package protocol EventSender: Sendable {
    /// Makes one POST and reads the beginning of the answer, all within the request's time limit. Redirects are not
    /// followed.
    ///
    /// - Throws: ``EventSendError``; `CancellationError`.
    func send(_ request: EventRequest) async throws -> EventAnswer
}

/// One POST of an event.
package struct EventRequest: Sendable, Hashable {
    package var url: String
    /// In the order in which they are sent.
    package var headers: [Header]
    package var body: [UInt8]
    /// How much of the answer's body is read.
    package var keptResponseBytes: Int
    /// The time for everything together, from the look-up to the end of what is read.
    package var timeout: Duration

    /// One header field.
    package struct Header: Sendable, Hashable {
        package let name: String
        package let value: String
        /// Joins a name and a value.
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Joins the parts of a request.
    package init(url: String, headers: [Header], body: [UInt8], keptResponseBytes: Int, timeout: Duration) {
        self.timeout = timeout
        self.url = url
        self.headers = headers
        self.body = body
        self.keptResponseBytes = keptResponseBytes
    }
}

/// The answer of a receiver.
package struct EventAnswer: Sendable, Hashable {
    package var status: Int
    package var address: String?
    /// One `name: value` a line.
    package var head: String
    /// The beginning of the body.
    package var body: [UInt8]

    /// Joins the parts of an answer.
    package init(status: Int, address: String? = nil, head: String = "", body: [UInt8] = []) {
        self.status = status
        self.address = address
        self.head = head
        self.body = body
    }
}

/// Why there was no answer.
package struct EventSendError: Error, Sendable {
    /// One sentence for a person, without secrets.
    package let cause: String
    /// Whether another attempt may help; an address that the policy blocks stays blocked.
    package let isRetryable: Bool
    package let address: String?

    /// Joins the parts of an error.
    package init(_ cause: String, isRetryable: Bool, address: String? = nil) {
        self.cause = cause
        self.isRetryable = isRetryable
        self.address = address
    }
}
