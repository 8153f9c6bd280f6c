import HTTPTypes
import MNSWire
package import NIOCore
import NIOHTTPTypes
import Synchronization

/// The connections of a listener, for finding out whether a client is still there.
package final class MNSConnections: Sendable {
    private struct State {
        /// Whether channels of this listener have handlers at all.
        var hasHandlers = false
        var connections: [ObjectIdentifier: MNSConnection] = [:]
    }

    private let state = Mutex(State())

    /// No connections.
    package init() {}

    /// A handler for one channel of the listener, behind the one that makes HTTP parts.
    package func makeHandler() -> any RemovableChannelHandler { MNSConnectionHandler(connections: self) }

    /// The connection of a channel; nil when the channels of the listener have no handlers.
    func connection(of channel: any Channel) -> MNSConnection? {
        let (found, hasHandlers) = state.withLock { ($0.connections[ObjectIdentifier(channel)], $0.hasHandlers) }
        if found != nil || !hasHandlers || channel.isActive { return found }
        // It has closed since its request came.
        let connection = MNSConnection()
        connection.gone()
        return connection
    }

    fileprivate func add(_ channel: any Channel) -> MNSConnection {
        let connection = MNSConnection()
        state.withLock { state in
            state.hasHandlers = true
            state.connections[ObjectIdentifier(channel)] = connection
        }
        return connection
    }

    fileprivate func remove(_ channel: any Channel) {
        state.withLock { $0.connections[ObjectIdentifier(channel)] = nil }
    }
}

/// Sees a client go away, and answers reach the socket.
private final class MNSConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let connections: MNSConnections
    private var connection: MNSConnection?
    /// The request whose answer is being written, when that matters.
    private var watched: String?

    init(connections: MNSConnections) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) { connection = connections.add(context.channel) }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client that closes its side gets no answer to a receive: nearly always it is dead.
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { connection?.gone() }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let connection else { return context.write(data, promise: promise) }
        switch unwrapOutboundIn(data) {
        case .head(let head):
            watched = connection.answerBegins { MNSField.requestID.flatMap { head.headerFields[$0] } }
            context.write(data, promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            guard let requestID = watched else { return context.write(data, promise: promise) }
            watched = nil
            let written = promise ?? context.eventLoop.makePromise(of: Void.self)
            written.futureResult.whenComplete { result in
                let isWritten = if case .success = result { true } else { false }
                connection.answerEnded(requestID, isWritten: isWritten)
            }
            context.write(data, promise: written)
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        connection?.gone()
        connection = nil
        connections.remove(context.channel)
    }
}
