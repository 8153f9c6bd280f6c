import FoundationEssentials
import NIOCore
import NIOHTTP1
import TowlineCore

/// Writes the head of one HTTP/1.1 request.
enum HTTP1RequestEncoder {
    /// Largest body that is sent in the same buffer as its head.
    private static let largestJoinedBody = 64 << 10

    /// Writes request line and fields, and a small body behind them.
    ///
    /// - Returns: The bytes, and the pieces of the body where it is too large to be among them.
    /// - Throws: ``OutboundError`` with code `invalidRequest` for a method, name or value that could end its line.
    static func encode(
        _ request: OutboundRequest, userAgent: String
    ) throws(OutboundError) -> (head: ByteBuffer, body: [ByteBuffer]) {
        var bytes = try head(of: request, userAgent: userAgent)
        let isJoined = request.bodyBytes <= largestJoinedBody
        let body = (request.body.map { [$0] } ?? []) + request.moreBody
        guard isJoined else { return (bytes, body.filter { $0.readableBytes > 0 }) }
        for piece in body { bytes.writeImmutableBuffer(piece) }
        return (bytes, [])
    }

    /// Writes request line and fields.
    ///
    /// - Throws: ``OutboundError`` with code `invalidRequest` for a method, name or value that could end its line.
    static func head(of request: OutboundRequest, userAgent: String) throws(OutboundError) -> ByteBuffer {
        let url = request.url
        let method = request.method.rawValue
        guard !method.isEmpty, method.utf8.allSatisfy(HTTP1Lexer.isToken), method != "CONNECT" else {
            throw OutboundError(.invalidRequest, retryable: false, "The request's method is not allowed.")
        }
        let target = url.requestTarget
        var bytes = ByteBuffer()
        bytes.reserveCapacity(512 + target.utf8.count + min(request.bodyBytes, largestJoinedBody))
        bytes.writeString(method)
        bytes.writeStaticString(" ")
        bytes.writeString(target)
        bytes.writeStaticString(" HTTP/1.1\r\n")
        try forEachField(of: request, userAgent: userAgent) { name, value throws(OutboundError) in
            try write(name, value, to: &bytes)
        }
        bytes.writeStaticString("\r\n")
        return bytes
    }

    /// Gives every field of a request in the order in which they are sent.
    static func forEachField(
        of request: OutboundRequest, userAgent: String, _ body: (String, String) throws(OutboundError) -> Void
    ) throws(OutboundError) {
        try body("Host", request.url.hostHeader)
        var hasUserAgent = false
        var hasAccept = false
        var hasEncoding = false
        var hasAuthorization = false
        for (name, value) in request.headers where !isOwn(name) {
            switch name.utf8.count {
            case 6: hasAccept = hasAccept || HTTP1Lexer.isSame(name, "accept")
            case 10: hasUserAgent = hasUserAgent || HTTP1Lexer.isSame(name, "user-agent")
            case 13: hasAuthorization = hasAuthorization || HTTP1Lexer.isSame(name, "authorization")
            case 15: hasEncoding = hasEncoding || HTTP1Lexer.isSame(name, "accept-encoding")
            default: break
            }
            try body(name, value)
        }
        if !hasUserAgent { try body("User-Agent", userAgent) }
        if !hasAccept { try body("Accept", "*/*") }
        if !hasEncoding { try body("Accept-Encoding", "identity") }
        if let credentials = request.url.credentials, !hasAuthorization {
            try body("Authorization", basic(credentials))
        }
        if request.hasBody || [.POST, .PUT, .PATCH].contains(request.method) {
            try body("Content-Length", String(request.bodyBytes))
        }
    }

    /// Whether a field frames the message or belongs to the connection: the client alone sets those.
    private static func isOwn(_ name: String) -> Bool {
        switch name.utf8.count {
        case 2: HTTP1Lexer.isSame(name, "te")
        case 4: HTTP1Lexer.isSame(name, "host")
        case 6: HTTP1Lexer.isSame(name, "expect")
        case 7: HTTP1Lexer.isSame(name, "upgrade") || HTTP1Lexer.isSame(name, "trailer")
        case 10: HTTP1Lexer.isSame(name, "connection") || HTTP1Lexer.isSame(name, "keep-alive")
        case 14: HTTP1Lexer.isSame(name, "content-length")
        case 16: HTTP1Lexer.isSame(name, "proxy-connection")
        case 17: HTTP1Lexer.isSame(name, "transfer-encoding")
        default: false
        }
    }

    private static func write(_ name: String, _ value: String, to bytes: inout ByteBuffer) throws(OutboundError) {
        guard !name.isEmpty, HTTP1Lexer.areAll(name, HTTP1Lexer.isToken), HTTP1Lexer.areAll(value, HTTP1Lexer.isText)
        else {
            throw OutboundError(
                .invalidRequest,
                retryable: false,
                "A header field of the request has a name or value that is not allowed."
            )
        }
        bytes.writeString(name)
        bytes.writeStaticString(": ")
        bytes.writeString(value)
        bytes.writeStaticString("\r\n")
    }

    /// RFC 7617.
    private static func basic(_ credentials: HTTPURL.Credentials) -> String {
        "Basic " + Data("\(credentials.user):\(credentials.password)".utf8).base64EncodedString()
    }
}

extension OutboundClient {
    /// The head of a request as it is sent, for a log: request line and fields, one a line.
    ///
    /// Values of the query are masked.
    ///
    /// - Parameters:
    ///   - request: What is sent.
    ///   - isSecret: Whether the value of a field of that name is masked too.
    /// - Returns: The lines without an end of the last.
    package func headForLog(of request: OutboundRequest, isSecret: (String) -> Bool) -> String {
        var text = "\(request.method.rawValue) \(request.url.maskedTarget) HTTP/1.1"
        text.reserveCapacity(512)
        // The closure throws nothing, so that nothing is left out.
        try? HTTP1RequestEncoder.forEachField(of: request, userAgent: configuration.userAgent) { name, value in
            text += "\n"
            text += name
            text += ": "
            text += isSecret(name) ? "(masked)" : value
        }
        return text
    }
}

extension HTTPURL {
    /// Path and query as they stand in a request line, values of the query masked.
    fileprivate var maskedTarget: String {
        query == nil ? path : String(masked.dropFirst(origin.count))
    }
}
