import TowlineCore
import TowlineOutbound
import TowlineTesting
import TowlineWorker

extension OriginTable {
    private static let file = OriginText.file
    private static let other = OriginText.other
    private static let asked = "bytes=10000-"

    /// The first half of the file, which then breaks off.
    private static let half: [OriginCase.Step] = [.expectHead, .send(OriginText.whole(sent: 10_000))]
    private static let whole: [OriginCase.Step] = [.expectHead, .send(OriginText.whole())]

    /// An answer to the request for the rest that is of no use: the whole is asked for in the same attempt.
    private static func useless(_ name: String, _ answer: String, storing bytes: String = file) -> OriginCase {
        .recovering(
            name, storing: bytes, attempts: 1,
            [half, [.expectHead, .send(answer)], [.expectHead, .send(OriginText.whole(bytes))]]
        ) { $0.ranges = [nil, asked, nil] }
    }

    /// An answer to the request for the rest that is used.
    private static func used(_ name: String, _ answers: String..., storing bytes: String = file) -> OriginCase {
        .recovering(name, storing: bytes, attempts: 1, [half] + answers.map { [.expectHead, .send($0)] })
    }

    /// A first answer whose beginning cannot be gone on with.
    private static func unfit(_ name: String, _ head: String) -> OriginCase {
        .recovering(
            name, attempts: 2, [[.expectHead, .send(head + "\(file.prefix(10_000))")], whole]
        ) { $0.ranges = [nil, nil] }
    }

    private static func first(_ name: String, _ answer: String) -> OriginCase {
        .refused(name, .urlInvalid, says: "HTTP 206", [.expectHead, .send(answer), .stall])
    }

    static let ranges: [OriginCase] = [
        used("the rest", OriginText.part(from: 10_000)),
        used(
            "the rest in two parts", OriginText.part(from: 10_000, to: 14_999), OriginText.part(from: 15_000)),
        used(
            "the rest, cut again", OriginText.part(from: 10_000, sent: 6_000), OriginText.part(from: 16_000)),
        used("the whole instead of the rest", OriginText.whole()),
        used("another version, whole", OriginText.whole(other, tag: "\"v2\""), storing: other),
        used(
            "the rest in chunks",
            OriginText.head(
                206, "ETag: \"v1\"", "Content-Range: bytes 10000-19999/20000", "Transfer-Encoding: chunked")
                + OriginText.chunk(String(file.dropFirst(10_000))) + "0\r\n\r\n"),
        used(
            "the rest until the end",
            OriginText.head(206, "ETag: \"v1\"", "Content-Range: bytes 10000-19999/20000")
                + file.dropFirst(10_000)),
        useless("another version as a part", OriginText.part(other, from: 10_000, tag: "\"v2\""), storing: other),
        useless("a part without its entity tag", OriginText.part(from: 10_000, tag: nil)),
        useless("a part with a weak entity tag", OriginText.part(from: 10_000, tag: "W/\"v1\"")),
        useless("a part that begins earlier", OriginText.part(from: 9_999)),
        useless("a part that begins later", OriginText.part(from: 10_001)),
        useless("the whole as a part", OriginText.part(from: 0)),
        useless("the first half again", OriginText.part(from: 0, to: 9_999)),
        useless(
            "another length of the whole",
            OriginText.part(from: 10_000, says: "Content-Range: bytes 10000-19999/20001")),
        useless(
            "a length of the whole that is not told",
            OriginText.part(from: 10_000, says: "Content-Range: bytes 10000-19999/*")),
        useless("a part that does not say which", OriginText.part(from: 10_000, says: "")),
        useless(
            "a part that says it twice",
            OriginText.part(
                from: 10_000, says: "Content-Range: bytes 10000-19999/20000\r\nContent-Range: bytes 0-9/20000")),
        useless(
            "a part in another unit", OriginText.part(from: 10_000, says: "Content-Range: items 10000-19999/20000")),
        useless(
            "a part that ends before it begins",
            OriginText.part(from: 10_000, says: "Content-Range: bytes 10000-9999/20000")),
        useless(
            "a part beyond the whole", OriginText.part(from: 10_000, says: "Content-Range: bytes 10000-20000/20000")),
        useless("a part without numbers", OriginText.part(from: 10_000, says: "Content-Range: bytes a-b/c")),
        useless(
            "a part of another length than it says",
            OriginText.part(from: 10_000, says: "Content-Range: bytes 10000-19998/20000")),
        useless(
            "several parts",
            OriginText.head(206, "ETag: \"v1\"", "Content-Type: multipart/byteranges; boundary=x", "Content-Length: 5")
                + "--x--"),
        useless("416", OriginText.answer(416, "Content-Range: bytes */20000")),
        useless("416 without a range", OriginText.answer(416)),
        .recovering(
            "more than the part that it says, in chunks", attempts: 2,
            [
                half,
                [
                    .expectHead,
                    .send(
                        OriginText.head(
                            206, "ETag: \"v1\"", "Content-Range: bytes 10000-10004/20000", "Transfer-Encoding: chunked")
                            + OriginText.chunk(String(file.dropFirst(10_000))) + "0\r\n\r\n"),
                ], whole,
            ]
        ) { $0.ranges = [nil, asked, asked] },
        OriginCase(
            "never the part that is asked for", .failed(.urlInvalid), requests: 3...3, attempts: 1...1,
            steps: { $0.connection == 0 ? half : [.expectHead, .send(OriginText.part(from: 1))] }
        ) { $0.ranges = [nil, asked, nil] },
        OriginCase(
            "404 for the rest", .failed(.urlInvalid), requests: 2...2, attempts: 1...1,
            steps: { $0.connection == 0 ? half : answering(404) }),
        .recovering(
            "503 for the rest, then the rest", attempts: 2,
            [half, answering(503), [.expectHead, .send(OriginText.part(from: 10_000))]]
        ) {
            $0.ranges = [nil, asked, asked]
        },
        unfit("a weak entity tag", OriginText.whole(tag: "W/\"v1\"", sent: 0)),
        unfit("an entity tag without quotes", OriginText.whole(tag: "v1", sent: 0)),
        unfit("two entity tags", OriginText.whole(tag: "\"v1\"\r\nETag: \"v2\"", sent: 0)),
        unfit("no ranges by its own word", OriginText.whole(sent: 0, "Accept-Ranges: none")),
        unfit(
            "a date that is too new to be one version",
            OriginText.whole(
                tag: nil, sent: 0,
                "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:49:38 GMT")),
        .stored("206 for the whole, unasked", [.expectHead, .send(OriginText.part(from: 0))]),
        first("206 for less than the whole, unasked", OriginText.part(from: 0, to: 9_999)),
        first("206 for the end, unasked", OriginText.part(from: 10_000)),
        first("206 that does not say which, unasked", OriginText.part(from: 0, says: "")),
        first("206 of unknown length, unasked", OriginText.part(from: 0, says: "Content-Range: bytes 0-19999/*")),
        .refused(
            "a part that makes the file too large", .fileTooLarge, says: "the limit is 15000 bytes",
            []
        ) {
            let head = OriginText.head(200, "ETag: \"v1\"", "Transfer-Encoding: chunked")
            $0.steps = {
                $0.connection == 0
                    ? [.expectHead, .send(head + OriginText.chunk(String(file.prefix(10_000))))]
                    : [.expectHead, .send(OriginText.part(from: 10_000)), .stall]
            }
            $0.pull = { $0.maxBytes = 15_000 }
            $0.requests = 2...2
            $0.attempts = 1...1
        },
    ]
}
