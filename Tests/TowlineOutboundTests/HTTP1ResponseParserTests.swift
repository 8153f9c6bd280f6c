import NIOCore
import NIOHTTP1
import Testing

@testable import TowlineOutbound

@Suite("responses of HTTP/1.1")
struct HTTP1ResponseParserTests {
    /// What came out of a parser.
    private struct Read: Equatable {
        var statuses: [UInt] = []
        var body = ""
        var hasEnded = false
        var hasLeftOver = false
    }

    private static let limits = HTTP1ResponseParser.Limits(headBytes: 1_000, fields: 20)

    /// Feeds pieces and then, if asked, the end of the connection.
    private func read(
        _ pieces: [String],
        closes: Bool = false,
        isHead: Bool = false,
        onHead: (HTTP1ResponseHead) -> Void = { _ in }
    ) throws(HTTP1ParseError) -> Read {
        var parser = HTTP1ResponseParser(isHeadRequest: isHead, limits: Self.limits)
        var read = Read()
        for piece in pieces {
            parser.append(ByteBuffer(string: piece))
            while let event = try parser.next() {
                switch event {
                case .head(let head):
                    read.statuses.append(head.status.code)
                    onHead(head)
                case .body(let bytes): read.body += String(buffer: bytes)
                case .end: read.hasEnded = true
                }
            }
        }
        if closes, try parser.finish() != nil { read.hasEnded = true }
        read.hasLeftOver = parser.hasLeftOver
        return read
    }

    private func bytewise(_ text: String) -> [String] {
        text.unicodeScalars.map { String($0) }
    }

