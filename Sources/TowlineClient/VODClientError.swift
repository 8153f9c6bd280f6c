import VODSignatures

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Why a call of ``VODClient`` has no result.
public struct VODClientError: Error, Sendable {
    /// The kinds of failures; more may come.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        private enum Name: String {
            case refused
            case unreachable
            case timeout
            case unexpectedAnswer
            case invalidRequest
        }

        private let name: Name

        /// The server answered with an error: ``VODClientError/code``, ``VODClientError/status`` and
        /// ``VODClientError/message`` are its own.
        public static let refused = Kind(name: .refused)
        /// No connection could be made, or it broke; the call may have been carried out.
        public static let unreachable = Kind(name: .unreachable)
        /// The time was up; the call may have been carried out.
        public static let timeout = Kind(name: .timeout)
        /// What came back is not an answer of the VOD API: another server may listen there.
        public static let unexpectedAnswer = Kind(name: .unexpectedAnswer)
        /// The request was not sent, since it breaks a rule that the message names.
        public static let invalidRequest = Kind(name: .invalidRequest)

        /// The kind as a fixed word, fit for a metric's label.
        public var description: String { name.rawValue }
    }

    /// The kind of failure.
    public let kind: Kind
    /// The server's `Code`, such as `InvalidParameter.UploadURLs` (vod-api 1.7 and 9.6), or a word of this client's own:
    /// `Unreachable`, `Timeout`, `UnexpectedAnswer`, `InvalidRequest`.
    public let code: String
    /// The HTTP status; nil when there was no answer.
    public let status: Int?
    /// One sentence or more: the server's `Message`, or what this client has to say.
    public let message: String
    /// The server's `RequestId`; nil when there was no answer or it has none.
    public let requestID: String?
    /// How long the server asks to wait before the next try; only with throttling.
    public let retryAfter: Duration?
    /// What lies beneath, for a log.
    public let cause: (any Error)?

    init(
        kind: Kind, code: String, status: Int? = nil, message: String, requestID: String? = nil,
        retryAfter: Duration? = nil, cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.code = code
        self.status = status
        self.message = message
        self.requestID = requestID
        self.retryAfter = retryAfter
        self.cause = cause
    }
}

extension VODClientError: CustomStringConvertible {
    /// Code and message.
    public var description: String { "\(code): \(message)" }
}

extension VODClientError {
    /// A rule of the request that was broken.
    static func invalidRequest(_ message: String) -> VODClientError {
        VODClientError(kind: .invalidRequest, code: "InvalidRequest", message: message)
    }

    /// There was no answer.
    init(_ failure: HTTPCaller.Failure, endpoint: String) {
        switch failure.kind {
        case .unreachable:
            self.init(
                kind: .unreachable, code: "Unreachable",
                message: "No server answers at \(endpoint) (\(failure.detail)).",
                cause: failure.cause)
        case .timeout:
            self.init(
                kind: .timeout, code: "Timeout", message: "\(endpoint) did not answer in time.", cause: failure.cause)
        case .tooLarge:
            self.init(
                kind: .unexpectedAnswer, code: "UnexpectedAnswer", message: "The answer of \(endpoint) is too large.",
                cause: failure.cause)
        }
    }

    /// The server answered with another status than success.
    init(_ answer: HTTPCaller.Answer, endpoint: String) {
        let milliseconds = answer.header("x-acs-retry-after").flatMap { Int64($0) }
        guard let body = try? JSONDecoder().decode(ErrorAnswer.self, from: Data(answer.body)) else {
            self.init(
                kind: .unexpectedAnswer, code: "UnexpectedAnswer", status: answer.status,
                message: "\(endpoint) answered with HTTP \(answer.status) and no error of the VOD API.")
            return
        }
        self.init(
            kind: .refused, code: body.code, status: answer.status, message: body.message, requestID: body.requestID,
            retryAfter: milliseconds.map { .milliseconds($0) })
    }
}

/// The body of an error answer (vod-api 9.6).
private struct ErrorAnswer: Decodable {
    let code: String
    let message: String
    let requestID: String?

    enum CodingKeys: String, CodingKey {
        case code = "Code"
        case message = "Message"
        case requestID = "RequestId"
    }
}
