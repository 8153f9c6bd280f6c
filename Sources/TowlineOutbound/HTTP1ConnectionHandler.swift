import NIOCore
import NIOSSL
import NIOTLS
import TowlineCore

/// Carries exchanges over one channel, one after the other; last in the pipeline.
///
/// Confined to the channel's event loop.
final class HTTP1ConnectionHandler: ChannelDuplexHandler {
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
    private let pool: ConnectionPool
    private let budget: ReadBudget
    /// Until it is told how it ended; it holds the connection then.
    private var attempt: ConnectAttempt?
    private var state = State.connecting
    private var context: ChannelHandlerContext?
    private var connection: HTTP1Connection?
    private var idleLifetime: TimeAmount
    private var largestRead = 0
    private var isReadHeld = false
    private var watchdog: (deadline: NIODeadline, timer: Scheduled<Void>)?

    /// - Parameters:
    ///   - key: Names the only address that the channel may be connected to.
    ///   - pool: Gets the connection when it is ready and whenever it is idle.
    ///   - budget: Counts open bodies.
    ///   - attempt: Is told when the connection is ready or cannot become so.
    init(key: HTTP1Connection.Key, pool: ConnectionPool, budget: ReadBudget, attempt: ConnectAttempt) {
        self.key = key
        self.pool = pool
        self.budget = budget
        self.attempt = attempt
        idleLifetime = pool.idleLifetime
    }

    private var isTLS: Bool { key.scheme == .https }

    /// Offers the connection for its first exchange.
    private func becomeReady(tlsVersion: String?) {
        guard let context, case .connecting = state else { return }
        let connection = HTTP1Connection(
            key: key,
            channel: context.channel,
            tlsVersion: tlsVersion,
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
        var active = HTTP1ActiveExchange(exchange: exchange, call: call, now: .now())
        active.isSending = true
        state = .active(active)
        send(call, context: context)
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
        guard case .active(var active) = state, active.exchange === exchange, isReadHeld else { return }
        active.lastActivity = .now()
        state = .active(active)
        armWatchdog()
        releaseRead()
    }

    func limit(_ exchange: HTTP1Exchange, to deadline: NIODeadline) {
        guard case .active(var active) = state, active.exchange === exchange else { return }
        active.deadline = min(active.deadline ?? deadline, deadline)
        state = .active(active)
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

    private func send(_ call: HTTP1Call, context: ChannelHandlerContext) {
        let piece = 256 << 10
        var body = call.body ?? ByteBuffer()
        context.write(wrapOutboundOut(call.head), promise: nil)
        // A large body goes in pieces so that its progress is seen.
        while body.readableBytes > piece, let slice = body.readSlice(length: piece) {
            write(slice, context: context, isLast: false)
        }
        write(body, context: context, isLast: true)
        context.flush()
    }

    private func write(_ bytes: ByteBuffer, context: ChannelHandlerContext, isLast: Bool) {
        guard case .active(let active) = state else { return }
        let exchange = active.exchange
        context.write(wrapOutboundOut(bytes)).assumeIsolated().whenSuccess { [self] in
            guard case .active(var active) = state, active.exchange === exchange else { return }
            if !active.hasHead { active.lastActivity = .now() }
            if isLast { active.isSending = false }
            state = .active(active)
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
        guard context.channel.remoteAddress.flatMap(IPAddress.init(socketAddress:))?.unmapped == key.address.unmapped
        else {
            fail(OutboundFailure.wrongPeer(key.address))
            return
        }
        if !isTLS { becomeReady(tlsVersion: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent, case .connecting = state {
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
            becomeReady(tlsVersion: tls?.tlsVersion.map(OutboundFailure.name(of:)) ?? "TLS")
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
        case .active(var active):
            // Taken out meanwhile, so that the parser is not copied.
            state = .closed
            let hadHead = active.hasHead
            let result = active.receive(bytes, budget: budget)
            state = .active(active)
            settle(result, active)
            if !hadHead { armWatchdog() }
        case .idle, .fresh, .connecting: closeNow()
        case .closed: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .connecting: fail(OutboundFailure.whileConnecting(error))
        case .active(var active):
            if case NIOSSLError.uncleanShutdown = error {
                active.isTLSTruncated = true
                state = .active(active)
            } else {
                end(with: OutboundFailure.whileExchanging(error, hasResponse: active.hasReceivedBytes))
            }
        case .idle, .fresh: closeNow()
        case .closed: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch state {
        case .connecting: fail(OutboundFailure.closedWhileConnecting(isTLS: isTLS))
        case .active(var active):
            state = .closed
            let result = active.receiveEnd(budget: budget)
            state = .active(active)
            settle(result, active)
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
        if case .active(var active) = state {
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
