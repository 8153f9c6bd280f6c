/// Limits and identity of the outgoing calls of one client.
package struct OutboundConfiguration: Sendable {
    /// How long one address may take to be connected, TLS handshake included; 10 s.
    package var connectTimeout: Duration = .seconds(10)
    /// How long a response may take from the sent request to the end of its head, interim responses included; 30 s.
    package var firstByteTimeout: Duration = .seconds(30)
    /// How long the next bytes of a body may take while the reader waits for them; 30 s.
    package var idleTimeout: Duration = .seconds(30)
    /// How long the look-up of a name may take; 10 s.
    package var dnsTimeout: Duration = .seconds(10)
    /// Most redirects that are followed for one fetch; 10.
    package var maxRedirects = 10
    /// Most bytes of all heads of one response together: interim ones, the final one and trailers; 80,000.
    package var maxHeaderBytes = 80_000
    /// Most fields of one response head; 1,000.
    package var maxHeaderFields = 1_000
    /// Most addresses of one name that are tried in turn; 6.
    package var maxAddressesTried = 6
    /// A PEM file with certificates that are trusted beside the system's store, or `nil`.
    package var extraCAFile: String?
    /// The value of the User-Agent header unless a request brings its own.
    package var userAgent = "Towline"
    /// Fields that are added to requests by the origin of each hop.
    package var headerRules = SourceHeaderRules()
    /// What connections go through, or `nil`.
    package var proxy: OutboundProxy?
    /// Most bytes that the read buffers of all open bodies aim to use together; 64 MiB.
    package var readBufferBudgetBytes = 32 << 20
    /// Most connections that are kept for reuse; 256.
    package var maxIdleConnections = 256
    /// How long a connection is kept for reuse; 4 s, below the keep-alive time of common servers.
    package var idleConnectionLifetime: Duration = .seconds(4)
    /// Whether responses are answers of a few KiB, as to callbacks, not files.
    ///
    /// Read buffers then begin small and stay small, and the system is told to hold little of what a peer sends, so that
    /// a flood costs next to nothing.
    package var expectsSmallResponses = false

    /// Makes the defaults.
    package init() {}

    var headLimits: HTTP1ResponseParser.Limits {
        HTTP1ResponseParser.Limits(headBytes: maxHeaderBytes, fields: maxHeaderFields)
    }
}
