package import VODSignatures

/// One HTTP request to a queue service, signed and complete.
package struct MNSHTTPRequest: Sendable {
    /// The HTTP method.
    package let method: String
    /// Scheme, host and port; the endpoint.
    package let endpoint: MNSEndpoint
    /// Path and query, to be sent exactly so: they are signed.
    package let target: String
    /// The headers to send, `Authorization` among them; `Host` and `Content-Length` are the transport's.
    package let headers: [NameValuePair]
    /// The body; empty for none.
    package let body: [UInt8]
    /// How long the whole exchange may take; longer than what the request asks the server to wait.
    package let timeout: Duration

    /// The whole URL; it may hold a receipt handle.
    package var url: String { endpoint.description + target }
}

/// The answer to a request, with its body read.
package struct MNSHTTPResponse: Sendable {
    /// The HTTP status.
    package let status: Int
    /// The headers, names in any case.
    package let headers: [NameValuePair]
    /// The body, of at most ``XMLLimits/answer`` bytes.
    package let body: [UInt8]

    /// Makes an answer.
    ///
    /// - Parameters:
    ///   - status: The HTTP status.
    ///   - headers: The headers.
    ///   - body: The body.
    package init(status: Int, headers: [NameValuePair] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The value of a header, its name in any case; `nil` when it is absent or empty.
    ///
    /// - Parameter name: The name of the header.
    /// - Returns: The value without blanks around it.
    package func header(_ name: String) -> String? {
        headers.value(name)
    }
}

/// What carries the requests of an ``MNSClient``.
package protocol MNSTransport: Sendable {
    /// Sends one request and reads the answer, following no redirect and trying once only.
    ///
    /// - Parameter request: The request; its target must reach the server untouched.
    /// - Returns: The answer of any status.
    /// - Throws: ``MNSClientError`` as it is to be told to the caller, `CancellationError`, or anything else, which
    ///   becomes an ``MNSClientError`` of the kind `unreachable` that can be retried.
    func send(_ request: MNSHTTPRequest) async throws -> MNSHTTPResponse
}
