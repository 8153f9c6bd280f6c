import FoundationEssentials
import NIOCore
import NIOHTTP1
import TowlineCore

/// Writes the head of one HTTP/1.1 request.
enum HTTP1RequestEncoder {
    /// Fields that frame the message or belong to the connection: the client alone sets them.
    private static let ownFields: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade", "te",
        "trailer", "expect",
    ]

    /// Writes request line and fields.
    ///
    /// - Throws: ``OutboundError`` with code `invalidRequest` for a method, name or value that could end its line.
    static func head(of request: OutboundRequest, userAgent: String) throws(OutboundError) -> ByteBuffer {
        let url = request.url
        let method = request.method.rawValue
        guard !method.isEmpty, method.utf8.allSatisfy(HTTP1Lexer.isToken), method != "CONNECT" else {
            throw OutboundError(.invalidRequest, retryable: false, "The request's method is not allowed.")
        }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(512 + url.requestTarget.utf8.count)
        bytes.writeString(method)
        bytes.writeStaticString(" ")
        bytes.writeString(url.requestTarget)
        bytes.writeStaticString(" HTTP/1.1\r\nHost: ")
        bytes.writeString(url.hostHeader)
        bytes.writeStaticString("\r\n")
        for (name, value) in request.headers where !ownFields.contains(name.lowercased()) {
            try write(name, value, to: &bytes)
        }
        for (name, value) in [("User-Agent", userAgent), ("Accept", "*/*"), ("Accept-Encoding", "identity")]
        where !request.headers.contains(name: name) {
            try write(name, value, to: &bytes)
        }
        if let credentials = url.credentials, !request.headers.contains(name: "Authorization") {
            try write("Authorization", basic(credentials), to: &bytes)
        }
        let length = request.body?.readableBytes ?? 0
        if request.body != nil || [.POST, .PUT, .PATCH].contains(request.method) {
            try write("Content-Length", String(length), to: &bytes)
        }
        bytes.writeStaticString("\r\n")
        return bytes
    }

    private static func write(_ name: String, _ value: String, to bytes: inout ByteBuffer) throws(OutboundError) {
        guard !name.isEmpty, name.utf8.allSatisfy(HTTP1Lexer.isToken), value.utf8.allSatisfy(HTTP1Lexer.isText) else {
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
