import TowlineTesting

/// The behaviours of receivers and what each leads to.
enum ReceiverTable {
    static let all = statuses + retryAfter + interim + times + floods + breaks + connections + framing + tls

    private static let ok = ReceiverAnswer.text(200)

    private static func answering(_ status: some CustomStringConvertible, _ headers: String...) -> [ReceiverCase.Step] {
        [.read, .send(ReceiverAnswer.text(status, headers: headers))]
    }

    /// A status that is only a success of `durable`.
    private static func accepted(_ status: Int) -> ReceiverCase {
        ReceiverCase(
            "\(status)", answering(status), exact: .failure("answered \(status); only 200 counts"), durable: .delivered)
    }

    private static func refused(_ status: Int, _ headers: String...) -> ReceiverCase {
        ReceiverCase(
            (["\(status)"] + headers).joined(separator: ", "),
            [.read, .send(ReceiverAnswer.text(status, headers: headers))], .failure("answered \(status)"))
    }

    private static func slowed(_ status: Int) -> ReceiverCase {
        ReceiverCase(
            "\(status)", answering(status), exact: .failure("answered \(status)"),
            durable: .slowDown("answered \(status)", pause: nil))
    }

    /// An answer whose status line is no such thing.
    private static func nonsense(_ status: String) -> ReceiverCase {
        ReceiverCase("the status '\(status)'", answering(status) + [.stall], .failure("not valid HTTP/1.1")) {
            $0.isClosedByClient = true
        }
    }

    // MARK: Statuses

    private static let statuses: [ReceiverCase] =
        [
            ReceiverCase("200", answering(200), .delivered),
            ReceiverCase("200 without a body", [.read, .send(ReceiverAnswer.text(200, body: ""))], .delivered),
            ReceiverCase(
                "200 without a reason", [.read, .send("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")], .delivered),
            ReceiverCase(
                "204 with a body that it must not have",
                [.read, .send("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello"), .stall],
                exact: .failure("204"), durable: .delivered
            ) { $0.isClosedByClient = true },
            ReceiverCase(
                "410", answering(410, "Retry-After: 5"), exact: .failure("answered 410"), durable: .gone("answered 410")
            ),
            ReceiverCase(
                "a redirect to an inner address", answering(307, "Location: http://169.254.169.254/latest/meta-data/"),
                .failure("answered 307")),
            nonsense("099"), nonsense("000"), nonsense("20"), nonsense("2000"), nonsense("abc"), nonsense("-200"),
            nonsense("200.5"),
        ] + [201, 202, 204, 206, 226, 299].map(accepted)
        + [300, 301, 302, 303, 304, 305, 307, 308].map { refused($0, "Location: /elsewhere") }
        + [400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 418, 421, 422, 425, 426, 451].map { refused($0) }
        + [500, 501, 505, 507, 508, 511, 599, 600, 999].map { refused($0) } + [429, 502, 503, 504].map(slowed)

    // MARK: Retry-After

    private static func asking(_ values: String..., pause: Duration?) -> ReceiverCase {
        ReceiverCase(
            "429 with Retry-After \(values)",
            [.read, .send(ReceiverAnswer.text(429, headers: values.map { "Retry-After: \($0)" }))],
            exact: .failure("answered 429"), durable: .slowDown("answered 429", pause: pause))
    }

