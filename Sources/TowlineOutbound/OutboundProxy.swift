import FoundationEssentials
import NIOCore
package import TowlineCore

/// An HTTP proxy that connections go through.
///
/// Names are resolved and judged here as without it, and the proxy is asked by CONNECT for the approved address, for
/// http and https alike: it never learns a name that it could resolve otherwise. Its own address is the operator's choice
/// and is not judged.
package struct OutboundProxy: Hashable, Sendable {
    /// What is called directly.
    package enum Exception: Hashable, Sendable {
        /// A name.
        case name(String)
        /// Every name below; the text begins with a dot.
        case below(String)
        /// Addresses, also those of names.
        case block(CIDR)

        /// Reads a host name, `*.` and a name, an address or a CIDR block.
        package init?(parsing text: String) {
            if let block = try? CIDR(parsing: text) {
                self = .block(block)
                return
            }
            let isBelow = text.hasPrefix("*.")
            let name = isBelow ? String(text.dropFirst(2)) : text
            guard let url = try? HTTPURL(parsing: "http://\(name)/"), url.hostHeader == url.hostName,
                !name.contains(where: { "/:@?#*".contains($0) }), case .name(let host) = url.host
            else { return nil }
            self = isBelow ? .below("." + host) : .name(host)
        }

        func covers(_ host: HTTPURL.Host, at address: IPAddress) -> Bool {
            switch (self, host) {
            case (.name(let name), .name(let host)): host == name
            case (.below(let ending), .name(let host)): host.utf8.count > ending.utf8.count && host.hasSuffix(ending)
            case (.block(let block), _): block.contains(address.unmapped)
            case (.name, .address), (.below, .address): false
            }
        }
    }

    /// The host of the proxy.
    package let host: HTTPURL.Host
    /// The port of the proxy.
    package let port: Int
    private let credentials: HTTPURL.Credentials?
    /// What is called directly.
    package var exceptions: [Exception] = []

    /// Reads `http://[user:password@]host[:port]`, without a path; the port is 80 unless given.
    package init?(parsing text: String) {
        guard let url = try? HTTPURL(parsing: text), url.scheme == .http, url.path == "/", url.query == nil,
            !text.contains(where: { "?#".contains($0) })
        else { return nil }
        host = url.host
        port = url.port
        credentials = url.credentials
    }

    /// Whether a connection goes through the proxy.
    func isUsed(for url: HTTPURL, at address: IPAddress) -> Bool {
        !exceptions.contains { $0.covers(url.host, at: address) }
    }

    /// The request that asks for a tunnel to an approved address (RFC 9110 section 9.3.6).
    func connectRequest(to address: IPAddress, port: Int, userAgent: String) -> ByteBuffer {
        let address = address.unmapped
        let target = address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
        var text = "CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\nUser-Agent: \(userAgent)\r\n"
        if let credentials {
            let login = Data("\(credentials.user):\(credentials.password)".utf8).base64EncodedString()
            text += "Proxy-Authorization: Basic \(login)\r\n"
        }
        return ByteBuffer(string: text + "\r\n")
    }
}

extension OutboundProxy: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Host and port, without credentials.
    package var description: String {
        switch host {
        case .address(let address) where address.family == .v6: "[\(address)]:\(port)"
        case .address(let address): "\(address):\(port)"
        case .name(let name): "\(name):\(port)"
        }
    }
    /// The same.
    package var debugDescription: String { description }
    /// A mirror without children.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
