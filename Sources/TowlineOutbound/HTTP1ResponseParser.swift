import NIOCore
import NIOHTTP1

/// Reads the response of one HTTP/1.1 exchange from the bytes of its connection.
///
/// A pure state machine: append what was read, take events until there is none, tell it when the bytes end. It holds
/// its own limits for heads, refuses ambiguous framing, and knows whether bytes are left over behind the response.
/// Lines of heads may end in a bare LF (RFC 9112 section 2.2); lines of chunks must end in CRLF.
struct HTTP1ResponseParser {
    /// Limits for the heads of one exchange.
    struct Limits: Sendable {
        /// Most bytes of all heads and trailers together.
        var headBytes: Int
        /// Most fields of one head.
        var fields: Int
    }

    /// What was read.
    enum Event {
        /// The head of the final response; interim ones are skipped.
        case head(HTTP1ResponseHead)
        /// Bytes of the body, not empty.
        case body(ByteBuffer)
        /// The response is complete.
        case end
    }

    private enum State {
        case statusLine
        case fields
        case body(remaining: Int64)
        case untilClose
        case chunkSize
        case chunkData(remaining: Int64)
        case chunkEnd
        case trailers
        case done
        case ended
    }

    /// Most bytes of the line before a chunk, extensions included.
    private static let maximumChunkLine = 1_024

    private let limits: Limits
    private let isHeadRequest: Bool
    private var state = State.statusLine
    private var input = ByteBuffer()
    /// How many unread bytes were already searched for the end of a line.
    private var scanned = 0
    private var headBytes = 0
    private var minorVersion = 1
    private var status = 0
    private var reason = ""
    private var fields: [(String, String)] = []

    /// Whether any byte has come.
    private(set) var hasReceivedBytes = false

    init(isHeadRequest: Bool, limits: Limits) {
        self.isHeadRequest = isHeadRequest
        self.limits = limits
    }

    /// Whether bytes follow the complete response; such a connection must not be used again.
    var hasLeftOver: Bool {
        input.readableBytes > 0
    }

    /// Adds bytes that were read from the connection.
    mutating func append(_ buffer: ByteBuffer) {
        guard buffer.readableBytes > 0 else { return }
        hasReceivedBytes = true
        if input.readableBytes == 0 {
            input = buffer
        } else {
            input.writeImmutableBuffer(buffer)
        }
    }

    /// Takes the next event, or `nil` when more bytes are needed or the response is complete.
    mutating func next() throws(HTTP1ParseError) -> Event? {
        defer {
            // Lets go of the storage so that it can be read into again.
            if input.readableBytes == 0 { input = ByteBuffer() }
        }
        while true {
            switch state {
            case .statusLine:
                try checkBeginning()
                guard let line = try headLine() else { return nil }
                try readStatusLine(line)
                state = .fields
            case .fields:
                guard let line = try headLine() else { return nil }
                guard line.readableBytes == 0 else {
                    try readField(line)
                    continue
                }
                if let head = try finishHead() { return .head(head) }
            case .body(let remaining):
                guard let bytes = take(upTo: remaining) else { return nil }
                let left = remaining - Int64(bytes.readableBytes)
                state = left == 0 ? .done : .body(remaining: left)
                return .body(bytes)
            case .untilClose:
                guard let bytes = take(upTo: .max) else { return nil }
                return .body(bytes)
            case .chunkSize:
                guard let line = try chunkLine() else { return nil }
                let size = try HTTP1Lexer.chunkSize(line)
                state = size == 0 ? .trailers : .chunkData(remaining: size)
            case .chunkData(let remaining):
                guard let bytes = take(upTo: remaining) else { return nil }
                let left = remaining - Int64(bytes.readableBytes)
                state = left == 0 ? .chunkEnd : .chunkData(remaining: left)
                return .body(bytes)
            case .chunkEnd:
                guard let end = input.readBytes(length: 2) else { return nil }
                guard end == [13, 10] else { throw .malformed("a chunk is longer than its size says") }
                state = .chunkSize
            case .trailers:
                guard let line = try headLine() else { return nil }
                if line.readableBytes == 0 { state = .done }
            case .done:
                state = .ended
                return .end
            case .ended:
                return nil
            }
        }
    }

    /// Tells that no more bytes come.
    ///
    /// - Returns: `end` when the response ends with the connection, `nil` when it had ended before.
    mutating func finish() throws(HTTP1ParseError) -> Event? {
        switch state {
        case .untilClose:
            state = .ended
            return .end
        case .done, .ended: return nil
        case .statusLine where !hasReceivedBytes: throw .nothingReceived
        default: throw .truncated
        }
    }

