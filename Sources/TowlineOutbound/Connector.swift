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
    let budget: ReadBudget
    let pool: ConnectionPool

    /// Connects, with TLS for https.
    ///
    /// - Parameters:
    ///   - address: The approved address.
    ///   - url: Names the host, the port and the scheme.
    ///   - limit: How long it may take, handshake included.
    /// - Returns: The connection, ready for its first exchange.
    /// - Throws: ``OutboundError`` with code `connectFailed`, `connectTimeout`, `tlsFailed` or `cancelled`.
    func connect(
        to address: IPAddress,
        for url: HTTPURL,
        within limit: TimeAmount
    ) async throws(OutboundError) -> HTTP1Connection {
        let tlsContext = url.scheme == .https ? try await tls.context() : nil
        let socketAddress = try Self.socketAddress(address, port: url.port)
        // A caller that runs on an event loop keeps its connections there.
        let eventLoop = group.any()
        let attempt = ConnectAttempt()
        let timer = eventLoop.scheduleTask(in: limit) { attempt.fail(OutboundFailure.timeout(.connect)) }
        defer { timer.cancel() }
        bootstrap(on: eventLoop, key: HTTP1Connection.Key(url, address), tlsContext: tlsContext, attempt: attempt)
            .connectTimeout(limit)
            .connect(to: socketAddress)
            .whenFailure { attempt.fail(OutboundFailure.whileConnecting($0)) }
        return try await attempt.connection()
    }

    private func bootstrap(
        on eventLoop: any EventLoop,
        key: HTTP1Connection.Key,
        tlsContext: NIOSSLContext?,
        attempt: ConnectAttempt
    ) -> ClientBootstrap {
        let serverName: String? = if case .name(let name) = key.host { name } else { nil }
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
                    if let tlsContext {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tlsContext, serverHostname: serverName))
                    }
                    try pipeline.addHandler(
                        HTTP1ConnectionHandler(key: key, pool: pool, budget: budget, attempt: attempt)
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
