import NIOCore
import NIOHTTP2
import NIOSSL
import NIOTLS
import TowlineCore

/// Carries exchanges over one HTTP/2 connection, one stream at a time; behind the handler of frames and last in the
/// pipeline.
///
/// What the peer may send is bounded by the windows: they are opened again only as the reader takes what has come.
/// Confined to the channel's event loop.
final class HTTP2ConnectionHandler: ChannelInboundHandler, ExchangeCarrier {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private enum State {
        case connecting
        /// Ready, and without a request yet.
        case fresh(since: NIODeadline)
        case idle(since: NIODeadline)
        case active(HTTP2ActiveExchange)
        case closed
    }

    /// How long a ready connection waits for its first request, in case its caller is gone.
    private static let freshLifetime = TimeAmount.seconds(30)
    /// What a connection has in memory beside its body: tables and buffers.
    private static let retainedBytes = 128 << 10
    /// Most frames between two exchanges' ends that are neither head nor body.
    private static let maximumOtherFrames = 10_000
    /// The streams of one connection at most, half of the numbers there are.
    private static let lastStream: Int32 = 1 << 30

    private let key: HTTP1Connection.Key
    private let peer: IPAddress
    private let pool: ConnectionPool
    private let budget: ReadBudget
    private let window: Int
    /// Until it is told how it ended; it holds the connection then.
    private var attempt: ConnectAttempt?
    private let start = NIODeadline.now()
    private var tcpTime = TimeAmount.zero
    private var facts = HTTP1Connection.Facts()
    private var state = State.connecting
    private var context: ChannelHandlerContext?
    private var connection: HTTP1Connection?
    private var nextStream: Int32 = 1
    /// What the peer may still send on the connection, and on the stream; `nil` while that has not changed.
    private var connectionWindow: Int?
    private var streamWindow: Int?
    private var isReadHeld = false
    /// Whether the peer takes no further streams.
    private var isLeaving = false
    private var otherFrames = 0
    private var watchdog: (deadline: NIODeadline, timer: Scheduled<Void>)?

    /// - Parameters:
    ///   - route: Names the only address that the channel may be connected to.
    ///   - pool: Gets the connection when it is ready and whenever it is idle.
    ///   - budget: Counts open bodies.
    ///   - attempt: Is told when the connection is ready or cannot become so.
    init(route: ConnectRoute, pool: ConnectionPool, budget: ReadBudget, attempt: ConnectAttempt) {
        key = route.key
        peer = route.peer.address
        self.pool = pool
        self.budget = budget
        self.attempt = attempt
        window = Self.window(budget)
    }

