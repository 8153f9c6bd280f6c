import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// What an HTTP/2 connection knows about the exchange that it carries.
///
/// Confined to the connection's event loop.
final class HTTP2ActiveExchange {
    typealias Progress = HTTP1ActiveExchange.Progress

    let exchange: HTTP1Exchange
    let streamID: HTTP2StreamID
    private let isHeadRequest: Bool
    private let limits: HTTP1ResponseParser.Limits
    private let firstByteTimeout: TimeAmount
    private let idleTimeout: TimeAmount
    private let start: NIODeadline
    /// When everything must be over.
    var deadline: NIODeadline?
    /// When the request moved on, or bytes of the body came.
    var lastActivity: NIODeadline
    /// Whether parts of the request are not written yet.
    var isSending = true
    /// Whether the stream is closed on both sides.
    var isStreamClosed = false
    /// Whether the final head has come.
    private(set) var hasHead = false
    private var headBytes = 0
    /// What is left of the length that the head tells.
    private var remaining: Int64?
    private var chunks: [ByteBuffer] = []
    private var holdsBudget = false

    init(exchange: HTTP1Exchange, streamID: HTTP2StreamID, call: HTTP1Call, now: NIODeadline) {
        self.exchange = exchange
        self.streamID = streamID
        isHeadRequest = call.isHeadRequest
        limits = call.limits
        firstByteTimeout = call.firstByteTimeout
        idleTimeout = call.idleTimeout
        deadline = call.deadline
        start = now
        lastActivity = now
    }

    /// Reads a block of fields: an interim head, the final one or the trailers.
    func receive(_ headers: HPACKHeaders, isLast: Bool, budget: ReadBudget) -> Progress {
        // As RFC 9113 section 6.5.2 counts them.
        headBytes += headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
        guard headBytes <= limits.headBytes, headers.count <= limits.fields + 1 else {
            return fail(OutboundFailure.whileParsing(.headTooLarge, hasHead: hasHead))
        }
        guard !hasHead else {
            guard isLast else { return fail(OutboundFailure.http2("a second head came", hasHead: true)) }
            return finish(budget: budget)
        }
        do throws(HTTP1ParseError) {
            guard let head = try Self.head(of: headers, isHeadRequest: isHeadRequest) else {
                guard !isLast else { throw .malformed("an interim head ends the response") }
                return .open
            }
            begin(head, budget: budget)
        } catch {
            return fail(OutboundFailure.http2(error, hasHead: false))
        }
        return isLast ? finish(budget: budget) : .open
    }

    /// Reads bytes of the body; they are handed over by ``handOver()``.
    func receive(_ bytes: ByteBuffer, isLast: Bool, budget: ReadBudget) -> Progress {
        guard hasHead else { return fail(OutboundFailure.http2("the body comes before the head", hasHead: false)) }
        if let left = remaining {
            guard bytes.readableBytes <= left else {
                return fail(OutboundFailure.http2("the body is longer than its Content-Length", hasHead: true))
            }
            remaining = left - Int64(bytes.readableBytes)
        }
        if bytes.readableBytes > 0 {
            lastActivity = .now()
            chunks.append(bytes)
        }
        return isLast ? finish(budget: budget) : .open
    }

    /// Gives the reader what has come.
    func handOver() {
        guard !chunks.isEmpty else { return }
        exchange.receive(chunks)
        chunks = []
    }

    /// Takes an open body out of the budget.
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

    private func fail(_ error: OutboundError) -> Progress {
        handOver()
        return .failed(error)
    }

    private func finish(budget: ReadBudget) -> Progress {
        if let remaining, remaining > 0 { return fail(OutboundFailure.whileParsing(.truncated, hasHead: true)) }
        handOver()
        releaseBudget(budget)
        return .complete(idleTime: .hours(1))
    }

    private func begin(_ head: HTTP1ResponseHead, budget: ReadBudget) {
        var head = head
        head.firstByteTime = .now() - start
        hasHead = true
        lastActivity = .now()
        switch head.framing {
        case .none: remaining = 0
        case .length(let length): remaining = length
        case .chunked, .untilClose: remaining = nil
        }
        if head.framing != .none {
            budget.open()
            holdsBudget = true
        }
        exchange.receive(head)
    }

    /// The final head, or `nil` for an interim one.
    private static func head(
        of headers: HPACKHeaders, isHeadRequest: Bool
    ) throws(HTTP1ParseError) -> HTTP1ResponseHead? {
        guard let text = headers.first(name: ":status"), text.utf8.count == 3, let status = Int(text),
            (100..<1_000).contains(status), status != 101
        else { throw .malformed("the status is not a number of three digits, or not allowed") }
        guard status >= 200 else { return nil }
        let fields = headers.filter { !$0.name.hasPrefix(":") }.map { ($0.name, $0.value) }
        guard fields.allSatisfy({ HTTP1Lexer.areAll($0.1, HTTP1Lexer.isText) }) else {
            throw .malformed("a header value holds control characters")
        }
        let interpreter = HTTP1HeadInterpreter(
            status: status, minorVersion: 1, fields: fields, isHeadRequest: isHeadRequest)
        let framing = try interpreter.facts().framing
        guard framing != .chunked else { throw .malformed("a Transfer-Encoding is given") }
        return HTTP1ResponseHead(
            status: HTTPResponseStatus(statusCode: status), headers: HTTPHeaders(fields), framing: framing,
            keepsAlive: true, keepAliveSeconds: nil)
    }
}
