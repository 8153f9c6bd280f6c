import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A request as the fake server got it.
struct FakeRequest: Sendable {
    let method: String
    /// The path with the query.
    let target: String
    let headers: [String: String]
    /// Names as sent and values, in their order.
    var fields: [[String]] = []
    let body: String

    /// The action of a VOD call; empty for others.
    var action: String { headers["x-acs-action"] ?? "" }
}

/// What the fake server answers.
struct FakeReply: Sendable {
    var status = 200
    var body: String
    var headers: [(String, String)] = []
    /// Whether the server stays silent instead.
    var isSilent = false
    /// Whether the server closes the connection instead.
    var isHangingUp = false
    /// Whether the body goes on after these bytes and never ends.
    var isUnfinished = false

    static let hangUp = FakeReply(body: "", isHangingUp: true)

    /// An error of the admin API.
    static func refusal(_ status: Int, _ message: String) -> FakeReply {
        FakeReply(status: status, body: #"{"error":{"code":"Code","message":"\#(message)"}}"#)
    }

    static func json(_ body: String) -> FakeReply { FakeReply(body: body) }
}

/// An HTTP server within the test process, on a port of its own.
final class FakeServer: Sendable {
    private let channel: any Channel
    private let log: RequestLog

    private init(channel: any Channel, log: RequestLog) {
        self.channel = channel
        self.log = log
    }

    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    /// Every request up to now.
    var requests: [FakeRequest] { log.requests.withLock { $0 } }

    /// Runs a test against a server that answers by a function.
    static func serving<Result>(
        _ answer: @escaping @Sendable (FakeRequest) -> FakeReply, _ body: (FakeServer) async throws -> Result
    ) async throws -> Result {
        let log = RequestLog()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(FakeHandler(log: log, answer: answer))
                }
            }
        let server = FakeServer(channel: try await bootstrap.bind(host: "127.0.0.1", port: 0).get(), log: log)
        do {
            let result = try await body(server)
            try await server.channel.close()
            return result
        } catch {
            try await server.channel.close()
            throw error
        }
    }

    /// An address at which nobody listens: no test's server is there, and no other test can get its port.
    static let unusedURL = "http://127.0.0.3:9"
}

private final class RequestLog: Sendable {
    let requests = Mutex<[FakeRequest]>([])
}

private final class FakeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let log: RequestLog
    private let answer: @Sendable (FakeRequest) -> FakeReply
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(log: RequestLog, answer: @escaping @Sendable (FakeRequest) -> FakeReply) {
        self.log = log
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(let part):
            body.writeImmutableBuffer(part)
        case .end:
            guard let head else { return }
            let request = FakeRequest(
                method: head.method.rawValue, target: head.uri,
                headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 }),
                fields: head.headers.map { [$0.name, $0.value] },
                body: String(buffer: body))
            log.requests.withLock { $0.append(request) }
            let reply = answer(request)
            if reply.isSilent { return }
            if reply.isHangingUp { return context.close(promise: nil) }
            let length = reply.body.utf8.count + (reply.isUnfinished ? 1000 : 0)
            let headers = HTTPHeaders([("content-length", String(length))] + reply.headers)
            let status = HTTPResponseStatus(statusCode: reply.status)
            context.write(
                wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: reply.body)))), promise: nil)
            if reply.isUnfinished { return context.flush() }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