    // MARK: Pieces

    private mutating func take(upTo limit: Int64) -> ByteBuffer? {
        let count = Int(min(limit, Int64(input.readableBytes)))
        guard count > 0 else { return nil }
        return input.readSlice(length: count)
    }

    /// Takes one line of a head or trailer without its end, or `nil` when it is not complete yet.
    private mutating func headLine() throws(HTTP1ParseError) -> ByteBuffer? {
        guard let length = lengthOfLine() else {
            guard headBytes + input.readableBytes <= limits.headBytes else { throw .headTooLarge }
            return nil
        }
        headBytes += length
        guard headBytes <= limits.headBytes else { throw .headTooLarge }
        return takeLine(length: length, mayEndInBareLF: true)
    }

    private mutating func chunkLine() throws(HTTP1ParseError) -> ByteBuffer? {
        guard let length = lengthOfLine() else {
            guard input.readableBytes <= Self.maximumChunkLine else { throw .malformed("a chunk's line is too long") }
            return nil
        }
        guard length <= Self.maximumChunkLine else { throw .malformed("a chunk's line is too long") }
        guard let line = takeLine(length: length, mayEndInBareLF: false) else {
            throw .malformed("a chunk's line does not end in CRLF")
        }
        return line
    }

    /// The length of the line at the front with its LF, remembering what was searched.
    private mutating func lengthOfLine() -> Int? {
        let found = input.withUnsafeReadableBytes { bytes in
            bytes[min(scanned, bytes.count)...].firstIndex(of: UInt8(ascii: "\n"))
        }
        scanned = found == nil ? input.readableBytes : 0
        return found.map { $0 + 1 }
    }

    private mutating func takeLine(length: Int, mayEndInBareLF: Bool) -> ByteBuffer? {
        guard var line = input.readSlice(length: length) else { return nil }
        let endsInCRLF = length > 1 && line.getInteger(at: line.writerIndex - 2) == UInt8(ascii: "\r")
        guard endsInCRLF || mayEndInBareLF else { return nil }
        line.moveWriterIndex(to: line.writerIndex - (endsInCRLF ? 2 : 1))
        return line
    }

    // MARK: Head

    /// Refuses what cannot become a status line without waiting for the end of the line.
    private func checkBeginning() throws(HTTP1ParseError) {
        guard input.readableBytesView.starts(with: "HTTP/1.".utf8.prefix(input.readableBytes)) else {
            throw .malformed("the response does not begin with an HTTP/1 status line")
        }
    }

    private mutating func readStatusLine(_ line: ByteBuffer) throws(HTTP1ParseError) {
        let parsed = try HTTP1Lexer.statusLine(line)
        minorVersion = parsed.minorVersion
        status = parsed.status
        reason = parsed.reason
        fields = []
    }

    private mutating func readField(_ line: ByteBuffer) throws(HTTP1ParseError) {
        if HTTP1Lexer.isFolded(line) {
            guard let last = fields.indices.last else { throw .malformed("the first header line is a continuation") }
            fields[last].1 += " " + (try HTTP1Lexer.fieldValue(line))
            return
        }
        guard fields.count < limits.fields else { throw .headTooLarge }
        fields.append(try HTTP1Lexer.field(line))
    }

    /// Ends a head: `nil` for an interim one.
    private mutating func finishHead() throws(HTTP1ParseError) -> HTTP1ResponseHead? {
        guard status != 101 else { throw .malformed("the peer switches protocols unasked") }
        guard status >= 200 else {
            state = .statusLine
            return nil
        }
        let interpreter = HTTP1HeadInterpreter(
            status: status,
            minorVersion: minorVersion,
            fields: fields,
            isHeadRequest: isHeadRequest
        )
        let facts = try interpreter.facts()
        let framing = facts.framing
        switch framing {
        case .none: state = .done
        case .length(let length): state = .body(remaining: length)
        case .chunked: state = .chunkSize
        case .untilClose: state = .untilClose
        }
        let head = HTTP1ResponseHead(
            status: HTTPResponseStatus(statusCode: status, reasonPhrase: reason),
            headers: HTTPHeaders(fields),
            framing: framing,
            keepsAlive: facts.keepsAlive && framing != .untilClose,
            keepAliveSeconds: facts.keepAliveSeconds
        )
        fields = []
        return head
    }
}