    private static let retryAfter: [ReceiverCase] = [
        asking("120", pause: .seconds(120)), asking("0", pause: .zero), asking("1", pause: .seconds(1)),
        asking("999999", pause: .seconds(3600)), asking("99999999999999999999999", pause: .seconds(3600)),
        asking("Fri, 02 Jan 2026 03:05:05 GMT", pause: .seconds(60)),
        asking("Friday, 02-Jan-26 03:05:05 GMT", pause: .seconds(60)),
        asking("Fri Jan  2 03:05:05 2026", pause: .seconds(60)),
        asking("Fri, 02 Jan 2026 03:04:00 GMT", pause: .zero),
        asking("Sat, 02 Jan 2027 03:04:05 GMT", pause: .seconds(3600)),
        asking("soon", pause: nil), asking("-5", pause: nil), asking("1.5", pause: nil), asking("", pause: nil),
        asking("Fri, 99 Jan 2026 03:05:05 GMT", pause: nil),
        asking("10", "30", "20", pause: .seconds(30)), asking("10", "soon", pause: .seconds(10)),
        asking("10, 40", pause: .seconds(40)),
        ReceiverCase(
            "503 with Retry-After", answering(503, "retry-after: 90"), exact: .failure("answered 503"),
            durable: .slowDown("answered 503", pause: .seconds(90))),
        ReceiverCase("500 with Retry-After", answering(500, "Retry-After: 90"), .failure("answered 500")),
    ]

    // MARK: Interim answers

    private static let goOn = "HTTP/1.1 100 Continue\r\n\r\n"

