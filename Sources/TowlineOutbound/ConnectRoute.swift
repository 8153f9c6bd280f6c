import NIOCore
import TowlineCore

/// What is spoken over TLS, by its name in ALPN.
enum ApplicationProtocol: String {
    case http1 = "http/1.1"
    case http2 = "h2"
}

/// One way to one approved address.
struct ConnectRoute: Sendable {
    /// A proxy on the way.
    struct Proxy: Sendable {
        /// An address of the proxy, and its port.
        var address: IPAddress
        var port: Int
        /// What asks it for the tunnel.
        var request: ByteBuffer
    }

    /// What identifies the connection, with the approved address.
    let key: HTTP1Connection.Key
    /// The proxy, if any.
    var proxy: Proxy?
    /// What is offered over TLS, and nothing else.
    var applicationProtocol = ApplicationProtocol.http1

    /// What the socket is connected to.
    var peer: (address: IPAddress, port: Int) { proxy.map { ($0.address, $0.port) } ?? (key.address, key.port) }
}
