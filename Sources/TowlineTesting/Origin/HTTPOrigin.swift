package import NIOCore
package import TowlineCore

/// What an ``HTTPOrigin`` answers.
package struct OriginResponse: Sendable {
    /// The bytes of a response.
    package enum Body: Sendable {
        /// These bytes.
        case bytes(ByteBuffer)
        /// A piece over and over until so many bytes are sent; the last one is cut.
        case repeated(ByteBuffer, total: Int64)
    }

    /// The status code.
    package var status: Int
    /// Further header fields; Content-Length is added, or Transfer-Encoding for chunked bodies.
    package var headers: [(String, String)]
    /// The body.
    package var body: Body
    /// The size of chunks, or `nil` to send a Content-Length.
    package var chunkSize: Int?
    /// Whether the connection ends after the response.
    package var closes = false
    /// What to wait for before the head is sent.
    package var beforeHead: TestSignal?
    /// What to wait for after the head, before the body.
    package var beforeBody: TestSignal?

    /// Makes a response.
    package init(
        status: Int = 200,
        headers: [(String, String)] = [],
        body: Body = .bytes(ByteBuffer()),
        chunkSize: Int? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.chunkSize = chunkSize
    }

    /// A response with text.
    package static func text(_ text: String, status: Int = 200) -> OriginResponse {
        OriginResponse(status: status, body: .bytes(ByteBuffer(string: text)))
    }

    /// A redirect.
    package static func redirect(to location: String, status: Int = 302) -> OriginResponse {
        OriginResponse(status: status, headers: [("Location", location)])
    }

    /// A file with an ETag, served whole or, when asked for, in part.
    ///
    /// - Parameters:
    ///   - bytes: The file.
    ///   - tag: The strong ETag without its quotes; a range is served only if If-Range is missing or equals it.
    ///   - request: What was asked for; one range of the forms `a-b`, `a-` and `-n` is understood.
    /// - Returns: 200, 206 or 416.
    package static func file(_ bytes: ByteBuffer, tag: String = "v1", for request: OriginRequest) -> OriginResponse {
        let count = bytes.readableBytes
        let common = [("ETag", "\"\(tag)\""), ("Accept-Ranges", "bytes")]
        let isCurrent = request.header("if-range").map { $0 == "\"\(tag)\"" } ?? true
        guard isCurrent, let asked = request.header("range"), asked.hasPrefix("bytes=") else {
            return OriginResponse(headers: common, body: .bytes(bytes))
        }
        let ends = asked.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2 else { return OriginResponse(status: 416, headers: common) }
        let first = ends[0] ?? max(0, count - (ends[1] ?? 0))
        let last = ends[0] == nil ? count - 1 : min(ends[1] ?? count - 1, count - 1)
        guard first <= last, let part = bytes.getSlice(at: bytes.readerIndex + first, length: last - first + 1) else {
            return OriginResponse(status: 416, headers: common + [("Content-Range", "bytes */\(count)")])
        }
        let range = [("Content-Range", "bytes \(first)-\(last)/\(count)")]
        return OriginResponse(status: 206, headers: common + range, body: .bytes(part))
    }
}

/// A well-behaved HTTP/1.1 server on loopback that answers with what a test's function says.
///
/// Connections are kept alive; HEAD gets no body; bodies of requests are read and recorded first.
package struct HTTPOrigin: Sendable {
    /// The server underneath, for its record and for waiting.
    package let origin: ScriptedOrigin

    /// Starts a server.
    ///
    /// - Parameters:
    ///   - host: The address to listen on.
    ///   - setUp: Prepares each accepted channel, for instance with a TLS handler.
    ///   - respond: Gives the response to each request.
    /// - Returns: The server, listening.
    /// - Throws: The system's error when the address cannot be listened on.
    package static func start(
        host: String = "127.0.0.1",
        setUp: ScriptedOrigin.ChannelSetUp? = nil,
        respond: @escaping @Sendable (OriginRequest) async -> OriginResponse
    ) async throws -> HTTPOrigin {
        HTTPOrigin(
            origin: try await ScriptedOrigin.start(host: host, setUp: setUp) { connection in
                while true {
                    var request = try await connection.readHead()
                    request.body = try await connection.readBody()
                    let response = await respond(request)
                    try await send(response, to: request, on: connection)
                    if response.closes || request.header("connection") == "close" { return }
                }
            }
        )
    }

    /// Starts a server of files by path; any other path is 404.
    package static func serving(_ files: [String: ByteBuffer]) async throws -> HTTPOrigin {
        try await start { request in
            files[request.path].map { .file($0, for: request) } ?? .text("not found", status: 404)
        }
    }

    /// The port that it listens on.
    package var port: Int { origin.port }

    /// What happened up to now.
    package var record: OriginRecord { origin.record }

    /// An http URL of the server.
    package func url(_ target: String = "/") throws -> HTTPURL { try origin.url(target) }

    /// Stops the server.
    package func stop() async { await origin.stop() }

    private static func send(
        _ response: OriginResponse,
        to request: OriginRequest,
        on connection: OriginConnection
    ) async throws {
        await response.beforeHead?.wait()
        let length: Int64 =
            switch response.body {
            case .bytes(let bytes): Int64(bytes.readableBytes)
            case .repeated(_, let total): total
            }
        var head = "HTTP/1.1 \(response.status) Scripted\r\n"
        for (name, value) in response.headers { head += "\(name): \(value)\r\n" }
        if response.chunkSize != nil {
            head += "Transfer-Encoding: chunked\r\n"
        } else if response.status != 204, response.status != 304 {
            head += "Content-Length: \(length)\r\n"
        }
        if response.closes { head += "Connection: close\r\n" }
        try await connection.send(head + "\r\n")
        await response.beforeBody?.wait()
        guard request.method != "HEAD" else { return }
        try await sendBody(of: response, length: length, on: connection)
    }

    private static func sendBody(
        of response: OriginResponse,
        length: Int64,
        on connection: OriginConnection
    ) async throws {
        var left = length
        while left > 0 {
            var piece: ByteBuffer
            switch response.body {
            case .bytes(let bytes):
                let start = bytes.readerIndex + Int(length - left)
                let size = min(Int(left), response.chunkSize ?? Int(left))
                piece = bytes.getSlice(at: start, length: size) ?? ByteBuffer()
            case .repeated(let bytes, _):
                let size = min(Int64(bytes.readableBytes), left)
                piece = bytes.getSlice(at: bytes.readerIndex, length: Int(size)) ?? ByteBuffer()
            }
            guard piece.readableBytes > 0 else { return }
            left -= Int64(piece.readableBytes)
            if response.chunkSize != nil {
                var framed = ByteBuffer(string: String(piece.readableBytes, radix: 16) + "\r\n")
                framed.writeBuffer(&piece)
                framed.writeString("\r\n")
                piece = framed
            }
            try await connection.send(piece)
        }
        if response.chunkSize != nil { try await connection.send("0\r\n\r\n") }
    }
}
