import Testing
import TowlineTesting

@Suite("Queue API: operations on messages", .timeLimit(.minutes(5)))
struct MessageOperationTests {
    static let start = "<?xml version=\"1.0\"?>\n"
    static let namespace = "xmlns=\"http://mns.aliyuncs.com/doc/v1\""

    @Test("a message is sent, peeked at, received and deleted")
    func life() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            let sent = try await mns.call(
                "POST", "/queues/orders/messages",
                """
                <?xml version="1.0" encoding="utf-8"?>
                <Message xmlns="http://mns.aliyuncs.com/doc/v1/"><MessageBody>aGVsbG8gbW5z</MessageBody>\
                <DelaySeconds>0</DelaySeconds><Priority>8</Priority></Message>
                """)
            let id = try #require(sent.element("MessageId"))
            #expect(sent.status == 201)
            #expect(id.count == 32)
            #expect(
                sent.body == Self.start
                    + "<Message \(Self.namespace)><MessageId>\(id)</MessageId>"
                    + "<MessageBodyMD5>EBBEC0919BC91E033E46295ED9BAE435</MessageBodyMD5></Message>")
            fixture.clock.advance(by: .seconds(2))
            let content =
                "<MessageBodyMD5>EBBEC0919BC91E033E46295ED9BAE435</MessageBodyMD5>"
                + "<MessageBody>aGVsbG8gbW5z</MessageBody><EnqueueTime>1751356800000</EnqueueTime>"
            let peeked = try await mns.call("GET", "/queues/orders/messages?peekonly=true")
            #expect(peeked.status == 200)
            #expect(
                peeked.body == Self.start
                    + "<Message \(Self.namespace)><MessageId>\(id)</MessageId>\(content)"
                    + "<FirstDequeueTime>1751356800000</FirstDequeueTime><DequeueCount>0</DequeueCount>"
                    + "<Priority>8</Priority></Message>")
            let received = try await mns.call("GET", "/queues/orders/messages")
            let handle = try #require(received.element("ReceiptHandle"))
            #expect(received.status == 200)
            #expect(
                received.body == Self.start
                    + "<Message \(Self.namespace)><MessageId>\(id)</MessageId>"
                    + "<ReceiptHandle>\(handle)</ReceiptHandle>\(content)"
                    + "<NextVisibleTime>1751356832000</NextVisibleTime>"
                    + "<FirstDequeueTime>1751356802000</FirstDequeueTime><DequeueCount>1</DequeueCount>"
                    + "<Priority>8</Priority></Message>")
            let deleted = try await mns.call("DELETE", "/queues/orders/messages?ReceiptHandle=\(handle)")
            #expect(deleted.status == 204)
            #expect(deleted.body.isEmpty)
            let again = try await mns.call("DELETE", "/queues/orders/messages?ReceiptHandle=\(handle)")
            #expect(again.status == 404)
            #expect(again.element("Code") == "MessageNotExist")
        }
    }

    @Test(
        "nothing to receive or to peek at is MessageNotExist, in every form",
        arguments: ["", "?waitseconds=0", "?numOfMessages=16", "?peekonly=true", "?peekonly=true&numOfMessages=16"])
    func empty(query: String) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            let answer = try await mns.call("GET", "/queues/orders/messages\(query)")
            #expect(answer.status == 404)
            #expect(
                answer.body == Self.start
                    + "<Error \(Self.namespace)><Code>MessageNotExist</Code><Message>Message not exist.</Message>"
                    + "<RequestId>\(QueueFixture.requestID)</RequestId>"
                    + "<HostId>http://mns.example.com:8787</HostId></Error>")
        }
    }

    @Test(
        "bodies come back as they were sent",
        arguments: [
            "I am 测试字符串.", "{\"a\":\"&lt;b&gt; &amp; c\"}", "line\r\nline\ttab", " blanks ", "😀\u{10FFFF}",
            "&#65;&#x1F600;", "<![CDATA[<raw> & ]]>", String(repeating: "x", count: 65_536),
        ])
    func bodies(body: String) async throws {
        let plain =
            body.hasPrefix("<![CDATA[")
            ? "<raw> & "
            : body.replacing("&#65;", with: "A").replacing("&#x1F600;", with: "😀").replacing("&lt;", with: "<")
                .replacing("&gt;", with: ">").replacing("&amp;", with: "&")
        let escaped = plain.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .unicodeScalars.map { $0 == "\r" ? "&#13;" : String($0) }.joined()
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            try await mns.send(body, to: "orders")
            #expect(try await mns.call("GET", "/queues/orders/messages").element("MessageBody") == escaped)
        }
    }

    @Test("the digest is that of the text as on the wire")
    func digest() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            for (body, digest) in [
                ("hello mns", "0C91FF67AF5B07A61C82F0DD90CAEFC3"),
                ("I am 测试字符串.", "9D75198CAA17528AB23790C1861987AF"),
            ] {
                let sent = try await mns.call(
                    "POST", "/queues/orders/messages", "<Message><MessageBody>\(body)</MessageBody></Message>")
                #expect(sent.element("MessageBodyMD5") == digest)
            }
        }
    }

    @Test("a delayed message has a handle that releases or withdraws it")
    func delayed() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders", "<DelaySeconds>100</DelaySeconds>")
            var handles: [String] = []
            for _ in 0..<2 {
                let sent = try await mns.call(
                    "POST", "/queues/orders/messages", "<Message><MessageBody>a</MessageBody></Message>")
                handles.append(try #require(sent.element("ReceiptHandle")))
            }
            let plain = try await mns.call(
                "POST", "/queues/orders/messages",
                "<Message><MessageBody>b</MessageBody><DelaySeconds>0</DelaySeconds></Message>")
            #expect(plain.element("ReceiptHandle") == nil)
            #expect(
                try await mns.call("DELETE", "/queues/orders/messages?ReceiptHandle=\(handles[0])").status == 204)
            let released = try await mns.call(
                "PUT", "/queues/orders/messages?receiptHandle=\(handles[1])&visibilityTimeout=1")
            #expect(released.status == 200)
            let next = try #require(released.element("ReceiptHandle"))
            #expect(
                released.body == Self.start
                    + "<ChangeVisibility \(Self.namespace)><ReceiptHandle>\(next)</ReceiptHandle>"
                    + "<NextVisibleTime>1751356801000</NextVisibleTime></ChangeVisibility>")
            fixture.clock.advance(by: .seconds(1))
            let both = try await mns.call("GET", "/queues/orders/messages?numOfMessages=16")
            #expect(both.body.split(separator: "<MessageBody>").count == 3)
        }
    }

    @Test("a handle is one of the queue's, and only for its time")
    func handles() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            try await mns.send("a", to: "orders")
            let bad = try await mns.call("DELETE", "/queues/orders/messages?ReceiptHandle=1-abc")
            #expect(bad.status == 400)
            #expect(bad.element("Code") == "ReceiptHandleError")
            let old = try await mns.receive(from: "orders")
            #expect(
                old.utf8.allSatisfy {
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8.contains($0)
                })
            let changed = try await mns.call(
                "PUT", "/queues/orders/messages?ReceiptHandle=\(old)&VisibilityTimeout=60")
            let new = try #require(changed.element("ReceiptHandle"))
            #expect(new != old)
            let replaced = try await mns.call(
                "PUT", "/queues/orders/messages?ReceiptHandle=\(old)&VisibilityTimeout=60")
            #expect(replaced.element("Code") == "ReceiptHandleError")
            fixture.clock.advance(by: .seconds(60))
            let late = try await mns.call("DELETE", "/queues/orders/messages?ReceiptHandle=\(new)")
            #expect(late.status == 404)
            #expect(late.element("Code") == "MessageNotExist")
        }
    }

    @Test("properties and group come back as they were sent")
    func properties() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            let properties =
                "<MessageGroupId>g1</MessageGroupId><UserProperties><PropertyValue><Name>n</Name><Value>7</Value>"
                + "<Type>NUMBER</Type></PropertyValue><PropertyValue><Name>b</Name><Value>AAE=</Value>"
                + "<Type>BINARY</Type></PropertyValue></UserProperties><SystemProperties><SystemPropertyValue>"
                + "<Name>traceparent</Name><Value>00-1</Value><Type>STRING</Type></SystemPropertyValue>"
                + "</SystemProperties>"
            let sent = try await mns.call(
                "POST", "/queues/orders/messages", "<Message><MessageBody>a</MessageBody>\(properties)</Message>")
            #expect(sent.element("MessageGroupId") == "g1")
            #expect(try await mns.call("GET", "/queues/orders/messages").body.contains(properties))
        }
    }

    @Test("priority 0 is 8, and the most urgent come first")
    func priorities() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            for (body, priority) in [("low", 16), ("none", 0), ("high", 1)] {
                try await mns.send(body, to: "orders", "<DelaySeconds>0</DelaySeconds><Priority>\(priority)</Priority>")
            }
            let all = try await mns.call("GET", "/queues/orders/messages?numOfMessages=3")
            let bodies = all.body.split(separator: "<MessageBody>").dropFirst().map { String($0.prefix { $0 != "<" }) }
            let priorities = all.body.split(separator: "<Priority>").dropFirst().map { String($0.prefix { $0 != "<" }) }
            #expect(bodies == ["high", "none", "low"])
            #expect(priorities == ["1", "8", "16"])
        }
    }

    @Test(
        "a message that breaks a rule is refused and named",
        arguments: [
            ("<Message><MessageBody>a</MessageBody><Priority>17</Priority></Message>", "Priority"),
            ("<Message><MessageBody>a</MessageBody><Priority>-1</Priority></Message>", "Priority"),
            ("<Message><MessageBody>a</MessageBody><DelaySeconds>604801</DelaySeconds></Message>", "DelaySeconds"),
            ("<Message><MessageBody>a</MessageBody><DelaySeconds>1.5</DelaySeconds></Message>", "DelaySeconds"),
            (
                "<Message><MessageBody>a</MessageBody><DelaySeconds>9223372036854775808</DelaySeconds></Message>",
                "DelaySeconds"
            ),
            ("<Message><MessageBody></MessageBody></Message>", "MessageBody"),
            ("<Message></Message>", "MessageBody"),
            ("<Message><MessageBody>a</MessageBody><MessageBody>b</MessageBody></Message>", "MessageBody"),
            (
                "<Message><MessageBody>\(String(repeating: "x", count: 65_537))</MessageBody></Message>",
                "MessageBody"
            ),
            ("<Messages></Messages>", "Messages"),
            ("<Queue></Queue>", "root element"),
        ])
    func refusals(body: String, name: String) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            let answer = try await mns.call("POST", "/queues/orders/messages", body)
            #expect(answer.status == 400)
            #expect(answer.element("Code") == "InvalidArgument")
            #expect(answer.element("Message")?.contains(name) == true)
            #expect(try await mns.call("GET", "/queues/orders").element("ActiveMessages") == "0")
        }
    }
}
