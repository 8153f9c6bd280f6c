import NIOCore
import NIOPosix
import Synchronization

/// An HTTP proxy on loopback that opens every tunnel it is asked for, and records the requests.
final class TunnelProxy: Sendable {
    private let server: any Channel
    private let log: Log

    /// The heads of the CONNECT requests.
    fileprivate final class Log: Sendable {
        let heads = Mutex<[String]>([])
    }

    private init(server: any Channel, log: Log) {
        self.server = server
        self.log = log
    }

    /// Starts a proxy.
    static func start(host: String = "127.0.0.1") async throws -> TunnelProxy {
        let log = Log()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(TunnelOpener(log: log))
                }
            }
            .bind(host: host, port: 0).get()
        return TunnelProxy(server: server, log: log)
    }

    var port: Int { server.localAddress?.port ?? 0 }

    /// Every request, in order.
    var heads: [String] { log.heads.withLock { $0 } }

    func stop() async {
        try? await server.close()
    }
}

/// Reads one CONNECT request, connects its target and joins the two.
private final class TunnelOpener: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let log: TunnelProxy.Log
    private var head = ""

    init(log: TunnelProxy.Log) {
        self.log = log
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        head += String(buffer: unwrapInboundIn(data))
        guard head.hasSuffix("\r\n\r\n") else { return }
        log.heads.withLock { $0.append(head) }
        let words = head.split(separator: " ")
        let client = context.channel
        guard words.count > 1, words[0] == "CONNECT", let colon = words[1].lastIndex(of: ":"),
            let port = Int(words[1][words[1].index(after: colon)...]),
            let target = try? SocketAddress(ipAddress: String(words[1][..<colon]), port: port)
        else {
            context.close(promise: nil)
            return
        }
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Relay(to: client))
                }
            }
            .connect(to: target).assumeIsolated().whenComplete { [self] result in
                guard case .success(let origin) = result else {
                    client.writeAndFlush(ByteBuffer(string: "HTTP/1.1 502 Bad Gateway\r\n\r\n"), promise: nil)
                    return
                }
                let pipeline = client.pipeline.syncOperations
                try? pipeline.addHandler(Relay(to: origin))
                pipeline.removeHandler(self, promise: nil)
                client.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n"), promise: nil)
            }
    }
}

/// Sends what one channel reads to the other.
private final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel

    init(to other: any Channel) {
        self.other = other
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        other.close(promise: nil)
    }
}