    /// The handler of frames that comes before, with the limits that are announced to the peer.
    static func frameHandler(limits: HTTP1ResponseParser.Limits, budget: ReadBudget) -> NIOHTTP2Handler {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            // Twice the limit, which is ours to hold: the handler of frames does not tell its own from a broken block.
            HTTP2Setting(parameter: .maxHeaderListSize, value: 2 * limits.headBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: window(budget)),
            HTTP2Setting(parameter: .maxFrameSize, value: budget.isSmall ? 16_384 : 65_536),
        ]
        // Lengths are compared here: a shorter body is a cut, not a mistake.
        connection.contentLengthValidation = .disabled
        return NIOHTTP2Handler(mode: .client, connectionConfiguration: connection)
    }

    private static func window(_ budget: ReadBudget) -> Int {
        budget.isSmall ? 65_535 : 1 << 20
    }

    /// Offers the connection for its first exchange.
    private func becomeReady() {
        guard let context, case .connecting = state else { return }
        facts.connectTime = .now() - start
        let connection = HTTP1Connection(
            key: key, channel: context.channel, facts: facts,
            handler: NIOLoopBound(self, eventLoop: context.eventLoop))
        self.connection = connection
        state = .fresh(since: .now())
        armWatchdog()
        if window > 65_535 { send(.windowUpdate(windowSizeIncrement: window - 65_535), on: .rootStream, context) }
        context.flush()
        if !pool.add(connection) || attempt?.succeed(connection) != true {
            attempt?.fail(OutboundError(.connectionClosed, retryable: true, "The client was shut down."))
            closeNow()
        }
        attempt = nil
    }

    // MARK: Exchanges

    func start(_ exchange: HTTP1Exchange, call: HTTP1Call) {
        guard isIdle, let context, context.channel.isActive, let request = call.http2 else {
            exchange.finish(.failed(OutboundFailure.closedBeforeResponse(.notSent)))
            return
        }
        if case .idle = state, isLeaving || SocketInput.isPending(in: context.channel) {
            exchange.finish(.failed(OutboundFailure.closedBeforeResponse(.notSent)))
            closeNow()
            return
        }
        let active = HTTP2ActiveExchange(
            exchange: exchange, streamID: HTTP2StreamID(nextStream), call: call, now: .now())
        nextStream += 2
        streamWindow = nil
        state = .active(active)
        send(request, of: active, context)
        armWatchdog()
    }

    private var isIdle: Bool {
        switch state {
        case .fresh, .idle: true
        case .connecting, .active, .closed: false
        }
    }

    func resumeReading(_ exchange: HTTP1Exchange) {
        guard case .active(let active) = state, active.exchange === exchange, isReadHeld else { return }
        active.lastActivity = .now()
        isReadHeld = false
        armWatchdog()
        openWindows(of: active)
    }

    func limit(_ exchange: HTTP1Exchange, to deadline: NIODeadline) {
        guard case .active(let active) = state, active.exchange === exchange else { return }
        active.deadline = min(active.deadline ?? deadline, deadline)
        armWatchdog()
    }

    func abort(_ exchange: HTTP1Exchange) {
        if case .active(let active) = state, active.exchange === exchange { closeNow() }
    }

    func closeNow() {
        end(with: OutboundError(.connectionClosed, retryable: true, "The connection was closed."))
    }

    private func send(_ request: HTTP2Request, of active: HTTP2ActiveExchange, _ context: ChannelHandlerContext) {
        let piece = 256 << 10
        let isAlone = request.body.isEmpty
        let head = HTTP2Frame.FramePayload.Headers(headers: request.headers, endStream: isAlone)
        write(.headers(head), of: active, context, isLast: isAlone)
        for (index, body) in request.body.enumerated() {
            var body = body
            // A large body goes in pieces so that its progress is seen.
            while body.readableBytes > piece, let slice = body.readSlice(length: piece) {
                write(.data(.init(data: .byteBuffer(slice))), of: active, context, isLast: false)
            }
            let isLast = index == request.body.count - 1
            write(.data(.init(data: .byteBuffer(body), endStream: isLast)), of: active, context, isLast: isLast)
        }
        context.flush()
    }

    private func write(
        _ payload: HTTP2Frame.FramePayload, of active: HTTP2ActiveExchange, _ context: ChannelHandlerContext,
        isLast: Bool
    ) {
        let frame = HTTP2Frame(streamID: active.streamID, payload: payload)
        context.write(wrapOutboundOut(frame)).assumeIsolated().whenSuccess {
            if !active.hasHead { active.lastActivity = .now() }
            if isLast { active.isSending = false }
        }
    }

    private func send(
        _ payload: HTTP2Frame.FramePayload, on streamID: HTTP2StreamID, _ context: ChannelHandlerContext
    ) {
        context.write(wrapOutboundOut(HTTP2Frame(streamID: streamID, payload: payload)), promise: nil)
    }

    // MARK: Windows

    /// Lets the peer send on when the reader has taken what has come.
    private func openWindows(of active: HTTP2ActiveExchange) {
        guard let context, active.hasHead else { return }
        guard active.exchange.mayReadMore() else {
            isReadHeld = true
            return
        }
        if let left = streamWindow, left < window / 2 {
            send(.windowUpdate(windowSizeIncrement: window - left), on: active.streamID, context)
        }
        openConnectionWindow(context)
        context.flush()
    }

    private func openConnectionWindow(_ context: ChannelHandlerContext) {
        guard let left = connectionWindow, left < window / 2 else { return }
        send(.windowUpdate(windowSizeIncrement: window - left), on: .rootStream, context)
    }

    private func note(_ event: NIOHTTP2WindowUpdatedEvent) {
        guard let size = event.inboundWindowSize else { return }
        if event.streamID == .rootStream {
            connectionWindow = size
        } else if case .active(let active) = state, active.streamID == event.streamID {
            streamWindow = size
        }
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        // The channel was told to connect to this very address; nothing may pass should that ever not be so.
        guard context.channel.remoteAddress.flatMap(IPAddress.init(socketAddress:))?.unmapped == peer.unmapped else {
            fail(OutboundFailure.wrongPeer(peer))
            return
        }
        tcpTime = .now() - start
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as NIOHTTP2WindowUpdatedEvent: note(event)
        case let event as NIOHTTP2BulkStreamWindowChangeEvent: streamWindow = streamWindow.map { $0 + event.delta }
        case let event as StreamClosedEvent:
            if case .active(let active) = state, active.streamID == event.streamID { active.isStreamClosed = true }
        case TLSUserEvent.handshakeCompleted(let chosen):
            guard case .connecting = state else { break }
            guard chosen == ApplicationProtocol.http2.rawValue else {
                fail(OutboundFailure.protocolNotOffered())
                break
            }
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
            facts.tlsVersion = tls?.tlsVersion.map(OutboundFailure.name(of:)) ?? "TLS"
            facts.applicationProtocol = chosen
            facts.tlsTime = .now() - start - tcpTime
            becomeReady()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch state {
        case .active(let active): receive(frame, active)
        case .idle, .fresh:
            if case .goAway = frame.payload { closeNow() } else { countOther() }
        case .connecting, .closed: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .active(let active) = state {
            active.handOver()
            if active.isStreamClosed {
                // Whoever closed it without a word of why: nothing more can come.
                end(with: OutboundFailure.http2Reset(.protocolError, hasHead: active.hasHead))
            } else {
                openWindows(of: active)
            }
        }
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .connecting: fail(OutboundFailure.whileConnecting(error))
        case .active(let active):
            // The end of the connection follows, and the end of a stream is told by frames.
            if case NIOSSLError.uncleanShutdown = error { return }
            active.handOver()
            end(with: OutboundFailure.http2(error, hasHead: active.hasHead))
        case .idle, .fresh: closeNow()
        case .closed: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch state {
        case .connecting: fail(OutboundFailure.closedWhileConnecting(isTLS: true))
        case .active(let active):
            active.handOver()
            end(
                with: active.hasHead
                    ? OutboundFailure.whileParsing(.truncated, hasHead: true)
                    : OutboundFailure.closedBeforeResponse(.sent))
        case .idle, .fresh, .closed: break
        }
        closeNow()
        context.fireChannelInactive()
    }

    private func receive(_ frame: HTTP2Frame, _ active: HTTP2ActiveExchange) {
        switch frame.payload {
        case .headers(let block) where frame.streamID == active.streamID:
            let hadHead = active.hasHead
            settle(active.receive(block.headers, isLast: block.endStream, budget: budget), active)
            if !hadHead { armWatchdog() }
        case .data(let data) where frame.streamID == active.streamID:
            guard case .byteBuffer(let bytes) = data.data else { return }
            settle(active.receive(bytes, isLast: data.endStream, budget: budget), active)
        case .rstStream(let code) where frame.streamID == active.streamID:
            active.handOver()
            end(with: OutboundFailure.http2Reset(code, hasHead: active.hasHead))
        case .goAway(let last, _, _):
            isLeaving = true
            // The peer says that it has not looked at the request.
            if last < active.streamID { end(with: OutboundFailure.closedBeforeResponse(.notSent)) }
        default: countOther()
        }
    }

    /// The handler of frames limits some kinds by time; this holds for all.
    private func countOther() {
        otherFrames += 1
        guard otherFrames > Self.maximumOtherFrames else { return }
        end(with: OutboundFailure.http2("too many frames that carry nothing", hasHead: true))
    }

    // MARK: Ends

    /// Acts on what a frame meant.
    private func settle(_ result: HTTP2ActiveExchange.Progress, _ active: HTTP2ActiveExchange) {
        switch result {
        case .open: break
        case .failed(let error): end(with: error)
        case .complete:
            // Back into the pool first, so that whoever waits for the end finds it there.
            if let context, context.channel.isActive, !active.isSending, !isLeaving, let connection,
                nextStream < Self.lastStream
            {
                becomeIdle(context)
                if !pool.put(connection, retainedBytes: Self.retainedBytes) { closeNow() }
            } else {
                state = .closed
                closeNow()
            }
            active.exchange.finish(.complete)
        }
    }

    private func becomeIdle(_ context: ChannelHandlerContext) {
        state = .idle(since: .now())
        isReadHeld = false
        otherFrames = 0
        armWatchdog()
        openConnectionWindow(context)
        context.flush()
    }

    /// Ends whatever is going on with an error and closes the channel.
    private func end(with error: OutboundError) {
        if case .active(let active) = state {
            state = .closed
            active.releaseBudget(budget)
            active.exchange.finish(.failed(error))
        }
        fail(error)
    }

    private func fail(_ error: OutboundError) {
        if case .connecting = state { attempt?.fail(error) }
        attempt = nil
        state = .closed
        watchdog?.timer.cancel()
        watchdog = nil
        if let connection { pool.remove(connection) }
        connection = nil
        // From before the TLS handler, which would wait for the peer's farewell.
        guard let context else { return }
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self)
        (tls ?? context).close(promise: nil)
    }

    // MARK: Time

    /// When the present state must have ended, and which time has run out otherwise.
    private var limit: (deadline: NIODeadline, kind: OutboundFailure.Limit)? {
        switch state {
        case .connecting, .closed: nil
        case .fresh(let since): (since + Self.freshLifetime, .pooled)
        case .idle(let since): (since + pool.idleLifetime, .pooled)
        case .active(let active): active.limit(isReadHeld: isReadHeld)
        }
    }

    /// Keeps one timer for whatever comes first; an early one looks again instead of being moved.
    private func armWatchdog() {
        guard let limit, let context else { return }
        if let watchdog {
            guard limit.deadline < watchdog.deadline else { return }
            watchdog.timer.cancel()
        }
        let timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: limit.deadline) { [self] in
            watchdog = nil
            guard let limit = self.limit else { return }
            if limit.deadline <= .now() { end(with: OutboundFailure.timeout(limit.kind)) } else { armWatchdog() }
        }
        watchdog = (limit.deadline, timer)
    }
}
