import NIOCore
import NIOHTTP1
import TowlineCore

/// Asks a proxy for a tunnel before anything else of the channel begins; first in the pipeline, and gone afterwards.
///
/// The rest of the pipeline is told that the channel is active once the tunnel is open. Confined to the channel's event
/// loop.
final class ProxyConnectHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let route: ConnectRoute.Proxy
    private let attempt: ConnectAttempt
    private var parser: HTTP1ResponseParser
    private var isOpen = false

    init(route: ConnectRoute.Proxy, limits: HTTP1ResponseParser.Limits, attempt: ConnectAttempt) {
        self.route = route
        self.attempt = attempt
        // The answer to CONNECT has no body, whatever its fields say.
        parser = HTTP1ResponseParser(isHeadRequest: true, limits: limits)
    }

    func channelActive(context: ChannelHandlerContext) {
        guard context.channel.remoteAddress.flatMap(IPAddress.init(socketAddress:))?.unmapped == route.address.unmapped
        else {
            attempt.fail(OutboundFailure.wrongPeer(route.address))
            return
        }
        context.writeAndFlush(wrapOutboundOut(route.request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOpen else {
            context.fireChannelRead(data)
            return
        }
        parser.append(unwrapInboundIn(data))
        do throws(HTTP1ParseError) {
            while let event = try parser.next() {
                switch event {
                case .head(let head) where !(200..<300).contains(head.status.code):
                    attempt.fail(OutboundFailure.proxyAnswered(Int(head.status.code)))
                    return
                case .end:
                    finish(context)
                    return
                case .head, .body: break
                }
            }
        } catch {
            attempt.fail(OutboundFailure.proxyAnswered(error))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isOpen { attempt.fail(OutboundFailure.whileReachingProxy(error)) }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isOpen { attempt.fail(OutboundFailure.proxyClosed()) }
        context.fireChannelInactive()
    }

    /// Opens the tunnel: client and origin speak from here on, and the origin never speaks first.
    private func finish(_ context: ChannelHandlerContext) {
        guard !parser.hasLeftOver else {
            attempt.fail(OutboundFailure.proxyAnswered(.malformed("bytes follow the head")))
            return
        }
        isOpen = true
        context.fireChannelActive()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
