import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization
import TowlineTesting

/// An origin on loopback that speaks HTTP/2 over TLS and does what a test's script says, frame by frame.
///
/// A client that does not offer `h2` gets the alert `no_application_protocol`, or a cut. One script runs for each stream.
final class HTTP2Origin: Sendable {
    /// What an origin does for a client that does not offer `h2`.
    enum Refusal: Sendable {
        /// Sends the alert.
        case alert
        /// Ends the connection.
        case cut
        /// Goes on without a chosen protocol and begins with SETTINGS all the same.
        case ignore
        /// Completes the handshake without a chosen protocol and ends the connection, whatever is asked.
        case hangUp
    }

    /// One step of a stream's script.
    enum Step: Sendable {
        /// Fields of an interim head, the head or the trailers.
        case headers([(String, String)], ends: Bool)
        /// Bytes of the body.
        case data(Int, ends: Bool)
        /// The end of the stream.
        case reset(HTTP2ErrorCode)
        /// The end of the connection's welcome, after the stream of that number.
        case goAway(HTTP2StreamID)
        /// A number of PING frames.
        case pings(Int)
        /// The end of the connection.
        case close
        /// Go on when the signal is fired.
        case wait(TestSignal)
        /// Bytes written below the handler of frames, for what it would refuse to send.
        case raw([UInt8])
    }

    /// What happened up to now.
    struct Record: Sendable {
        /// How many connections offered HTTP/2, and how many did not.
        var offers = 0
        var refusals = 0
        /// The fields of the requests.
        var requests: [[(String, String)]] = []
        /// Bytes of requests' bodies.
        var bodyBytes = 0
        /// Bytes of bodies that were sent to the client as far as its windows allow.
        var sentBytes = 0
        /// How many connections ended.
        var ended = 0
    }

    private let server: any Channel
    private let recorder: Recorder

    private init(server: any Channel, recorder: Recorder) {
        self.server = server
        self.recorder = recorder
    }

    /// Starts an origin.
    ///
    /// - Parameters:
    ///   - refusal: What a client gets that does not offer HTTP/2.
    ///   - script: Gives the steps for a request, by its number on its connection from 0 and its fields.
    /// - Returns: The origin, listening.
    /// - Throws: The system's error when it cannot listen.
    static func start(
        refusal: Refusal = .alert, script: @escaping @Sendable (Int, [(String, String)]) -> [Step]
    ) async throws -> HTTP2Origin {
        let certificate = try NIOSSLCertificate(bytes: Array(TestCertificates.leaf.utf8), format: .pem)
        let key = try NIOSSLPrivateKey(bytes: Array(TestCertificates.key.utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(certificate)], privateKey: .privateKey(key))
        configuration.applicationProtocols = ["h2"]
        let context = try NIOSSLContext(configuration: configuration)
        let recorder = Recorder()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(OfferGate(refusal: refusal, recorder: recorder))
                    try pipeline.addHandler(NIOSSLServerHandler(context: context))
                    if refusal == .hangUp { try pipeline.addHandler(HangUp()) }
                    try pipeline.addHandler(
                        NIOHTTP2Handler(
                            mode: .server, headerBlockValidation: .disabled, contentLengthValidation: .disabled))
                    try pipeline.addHandler(StreamScript(recorder: recorder, script: script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return HTTP2Origin(server: server, recorder: recorder)
    }

    var port: Int { server.localAddress?.port ?? 0 }

    var record: Record { recorder.record }

    /// Waits until the record fulfils a condition.
    func wait(until condition: @escaping @Sendable (Record) -> Bool) async {
        await recorder.wait(until: condition)
    }

    func stop() async {
        try? await server.close()
    }

    /// Keeps the record; waiters are resumed outside the lock.
    final class Recorder: Sendable {
        private struct State {
            var record = Record()
            var waiters: [(condition: @Sendable (Record) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
        }

        private let state = Mutex(State())

        var record: Record { state.withLock { $0.record } }

        func update(_ change: (inout Record) -> Void) {
            let ready = state.withLock { state in
                change(&state.record)
                let record = state.record
                let ready = state.waiters.filter { $0.condition(record) }
                state.waiters.removeAll { $0.condition(record) }
                return ready.map(\.continuation)
            }
            for continuation in ready { continuation.resume() }
        }

        func wait(until condition: @escaping @Sendable (Record) -> Bool) async {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if condition(state.record) { return true }
                    state.waiters.append((condition, continuation))
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }
}

/// Reads the first flight of a client and turns it away unless it offers `h2`; first in the pipeline.
private final class OfferGate: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let refusal: HTTP2Origin.Refusal
    private let recorder: HTTP2Origin.Recorder
    private var hasLooked = false

    init(refusal: HTTP2Origin.Refusal, recorder: HTTP2Origin.Recorder) {
        self.refusal = refusal
        self.recorder = recorder
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasLooked else {
            context.fireChannelRead(data)
            return
        }
        hasLooked = true
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        // The list of ALPN names, one that is "h2".
        let offers = bytes.indices.dropLast(4).contains { Array(bytes[$0..<($0 + 5)]) == [0, 3, 2, 0x68, 0x32] }
        recorder.update { if offers { $0.offers += 1 } else { $0.refusals += 1 } }
        if offers || refusal == .ignore || refusal == .hangUp {
            context.fireChannelRead(data)
        } else if refusal == .alert {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [21, 3, 3, 0, 2, 2, 120])))
                .assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        } else {
            context.close(promise: nil)
        }
    }
}

/// Ends a connection for which no protocol was chosen, before anything is said on it.
private final class HangUp: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private var held: [NIOAny] = []
    private var isChosen = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isChosen {
            context.write(data, promise: promise)
        } else {
            held.append(data)
            promise?.succeed()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let chosen) = event as? TLSUserEvent {
            guard chosen == "h2" else {
                context.close(promise: nil)
                return
            }
            isChosen = true
            for data in held { context.write(data, promise: nil) }
            context.flush()
        }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Runs the script of each stream.
private final class StreamScript: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let recorder: HTTP2Origin.Recorder
    private let script: @Sendable (Int, [(String, String)]) -> [HTTP2Origin.Step]
    private var requests = 0