    private static let interim: [ReceiverCase] = [
        ReceiverCase("100 alone", [.read, .send(goOn), .stall], .failure("took longer")) { $0.runsIntoItsTime() },
        ReceiverCase("100 alone, then the end", [.read, .send(goOn)], .failure("ended before the response did")),
        ReceiverCase("100 three times, then 200", [.read, .send(goOn + goOn + goOn), .send(ok)], .delivered),
        ReceiverCase("100 before the request was read", [.send(goOn), .read, .send(ok)], .delivered),
        ReceiverCase(
            "103, then 200", [.read, .send("HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n"), .send(ok)], .delivered),
        ReceiverCase(
            "100 without end", [.read, .flood(Array(String(repeating: goOn, count: 100).utf8), times: 100_000)],
            .failure("header fields are larger than allowed")
        ) { $0.isFlood() },
        ReceiverCase(
            "101",
            [.read, .send("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), .stall],
            .failure("switches protocols unasked")
        ) { $0.isClosedByClient = true },
    ]

    // MARK: Times

    private static let times: [ReceiverCase] = [
        ReceiverCase("200 after the time is over", [.read, .stall, .send(ok)], .failure("took longer")) {
            $0.runsIntoItsTime()
        },
        ReceiverCase("accepts and hangs", [.stall], .failure("took longer")) { $0.runsIntoItsTime(requests: 0...0) },
        ReceiverCase(
            "headers that begin, then nothing", [.read, .send("HTTP/1.1 200 OK\r\nX-A: b\r\n"), .stall],
            .failure("took longer")
        ) { $0.runsIntoItsTime() },
        ReceiverCase(
            "half a status line, then nothing", [.read, .send("HTTP/1.1 20"), .stall], .failure("took longer")
        ) {
            $0.runsIntoItsTime()
        },
        ReceiverCase(
            "headers in drops", [.read, .send("HTTP/1.1 200 OK\r\n"), .drip("X-A: b\r\n", pause: .milliseconds(5))],
            .failure("took longer")
        ) { $0.runsIntoItsTime() },
        ReceiverCase(
            "200 and headers, then nothing", [.read, .send(ReceiverAnswer.head(200, "Content-Length: 10")), .stall],
            .delivered
        ) { $0.isClosedByClient = true },
        ReceiverCase(
            "500 and headers, then nothing", [.read, .send(ReceiverAnswer.head(500, "Content-Length: 10")), .stall],
            .failure("answered 500")
        ) { $0.isClosedByClient = true },
        ReceiverCase(
            "a body in drops",
            [.read, .send(ReceiverAnswer.head(200, "Content-Length: 100000")), .drip("a", pause: .milliseconds(5))],
            .delivered
        ) {
            $0.keptBytes = 1_000
            $0.isClosedByClient = true
        },
        ReceiverCase(
            "200, and the connection stays open without an end of the body",
            [.read, .send("HTTP/1.1 200 OK\r\n\r\nok"), .stall], .delivered
        ) {
            $0.keptBytes = 2
            $0.isClosedByClient = true
        },
    ]

    // MARK: Floods

    private static let piece = [UInt8](repeating: 65, count: 64 << 10)

    private static func flooding(
        _ name: String, _ status: Int, _ verdict: ExpectedVerdict, _ header: String
    )
        -> ReceiverCase
    {
        let isChunked = header.contains("chunked")
        return ReceiverCase(
            name,
            [
                .read, .send(ReceiverAnswer.head(status, header)),
                .flood(isChunked ? ReceiverAnswer.chunk(bytes: 60_000) : piece, times: 16_384),
            ], verdict
        ) { $0.isFlood() }
    }

    private static let floods: [ReceiverCase] = [
        flooding("200 with 1 GB", 200, .delivered, "Content-Length: 1073741824"),
        flooding("500 with 1 GB", 500, .failure("answered 500"), "Content-Length: 1073741824"),
        flooding("200 with a body without end", 200, .delivered, "Transfer-Encoding: chunked"),
        flooding("404 with a body until the end", 404, .failure("answered 404"), "Connection: close"),
        ReceiverCase(
            "headers without end",
            [
                .read, .send("HTTP/1.1 200 OK\r\n"),
                .flood(
                    Array(String(repeating: "X-Bomb: aaaaaaaaaaaaaaaaaaaaaaaa\r\n", count: 1_000).utf8), times: 10_000),
            ], .failure("header fields are larger than allowed")
        ) { $0.isFlood() },
        ReceiverCase(
            "one header without end", [.read, .send("HTTP/1.1 200 OK\r\nX-Bomb: "), .flood(piece, times: 10_000)],
            .failure("header fields are larger than allowed")
        ) { $0.isFlood() },
        ReceiverCase(
            "2,000 small headers",
            [
                .read, .send("HTTP/1.1 200 OK\r\n" + String(repeating: "A: b\r\n", count: 2_000) + "\r\n"), .stall,
            ], .failure("header fields are larger than allowed")
        ) { $0.isClosedByClient = true },
        ReceiverCase(
            "200 with a body of exactly what is kept",
            [.read, .send(ReceiverAnswer.text(200, body: String(repeating: "a", count: 16 << 10)))], .delivered),
    ]

    // MARK: Breaks

    private static let breaks: [ReceiverCase] = [
        ReceiverCase("a reset before the request was read", [.reset], .failure("connection"), requests: 0...0),
        ReceiverCase("a reset after it", [.read, .reset], .failure("connection")),
        ReceiverCase(
            "a reset within the headers", [.read, .send("HTTP/1.1 200 OK\r\nX-A"), .reset],
            .failure("connection")),
        ReceiverCase(
            "a reset within the body",
            [.read, .send(ReceiverAnswer.head(200, "Content-Length: 1000") + "hello"), .reset],
            .delivered
        ) { $0.keptBytes = 5 },
        ReceiverCase(
            "the end within the body", [.read, .send(ReceiverAnswer.head(200, "Content-Length: 1000") + "hello")],
            .delivered
        ) { $0.keptBytes = 5 },
        ReceiverCase("the end without an answer", [.read], .failure("closed before a response came")),
        ReceiverCase("the end before the request was read", [], .failure("connection"), requests: 0...0),
        ReceiverCase(
            "the end within the status line", [.read, .send("HTTP/1.1 2")],
            .failure("ended before the response did")),
    ]
}

extension ReceiverCase {
    /// The behaviour leaves the sender waiting until its time is over.
    mutating func runsIntoItsTime(requests: ClosedRange<Int> = 0...1) {
        timeout = .milliseconds(300)
        // On a busy machine the time may be over before the request is there.
        self.requests = requests
    }

    /// The behaviour sends more than anybody wants.
    mutating func isFlood() {
        isClosedByClient = true
        // The sockets of both ends hold some megabytes at most.
        sentBytes = 16 << 20
    }
}
