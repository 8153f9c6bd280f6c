import TowlineClient

/// Why a call of the admin API has no result.
package struct AdminClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failures.
    package enum Kind: Sendable, Hashable {
        /// No connection, or no answer in time.
        case unreachable
        /// The server answered with an error.
        case refused
        /// What came back is not an answer of the admin API.
        case unexpectedAnswer
    }

    /// The kind of failure.
    package let kind: Kind
    /// The HTTP status; nil without an answer.
    package let status: Int?
    /// One sentence.
    package let message: String

    package var description: String { message }

    /// Whether the same call may well succeed in a while: the server is away, or it cannot answer now.
    var isOutage: Bool {
        if kind == .unreachable { return true }
        guard let status else { return false }
        return status >= 500 || status == 408 || status == 429
    }
}

extension AdminClientError {
    /// There was no answer.
    init(_ failure: HTTPCaller.Failure, endpoint: String) {
        switch failure.kind {
        case .unreachable, .timeout:
            self.init(
                kind: .unreachable, status: nil, message: "no server answers at \(endpoint) (\(failure.detail))")
        case .tooLarge:
            self.init(
                kind: .unexpectedAnswer, status: nil,
                message: "the answer of \(endpoint) has more than \(HTTPCaller.maxAnswerBytes >> 20) MiB")
        }
    }
}