    private static let complete: [(String, UInt, String)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, ""),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length:5\r\n\r\nhello", 404, "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, "hello"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "hello"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n00\r\nX: y\r\n\r\n", 200,
            "hello"
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00005 \r\nhello\r\n0\r\n\r\n", 200, "hello"),
        ("HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, ""),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, ""),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            200, "x"
        ),
        ("HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\n\tc\r\nContent-Length: 1\r\n\r\nx", 200, "x"),
        ("HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length: 1\r\n\r\nx", 200, "x"),
    ]

    @Test("a complete response is read, whole and byte by byte", arguments: complete)
    func completeResponse(text: String, status: UInt, body: String) throws {
        let expected = Read(statuses: [status], body: body, hasEnded: true)
        #expect(try read([text]) == expected)
        #expect(try read(bytewise(text)) == expected)
        #expect(try read([text], closes: true) == expected)
    }

    @Test("every beginning of a response is a truncated one", arguments: complete)
    func truncated(text: String, status: UInt, body: String) throws {
        let scalars = bytewise(text)
        for count in 1..<scalars.count {
            #expect(throws: HTTP1ParseError.truncated) { try read([scalars[..<count].joined()], closes: true) }
        }
        #expect(throws: HTTP1ParseError.nothingReceived) { try read([], closes: true) }
    }

    @Test("a body without a length ends with the connection")
    func untilClose() throws {
        let text = "HTTP/1.1 200 OK\r\n\r\nhello"
        #expect(try read([text]) == Read(statuses: [200], body: "hello"))
        #expect(try read([text], closes: true) == Read(statuses: [200], body: "hello", hasEnded: true))
        #expect(try read(["HTTP/1.0 200 OK\r\n\r\n"], closes: true).hasEnded)
    }

    @Test("the response to HEAD has no body whatever its fields say")
    func headRequest() throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        #expect(try read([text], isHead: true) == Read(statuses: [200], hasEnded: true))
        #expect(try read(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"], isHead: true).hasEnded)
    }

    @Test("bytes behind a complete response are noticed")
    func leftOver() throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
        #expect(try !read([text]).hasLeftOver)
        #expect(try read([text + "H"]).hasLeftOver)
        #expect(try read([text + text]) == Read(statuses: [200], body: "x", hasEnded: true, hasLeftOver: true))
        #expect(try read(["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\r\n"]).hasLeftOver)
    }

    @Test(
        "a head that breaks the rules is refused",
        arguments: [
            "hello", "<html><body>HTTP/0.9</body></html>\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n : x\r\n\r\n", "HTTP/1.1 200 OK\r\nNoColon\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nName : x\r\n\r\n", "HTTP/1.1 200 OK\r\nNa me: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", "HTTP/1.1 200 O\rK\r\n\r\n", "HTTP/1.1 200 OK\r\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n",
        ]
    )
    func malformedHead(text: String) throws {
        for pieces in [[text], bytewise(text)] {
            let error = #expect(throws: HTTP1ParseError.self) { try read(pieces) }
            guard case .malformed = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test(
        "chunks that break the rules are refused",
        arguments: [
            "g\r\n", "\r\n", "-5\r\nhello\r\n", "0x5\r\nhello\r\n", "5\nhello\n", "5\r\nhelloXX0\r\n\r\n",
            "5\r\nhello\n0\n\n",
            "5\r\nhello6\r\n", "1000000000000000\r\n", "fffffffffffffffff\r\n", " 5\r\nhello\r\n", "5 x\r\nhello\r\n",
            "5;a\0\r\nhello\r\n",
            "5;\(String(repeating: "x", count: 1_024))\r\nhello\r\n", String(repeating: "0", count: 1_025),
        ]
    )
    func malformedChunks(chunks: String) throws {
        let error = #expect(throws: HTTP1ParseError.self) {
            try read(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunks])
        }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "heads over the limits are refused",
        arguments: [
            "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 1_000))\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 1_000))",
            "HTTP/1.1 200 \(String(repeating: "a", count: 1_000))",
            "HTTP/1.1 200 OK\r\n" + (0..<21).map { "X\($0): y\r\n" }.joined(),
            "HTTP/1.1 200 OK\r\n" + String(repeating: "Name: valuevalue\r\n", count: 60),
            String(repeating: "HTTP/1.1 100 \r\n\r\n", count: 60),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + String(repeating: "T: t\r\n", count: 200),
            "HTTP/1.1 200 OK\r\nX: a\r\n" + String(repeating: " folded\r\n", count: 200),
        ]
    )
    func tooLarge(text: String) {
        #expect(throws: HTTP1ParseError.headTooLarge) { try read([text]) }
        #expect(throws: HTTP1ParseError.headTooLarge) { try read(bytewise(text)) }
    }

    @Test(
        "whether the connection lasts is read from version and fields",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\n\r\n", false), ("HTTP/1.1 204 X\r\n\r\n", true),
        ]
    )
    func keepsAlive(text: String, expected: Bool) throws {
        var keepsAlive: Bool?
        _ = try read([text]) { keepsAlive = $0.keepsAlive }
        #expect(keepsAlive == expected)
    }

    @Test("fields are joined, trimmed and kept in order")
    func fields() throws {
        var headers: HTTPHeaders = [:]
        var seconds: Int64?
        let text =
            "HTTP/1.1 200 OK\r\nA: \t one \t \r\na: two\r\nF: x\r\n \t y \r\nKeep-Alive: max=5, timeout=7\r\nContent-Length: 0\r\n\r\n"
        _ = try read([text]) {
            headers = $0.headers
            seconds = $0.keepAliveSeconds
        }
        #expect(headers["a"] == ["one", "two"])
        #expect(headers["F"] == ["x y"])
        #expect(seconds == 7)
    }

    @Test("a large body is handed on without being copied, and its storage is let go")
    func noCopies() throws {
        var parser = HTTP1ResponseParser(isHeadRequest: false, limits: Self.limits)
        parser.append(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"))
        _ = try parser.next()
        let bytes = ByteBuffer(repeating: 7, count: 1 << 20)
        let base = bytes.withUnsafeReadableBytes { $0.baseAddress }
        parser.append(bytes)
        guard case .body(let chunk) = try parser.next() else {
            Issue.record("no body")
            return
        }
        #expect(chunk.withUnsafeReadableBytes { $0.baseAddress } == base)
        #expect(chunk.readableBytes == 1 << 20)
    }
}
