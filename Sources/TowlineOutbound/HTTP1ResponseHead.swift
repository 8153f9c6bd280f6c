import NIOCore
import NIOHTTP1

/// The head of one final response.
struct HTTP1ResponseHead: Sendable {
    /// How the end of the body is told (RFC 9112 section 6.3).
    enum Framing: Hashable, Sendable {
        /// There is no body.
        case none
        /// That many bytes follow.
        case length(Int64)
        /// Chunks follow.
        case chunked
        /// The body ends with the connection.
        case untilClose
    }

    /// The code and the reason.
    let status: HTTPResponseStatus
    /// The fields.
    let headers: HTTPHeaders
    /// How the end of the body is told.
    let framing: Framing
    /// Whether the peer keeps the connection open after the body.
    let keepsAlive: Bool
    /// How many whole seconds the peer says it keeps an idle connection, if it does.
    let keepAliveSeconds: Int64?
    /// How long the first byte took from the start of the exchange; set by the connection.
    var firstByteTime = TimeAmount.zero

    /// The length of the body where the head tells it.
    var bodyLength: Int64? {
        switch framing {
        case .none: 0
        case .length(let length): length
        case .chunked, .untilClose: nil
        }
    }
}

/// Says why bytes are not an HTTP/1.1 response.
enum HTTP1ParseError: Error, Hashable, Sendable {
    /// The bytes break the rule that the text names.
    case malformed(String)
    /// The heads have too many bytes or fields.
    case headTooLarge
    /// The bytes ended before the response did.
    case truncated
    /// The bytes ended before the first one of a response.
    case nothingReceived
}

/// Decides from a head how its body is framed and whether the connection lasts.
struct HTTP1HeadInterpreter {
    let status: Int
    let minorVersion: Int
    let fields: [(String, String)]
    let isHeadRequest: Bool

    /// What follows from a head.
    struct Facts {
        /// How the end of the body is told.
        var framing: HTTP1ResponseHead.Framing
        /// Whether the peer keeps the connection open.
        var keepsAlive: Bool
        /// The `timeout` of a Keep-Alive field.
        var keepAliveSeconds: Int64?
    }

    /// RFC 9112 section 6.3, with what may be tampered with refused: both lengths at once, lengths that differ, a
    /// transfer coding other than `chunked` alone, and any transfer coding from an HTTP/1.0 peer.
    func facts() throws(HTTP1ParseError) -> Facts {
        var codings: [String] = []
        var length: Int64?
        var hasClose = false
        var hasKeepAlive = false
        var keepAliveSeconds: Int64?
        for (name, value) in fields {
            switch name.utf8.count {
            case 10 where HTTP1Lexer.isSame(name, "connection"):
                let options = Self.elements(of: value)
                hasClose = hasClose || options.contains("close")
                hasKeepAlive = hasKeepAlive || options.contains("keep-alive")
            case 10 where HTTP1Lexer.isSame(name, "keep-alive"):
                keepAliveSeconds = keepAliveSeconds ?? Self.timeout(in: value)
            case 14 where HTTP1Lexer.isSame(name, "content-length"):
                length = try Self.contentLength(value, before: length)
            case 17 where HTTP1Lexer.isSame(name, "transfer-encoding"): codings += Self.elements(of: value)
            default: break
            }
        }
        return Facts(
            framing: try framing(codings: codings, length: length),
            keepsAlive: !hasClose && (minorVersion > 0 || hasKeepAlive), keepAliveSeconds: keepAliveSeconds)
    }

    private func framing(codings: [String], length: Int64?) throws(HTTP1ParseError) -> HTTP1ResponseHead.Framing {
        if isHeadRequest || status == 204 || status == 304 { return .none }
        guard codings.isEmpty else {
            guard length == nil else { throw .malformed("both Content-Length and Transfer-Encoding are given") }
            guard minorVersion > 0 else { throw .malformed("an HTTP/1.0 response has a Transfer-Encoding") }
            guard codings == ["chunked"] else {
                throw .malformed("the Transfer-Encoding is not chunked alone")
            }
            return .chunked
        }
        guard let length else { return .untilClose }
        return length == 0 ? .none : .length(length)
    }

    /// The length that a field gives, which must be the one that another gave.
    private static func contentLength(_ value: String, before: Int64?) throws(HTTP1ParseError) -> Int64 {
        var length = before
        let texts = elements(of: value)
        guard !texts.isEmpty else { throw .malformed("the Content-Length is empty") }
        for text in texts {
            let isPlain = (1...18).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
            guard isPlain, let number = Int64(text) else { throw .malformed("the Content-Length is not a number") }
            guard length == nil || length == number else { throw .malformed("several Content-Length fields differ") }
            length = number
        }
        return length ?? 0
    }

    private static func timeout(in value: String) -> Int64? {
        for parameter in elements(of: value) {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0] == "timeout", let seconds = Int64(pair[1]), seconds >= 0 { return seconds }
        }
        return nil
    }

    /// The comma-separated elements of a value, in lower case.
    private static func elements(of value: String) -> [String] {
        guard value.utf8.contains(where: { $0 == 0x2C || $0 == 0x20 || $0 == 0x09 }) else {
            return value.isEmpty ? [] : [value.lowercased()]
        }
        return value.split(separator: ",").map { trimmed($0).lowercased() }.filter { !$0.isEmpty }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop { $0 == " " || $0 == "\t" }
        let end = start.lastIndex { $0 != " " && $0 != "\t" }
        return end.map { start[...$0] } ?? ""
    }
}
