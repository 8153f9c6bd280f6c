/// Why a call of ``MNSClient`` has no result.
///
/// Holds no secret, and a server's own words only within limits. Wire reference: mns-api 10.2.
package struct MNSClientError: Error, Sendable, CustomStringConvertible {
    /// What happened.
    package enum Kind: String, Sendable, Hashable {
        /// The server answered with an error of the protocol, in ``MNSClientError/code``.
        case refused
        /// There was no answer; the call may have been carried out.
        case unreachable
        /// The answer is none of the protocol, or does not belong to the request; the call may have been carried out.
        case unexpectedAnswer = "unexpected_answer"
        /// Nothing was sent, since the call breaks a rule that the message names.
        case invalidRequest = "invalid_request"
    }

    /// What can help.
    package enum Remedy: String, Sendable, Hashable {
        /// Another attempt, later; it may send a message twice.
        case retry
        /// Somebody has to change a setting: endpoint, queue, key, permission or clock.
        case configuration
        /// Another request.
        case none
    }

    /// What happened.
    package let kind: Kind
    /// What can help.
    package let remedy: Remedy
    /// The server's `Code`, or a word of this client's own: `Unreachable`, `UnexpectedAnswer`, `InvalidRequest`.
    package let code: String
    /// The HTTP status; `nil` when there was no answer.
    package let status: Int?
    /// A sentence for people.
    package let message: String
    /// The server's id of the request.
    package let requestID: String?
    /// What lies beneath, for a log.
    package let cause: (any Error)?

    /// Makes an error; transports use it for what they refuse to send.
    ///
    /// - Parameters:
    ///   - kind: What happened.
    ///   - remedy: What can help.
    ///   - code: The server's `Code` or a word.
    ///   - status: The HTTP status, if there was an answer.
    ///   - message: A sentence for people, without secrets.
    ///   - requestID: The server's id of the request.
    ///   - cause: What lies beneath.
    package init(
        kind: Kind,
        remedy: Remedy,
        code: String,
        status: Int? = nil,
        message: String,
        requestID: String? = nil,
        cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.remedy = remedy
        self.code = code
        self.status = status
        self.message = message
        self.requestID = requestID
        self.cause = cause
    }

    /// Code and message.
    package var description: String { "\(code): \(message)" }

    /// Whether another attempt can help.
    package var isRetryable: Bool { remedy == .retry }
}

extension MNSClientError {
    static func invalidRequest(_ message: String) -> MNSClientError {
        MNSClientError(kind: .invalidRequest, remedy: .none, code: "InvalidRequest", message: message)
    }

    static func unreachable(_ cause: any Error, endpoint: MNSEndpoint) -> MNSClientError {
        MNSClientError(
            kind: .unreachable, remedy: .retry, code: "Unreachable",
            message: "There is no answer from \(endpoint).", cause: cause)
    }

    /// An answer that is none of the protocol; only the faults of a gateway may pass by themselves.
    static func unexpected(
        _ response: MNSHTTPResponse,
        _ detail: String,
        remedy: Remedy? = nil,
        endpoint: MNSEndpoint
    ) -> MNSClientError {
        let passing = response.status >= 500 || response.status == 429 || response.status == 408
        return MNSClientError(
            kind: .unexpectedAnswer, remedy: remedy ?? (passing ? .retry : .configuration), code: "UnexpectedAnswer",
            status: response.status,
            message: "\(endpoint) answered with HTTP \(response.status): \(detail)",
            requestID: response.header(MNSHeader.requestID))
    }

    /// An error of the protocol.
    static func refused(
        _ document: MNSErrorDocument,
        _ response: MNSHTTPResponse,
        credentials: MNSCredentials
    ) -> MNSClientError {
        MNSClientError(
            kind: .refused, remedy: remedy(code: document.error.code.name, status: response.status),
            code: ASCIIText.excerpt(document.error.code.name.utf8), status: response.status,
            message: ASCIIText.excerpt(credentials.masked(document.error.message).utf8, length: 1024),
            requestID: response.header(MNSHeader.requestID) ?? ASCIIText.excerpt(document.requestID.utf8))
    }

    private static func remedy(code: String, status: Int) -> Remedy {
        switch code {
        case "QpsLimitExceeded", "TooManyRequests", "InternalError", "InternalServerError": .retry
        case "QueueNotExist", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "TimeExpired",
            "InvalidRequestURL", "InvalidQueueName", "QueueNameLengthError":
            .configuration
        default: status >= 500 || status == 429 || status == 408 ? .retry : .none
        }
    }
}
