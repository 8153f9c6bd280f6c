import Testing
import VODSignatures

/// What clients send that the Python ones do not show, as raw requests (mns-api.md 8).
@Suite("Queue API: the clients' ways", .timeLimit(.minutes(5)))
struct ClientShapeTests {
    static let date = "Tue, 01 Jul 2025 08:00:00 GMT"

    /// Sends a request with exactly these headers and its signature.
    static func send(
        _ raw: RawClient, _ method: String, _ target: String, _ headers: [(String, String)], body: String? = nil
    ) async throws -> RawAnswer {
        let signed = MNSSignatureV2.sign(
            method: method, target: target, headers: headers.map { (name: $0.0, value: $0.1) },
            accessKeyID: QueueFixture.keyID, secret: QueueFixture.secret)
        var text = "\(method) \(target) HTTP/1.1\r\n"
        for (name, value) in headers + [("Authorization", signed.headerValue)] { text += "\(name): \(value)\r\n" }
        try await raw.send(text + "\r\n" + (body ?? ""))
        return try #require(await raw.answer(hasBody: method != "HEAD"))
    }

    @Test("Python: lower-case names, a length on requests without a body, handles unescaped")
    func python() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let raw = try await RawClient(port: listener.port)
            let common = [
                ("host", "127.0.0.1"), ("Accept-Encoding", "identity"), ("date", Self.date),
                ("x-mns-version", "2015-06-06"), ("user-agent", "aliyun-sdk-python/1.3.0"),
                ("Connection", "Keep-Alive"),
            ]
            let create =
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Queue xmlns=\"http://mns.aliyuncs.com/doc/v1/\"/>"
            let digest = "NWI3ODQ2Mjk0ZTRmNzQ1OTIzMWZlYjhhMjM3ZjIzYWI="
            let bad = try await Self.send(
                raw, "PUT", "/queues/py",
                common + [
                    ("content-type", "text/xml;charset=UTF-8"), ("content-md5", digest),
                    ("Content-Length", "\(create.utf8.count)"),
                ], body: create)
            #expect(bad.element("Code") == "InvalidDegist")
            let made = try await Self.send(
                raw, "PUT", "/queues/py",
                common + [
                    ("content-type", "text/xml;charset=UTF-8"), ("Content-Length", "\(create.utf8.count)"),
                ], body: create)
            #expect(made.status == 201)
            #expect(made["Location"] == "http://mns.example.com:8787/queues/py")
            let length = [("Content-Length", "0")]
            let empty = try await Self.send(raw, "GET", "/queues/py/messages?waitseconds=0", common + length)
            #expect(empty.element("Code") == "MessageNotExist")
            let gone = try await Self.send(
                raw, "DELETE", "/queues/py/messages?ReceiptHandle=8-abc/DEF+gh==", common + length)
            #expect(gone.element("Code") == "ReceiptHandleError")
        }
    }

    @Test("Java: no slash in the namespace, a type on every request, exact names of the answer's headers")
    func java() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let raw = try await RawClient(port: listener.port)
            let common = [
                ("date", Self.date), ("x-mns-version", "2015-06-06"), ("content-type", "text/xml;charset=UTF-8"),
                ("Host", "127.0.0.1:\(listener.port)"), ("User-Agent", "aliyun-sdk-java/2.0.0(Linux/amd64)"),
            ]
            let queue =
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>"
                + "<Queue xmlns=\"http://mns.aliyuncs.com/doc/v1\"><LoggingEnabled>false</LoggingEnabled></Queue>"
            let made = try await Self.send(
                raw, "PUT", "/queues/java", common + [("Content-Length", "\(queue.utf8.count)")], body: queue)
            #expect(made.status == 201)
            #expect(made["Location"] != nil)
            #expect(made["x-mns-request-id"] != nil)
            let message =
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>"
                + "<Message xmlns=\"http://mns.aliyuncs.com/doc/v1\"><MessageBody>YQ==</MessageBody></Message>"
            for _ in 0..<2 {
                // Two messages within a second have one signature: there must be no memory of requests.
                let sent = try await Self.send(
                    raw, "POST", "/queues/java/messages", common + [("Content-Length", "\(message.utf8.count)")],
                    body: message)
                #expect(sent.status == 201)
            }
            let received = try await Self.send(raw, "GET", "/queues/java/messages", common)
            let handle = try #require(received.element("ReceiptHandle"))
            let list = try await Self.send(raw, "GET", "/queues", common + [("x-mns-with-meta", "false")])
            #expect(list.element("QueueName") == "java")
            let changed = try await Self.send(
                raw, "PUT", "/queues/java/messages?ReceiptHandle=\(handle)&VisibilityTimeout=5",
                common + [("Content-Length", "0")])
            #expect(changed.status == 200)
            let error = try await Self.send(raw, "GET", "/queues/none", common)
            #expect(error.body.contains("<Error xmlns=\"http://mns.aliyuncs.com/doc/v1\">"))
        }
    }

    @Test("Go: names in title case, no declaration and no namespace, a digest on every request, zeros sent")
    func goLanguage() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let raw = try await RawClient(port: listener.port)
            func common(_ digest: String = "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U=") -> [(String, String)] {
                [
                    ("User-Agent", "aliyun-sdk-go"), ("Host", "127.0.0.1"), ("Content-Type", "application/xml"),
                    ("Content-Md5", digest), ("Date", Self.date), ("X-Mns-Version", "2015-06-06"),
                    ("Security-Token", "token"),
                ]
            }
            let queue =
                "<Queue><DelaySeconds>0</DelaySeconds><PollingWaitSeconds>0</PollingWaitSeconds>"
                + "<LoggingEnabled>false</LoggingEnabled></Queue>"
            let withoutDigest = common().filter { $0.0 != "Content-Md5" }
            let made = try await Self.send(
                raw, "PUT", "/queues/go", withoutDigest + [("Content-Length", "\(queue.utf8.count)")], body: queue)
            #expect(made.status == 201)
            let message =
                "<Message><MessageBody>hello</MessageBody><DelaySeconds>0</DelaySeconds><Priority>0</Priority></Message>"
            let sent = try await Self.send(
                raw, "POST", "/queues/go/messages", withoutDigest + [("Content-Length", "\(message.utf8.count)")],
                body: message)
            #expect(sent.status == 201)
            let received = try await Self.send(raw, "GET", "/queues/go/messages?numOfMessages=1", common())
            #expect(received.body.contains("<Messages "))
            #expect(received.element("Priority") == "8")
            let handle = try #require(received.element("ReceiptHandle")).replacing("-", with: "%2D")
            let deleted = try await Self.send(raw, "DELETE", "/queues/go/messages?ReceiptHandle=\(handle)", common())
            #expect(deleted.status == 204)
            let same = try await Self.send(
                raw, "PUT", "/queues/go", withoutDigest + [("Content-Length", "\(queue.utf8.count)")], body: queue)
            #expect(same.status == 204)
        }
    }

    @Test("PHP and Node: the other spelling of parameters, escaped handles, a date twice")
    func phpAndNode() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("php")
            try await mns.send("a", to: "php")
            let handle = try await mns.receive(from: "php").replacing("_", with: "%5f")
            let common = [
                ("Host", "127.0.0.1"), ("x-mns-version", "2015-06-06"), ("Content-Type", "text/xml"),
                ("Date", Self.date), ("x-mns-date", Self.date), ("content-length", "0"),
            ]
            let changed = try await Self.send(
                mns.raw, "PUT", "/queues/php/messages?receiptHandle=\(handle)&visibilityTimeout=20", common)
            #expect(changed.status == 200)
            // A handle that a change of visibility replaced still deletes (mns-api.md 4.9).
            let deleted = try await Self.send(
                mns.raw, "DELETE", "/queues/php/messages?receiptHandle=\(handle)", common)
            #expect(deleted.status == 204)
            let peeked = try await Self.send(
                mns.raw, "GET", "/queues/php/messages?numOfMessages=16&peekonly=true", common)
            #expect(peeked.status == 404)
            let undefined = try await Self.send(
                mns.raw, "GET", "/queues", common + [("x-mns-prefix", "undefined"), ("x-mns-ret-number", "5")])
            #expect(undefined.status == 200)
        }
    }

    @Test("one connection carries many requests, also sent before the answers came")
    func pipelined() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            for number in 0..<20 {
                try await mns.begin(
                    "POST", "/queues/orders/messages", "<Message><MessageBody>m\(number)</MessageBody></Message>")
            }
            try await mns.begin("GET", "/queues/orders/messages?numOfMessages=16&waitseconds=5")
            for _ in 0..<20 { #expect(await mns.raw.answer()?.status == 201) }
            #expect(await mns.raw.answer()?.body.split(separator: "<MessageBody>").count == 17)
        }
    }

    @Test("a body may come in chunks")
    func chunked() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let body = "<Queue><DelaySeconds>3</DelaySeconds></Queue>"
            let answer = try await Self.send(
                mns.raw, "PUT", "/queues/orders",
                [
                    ("Host", "x"), ("Date", Self.date), ("x-mns-version", "2015-06-06"),
                    ("Transfer-Encoding", "chunked"),
                ],
                body:
                    "5\r\n\(body.prefix(5))\r\n\(String(body.count - 5, radix: 16))\r\n\(body.dropFirst(5))\r\n0\r\n\r\n"
            )
            #expect(answer.status == 201)
            #expect(try await mns.call("GET", "/queues/orders").element("DelaySeconds") == "3")
        }
    }
}
