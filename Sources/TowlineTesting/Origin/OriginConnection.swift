package import NIOCore
import NIOPosix

/// One accepted connection of a scripted origin, used by its script.
///
/// Everything throws when the client is gone.
package final class OriginConnection {
    /// The client closed the connection while the script waited for it.
    package struct ClientClosed: Error {}

    /// The number of the connection, from 0.
    package let number: Int
    private let channel: any Channel
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private let log: OriginLog
    private var input = ByteBuffer()
    private var lastRequest: Int?

    init(
        number: Int,
        channel: any Channel,
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        log: OriginLog
    ) {
        self.number = number
        self.channel = channel
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
        self.log = log
    }

    /// Reads the head of a request and records it.
    @discardableResult
    package func readHead() async throws -> OriginRequest {
        while true {
            if let head = takeHead() {
                let request = OriginRequest(connection: number, head: head)
                lastRequest = log.update { record in
                    record.requests.append(request)
                    return record.requests.count - 1
                }
                return request
            }
            try await readMore()
        }
    }

    /// Reads the body that the last head announces by Content-Length and records it.
    @discardableResult
    package func readBody() async throws -> ByteBuffer {
        guard let index = lastRequest else { return ByteBuffer() }
        let length = log.record.requests[index].header("content-length").flatMap { Int($0) } ?? 0
        while input.readableBytes < length { try await readMore() }
        let body = input.readSlice(length: length) ?? ByteBuffer()
        log.update { $0.requests[index].body = body }
        return body
    }

    /// Sends bytes and waits until the system has taken them all.
    package func send(_ bytes: ByteBuffer) async throws {
        guard bytes.readableBytes > 0 else { return }
        try Task.checkCancellation()
        // The channel itself says when: the writer of the stream takes bytes for as long as its event loop is busy.
        let sent = channel.eventLoop.makePromise(of: Void.self)
        channel.writeAndFlush(bytes, promise: sent)
        try await withTaskCancellationHandler {
            try await sent.futureResult.get()
        } onCancel: { [channel] in
            channel.close(promise: nil)
        }
        log.update { $0.sentBytes += bytes.readableBytes }
    }

    /// Sends text as it is.
    package func send(_ text: String) async throws {
        try await send(ByteBuffer(string: text))
    }

    /// Waits until the client closes its side.
    package func waitForClose() async throws {
        while true { try await readMore() }
    }

    /// Ends the own side and keeps reading possible.
    package func closeOutput() {
        outbound.finish()
    }

    /// Ends the connection with a reset.
    package func reset() async throws {
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await channel.close()
    }

    private func readMore() async throws {
        guard var more = try await inbound.next(isolation: #isolation) else { throw ClientClosed() }
        input.writeBuffer(&more)
    }

    private func takeHead() -> String? {
        let view = input.readableBytesView
        let end = Array("\r\n\r\n".utf8)
        guard view.count >= end.count else { return nil }
        for start in view.startIndex...(view.endIndex - end.count) where view[start..<(start + 4)].elementsEqual(end) {
            return input.readString(length: start + 4 - view.startIndex)
        }
        return nil
    }
}
