import NIOCore
import NIOSSL
import NIOTLS
import TowlineCore

/// Carries exchanges over one channel, one after the other; last in the pipeline.
///
/// Confined to the channel's event loop.
final class HTTP1ConnectionHandler: ChannelDuplexHandler, ExchangeCarrier {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case connecting
        /// Ready, but not read from before the first request is written.
        case fresh(since: NIODeadline)
        case idle(since: NIODeadline)
        case active(HTTP1ActiveExchange)
        case closed
    }

    /// How long a ready connection waits for its first request, in case its caller is gone.
    private static let freshLifetime = TimeAmount.seconds(30)

    private let key: HTTP1Connection.Key
    private let peer: IPAddress
    private let pool: ConnectionPool
    private let budget: ReadBudget
    /// Until it is told how it ended; it holds the connection then.
    private var attempt: ConnectAttempt?
    private let start = NIODeadline.now()
    private var tcpTime = TimeAmount.zero
    private var facts = HTTP1Connection.Facts()
    private var state = State.connecting
    private var context: ChannelHandlerContext?
    private var connection: HTTP1Connection?
    private var idleLifetime: TimeAmount
    private var largestRead = 0
    private var isReadHeld = false
    /// Whether a request that is one buffer is being written for the first time.
    private var isFirstTry = false
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
        idleLifetime = pool.idleLifetime
    }

    private var isTLS: Bool { key.scheme == .https }

    /// Offers the connection for its first exchange.
    private func becomeReady() {
        guard let context, case .connecting = state else { return }
        facts.connectTime = .now() - start
        let connection = HTTP1Connection(
            key: key,
            channel: context.channel,
            facts: facts,
            handler: NIOLoopBound(self, eventLoop: context.eventLoop)
        )
        self.connection = connection
        state = .fresh(since: .now())
        armWatchdog()
        if !pool.add(connection) || attempt?.succeed(connection) != true {
            attempt?.fail(OutboundError(.connectionClosed, retryable: true, "The client was shut down."))
            closeNow()
        }
        attempt = nil
    }

    // MARK: Exchanges

    func start(_ exchange: HTTP1Exchange, call: HTTP1Call) {
        guard isIdle, let context, context.channel.isActive else {
            exchange.finish(.failed(OutboundFailure.closedBeforeResponse(.notSent)))
            return
        }
        if case .idle = state, SocketInput.isPending(in: context.channel) {
            // The peer closed it, or said something unasked: that must not be taken for the answer.
            exchange.finish(.failed(OutboundFailure.closedBeforeResponse(.notSent)))
            closeNow()
            return
        }
        let active = HTTP1ActiveExchange(exchange: exchange, call: call, now: .now())
        active.isSending = true
        state = .active(active)
        send(call, of: active, context: context)
        armWatchdog()
        releaseRead()
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
        armWatchdog()
        releaseRead()
    }

    func limit(_ exchange: HTTP1Exchange, to deadline: NIODeadline) {
        guard case .active(let active) = state, active.exchange === exchange else { return }
        active.deadline = min(active.deadline ?? deadline, deadline)
        armWatchdog()
    }

    private func releaseRead() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }

    func abort(_ exchange: HTTP1Exchange) {
        if case .active(let active) = state, active.exchange === exchange { closeNow() }
    }

    /// Closes the channel at once, without the farewell of TLS; an open exchange fails.
    func closeNow() {
        end(with: OutboundError(.connectionClosed, retryable: true, "The connection was closed."))
    }

    private func send(_ call: HTTP1Call, of active: HTTP1ActiveExchange, context: ChannelHandlerContext) {
        let piece = 256 << 10
        guard let last = call.body.last else {
            // In one buffer: when the first try to write it fails, the peer cannot have the request.
            isFirstTry = true
            write(call.head, of: active, context: context, isLast: true)
            context.flush()
            isFirstTry = false
            return
        }
        context.write(wrapOutboundOut(call.head), promise: nil)
        // A large body goes in pieces so that its progress is seen.
        for body in call.body.dropLast() { write(body, in: piece, of: active, context: context, isLast: false) }
        write(last, in: piece, of: active, context: context, isLast: true)
        context.flush()
    }

    private func write(
        _ bytes: ByteBuffer, in piece: Int, of active: HTTP1ActiveExchange, context: ChannelHandlerContext, isLast: Bool
    ) {
        var bytes = bytes
        while bytes.readableBytes > piece, let slice = bytes.readSlice(length: piece) {
            write(slice, of: active, context: context, isLast: false)
        }
        write(bytes, of: active, context: context, isLast: isLast)
    }

    private func write(
        _ bytes: ByteBuffer, of active: HTTP1ActiveExchange, context: ChannelHandlerContext, isLast: Bool
    ) {
        context.write(wrapOutboundOut(bytes)).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success:
                if !active.hasHead { active.lastActivity = .now() }
                if isLast { active.isSending = false }
            case .failure:
                if isFirstTry { active.isUnsent = true }
            }
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
        guard context.channel.remoteAddress.flatMap(IPAddress.init(socketAddress:))?.unmapped == peer.unmapped
        else {
            fail(OutboundFailure.wrongPeer(peer))
            return
        }
        tcpTime = .now() - start
        if !isTLS { becomeReady() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let applicationProtocol) = event as? TLSUserEvent, case .connecting = state {
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
            facts.tlsVersion = tls?.tlsVersion.map(OutboundFailure.name(of:)) ?? "TLS"
            facts.applicationProtocol = applicationProtocol
            facts.tlsTime = .now() - start - tcpTime
            becomeReady()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func read(context: ChannelHandlerContext) {
        switch state {
        case .fresh: isReadHeld = true
        case .active(let active) where active.hasHead && !active.exchange.mayReadMore(): isReadHeld = true
        default: context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        largestRead = max(largestRead, bytes.readableBytes)
        switch state {
        case .active where isFirstTry:
            // Drained because nothing could be written: nobody can have been asked.
            break
        case .active(let active):
            let hadHead = active.hasHead
            settle(active.receive(bytes, budget: budget), active)
            if !hadHead { armWatchdog() }
        case .idle, .fresh, .connecting: closeNow()
        case .closed: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .connecting: fail(OutboundFailure.whileConnecting(error))
        case .active(let active):
            if case NIOSSLError.uncleanShutdown = error {
                active.isTLSTruncated = true
            } else {
                var failure = OutboundFailure.whileExchanging(error, hasResponse: active.hasReceivedBytes)
                failure.isUnsent = active.isUnsent
                end(with: failure)
            }
        case .idle, .fresh: closeNow()
        case .closed: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch state {
        case .connecting: fail(OutboundFailure.closedWhileConnecting(isTLS: isTLS))
        case .active(let active): settle(active.receiveEnd(budget: budget), active)
        case .idle, .fresh, .closed: break
        }
        closeNow()
        context.fireChannelInactive()
    }

    // MARK: Ends

    /// Acts on what the bytes meant.
    private func settle(_ result: HTTP1ActiveExchange.Progress, _ active: HTTP1ActiveExchange) {
        switch result {
        case .open: break
        case .failed(let error): end(with: error)
        case .complete(let idleTime):
            // Back into the pool first, so that whoever waits for the end finds it there.
            if let idleTime, context?.channel.isActive == true, !active.isSending, let connection {
                becomeIdle(for: min(pool.idleLifetime, idleTime))
                if !pool.put(connection, retainedBytes: largestRead) { closeNow() }
            } else {
                state = .closed
                closeNow()
            }
            active.exchange.finish(.complete)
        }
    }

    private func becomeIdle(for lifetime: TimeAmount) {
        state = .idle(since: .now())
        idleLifetime = lifetime
        armWatchdog()
        releaseRead()
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
        case .idle(let since): (since + idleLifetime, .pooled)
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
