import TowlineCore
import TowlineOutbound
import TowlineTesting
import TowlineWorker

extension OriginTable {
    private static let file = OriginText.file
    private static let endless = 16_384

    // MARK: Floods

    static let floods: [OriginCase] = [
        .refused(
            "2 GB announced", .fileTooLarge, says: "pull.max-bytes",
            [
                .expectHead, .send(OriginText.head(200, "Content-Length: 2147483648")),
                .sendRepeated(piece, times: endless),
            ]
        ) { $0.isFlood() },
        .refused(
            "chunks without end", .fileTooLarge,
            [
                .expectHead, .send(OriginText.chunked),
                .sendRepeated(Array(OriginText.chunk(String(repeating: "a", count: 60_000)).utf8), times: endless),
            ]
        ) { $0.isFlood() },
        .refused(
            "a body until the end, which does not come", .fileTooLarge,
            [.expectHead, .send(OriginText.head(200)), .sendRepeated(piece, times: endless)]
        ) { $0.isFlood() },
        .refused(
            "a small file, then 1 GB", .fileTooLarge,
            [.expectHead, .send(OriginText.head(200, "Content-Length: 1048577")), .sendRepeated(piece, times: endless)]
        ) { $0.isFlood() },
        .stored(
            "1 GB behind the length", [.expectHead, .send(OriginText.whole()), .sendRepeated(piece, times: endless)]
        ) { $0.isFlood() },
        .stored(
            "1 GB behind the last chunk",
            [
                .expectHead, .send(OriginText.chunked + OriginText.chunk(file) + "0\r\n\r\n"),
                .sendRepeated(piece, times: endless),
            ]
        ) { $0.isFlood() },
        .refused(
            "404 with a body without end", .urlInvalid, says: "404",
            [
                .expectHead, .send(OriginText.head(404, "Content-Length: 1073741824")),
                .sendRepeated(piece, times: endless),
            ]
        ) { $0.isFlood() },
        .failing(
            "503 with chunks without end", .sourceUnavailable,
            [
                .expectHead, .send(OriginText.head(503, "Transfer-Encoding: chunked")),
                .sendRepeated(Array(OriginText.chunk(String(repeating: "a", count: 60_000)).utf8), times: endless),
            ]
        ) { $0.isFlood() },
        headBomb("fields without end", "X-Bomb: aaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        headBomb("one field without end", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        headBomb("a folded line without end", " a\r\n"),
        .refused(
            "a status line without end", .urlInvalid, says: "larger than allowed",
            [.expectHead, .send("HTTP/1.1 200 "), .sendRepeated(piece, times: endless)]
        ) { $0.isFlood() },
        .refused(
            "2,000 small fields", .urlInvalid, says: "larger than allowed",
            [
                .expectHead, .send("HTTP/1.1 200 OK\r\n" + String(repeating: "A: b\r\n", count: 2_000) + "\r\n"),
                .stall,
            ]
        ) { $0.isClosedByClient = true },
        .refused(
            "a storm of informational answers", .urlInvalid, says: "larger than allowed",
            [
                .expectHead,
                .sendRepeated(
                    Array(String(repeating: "HTTP/1.1 103 Early\r\n\r\n", count: 1_000).utf8), times: endless),
            ]
        ) { $0.isFlood() },
        .refused(
            "trailers without end", .urlInvalid, says: "larger than allowed",
            [
                .expectHead, .send(OriginText.chunked + OriginText.chunk(file) + "0\r\n"),
                .sendRepeated(Array(String(repeating: "X-Bomb: aaaa\r\n", count: 1_000).utf8), times: endless),
            ]
        ) { $0.isFlood() },
        .failing(
            "an extension of a chunk without end", .sourceUnavailable,
            [.expectHead, .send(OriginText.chunked + "3;"), .sendRepeated(piece, times: endless)]
        ) { $0.isFlood() },
    ]

    private static func headBomb(_ name: String, _ text: String) -> OriginCase {
        .refused(
            name, .urlInvalid, says: "larger than allowed",
            [
                .expectHead, .send("HTTP/1.1 200 OK\r\nX: y"),
                .send(text.contains("\r\n") ? "\r\n" : ""),
                .sendRepeated(Array(String(repeating: text, count: 1_000).utf8), times: endless),
            ]
        ) { $0.isFlood() }
    }

    // MARK: Times

    private static func slow(_ name: String, _ steps: [OriginCase.Step]) -> OriginCase {
        .failing(name, .sourceTimeout, steps) {
            $0.runsIntoItsTime()
            $0.isClosedByClient = true
        }
    }

    private static func dripping(_ name: String, _ head: String, _ text: String) -> OriginCase {
        slow(name, [.expectHead, .send(head), .drip(text, pause: .milliseconds(5))])
    }

    static let times: [OriginCase] = [
        slow("silence after the connection", [.stall]),
        slow("silence after the request", [.expectHead, .stall]),
        slow("silence within the head", [.expectHead, .send("HTTP/1.1 200 OK\r\nX-A"), .stall]),
        slow("silence after the head", [.expectHead, .send(OriginText.whole(sent: 0)), .stall]),
        slow("silence within the body", [.expectHead, .send(OriginText.whole(tag: nil, sent: 10_000)), .stall]),
        slow("silence within chunks", [.expectHead, .send(OriginText.chunked + OriginText.chunk(file)), .stall]),
        slow("silence where the end should be", [.expectHead, .send(OriginText.head(200) + file), .stall]),
        slow("silence after an informational answer", [.expectHead, .send("HTTP/1.1 100 Continue\r\n\r\n"), .stall]),
        dripping("a head in drops", "", "HTTP/1.1 200 OK\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        dripping("informational answers in drops", "", "HTTP/1.1 100 Continue\r\n\r\n"),
        dripping("trailers in drops", OriginText.chunked + OriginText.chunk(file) + "0\r\n", "X: y\r\n"),
        dripping("an extension of a chunk in drops", OriginText.chunked + "3;", "a"),
        .failing(
            "a body in drops", .sourceTimeout,
            [
                .expectHead, .send(OriginText.head(200, "Content-Length: 100000")),
                .drip("a", pause: .milliseconds(5)),
            ]
        ) {
            $0.message = "less than 1000 bytes a second"
            $0.pull = { $0.speedWindow = .milliseconds(300) }
            $0.isClosedByClient = true
        },
        .failing(
            "chunks in drops", .sourceTimeout,
            [.expectHead, .send(OriginText.chunked), .drip("1\r\na\r\n", pause: .milliseconds(2))]
        ) {
            $0.message = "less than 1000 bytes a second"
            $0.pull = { $0.speedWindow = .milliseconds(300) }
            $0.isClosedByClient = true
        },
        .refused(
            "longer than a run may take", .sourceTimeout, says: "pull.total-timeout-seconds",
            [.expectHead, .send(OriginText.head(200)), .drip("aaaa", pause: .milliseconds(5))]
        ) {
            $0.pull = { $0.totalTimeout = .milliseconds(300) }
            $0.isClosedByClient = true
        },
        .refused(
            "404, and its body does not come", .urlInvalid, says: "404",
            [.expectHead, .send(OriginText.head(404, "Content-Length: 10")), .stall]
        ) { $0.isClosedByClient = true },
        .refused(
            "404, and its body in drops", .urlInvalid, says: "404",
            [.expectHead, .send(OriginText.head(404)), .drip("a", pause: .milliseconds(5))]
        ) { $0.isClosedByClient = true },
        .recovering(
            "silence within the body, then the rest", attempts: 1,
            [
                [.expectHead, .send(OriginText.whole(sent: 10_000)), .stall],
                [.expectHead, .send(OriginText.part(from: 10_000))],
            ]
        ) {
            $0.limits = { $0.idleTimeout = .seconds(1) }
            // On a busy machine the rest may be late as well.
            $0.attempts = 1...2
            $0.requests = 2...3
        },
        .recovering(
            "silence at first, then the file", attempts: 2,
            [[.stall], [.expectHead, .send(OriginText.whole())]]
        ) {
            $0.limits = { $0.firstByteTimeout = .seconds(1) }
            $0.requests = 1...1
        },
    ]

    // MARK: Breaks

    private static let half = OriginText.whole(sent: 10_000)
    private static let rest = OriginText.part(from: 10_000)

    static let breaks: [OriginCase] = [
        .failing("a reset before the request", .sourceUnavailable, [.reset]) { $0.requests = 0...0 },
        .failing("a reset after the request", .sourceUnavailable, [.expectHead, .reset]),
        .failing(
            "a reset within the head", .sourceUnavailable, [.expectHead, .send("HTTP/1.1 200 OK\r\nX-A"), .reset]),
        .failing("the end before the request", .sourceUnavailable, []) { $0.requests = 0...0 },
        .failing("the end without an answer", .sourceUnavailable, [.expectHead]),
        .failing("the end within the status line", .sourceTruncated, [.expectHead, .send("HTTP/1.1 2")]),
        .failing(
            "the end within the head", .sourceTruncated,
            [.expectHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n")]),
        .failing(
            "an informational answer and the end", .sourceTruncated, [.expectHead, .send("HTTP/1.1 100 Go\r\n\r\n")]),
        .failing(
            "a reset within a body without a version", .sourceUnavailable,
            [.expectHead, .send(OriginText.whole(tag: nil, sent: 10_000)), .reset]),
        .recovering(
            "the end within the body, then the rest", attempts: 1,
            [[.expectHead, .send(half)], [.expectHead, .send(rest)]]
        ) { $0.ranges = [nil, "bytes=10000-"] },
        .recovering(
            "the end within the body, and ranges ignored", attempts: 1,
            [[.expectHead, .send(half)], [.expectHead, .send(OriginText.whole())]]
        ) { $0.ranges = [nil, "bytes=10000-"] },
        .recovering(
            "the end within a body without a version, then the whole", attempts: 2,
            [
                [.expectHead, .send(OriginText.whole(tag: nil, sent: 10_000))],
                [.expectHead, .send(OriginText.whole(tag: nil))],
            ]
        ) { $0.ranges = [nil, nil] },
        OriginCase(
            "a reset within the body, then what is asked for", .stored(Array(file.utf8)), requests: 2...2,
            attempts: 1...2,
            steps: { place in
                place.connection == 0 ? [.expectHead, .send(half), .reset] : [.respond(OriginText.served)]
            }),
        OriginCase(
            "a reset after every 4,000 bytes", .stored(Array(file.utf8)), requests: 5...20, attempts: 1...20,
            steps: { _ in [.respond { OriginText.served($0, most: 4_000) }, .reset] }
        ) { $0.pull = { $0.retry.attempts = 20 } },
        OriginCase(
            "the end after every 6,000 bytes", .stored(Array(file.utf8)), requests: 4...4, attempts: 1...1,
            steps: { _ in [.respond { OriginText.served($0, most: 6_000) }] }),
        // How much of it a reset lets through is up to the system: the rest is asked for from wherever that was.
        OriginCase(
            "a reset within the body, and ranges ignored", .stored(Array(file.utf8)), requests: 2...2, attempts: 1...2,
            steps: { place in
                place.connection == 0
                    ? [.expectHead, .send(half), .reset] : [.expectHead, .send(OriginText.whole())]
            }),
        .recovering(
            "chunks that break off, then the rest", attempts: 1,
            [
                [
                    .expectHead,
                    .send(
                        OriginText.head(200, "ETag: \"v1\"", "Transfer-Encoding: chunked")
                            + OriginText.chunk(String(file.prefix(10_000)))),
                ],
                [.expectHead, .send(rest)],
            ]
        ) { $0.ranges = [nil, "bytes=10000-"] },
        .recovering(
            "an end without an answer, then the file", attempts: 2,
            [[.expectHead], [.expectHead, .send(OriginText.whole())]]),
        .failing("the other side half-closed at once", .sourceUnavailable, [.closeOutput, .stall]) {
            $0.requests = 0...0
            $0.isClosedByClient = true
        },
        .failing("half-closed without an answer", .sourceUnavailable, [.expectHead, .closeOutput, .stall]) {
            $0.isClosedByClient = true
        },
        .failing(
            "half-closed within the body", .sourceTruncated,
            [.expectHead, .send(OriginText.whole(tag: nil, sent: 10_000)), .closeOutput, .stall]
        ) { $0.isClosedByClient = true },
        .stored(
            "half-closed after the body", [.expectHead, .send(OriginText.whole()), .closeOutput, .stall]
        ) { $0.isClosedByClient = true },
        .stored(
            "half-closed to end a body without length",
            [.expectHead, .send(OriginText.head(200) + file), .closeOutput, .stall]
        ) { $0.isClosedByClient = true },
        .stored("an answer before the request is read", [.send(OriginText.whole()), .stall]) {
            $0.requests = 0...0
            $0.attempts = 1...1
        },
    ]
}
