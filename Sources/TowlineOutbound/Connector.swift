import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import TowlineCore

/// Opens connections to approved addresses.
///
/// A connection goes to the address that it is given and to nothing else: no name is looked up here. The name of the
/// host serves only for SNI and the check of the certificate.
struct Connector: Sendable {
    let group: any EventLoopGroup
    let tls: TLSContextProvider
    let headLimits: HTTP1ResponseParser.Limits
    let budget: ReadBudget
    let pool: ConnectionPool

    /// Connects, with TLS for https.
    ///
    /// - Parameters:
    ///   - route: The approved address, and the proxy on the way.
    ///   - limit: How long it may take, tunnel and handshake included.
    /// - Returns: The connection, ready for its first exchange.
    /// - Throws: ``OutboundError`` with code `connectFailed`, `connectTimeout`, `tlsFailed`, `proxyFailed` or `cancelled`.
    func connect(_ route: ConnectRoute, within limit: TimeAmount) async throws(OutboundError) -> HTTP1Connection {
        let tlsContext = route.key.scheme == .https ? try await tls.context(offering: route.applicationProtocol) : nil
        let socketAddress = try Self.socketAddress(route.peer.address, port: route.peer.port)
        // A caller that runs on an event loop keeps its connections there.
        let eventLoop = group.any()
        let attempt = ConnectAttempt()
        let timer = eventLoop.scheduleTask(in: limit) { attempt.fail(OutboundFailure.timeout(.connect)) }
        defer { timer.cancel() }
        bootstrap(on: eventLoop, route: route, tlsContext: tlsContext, attempt: attempt)
            .connectTimeout(limit)
            .connect(to: socketAddress)
            .whenFailure { error in
                attempt.fail(
                    route.proxy == nil
                        ? OutboundFailure.whileConnecting(error) : OutboundFailure.whileReachingProxy(error))
            }
        return try await attempt.connection()
    }

    private func bootstrap(
        on eventLoop: any EventLoop,
        route: ConnectRoute,
        tlsContext: NIOSSLContext?,
        attempt: ConnectAttempt
    ) -> ClientBootstrap {
        let serverName: String? = if case .name(let name) = route.key.host { name } else { nil }
        var bootstrap = ClientBootstrap(group: eventLoop)
        #if os(Linux)
            if let window = budget.windowLimit {
                let windowClamp = ChannelOptions.Types.SocketOption(
                    level: .tcp, name: .init(rawValue: TCP_WINDOW_CLAMP))
                bootstrap = bootstrap.channelOption(windowClamp, value: .init(window))
            }
        #endif
        return
            bootstrap
            .channelOption(.recvAllocator, value: BudgetedRecvAllocator(budget: budget, isTLS: tlsContext != nil))
            // One large read, then a look at whether the reader keeps up.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard attempt.take(channel) else { throw OutboundError.cancelled() }
                    let pipeline = channel.pipeline.syncOperations
                    if let proxy = route.proxy {
                        try pipeline.addHandler(
                            ProxyConnectHandler(route: proxy, limits: headLimits, attempt: attempt))
                    }
                    if let tlsContext {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tlsContext, serverHostname: serverName))
                    }
                    if tlsContext != nil, route.applicationProtocol == .http2 {
                        try pipeline.addHandler(HTTP2ConnectionHandler.frameHandler(limits: headLimits, budget: budget))
                        try pipeline.addHandler(
                            HTTP2ConnectionHandler(route: route, pool: pool, budget: budget, attempt: attempt))
                        return
                    }
                    try pipeline.addHandler(
                        HTTP1ConnectionHandler(route: route, pool: pool, budget: budget, attempt: attempt)
                    )
                }
            }
    }

    private static func socketAddress(_ address: IPAddress, port: Int) throws(OutboundError) -> SocketAddress {
        // An IPv4-mapped address is judged as IPv4, so it is connected as IPv4 too.
        let bytes = address.unmapped.bytes
        do {
            return try SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: port)
        } catch {
            throw OutboundError(.connectFailed, retryable: false, "The address cannot be used.", address: address)
        }
    }
}

extension IPAddress {
    /// The address of a peer; `nil` for what is no IP address.
    init?(socketAddress: SocketAddress) {
        guard let text = socketAddress.ipAddress else { return nil }
        self.init(parsing: text)
    }
}
