import NIOCore

/// What a connection knows about the exchange that it carries.
///
/// Confined to the connection's event loop.
final class HTTP1ActiveExchange {
    /// What bytes, or their end, meant for the exchange.
    enum Progress {
        case open
        /// The response is complete; the connection may be idle for that long, `nil` when it must be closed.
        case complete(idleTime: TimeAmount?)
        case failed(OutboundError)
    }

    let exchange: HTTP1Exchange
    private let firstByteTimeout: TimeAmount
    private let idleTimeout: TimeAmount
    /// When everything must be over.
    var deadline: NIODeadline?
    private var parser: HTTP1ResponseParser
    private var head: HTTP1ResponseHead?
    private var holdsBudget = false
    private let start: NIODeadline
    private var firstByteTime: TimeAmount?
    private var isHTTP2 = false
    /// When the request moved on, or bytes of the body came.
    var lastActivity: NIODeadline
    /// Whether parts of the request are not written yet.
    var isSending = false
    /// Whether nothing of the request can have reached the peer.
    var isUnsent = false
    /// Whether the peer ended TLS without saying so.
    var isTLSTruncated = false

    init(exchange: HTTP1Exchange, call: HTTP1Call, now: NIODeadline) {
        self.exchange = exchange
        firstByteTimeout = call.firstByteTimeout
        idleTimeout = call.idleTimeout
        deadline = call.deadline
        parser = HTTP1ResponseParser(isHeadRequest: call.isHeadRequest, limits: call.limits)
        start = now
        lastActivity = now
    }

    /// Whether the final head has come.
    var hasHead: Bool { head != nil }

    /// Whether any byte of a response has come.
    var hasReceivedBytes: Bool { parser.hasReceivedBytes }

    /// Reads bytes and hands over what they hold.
    func receive(_ bytes: ByteBuffer, budget: ReadBudget) -> Progress {
        parser.append(bytes)
        if firstByteTime == nil {
            firstByteTime = .now() - start
            isHTTP2 = Self.beginsHTTP2(bytes)
        }
        var chunks: [ByteBuffer] = []
        do throws(HTTP1ParseError) {
            while let event = try parser.next() {
                switch event {
                case .head(let head): begin(head, budget: budget)
                case .body(let chunk): chunks.append(chunk)
                case .end:
                    if !chunks.isEmpty { exchange.receive(chunks) }
                    releaseBudget(budget)
                    return .complete(idleTime: idleTime)
                }
            }
        } catch {
            if !chunks.isEmpty { exchange.receive(chunks) }
            var failure = OutboundFailure.whileParsing(error, hasHead: hasHead)
            failure.mayWantHTTP2 = isHTTP2 && !hasHead
            return .failed(failure)
        }
        if !chunks.isEmpty {
            // Only the body counts: sizes of chunks and trailers could come in drops for days.
            lastActivity = .now()
            exchange.receive(chunks)
        }
        return .open
    }

    /// Takes note of the end of the connection.
    func receiveEnd(budget: ReadBudget) -> Progress {
        do throws(HTTP1ParseError) {
            guard !isUnsent, try parser.finish() != nil else {
                return .failed(OutboundFailure.closedBeforeResponse(isUnsent ? .notSent : .sent))
            }
        } catch {
            return .failed(OutboundFailure.whileParsing(error, hasHead: hasHead))
        }
        // A body that ends with the connection: over TLS only its farewell tells the end from a cut.
        guard !isTLSTruncated else { return .failed(OutboundFailure.whileParsing(.truncated, hasHead: true)) }
        releaseBudget(budget)
        return .complete(idleTime: nil)
    }

    /// Gives the share of the read buffers back, once.
    func releaseBudget(_ budget: ReadBudget) {
        if holdsBudget { budget.close() }
        holdsBudget = false
    }

    /// When the exchange must have moved on, and which time has run out otherwise.
    func limit(isReadHeld: Bool) -> (deadline: NIODeadline, kind: OutboundFailure.Limit) {
        var limit = (deadline: lastActivity + firstByteTimeout, kind: OutboundFailure.Limit.firstByte)
        if hasHead {
            // While the reader is busy the peer is not to blame: look again one limit later.
            limit = ((isReadHeld ? .now() : lastActivity) + idleTimeout, .idle)
        }
        if let deadline, deadline < limit.deadline { return (deadline, .total) }
        return limit
    }

    /// Whether a peer begins with a frame of SETTINGS (RFC 9113 section 3.4), which is no HTTP/1.1.
    private static func beginsHTTP2(_ bytes: ByteBuffer) -> Bool {
        guard let head = bytes.getBytes(at: bytes.readerIndex, length: 9) else { return false }
        return head[0] == 0 && head[3] == 4 && head[2] % 6 == 0 && head[4...].allSatisfy { $0 == 0 }
    }

    private func begin(_ head: HTTP1ResponseHead, budget: ReadBudget) {
        var head = head
        head.firstByteTime = firstByteTime ?? .zero
        self.head = head
        lastActivity = .now()
        if head.framing != .none {
            budget.open()
            holdsBudget = true
        }
        exchange.receive(head)
    }

    private var idleTime: TimeAmount? {
        guard let head, head.keepsAlive, !parser.hasLeftOver else { return nil }
        guard let seconds = head.keepAliveSeconds else { return .hours(1) }
        return seconds > 1 ? .seconds(min(seconds, 3_600) - 1) : nil
    }
}
