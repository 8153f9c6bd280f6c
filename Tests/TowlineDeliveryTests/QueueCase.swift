import MNSWire
import Testing
import TowlineCore
import TowlineTesting

/// What one attempt against a queue of another server is expected to lead to.
enum ExpectedQueueVerdict: Sendable {
    case delivered
    /// Tried again by the schedule; the cause contains the text.
    case failure(String)
    /// The endpoint is asked for less under `durable`; what the server asked for.
    case busy(String, pause: Duration?)
    /// Dead at once, and nothing is said about the endpoint.
    case refused(String)
}

/// One behaviour of a queue service and its outcome.
struct QueueCase: Sendable, CustomTestStringConvertible {
    typealias Step = ScriptedReceiver.Step

    let name: String
    let steps: [Step]
    let verdict: ExpectedQueueVerdict
    /// Requests that arrive in all.
    var requests = 1...1
    /// Whether the client must be the one who ends the connection.
    var isClosedByClient = false
    /// Most bytes that the system may take from the server.
    var sentBytes: Int?
    /// A time for the whole attempt where the behaviour is to run into it.
    var timeout = Duration.seconds(30)

    var testDescription: String { name }

    init(
        _ name: String, _ steps: [Step], _ verdict: ExpectedQueueVerdict, _ change: (inout QueueCase) -> Void = { _ in }
    ) {
        self.name = name
        self.steps = steps
        self.verdict = verdict
        change(&self)
    }
}

/// Answers of queue services.
enum QueueAnswer {
    static let messageID = "5F290C926D472878-2-14D9529A8FA-200000001"

    /// A whole answer with an XML body.
    static func xml(_ status: Int, _ body: [UInt8], headers: [String] = []) -> String {
        ReceiverAnswer.text(
            status,
            headers: ["Content-Type: text/xml;charset=utf-8", "x-mns-request-id: 5F290C926D472878200000AA"] + headers,
            body: String(decoding: body, as: UTF8.self))
    }

    /// The receipt for a text.
    static func receipt(for text: String) -> [UInt8] {
        MNSSendReceipt(messageID: messageID, bodyMD5: MNSDigest.ofMessageBody(text)).encoded()
    }

    /// An error of the protocol.
    static func error(_ code: String, _ status: Int, _ headers: String...) -> String {
        let error = MNSError(MNSErrorCode(named: code, status: status), "Said by the test.")
        return xml(
            status,
            MNSErrorDocument(error, requestID: "5F290C926D472878200000AA", hostID: "http://127.0.0.1").encoded(),
            headers: headers)
    }
}

/// The behaviours of queue services and what each leads to.
enum QueueTable {
    static let all = successes + errors + busy + strangers + times + breaks

    /// The text of the message that attempts of these tests send.
    static let text =
        (try? MNSBodyEncoding.base64.encode(String(decoding: TestDelivery.event().body, as: UTF8.self))) ?? ""

    private static let receipt = QueueAnswer.receipt(for: text)

    private static func answering(_ text: String) -> [QueueCase.Step] { [.read, .send(text)] }

    // MARK: Answers of success

