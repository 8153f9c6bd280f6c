import NIOCore
import NIOPosix
import Synchronization
import TowlineCore

/// One question to one name server, by UDP and then, if the answer was cut, by TCP.
struct DNSExchange: Sendable {
    /// Why there is no answer.
    enum Failure: Error {
        /// The server answered that it has none.
        case refused(DNSMessage.Refusal)
        /// No answer came in time, or the server cannot be reached.
        case noAnswer
        /// The name cannot be asked for.
        case unwritable
    }

    let question: DNSMessage.Question
    let server: DNSServer
    let group: any EventLoopGroup
    let limit: TimeAmount

    func run() async throws(Failure) -> DNSMessage.Answer {
        guard let query = DNSMessage.encode(question),
            let address = try? SocketAddress(
                packedIPAddress: ByteBuffer(bytes: server.address.unmapped.bytes),
                port: server.port
            )
        else { throw .unwritable }
        do throws(Failure) {
            return try await ask(overTCP: false, query, at: address)
        } catch {
            guard case .refused(.truncated) = error else { throw error }
            return try await ask(overTCP: true, query, at: address)
        }
    }

    private func ask(
        overTCP: Bool,
        _ query: ByteBuffer,
        at address: SocketAddress
    ) async throws(Failure) -> DNSMessage.Answer {
        let eventLoop = group.next()
        let reply = DNSReply()
        let timer = eventLoop.scheduleTask(in: limit) { reply.finish(.failure(.noAnswer)) }
        defer { timer.cancel() }
        let question = question
        let connected: EventLoopFuture<any Channel>
        if overTCP {
            connected = ClientBootstrap(group: eventLoop)
                .connectTimeout(limit)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        reply.take(channel)
                        try channel.pipeline.syncOperations.addHandler(DNSStreamHandler(question, query, reply))
                    }
                }
                .connect(to: address)
        } else {
            connected = DatagramBootstrap(group: eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        reply.take(channel)
                        try channel.pipeline.syncOperations.addHandler(
                            DNSDatagramHandler(question, query, address, reply))
                    }
                }
                .connect(to: address)
        }
        connected.whenFailure { _ in reply.finish(.failure(.noAnswer)) }
        return try await reply.wait()
    }
}

/// The answer that a socket waits for, between its event loop and the task that asked.
final class DNSReply: Sendable {
    typealias Outcome = Result<DNSMessage.Answer, DNSExchange.Failure>

    private struct State {
        var channel: (any Channel)?
        var waiter: CheckedContinuation<Outcome, Never>?
        var outcome: Outcome?
    }

    private let state = Mutex(State())

    /// Takes the socket, to close it with the answer.
    func take(_ channel: any Channel) {
        let isOver = state.withLock { state in
            state.channel = channel
            return state.outcome != nil
        }
        if isOver { channel.close(promise: nil) }
    }

    /// Waits for the answer; cancelling the task ends it.
    func wait() async throws(DNSExchange.Failure) -> DNSMessage.Answer {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: CheckedContinuation<Outcome, Never>) in
                let early = state.withLock { state in
                    if state.outcome == nil { state.waiter = waiter }
                    return state.outcome
                }
                if let early { waiter.resume(returning: early) }
            }
        } onCancel: {
            finish(.failure(.noAnswer))
        }
        return try outcome.get()
    }

    /// Ends the wait once and closes the socket.
    func finish(_ outcome: Outcome) {
        let (channel, waiter) = state.withLock { state in
            guard state.outcome == nil else {
                return ((any Channel)?.none, CheckedContinuation<Outcome, Never>?.none)
            }
            state.outcome = outcome
            return (state.channel, state.waiter.take())
        }
        channel?.close(promise: nil)
        waiter?.resume(returning: outcome)
    }

    /// Reads a message; one that does not belong to the question changes nothing.
    func receive(_ message: ByteBuffer, for question: DNSMessage.Question) {
        do throws(DNSMessage.Refusal) {
            finish(.success(try DNSMessage.decode(message, for: question)))
        } catch {
            if error != .unrelated { finish(.failure(.refused(error))) }
        }
    }
}

/// Asks by UDP.
private final class DNSDatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let question: DNSMessage.Question
    private let query: ByteBuffer
    private let server: SocketAddress
    private let reply: DNSReply

    init(_ question: DNSMessage.Question, _ query: ByteBuffer, _ server: SocketAddress, _ reply: DNSReply) {
        self.question = question
        self.query = query
        self.server = server
        self.reply = reply
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(AddressedEnvelope(remoteAddress: server, data: query)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        // The socket is connected, so the system drops what others send; this is the second look.
        guard envelope.remoteAddress == server else { return }
        reply.receive(envelope.data, for: question)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reply.finish(.failure(.noAnswer))
    }
}

/// Asks by TCP: each message has its length before it (RFC 1035 section 4.2.2).
private final class DNSStreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let question: DNSMessage.Question
    private let query: ByteBuffer
    private let reply: DNSReply
    private var input = ByteBuffer()

    init(_ question: DNSMessage.Question, _ query: ByteBuffer, _ reply: DNSReply) {
        self.question = question
        self.query = query
        self.reply = reply
    }

    func channelActive(context: ChannelHandlerContext) {
        var bytes = ByteBuffer(integer: UInt16(truncatingIfNeeded: query.readableBytes))
        bytes.writeImmutableBuffer(query)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        input.writeImmutableBuffer(unwrapInboundIn(data))
        guard let message = input.readLengthPrefixedSlice(as: UInt16.self) else { return }
        reply.receive(message, for: question)
        // One message was asked for; anything else on the stream is no answer.
        reply.finish(.failure(.noAnswer))
    }

    func channelInactive(context: ChannelHandlerContext) {
        reply.finish(.failure(.noAnswer))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reply.finish(.failure(.noAnswer))
    }
}
