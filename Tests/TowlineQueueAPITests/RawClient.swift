import NIOCore
import NIOPosix
import Synchronization

/// A connection that sends bytes as they are and reads answers byte by byte.
final class RawClient: Sendable {
    private let channel: any Channel
    private let inbox: Inbox

    /// Connects to a port of this machine.
    init(port: Int) async throws {
        let inbox = Inbox()
        self.inbox = inbox
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Reader(inbox: inbox))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// Sends bytes.
    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// Sends text.
    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// Closes the connection and waits until it is.
    func close() async throws { try await channel.close() }

    /// The next answer, an interim one too; nil when the server closes the connection.
    func answer(hasBody: Bool = true) async -> RawAnswer? {
        await inbox.take { RawAnswer.read($0, hasBody: hasBody) }
    }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let inbox: Inbox

        init(inbox: Inbox) { self.inbox = inbox }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            inbox.change { $0.bytes += Array(unwrapInboundIn(data).readableBytesView) }
        }

        func channelInactive(context: ChannelHandlerContext) { inbox.change { $0.isClosed = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private final class Inbox: Sendable {
        struct State {
            var bytes: [UInt8] = []
            var isClosed = false
            var reader: CheckedContinuation<Void, Never>?
        }

        private let state = Mutex(State())

        func change(_ body: (inout State) -> Void) {
            let reader = state.withLock { state in
                body(&state)
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume()
        }

        func take(_ read: @Sendable ([UInt8]) -> (answer: RawAnswer, length: Int)?) async -> RawAnswer? {
            while true {
                enum Outcome { case found(RawAnswer), closed, none(Int) }
                let outcome = state.withLock { state -> Outcome in
                    guard let (answer, length) = read(state.bytes) else {
                        return state.isClosed ? .closed : .none(state.bytes.count)
                    }
                    state.bytes.removeFirst(length)
                    return .found(answer)
                }
                switch outcome {
                case .found(let answer): return answer
                case .closed: return nil
                case .none(let count): await waitForMore(than: count)
                }
            }
        }

        private func waitForMore(than count: Int) async {
            await withCheckedContinuation { continuation in
                let isThere = state.withLock { state in
                    let isThere = state.bytes.count != count || state.isClosed
                    if !isThere { state.reader = continuation }
                    return isThere
                }
                if isThere { continuation.resume() }
            }
        }
    }
}

/// An answer as it came.
struct RawAnswer: Sendable {
    let status: Int
    /// The head without status line and `Date`, as sent, in order.
    let headers: [(name: String, value: String)]
    let body: String

    /// The value of a header whose name is written exactly so.
    subscript(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The text of the first element of a name.
    func element(_ name: String) -> String? {
        guard let start = body.firstRange(of: "<\(name)>"), let end = body.firstRange(of: "</\(name)>") else {
            return nil
        }
        return String(body[start.upperBound..<end.lowerBound])
    }

    /// Takes an answer from the front of bytes; nil when it is not there as a whole.
    static func read(_ bytes: [UInt8], hasBody: Bool) -> (answer: RawAnswer, length: Int)? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let first = lines.first, let status = Int(first.split(separator: " ")[1]) else { return nil }
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (name: String(parts[0]), value: parts.count == 2 ? String(parts[1].dropFirst()) : "")
        }
        let announced = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
        let length = hasBody ? announced : 0
        guard bytes.count >= end.upperBound + length else { return nil }
        let body = String(decoding: bytes[end.upperBound..<(end.upperBound + length)], as: UTF8.self)
        let shown = headers.filter { $0.name != "Date" }
        return (RawAnswer(status: status, headers: shown, body: body), end.upperBound + length)
    }
}
