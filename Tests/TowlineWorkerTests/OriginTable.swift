import TowlineCore
import TowlineOutbound
import TowlineTesting
import TowlineWorker

/// The behaviours of origins and what each leads to, by theme in files of their own.
enum OriginTable {
    static let themes = [
        lengths, chunks, heads, encodings, floods, times, breaks, ranges, statuses, redirects, addresses, tls,
        retryAfter,
    ]

    // MARK: Statuses

    static let statuses: [OriginCase] =
        [
            .stored("200", [.expectHead, .send(OriginText.whole())]),
            .stored(
                "203",
                [
                    .expectHead,
                    .send(OriginText.head(203, "Content-Length: \(OriginText.length)") + OriginText.file),
                ]),
            .refused("416 to a request for the whole", .urlInvalid, says: "416", answering(416)),
            .recovering(
                "503, then the file", attempts: 2,
                [answering(503), [.expectHead, .send(OriginText.whole())]]),
        ]
        + [201, 202, 204, 205, 207, 226, 299, 300, 304, 305, 306, 400, 401, 402, 403, 404, 405, 406, 407, 409, 410]
        .map(final)
        + [411, 412, 413, 414, 415, 417, 418, 421, 422, 426, 428, 431, 451, 499, 501, 505, 600, 999].map(final)
        + [408, 425, 429, 500, 502, 503, 504, 506, 507, 508, 509, 510, 511, 520, 522, 524, 530, 599].map(passing)

    static func answering(_ status: some CustomStringConvertible, _ headers: String...) -> [OriginCase.Step] {
        let head = (["HTTP/1.1 \(status) Scripted"] + headers).map { $0 + "\r\n" }.joined()
        return [.expectHead, .send(head + "Content-Length: 2\r\nConnection: close\r\n\r\nno")]
    }

    private static func final(_ status: Int) -> OriginCase {
        .refused("\(status), which is final", .urlInvalid, says: "HTTP \(status)", answering(status))
    }

    private static func passing(_ status: Int) -> OriginCase {
        .failing("\(status), which may pass", .sourceUnavailable, answering(status)) { $0.message = "HTTP \(status)" }
    }
}
