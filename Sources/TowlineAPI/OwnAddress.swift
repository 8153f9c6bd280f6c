package import TowlineCore

/// Knows which addresses are this server's own, so that a queue there is a built-in one.
///
/// Scheme, host and port count, nothing else. Own are the public address and the listener's; when the listener is on
/// loopback or on every address of the machine, then also every other name and address of loopback with its port.
package struct OwnAddress: Sendable, Hashable {
    private let publicURL: HTTPURL?
    private let listener: HTTPURL?

    /// The addresses of one server.
    ///
    /// - Parameters:
    ///   - publicURL: What `api.public-url` says, or what stands for it; a text that is no URL is nobody's address.
    ///   - listener: Scheme, host and port of the API's listener, such as `http://127.0.0.1:8787`, as it listens.
    package init(publicURL: String, listener: String) {
        self.publicURL = try? HTTPURL(parsing: publicURL)
        self.listener = try? HTTPURL(parsing: listener)
    }

    /// Whether a URL leads to this server.
    package func includes(_ url: HTTPURL) -> Bool {
        if let publicURL, publicURL.isSameOrigin(as: url) { return true }
        guard let listener, listener.scheme == url.scheme, listener.port == url.port else { return false }
        return listener.host == url.host
            || (Self.isLoopback(listener.host) || Self.isWildcard(listener.host)) && Self.isLoopback(url.host)
    }

    private static func isLoopback(_ host: HTTPURL.Host) -> Bool {
        switch host {
        case .name(let name): return name == "localhost" || name.hasSuffix(".localhost")
        case .address(let address):
            let address = address.unmapped
            return address.v4Value.map { $0 >> 24 == 127 } ?? (address.high == 0 && address.low == 1)
        }
    }

    private static func isWildcard(_ host: HTTPURL.Host) -> Bool {
        guard case .address(let address) = host else { return false }
        return address.bytes.allSatisfy { $0 == 0 }
    }
}
