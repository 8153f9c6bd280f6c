import TowlineCore
import TowlineOutbound
import TowlineTesting
import TowlineWorker

extension OriginTable {
    private static let file = OriginText.file
    private static let length = OriginText.length

    private static func malformed(_ name: String, _ answer: String, says: String = "not valid HTTP/1.1") -> OriginCase {
        .refused(name, .urlInvalid, says: says, [.expectHead, .send(answer), .stall]) { $0.isClosedByClient = true }
    }

    // MARK: Lengths

    static let lengths: [OriginCase] = [
        .stored("a body of its length on a connection that stays", [.expectHead, .send(OriginText.whole()), .stall]),
        .stored(
            "an empty file", storing: "", [.expectHead, .send(OriginText.whole("")), .stall]),
        .stored(
            "more than the length says", [.expectHead, .send(OriginText.whole() + "and more"), .stall]
        ) { $0.isClosedByClient = true },
        .stored(
            "a second answer behind the first",
            [.expectHead, .send(OriginText.whole() + OriginText.whole(OriginText.other)), .stall]
        ) { $0.isClosedByClient = true },
        .failing(
            "a body one byte short", .sourceTruncated, [.expectHead, .send(OriginText.whole(tag: nil, sent: 19_999))]),
        .failing("no body where one was announced", .sourceTruncated, [.expectHead, .send(OriginText.whole(sent: 0))]),
        .failing("one byte of it", .sourceTruncated, [.expectHead, .send(OriginText.whole(tag: nil, sent: 1))]),
        .stored("no length, and the end", [.expectHead, .send(OriginText.head(200) + file)]),
        .stored("no length, and nothing but the end", storing: "", [.expectHead, .send(OriginText.head(200))]),
        .failing(
            "no length, and a reset", .sourceUnavailable, [.expectHead, .send(OriginText.head(200) + file), .reset]),
        .failing(
            "no length, and a reset while the reader is behind", .sourceUnavailable,
            [.expectHead, .send(OriginText.head(200)), .sendRepeated(piece, times: 64), .reset]
        ) { $0.pull = { $0.maxBytes = 1 << 30 } },
        malformed(
            "both lengths",
            OriginText.head(200, "Content-Length: \(length)", "Transfer-Encoding: chunked") + OriginText.chunk(file),
            says: "both Content-Length and Transfer-Encoding"),
        malformed(
            "both lengths, the other way round",
            OriginText.head(200, "Transfer-Encoding: chunked", "Content-Length: 5") + OriginText.chunk(file),
            says: "both Content-Length and Transfer-Encoding"),
        malformed("two lengths", OriginText.head(200, "Content-Length: 2", "Content-Length: 3") + "abc"),
        malformed("a list of two lengths", OriginText.head(200, "Content-Length: 2, 3") + "abc"),
        .stored(
            "the same length twice", storing: "abc",
            [.expectHead, .send(OriginText.head(200, "Content-Length: 3", "Content-Length: 3") + "abc")]),
        .stored(
            "a list of the same length", storing: "abc",
            [.expectHead, .send(OriginText.head(200, "Content-Length: 3, 3") + "abc")]),
        .stored(
            "a length with zeros before it", storing: "abc",
            [.expectHead, .send(OriginText.head(200, "Content-Length: 003") + "abc")]),
        malformed("a negative length", OriginText.head(200, "Content-Length: -1")),
        malformed("a length with a plus", OriginText.head(200, "Content-Length: +3") + "abc"),
        malformed("a hexadecimal length", OriginText.head(200, "Content-Length: 0x3") + "abc"),
        malformed("a length with a fraction", OriginText.head(200, "Content-Length: 3.0") + "abc"),
        malformed("an empty length", OriginText.head(200, "Content-Length:") + "abc"),
        malformed("a length beyond all numbers", OriginText.head(200, "Content-Length: 18446744073709551619") + "abc"),
        .refused(
            "a length beyond the limit", .fileTooLarge, says: "999999999999999999",
            [.expectHead, .send(OriginText.head(200, "Content-Length: 999999999999999999")), .stall]
        ) { $0.isClosedByClient = true },
    ]

    // MARK: Chunks

    private static let good = OriginText.chunk(file) + "0\r\n\r\n"

    private static func chunked(_ name: String, _ body: String, storing bytes: String = file) -> OriginCase {
        .stored(name, storing: bytes, [.expectHead, .send(OriginText.chunked + body), .stall])
    }

    /// Chunks that break off: bytes may have been lost, so it is worth another try.
    private static func cut(_ name: String, _ body: String) -> OriginCase {
        .failing(name, .sourceTruncated, [.expectHead, .send(OriginText.chunked + body)])
    }

