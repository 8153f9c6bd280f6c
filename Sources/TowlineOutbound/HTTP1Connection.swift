import NIOCore
import TowlineCore

/// One open connection to one approved address, for one exchange at a time.
final class HTTP1Connection: Sendable {
    /// What connections of the same kind share: nothing else may use them.
    struct Key: Hashable, Sendable {
        let scheme: HTTPURL.Scheme
        let host: HTTPURL.Host
        let port: Int
        let address: IPAddress
        let isThroughProxy: Bool

        /// Address and port tell almost all keys apart.
        func hash(into hasher: inout Hasher) {
            hasher.combine(address.high)
            hasher.combine(address.low)
            hasher.combine(port)
        }

        init(_ url: HTTPURL, _ address: IPAddress, isThroughProxy: Bool = false) {
            scheme = url.scheme
            host = url.host
            port = url.port
            self.address = address
            self.isThroughProxy = isThroughProxy
        }
    }

    /// What was found out while the connection was made.
    struct Facts: Sendable {
        /// The version of TLS, such as `TLSv1.3`; `nil` for plain HTTP.
        var tlsVersion: String?
        /// What the peer chose by ALPN.
        var applicationProtocol: String?
        /// How long it took until the connection was ready, TLS included.
        var connectTime = TimeAmount.zero
        /// How much of that was TLS.
        var tlsTime: TimeAmount?
    }

    let key: Key
    let channel: any Channel
    let facts: Facts
    /// Whether it speaks HTTP/2; HTTP/1.1 otherwise.
    var isHTTP2: Bool { facts.applicationProtocol == ApplicationProtocol.http2.rawValue }
    private let handler: NIOLoopBound<any ExchangeCarrier>

    init(key: Key, channel: any Channel, facts: Facts, handler: NIOLoopBound<any ExchangeCarrier>) {
        self.key = key
        self.channel = channel
        self.facts = facts
        self.handler = handler
    }

    /// Sends a request; the exchange is told what comes back.
    ///
    /// At once when called on the connection's event loop.
    func start(_ exchange: HTTP1Exchange, call: HTTP1Call) {
        if channel.eventLoop.inEventLoop {
            handler.value.start(exchange, call: call)
        } else {
            channel.eventLoop.execute { self.handler.value.start(exchange, call: call) }
        }
    }

    /// Reads on after the reader took what was there.
    func resumeReading(_ exchange: HTTP1Exchange) {
        channel.eventLoop.execute { self.handler.value.resumeReading(exchange) }
    }

    /// Moves the end of the time for that exchange forward.
    func limit(_ exchange: HTTP1Exchange, to deadline: NIODeadline) {
        channel.eventLoop.execute { self.handler.value.limit(exchange, to: deadline) }
    }

    /// Closes the connection if it still carries that exchange.
    func abort(_ exchange: HTTP1Exchange) {
        channel.eventLoop.execute { self.handler.value.abort(exchange) }
    }

    /// Closes the connection whatever it does; an open exchange fails.
    func close() {
        channel.eventLoop.execute { self.handler.value.closeNow() }
    }
}

/// What a connection needs to know to carry one exchange.
struct HTTP1Call: Sendable {
    /// Request line and fields, encoded, and a small body behind them.
    var head: ByteBuffer
    /// The pieces of a body that is not behind the head, none of them empty.
    var body: [ByteBuffer] = []
    /// The request for a connection that speaks HTTP/2.
    var http2: HTTP2Request?
    var isHeadRequest: Bool
    var limits: HTTP1ResponseParser.Limits
    var firstByteTimeout: TimeAmount
    var idleTimeout: TimeAmount
    /// When everything must be over.
    var deadline: NIODeadline?
}