    init(
        recorder: HTTP2Origin.Recorder, script: @escaping @Sendable (Int, [(String, String)]) -> [HTTP2Origin.Step]
    ) {
        self.recorder = recorder
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let block):
            let fields = block.headers.map { ($0.name, $0.value) }
            recorder.update { $0.requests.append(fields) }
            if block.endStream { answer(frame.streamID, fields, context) }
        case .data(let body):
            recorder.update { $0.bodyBytes += body.data.readableBytes }
            let credit = HTTP2Frame.FramePayload.windowUpdate(windowSizeIncrement: max(1, body.data.readableBytes))
            context.write(wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: credit)), promise: nil)
            if body.endStream {
                answer(frame.streamID, [], context)
            } else {
                context.writeAndFlush(
                    wrapOutboundOut(HTTP2Frame(streamID: frame.streamID, payload: credit)), promise: nil)
            }
        default: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        recorder.update { $0.ended += 1 }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What a hostile script sends on purpose; the client's side is what is tested.
    }

    private func answer(_ stream: HTTP2StreamID, _ fields: [(String, String)], _ context: ChannelHandlerContext) {
        let steps = script(requests, fields)
        requests += 1
        run(steps[...], on: stream, context)
    }

    private func run(_ steps: ArraySlice<HTTP2Origin.Step>, on stream: HTTP2StreamID, _ context: ChannelHandlerContext)
    {
        var steps = steps
        while let step = steps.popFirst() {
            switch step {
            case .headers(let fields, let ends):
                send(.headers(.init(headers: HPACKHeaders(fields), endStream: ends)), on: stream, context)
            case .data(let count, let ends):
                sendData(count, ends: ends, on: stream, context)
            case .reset(let code): send(.rstStream(code), on: stream, context)
            case .goAway(let last):
                send(.goAway(lastStreamID: last, errorCode: .noError, opaqueData: nil), on: .rootStream, context)
            case .pings(let count):
                for _ in 0..<count { send(.ping(HTTP2PingData(), ack: false), on: .rootStream, context) }
            case .close:
                context.close(promise: nil)
                return
            case .wait(let signal):
                let rest = steps
                let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                let loop = context.eventLoop
                Task {
                    await signal.wait()
                    loop.execute { loopBound.value.0.run(rest, on: stream, loopBound.value.1) }
                }
                return
            case .raw(let bytes):
                let frames = try? context.pipeline.syncOperations.context(handlerType: NIOHTTP2Handler.self)
                frames?.writeAndFlush(NIOAny(IOData.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
            }
        }
    }

    private func sendData(_ count: Int, ends: Bool, on stream: HTTP2StreamID, _ context: ChannelHandlerContext) {
        var left = count
        repeat {
            let size = min(left, 64 << 10)
            left -= size
            let data = HTTP2Frame.FramePayload.Data(
                data: .byteBuffer(ByteBuffer(repeating: 7, count: size)), endStream: ends && left == 0)
            let frame = HTTP2Frame(streamID: stream, payload: .data(data))
            context.write(wrapOutboundOut(frame)).assumeIsolated().whenSuccess { [recorder] in
                recorder.update { $0.sentBytes += size }
            }
        } while left > 0
        context.flush()
    }

    private func send(
        _ payload: HTTP2Frame.FramePayload, on stream: HTTP2StreamID, _ context: ChannelHandlerContext
    ) {
        context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: nil)
    }
}
