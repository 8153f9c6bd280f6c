import TowlineTesting

extension ReceiverTable {
    private static let ok = ReceiverAnswer.text(200)
    private static let second = ReceiverAnswer.text(200, body: "2")

    // MARK: Connections over several events

    static let connections: [ReceiverCase] = [
        ReceiverCase(
            "keep-alive over three events", exact: [.delivered, .delivered, .delivered],
            durable: [.delivered, .delivered, .delivered], requests: 3...3,
            steps: { _ in [.read, .send(ok), .read, .send(ok), .read, .send(ok)] }
        ) { $0.connections = [0, 0, 0] },
        ReceiverCase(
            "the end between two events", exact: [.delivered, .delivered], durable: [.delivered, .delivered],
            requests: 2...2, steps: { _ in [.read, .send(ok)] }
        ) { $0.connections = [0, 1] },
        ReceiverCase(
            "a reset between two events", exact: [.delivered, .delivered], durable: [.delivered, .delivered],
            requests: 2...2, steps: { number in number == 0 ? [.read, .send(ok), .reset] : [.read, .send(ok)] }
        ) { $0.connections = [0, 1] },
        ReceiverCase(
            "Connection: close", exact: [.delivered, .delivered], durable: [.delivered, .delivered], requests: 2...2,
            steps: { _ in [.read, .send(ReceiverAnswer.text(200, headers: ["Connection: close"])), .stall] }
        ) {
            $0.connections = [0, 1]
            $0.isClosedByClient = true
        },
        ReceiverCase(
            "a second answer in the pipe", exact: [.delivered, .failure("answered 500")],
            durable: [.delivered, .failure("answered 500")], requests: 2...2,
            steps: { number in
                number == 0 ? [.read, .send(ok + ok), .stall] : [.read, .send(ReceiverAnswer.text(500))]
            }
        ) { $0.connections = [0, 1] },
        ReceiverCase(
            "half a second answer in the pipe", exact: [.delivered, .failure("answered 500")],
            durable: [.delivered, .failure("answered 500")], requests: 2...2,
            steps: { number in
                number == 0
                    ? [.read, .send(ok + "HTTP/1.1 200 OK\r\n"), .stall] : [.read, .send(ReceiverAnswer.text(500))]
            }
        ) { $0.connections = [0, 1] },
        ReceiverCase(
            "flapping", exact: [.failure("500"), .delivered, .failure("closed"), .delivered],
            durable: [.failure("500"), .delivered, .failure("closed"), .delivered], requests: 4...4,
            steps: { number in
                number == 0 ? [.read, .send(ReceiverAnswer.text(500)), .read, .send(ok), .read] : [.read, .send(ok)]
            }
        ) { $0.connections = [0, 0, 0, 1] },
    ]

    // MARK: Framing

    private static func malformed(
        _ name: String, _ answer: String, _ cause: String = "not valid HTTP/1.1"
    )
        -> ReceiverCase
    {
        ReceiverCase(name, [.read, .send(answer), .stall], .failure(cause)) { $0.isClosedByClient = true }
    }

    private static func chunked(_ name: String, _ chunks: String) -> ReceiverCase {
        ReceiverCase(
            name, [.read, .send(ReceiverAnswer.head(200, "Transfer-Encoding: chunked") + chunks), .stall], .delivered
        ) { $0.isClosedByClient = true }
    }

    static let framing: [ReceiverCase] = [
        ReceiverCase("HTTP/1.0", [.read, .send("HTTP/1.0 200 OK\r\n\r\nok")], .delivered) { $0.keptBytes = 2 },
        ReceiverCase("HTTP/1.0 that refuses", [.read, .send("HTTP/1.0 500 No\r\n\r\n")], .failure("answered 500")),
        ReceiverCase(
            "lines that end in a line feed", [.read, .send("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")],
            .delivered),
        malformed("HTTP/0.9", "<html>ok</html>"),
        malformed("HTTP/2 unasked", "HTTP/2 200\r\n\r\n"),
        malformed("another protocol", "SSH-2.0-OpenSSH_9.6\r\n"),
        malformed("bytes without meaning", "\u{1}\u{2}\u{3}\u{0}\u{7f}"),
        malformed("an empty line first", "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        malformed(
            "both lengths",
            ReceiverAnswer.head(200, "Content-Length: 2", "Transfer-Encoding: chunked") + "2\r\nok\r\n0\r\n\r\n",
            "both Content-Length and Transfer-Encoding"),
        malformed("two lengths", ReceiverAnswer.head(200, "Content-Length: 2", "Content-Length: 3") + "ok"),
        malformed("a negative length", ReceiverAnswer.head(200, "Content-Length: -1")),
        malformed("a length that is no number", ReceiverAnswer.head(200, "Content-Length: two")),
        malformed("an unknown transfer coding", ReceiverAnswer.head(200, "Transfer-Encoding: gzip, chunked")),
        malformed("a header without a name", "HTTP/1.1 200 OK\r\n: value\r\n\r\n"),
        malformed("a header with a zero byte", "HTTP/1.1 200 OK\r\nX: a\u{0}b\r\n\r\n"),
        chunked("a chunk size that is no number", "zz\r\nok\r\n0\r\n\r\n"),
        chunked("a chunk longer than its size", "2\r\nokay\r\n0\r\n\r\n"),
        chunked("a chunk size beyond all numbers", "ffffffffffffffffff\r\n"),
    ]

    // MARK: TLS

    private static func secured(
        _ name: String, _ leaf: TestLeaf?, host: String = "127.0.0.1", _ verdict: ExpectedVerdict
    )
        -> ReceiverCase
    {
        let isGood = if case .delivered = verdict { true } else { false }
        return ReceiverCase(name, [.read, .send(ok)], verdict, requests: isGood ? 1...1 : 0...0) {
            $0.leaf = leaf
            $0.url = { "https://\(host):\($0)/hook" }
        }
    }

    static let tls: [ReceiverCase] = [
        secured("TLS", .good, .delivered),
        secured("TLS with an expired certificate", .expired, .failure("certificate of the host is not trusted")),
        secured(
            "TLS with a certificate that signs itself", .untrusted, .failure("certificate of the host is not trusted")),
        secured("TLS with another name", .otherName, .failure("certificate does not match the host")),
        ReceiverCase(
            "plain text where TLS is expected", [.send("HTTP/1.1 400 Bad Request\r\n\r\n"), .stall],
            .failure("TLS handshake failed"), requests: 0...0
        ) { $0.url = { "https://127.0.0.1:\($0)/hook" } },
        ReceiverCase("TLS where plain text is expected", [.stall], .failure(""), requests: 0...0) {
            $0.leaf = .good
            $0.timeout = .milliseconds(300)
        },
    ]
}
