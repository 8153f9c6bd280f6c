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
    let fields: [(name: String, value: String)]
    let isHeadRequest: Bool

    /// RFC 9112 section 6.3, with what may be tampered with refused: both lengths at once, lengths that differ, a
    /// transfer coding other than `chunked` alone, and any transfer coding from an HTTP/1.0 peer.
    func framing() throws(HTTP1ParseError) -> HTTP1ResponseHead.Framing {
        let codings = list("transfer-encoding")
        let length = try contentLength()
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

    /// Whether the peer keeps the connection open.
    var keepsAlive: Bool {
        let options = list("connection")
        if options.contains("close") { return false }
        return minorVersion > 0 || options.contains("keep-alive")
    }

    /// The `timeout` of a Keep-Alive field.
    var keepAliveSeconds: Int64? {
        for parameter in list("keep-alive") {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0] == "timeout", let seconds = Int64(pair[1]), seconds >= 0 { return seconds }
        }
        return nil
    }

    private func contentLength() throws(HTTP1ParseError) -> Int64? {
        var length: Int64?
        for text in list("content-length") {
            let isPlain = (1...18).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
            guard isPlain, let number = Int64(text) else { throw .malformed("the Content-Length is not a number") }
            guard length == nil || length == number else { throw .malformed("several Content-Length fields differ") }
            length = number
        }
        if length == nil, fields.contains(where: { isNamed($0.name, "content-length") }) {
            throw .malformed("the Content-Length is empty")
        }
        return length
    }

    /// The comma-separated elements of all fields of a name, in lower case.
    private func list(_ name: String) -> [String] {
        fields.filter { isNamed($0.name, name) }.flatMap { field in
            field.value.split(separator: ",").map { element in
                trimmed(element).lowercased()
            }
        }.filter { !$0.isEmpty }
    }

    private func isNamed(_ name: String, _ expected: String) -> Bool {
        name.utf8.count == expected.utf8.count && name.lowercased() == expected
    }

    private func trimmed(_ text: Substring) -> Substring {
        let start = text.drop { $0 == " " || $0 == "\t" }
        let end = start.lastIndex { $0 != " " && $0 != "\t" }
        return end.map { start[...$0] } ?? ""
    }
}
