import NIOCore

extension OutboundFailure {
    /// The proxy refused the tunnel.
    static func proxyAnswered(_ status: Int) -> OutboundError {
        switch status {
        case 407:
            // Mended at the setting, not at the request.
            proxy("The proxy wants a login, or another one: set it in net.proxy (HTTP 407).", endsTries: true)
        case 403, 405:
            OutboundError(
                .proxyFailed, retryable: false,
                "The proxy (net.proxy) does not allow connections to the host's address and port (HTTP \(status)).")
        case 408, 429, 500...599:
            proxy("The proxy (net.proxy) could not connect to the host's address (HTTP \(status)).", endsTries: false)
        default:
            OutboundError(
                .proxyFailed, retryable: false, "The proxy (net.proxy) did not open a connection (HTTP \(status)).")
        }
    }

    /// The proxy's answer cannot be read.
    static func proxyAnswered(_ error: HTTP1ParseError) -> OutboundError {
        switch error {
        case .malformed(let what):
            proxy("The answer of the proxy (net.proxy) is not valid HTTP/1.1: \(what).", endsTries: true)
        case .headTooLarge:
            proxy("The header fields of the proxy's answer (net.proxy) are larger than allowed.", endsTries: true)
        case .truncated, .nothingReceived: proxyClosed()
        }
    }

    /// The proxy ended the connection before it answered.
    static func proxyClosed() -> OutboundError {
        proxy("The proxy (net.proxy) closed the connection without an answer.", endsTries: false)
    }

    /// The proxy cannot be connected, or its connection broke.
    static func whileReachingProxy(_ error: any Error) -> OutboundError {
        let failure = whileConnecting(error)
        guard failure.code == .connectFailed else { return failure }
        var reached = proxy("The proxy (net.proxy) cannot be reached. \(failure.message)", endsTries: true)
        reached.isProxyUnreachable = true
        return reached
    }

    /// The name of the proxy has no address for now.
    static func proxyUnresolved() -> OutboundError {
        proxy("The name of the proxy (net.proxy) cannot be resolved.", endsTries: true)
    }

    private static func proxy(_ message: String, endsTries: Bool) -> OutboundError {
        var error = OutboundError(.proxyFailed, retryable: true, message)
        error.endsTries = endsTries
        return error
    }
}