    private static let successes: [QueueCase] = [
        QueueCase("201 with a receipt", answering(QueueAnswer.xml(201, receipt)), .delivered),
        QueueCase("200 with a receipt", answering(QueueAnswer.xml(200, receipt)), .delivered),
        QueueCase(
            "201 with a digest in lower case",
            answering(
                QueueAnswer.xml(
                    201,
                    MNSSendReceipt(messageID: "m", bodyMD5: MNSDigest.ofMessageBody(text).lowercased()).encoded())),
            .delivered),
        QueueCase(
            "201 with the digest of another text", answering(QueueAnswer.xml(201, QueueAnswer.receipt(for: "other"))),
            .failure("stored damaged")),
        QueueCase("201 without a body", answering(QueueAnswer.xml(201, [])), .failure("not the answer")),
        QueueCase(
            "201 with a page", answering(ReceiverAnswer.text(201, body: "<html><body>created</body></html>")),
            .failure("not the answer")),
        QueueCase(
            "201 with a receipt that lacks the digest",
            answering(QueueAnswer.xml(201, Array("<Message><MessageId>m</MessageId></Message>".utf8))),
            .failure("MessageBodyMD5")),
        QueueCase(
            "201 with entities",
            answering(
                QueueAnswer.xml(
                    201, Array(#"<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><Message>&c;</Message>"#.utf8))),
            .failure("not the answer")),
        QueueCase("204", answering(ReceiverAnswer.head(204)), .failure("204")),
    ]

    // MARK: Errors of the protocol

    private static func refusing(_ code: String, _ status: Int) -> QueueCase {
        QueueCase(
            "\(status) \(code)", answering(QueueAnswer.error(code, status)), .refused("\(status) \(code): Said by"))
    }

    private static func failing(_ code: String, _ status: Int) -> QueueCase {
        QueueCase(
            "\(status) \(code)", answering(QueueAnswer.error(code, status)), .failure("\(status) \(code): Said by"))
    }

    private static let errors: [QueueCase] =
        [("InvalidArgument", 400), ("MalformedXML", 400), ("InvalidDegist", 400), ("InvalidDigest", 400)].map(refusing)
        + [
            ("QueueNotExist", 404), ("AccessDenied", 403), ("InvalidAccessKeyId", 403), ("SignatureDoesNotMatch", 403),
            ("InvalidQueueName", 400), ("InvalidRequestURL", 400), ("QueueDeletedRecently", 400),
            ("MissingVersionHeader", 400), ("AccountArrears", 403), ("InternalError", 500),
            ("InternalServerError", 500), ("NotImplemented", 501),
        ].map(failing) + [
            // Without a date of the server there is nothing to correct by.
            QueueCase(
                "408 TimeExpired without a date", answering(QueueAnswer.error("TimeExpired", 408)),
                .failure("408 TimeExpired")),
            QueueCase(
                "408 TimeExpired twice",
                answering(QueueAnswer.error("TimeExpired", 408, "Date: Fri, 02 Jan 2026 04:04:05 GMT"))
                    + answering(QueueAnswer.error("TimeExpired", 408, "Date: Fri, 02 Jan 2026 05:04:05 GMT")),
                .failure("408 TimeExpired")
            ) { $0.requests = 2...2 },
        ]

    // MARK: Answers that ask for less

    private static func slowing(_ name: String, _ answer: String, _ text: String, pause: Duration? = nil) -> QueueCase {
        QueueCase(name, answering(answer), .busy(text, pause: pause))
    }

    private static let busy: [QueueCase] = [
        slowing("429 TooManyRequests", QueueAnswer.error("TooManyRequests", 429), "429 TooManyRequests"),
        slowing(
            "429 with Retry-After", QueueAnswer.error("TooManyRequests", 429, "Retry-After: 60"), "429",
            pause: .seconds(60)),
        slowing("400 QpsLimitExceeded", QueueAnswer.error("QpsLimitExceeded", 400), "400 QpsLimitExceeded"),
        slowing("503 of the protocol", QueueAnswer.error("ServiceUnavailable", 503), "503 ServiceUnavailable"),
        slowing("502 of a gateway", ReceiverAnswer.text(502, body: "<html>Bad Gateway</html>"), "HTTP 502"),
        slowing("503 of a gateway", ReceiverAnswer.text(503, headers: ["Retry-After: 90"]), "503", pause: .seconds(90)),
        slowing("504 without a body", ReceiverAnswer.text(504, body: ""), "504"),
        slowing("429 of a gateway", ReceiverAnswer.text(429, body: "slow down"), "429"),
    ]

    // MARK: Those who do not speak the protocol

    private static let strangers: [QueueCase] = [
        QueueCase("413 of a gateway", answering(ReceiverAnswer.text(413)), .refused("413")),
        QueueCase(
            "a redirect to an inner address",
            answering(
                ReceiverAnswer.text(307, headers: ["Location: http://169.254.169.254/queues/events/messages"])),
            .failure("a redirect")),
        QueueCase("301", answering(ReceiverAnswer.text(301, headers: ["Location: /x"])), .failure("a redirect")),
        QueueCase("404 of a web server", answering(ReceiverAnswer.text(404)), .failure("HTTP 404")),
        QueueCase("410 of a web server", answering(ReceiverAnswer.text(410)), .failure("HTTP 410")),
        QueueCase("401 of a gateway", answering(ReceiverAnswer.text(401)), .failure("HTTP 401")),
        QueueCase(
            "500 with half an error", answering(QueueAnswer.xml(500, Array("<Error><Code>Inter".utf8))),
            .failure("HTTP 500")),
        QueueCase("a status that is none", answering(ReceiverAnswer.text("099")) + [.stall], .failure("not valid HTTP"))
        {
            $0.isClosedByClient = true
        },
        QueueCase("no HTTP at all", [.read, .send("SSH-2.0-OpenSSH_9.2\r\n"), .stall], .failure("not valid HTTP")) {
            $0.isClosedByClient = true
        },
    ]

    // MARK: Times

    private static let times: [QueueCase] = [
        QueueCase("accepts and hangs", [.stall], .failure("took longer")) { $0.runsIntoItsTime(requests: 0...0) },
        QueueCase("reads and hangs", [.read, .stall], .failure("took longer")) { $0.runsIntoItsTime() },
        QueueCase(
            "201 and headers, then nothing", [.read, .send(ReceiverAnswer.head(201, "Content-Length: 400")), .stall],
            .failure("not the answer")
        ) { $0.runsIntoItsTime() },
        QueueCase(
            "a receipt in drops",
            [.read, .send(ReceiverAnswer.head(201, "Content-Length: 100000")), .drip("<a/>", pause: .milliseconds(5))],
            .failure("not the answer")
        ) { $0.runsIntoItsTime() },
        QueueCase(
            "201 with 1 GB",
            [
                .read, .send(ReceiverAnswer.head(201, "Content-Length: 1073741824")),
                .flood([UInt8](repeating: 65, count: 64 << 10), times: 16_384),
            ], .failure("not the answer")
        ) {
            $0.isClosedByClient = true
            // The sockets of both ends hold some megabytes at most.
            $0.sentBytes = 16 << 20
        },
    ]

    // MARK: Breaks

    private static let breaks: [QueueCase] = [
        QueueCase("a reset before the request was read", [.reset], .failure("connection")) { $0.requests = 0...0 },
        QueueCase("a reset after it", [.read, .reset], .failure("connection")),
        QueueCase("the end without an answer", [.read], .failure("closed before a response came")),
        QueueCase(
            "the end within the receipt",
            [
                .read,
                .send(
                    ReceiverAnswer.head(201, "Content-Length: 1000")
                        + String(decoding: receipt, as: UTF8.self).prefix(60)),
            ],
            .failure("not the answer")),
        QueueCase(
            "the end within an error",
            [.read, .send(ReceiverAnswer.head(404, "Content-Length: 1000") + "<Error><Code>QueueNotExist")],
            .failure("HTTP 404")),
    ]
}

extension QueueCase {
    /// The behaviour leaves the sender waiting until its time is over.
    mutating func runsIntoItsTime(requests: ClosedRange<Int> = 0...1) {
        timeout = .milliseconds(300)
        // On a busy machine the time may be over before the request is there, and with it the answer's status.
        self.requests = requests
    }
}