    private static func broken(_ name: String, _ body: String) -> OriginCase {
        .failing(name, .sourceUnavailable, [.expectHead, .send(OriginText.chunked + body), .stall]) {
            $0.message = "not valid HTTP/1.1"
            $0.isClosedByClient = true
        }
    }

    private static func coding(_ name: String, _ coding: String...) -> OriginCase {
        let fields = coding.map { "Transfer-Encoding: \($0)\r\n" }.joined()
        return malformed(name, "HTTP/1.1 200 OK\r\n\(fields)\r\n" + good)
    }

    static let chunks: [OriginCase] = [
        chunked("one chunk", good),
        chunked("no chunk", "0\r\n\r\n", storing: ""),
        chunked(
            "a chunk for each byte", file.prefix(5_000).map { OriginText.chunk(String($0)) }.joined() + "0\r\n\r\n",
            storing: String(file.prefix(5_000))),
        chunked("an extension", "3;name=\"va;lue\"\r\nabc\r\n0;last\r\n\r\n", storing: "abc"),
        chunked("trailers", "3\r\nabc\r\n0\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n", storing: "abc"),
        chunked("sizes in capitals", "A\r\nabcdefghij\r\n0\r\n\r\n", storing: "abcdefghij"),
        chunked("sizes with zeros before them", "0000003\r\nabc\r\n0000\r\n\r\n", storing: "abc"),
        .stored("bytes behind the last chunk", [.expectHead, .send(OriginText.chunked + good + "more"), .stall]) {
            $0.isClosedByClient = true
        },
        .stored(
            "the coding in capitals",
            [.expectHead, .send(OriginText.head(200, "transfer-encoding: CHUNKED") + good), .stall]),
        cut("no last chunk", OriginText.chunk("abc")),
        cut("no chunk at all", ""),
        cut("the end within a chunk", "a\r\nabc"),
        cut("the end within a size", "3\r\nabc\r\n1"),
        cut("the end behind a chunk's bytes", "3\r\nabc"),
        cut("the end behind the last size", "3\r\nabc\r\n0\r\n"),
        cut("the end within trailers", "3\r\nabc\r\n0\r\nX: y\r\n"),
        broken("a size that is no number", "3\r\nabc\r\nzz\r\nabc\r\n0\r\n\r\n"),
        broken("a negative size", "-3\r\nabc\r\n0\r\n\r\n"),
        broken("a size with a prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
        broken("no size", "\r\nabc\r\n0\r\n\r\n"),
        broken("a size with a blank before it", " 3\r\nabc\r\n0\r\n\r\n"),
        broken("a size beyond all numbers", "ffffffffffffffff3\r\nabc\r\n0\r\n\r\n"),
        broken("a chunk longer than its size", "3\r\nabcdef\r\n0\r\n\r\n"),
        broken("a chunk shorter than its size", "8\r\nabc\r\n0\r\n\r\n\r\n"),
        broken("sizes that end in a line feed", "3\nabc\n0\n\n"),
        broken("an extension of 2 kB", "3;\(String(repeating: "x", count: 2_000))\r\nabc\r\n0\r\n\r\n"),
        broken("an extension with a control character", "3;a\u{1}b\r\nabc\r\n0\r\n\r\n"),
        coding("an unknown coding", "gzip, chunked"),
        coding("chunked twice", "chunked, chunked"),
        coding("chunked in two fields", "chunked", "chunked"),
        coding("identity as a coding", "identity"),
        coding("chunked, but not as the last", "chunked, gzip"),
        coding("a coding that looks like chunked", "xchunked"),
        coding("a coding with a parameter", "chunked;q=1"),
    ]

    static let piece = [UInt8](repeating: 65, count: 64 << 10)

    // MARK: Heads

    private static func status(_ line: String) -> OriginCase {
        malformed("the status line '\(line)'", line + "\r\nContent-Length: 3\r\n\r\nabc")
    }

    private static func field(_ name: String, _ field: String) -> OriginCase {
        malformed(name, "HTTP/1.1 200 OK\r\n\(field)\r\nContent-Length: 3\r\n\r\nabc")
    }

    private static func read(_ name: String, _ answer: String, storing bytes: String = "abc") -> OriginCase {
        .stored(name, storing: bytes, [.expectHead, .send(answer)])
    }

    static let heads: [OriginCase] = [
        read("HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        read("HTTP/1.0 without one", "HTTP/1.0 200 OK\r\n\r\nabc"),
        read("HTTP/1.0 that stays", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc"),
        malformed("HTTP/1.0 with chunks", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + good),
        malformed("HTTP/0.9", "<html>ok</html>"),
        malformed("HTTP/2 unasked", "HTTP/2 200\r\n\r\n"),
        malformed("frames of HTTP/2", "\0\0\u{12}\u{4}\0\0\0\0\0\0\u{3}\0\0\0\u{64}"),
        malformed("a radio stream", "ICY 200 OK\r\nicy-name: x\r\n\r\n"),
        malformed("another protocol", "SSH-2.0-OpenSSH_9.6\r\n"),
        malformed("bytes without meaning", "\u{1}\u{2}\u{3}\0\u{7f}"),
        malformed("an empty line first", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        read("lines that end in a line feed", "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"),
        read("no reason", "HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc"),
        read("a reason that is not ASCII", "HTTP/1.1 200 \u{e9}\u{4e2d}\r\nContent-Length: 3\r\n\r\nabc"),
        status("HTTP/1.1 20 OK"), status("HTTP/1.1 2000 OK"), status("HTTP/1.1 abc OK"), status("HTTP/1.1  200 OK"),
        status("HTTP/1.1 -20 OK"), status("HTTP/1.1 099 OK"), status("HTTP/1.1200 OK"), status("http/1.1 200 OK"),
        status("HTTP/1.x 200 OK"), status("HTTP/1.1\t200 OK"), status("HTTP/1.1 200 O\0K"),
        read("a folded line", "HTTP/1.1 200 OK\r\nX-Long: a\r\n  b\r\n\tc\r\nContent-Length: 3\r\n\r\nabc"),
        read("a folded length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 3\r\n\r\nabc"),
        malformed("a continuation first", "HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 3\r\n\r\nabc"),
        field("a field without a name", ": value"), field("a field without a colon", "value"),
        field("a blank before the colon", "Content-Length : 3"), field("a zero byte in a value", "X: a\0b"),
        field("a carriage return in a value", "X: a\rContent-Length: 9"), field("a bell in a value", "X: a\u{7}"),
        field("a name that is not ASCII", "X-\u{e9}: a"), field("a name with brackets", "X(Y): a"),
        read("a value that is not ASCII", "HTTP/1.1 200 OK\r\nX: \u{e9}\u{4e2d}\r\nContent-Length: 3\r\n\r\nabc"),
        read("an empty value", "HTTP/1.1 200 OK\r\nX:\r\nContent-Length: 3\r\n\r\nabc"),
        read(
            "one field three times",
            "HTTP/1.1 200 OK\r\nX: a\r\nX: b\r\nx: c\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 3\r\n\r\nabc"
        ),
        read(
            "two entity tags, which are none",
            "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nETag: \"b\"\r\nContent-Length: 3\r\n\r\nabc"),
        read(
            "300 small fields",
            "HTTP/1.1 200 OK\r\n\(String(repeating: "A: b\r\n", count: 300))Content-Length: 3\r\n\r\nabc"),
        read(
            "79 kB of fields",
            "HTTP/1.1 200 OK\r\n" + (0..<79).map { "X-\($0): \(String(repeating: "v", count: 990))\r\n" }.joined()
                + "Content-Length: 3\r\n\r\nabc"),
        read(
            "informational answers first",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        malformed("another protocol by 101", "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"),
        .stored(
            "Connection: close, but it stays open",
            [.expectHead, .send(OriginText.whole(file, "Connection: close")), .stall]
        ) { $0.isClosedByClient = true },
    ]

    // MARK: Encodings

    private static func encoded(_ coding: String) -> OriginCase {
        // What it claims to be does not matter: the bytes are stored as they were sent.
        .stored(
            "the content encoding '\(coding)'", storing: "\u{1f}not inflated\u{8}",
            [
                .expectHead,
                .send(OriginText.whole("\u{1f}not inflated\u{8}", tag: nil, "Content-Encoding: \(coding)")),
            ])
    }

    static let encodings: [OriginCase] = [
        encoded("gzip"), encoded("deflate"), encoded("br"), encoded("zstd"), encoded("gzip, gzip, gzip"),
        encoded("identity"), encoded("unheard-of"), encoded(""),
        .stored(
            "an encoding in chunks", storing: "\u{1f}abc",
            [
                .expectHead,
                .send(
                    OriginText.head(200, "Content-Encoding: gzip", "Transfer-Encoding: chunked")
                        + OriginText.chunk("\u{1f}abc") + "0\r\n\r\n"),
            ]),
        compressed("a gzip member that is right", OriginText.gzip),
        compressed("a bomb", OriginText.bomb),
    ]

    private static func compressed(_ name: String, _ bytes: [UInt8]) -> OriginCase {
        .stored(
            name,
            [
                .expectHead, .send(OriginText.head(200, "Content-Encoding: gzip", "Content-Length: \(bytes.count)")),
                .sendBytes(bytes),
            ]
        ) {
            $0.outcome = .stored(bytes)
            $0.pull = { $0.maxBytes = Int64(OriginText.length) + 100 }
        }
    }
}
