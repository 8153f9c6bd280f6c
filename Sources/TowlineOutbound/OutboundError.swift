package import TowlineCore

/// Says why an outgoing call failed, and whether another try can help.
///
/// No text of it holds a secret or more of a URL than its host.
package struct OutboundError: Error, Sendable {
    /// The kinds of failure; new kinds may come.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String, Sendable {
            case invalidURL = "invalid-url"
            case invalidRequest = "invalid-request"
            case addressForbidden = "address-forbidden"
            case unresolved
            case dnsTimeout = "dns-timeout"
            case connectFailed = "connect-failed"
            case connectTimeout = "connect-timeout"
            case tlsFailed = "tls-failed"
            case proxyFailed = "proxy-failed"
            case firstByteTimeout = "first-byte-timeout"
            case idleTimeout = "idle-timeout"
            case totalTimeout = "total-timeout"
            case tooManyRedirects = "too-many-redirects"
            case redirectInvalid = "redirect-invalid"
            case badResponse = "bad-response"
            case headerTooLarge = "header-too-large"
            case truncated
            case connectionClosed = "connection-closed"
            case cancelled
            case other
        }

        private let kind: Kind

        private init(_ kind: Kind) {
            self.kind = kind
        }

        /// The URL is not one that may be used.
        package static let invalidURL = Code(.invalidURL)
        /// A header field or the method cannot be sent.
        package static let invalidRequest = Code(.invalidRequest)
        /// An address of the host is closed by the policy.
        package static let addressForbidden = Code(.addressForbidden)
        /// The name has no address, or the look-up failed.
        package static let unresolved = Code(.unresolved)
        /// The look-up of the name took too long.
        package static let dnsTimeout = Code(.dnsTimeout)
        /// No address could be connected.
        package static let connectFailed = Code(.connectFailed)
        /// Connecting took too long.
        package static let connectTimeout = Code(.connectTimeout)
        /// The TLS handshake failed or the certificate is not trusted.
        package static let tlsFailed = Code(.tlsFailed)
        /// The proxy cannot be reached, or opened no connection.
        package static let proxyFailed = Code(.proxyFailed)
        /// The head of the response did not come in time.
        package static let firstByteTimeout = Code(.firstByteTimeout)
        /// The body stopped coming.
        package static let idleTimeout = Code(.idleTimeout)
        /// The time that the request allowed for everything is over.
        package static let totalTimeout = Code(.totalTimeout)
        /// More redirects than allowed.
        package static let tooManyRedirects = Code(.tooManyRedirects)
        /// A redirect without a usable Location.
        package static let redirectInvalid = Code(.redirectInvalid)
        /// The response breaks the rules of HTTP/1.1.
        package static let badResponse = Code(.badResponse)
        /// The heads of the response are larger than allowed.
        package static let headerTooLarge = Code(.headerTooLarge)
        /// The connection ended before the response did.
        package static let truncated = Code(.truncated)
        /// The connection was closed or reset by the peer, or the client was shut down.
        package static let connectionClosed = Code(.connectionClosed)
        /// The task that made the call was cancelled.
        package static let cancelled = Code(.cancelled)
        /// Anything else.
        package static let other = Code(.other)

        /// The stable label of the kind, for metrics and records.
        package var description: String { kind.rawValue }
    }

    /// The kind of failure.
    package let code: Code
    /// Whether the same call may succeed later; decided where the failure was seen.
    package let isRetryable: Bool
    /// What happened, as one sentence without secrets.
    package let message: String
    /// The host that was called, when there was one.
    package internal(set) var host: String?
    /// The address that was refused or that failed, when there was one.
    package internal(set) var address: IPAddress?
    /// The name of the policy's rule that refused; see ``AddressRule``.
    package internal(set) var rule: String?
    /// The redirects that were followed before the failure.
    package internal(set) var hops: [OutboundHop] = []
    /// How the last request went until it failed; for a failed body see its response.
    package internal(set) var trace = OutboundTrace()
    /// Whether nothing of a response had come, so that another connection may be tried.
    var isBeforeResponse = false
    /// Whether nothing of the request was sent either.
    var isUnsent = false
    /// Whether the peer refused the protocol that was offered over TLS.
    var isProtocolRefused = false
    /// Whether an origin that offers nothing but HTTP/2 may be the reason.
    var mayWantHTTP2 = false
    /// Whether other addresses of the host would fail in the same way.
    var endsTries = false
    /// Whether the address of the proxy could not be connected, so that another one of it may be tried.
    var isProxyUnreachable = false
    private let fileID: StaticString
    private let line: UInt

    init(
        _ code: Code,
        retryable isRetryable: Bool,
        _ message: String,
        host: String? = nil,
        address: IPAddress? = nil,
        rule: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.code = code
        self.isRetryable = isRetryable
        self.message = message
        self.host = host
        self.address = address
        self.rule = rule
        self.fileID = fileID
        self.line = line
    }

    /// Where in the source the failure was made, `file:line`.
    package var location: String { "\(fileID):\(line)" }

    /// The stable label of the kind without variable parts, for metrics.
    package var shortDescription: String { code.description }

    static func cancelled(fileID: StaticString = #fileID, line: UInt = #line) -> OutboundError {
        OutboundError(.cancelled, retryable: false, "The call was cancelled.", fileID: fileID, line: line)
    }
}

extension OutboundError: CustomStringConvertible {
    /// The kind and the sentence.
    package var description: String { "\(code): \(message)" }
}

/// One redirect that was followed.
package struct OutboundHop: Hashable, Sendable {
    /// The status of the redirect.
    package let status: Int
    /// The URL that answered with it, values of the query masked.
    package let maskedURL: String
    /// The address that answered.
    package let address: IPAddress
    /// How the request went over the network.
    package let trace: OutboundTrace

    /// Makes a record of one redirect.
    package init(status: Int, maskedURL: String, address: IPAddress, trace: OutboundTrace = OutboundTrace()) {
        self.status = status
        self.maskedURL = maskedURL
        self.address = address
        self.trace = trace
    }
}
