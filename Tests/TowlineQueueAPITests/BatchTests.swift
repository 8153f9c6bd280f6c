import Testing

@Suite("Queue API: batches", .timeLimit(.minutes(5)))
struct BatchTests {
    @Test("a batch is stored in the order of the request")
    func send() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            let messages = (1...16).map { "<Message><MessageBody>m\($0)</MessageBody></Message>" }.joined()
            let sent = try await mns.call("POST", "/queues/orders/messages", "<Messages>\(messages)</Messages>")
            #expect(sent.status == 201)
            #expect(sent.body.contains("<Messages xmlns=\"http://mns.aliyuncs.com/doc/v1\"><Message><MessageId>"))
            let received = try await mns.call("GET", "/queues/orders/messages?numOfMessages=16&waitseconds=30")
            #expect(received.status == 200)
            let bodies = received.body.split(separator: "<MessageBody>").dropFirst()
                .map { String($0.prefix { $0 != "<" }) }
            #expect(bodies == (1...16).map { "m\($0)" })
            #expect(received.body.hasPrefix("<?xml version=\"1.0\"?>\n<Messages xmlns="))
        }
    }

    @Test("a batch with failures is 500, with two elements for each message")
    func partialSend() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders", "<MaximumMessageSize>1024</MaximumMessageSize>")
            let long = String(repeating: "x", count: 1025)
            let sent = try await mns.call(
                "POST", "/queues/orders/messages",
                """
                <Messages><Message><MessageBody>good</MessageBody><DelaySeconds>5</DelaySeconds>\
                <MessageGroupId>g</MessageGroupId></Message><Message><MessageBody>\(long)</MessageBody></Message>\
                <Message><MessageBody>bad</MessageBody><Priority>99</Priority></Message></Messages>
                """)
            let id = try #require(sent.element("MessageId"))
            #expect(sent.status == 500)
            #expect(sent["x-mns-request-id"] == QueueFixture.requestID)
            #expect(
                sent.body == """
                    <?xml version="1.0"?>
                    <Messages xmlns="http://mns.aliyuncs.com/doc/v1">\
                    <Message><MessageId>\(id)</MessageId>\
                    <MessageBodyMD5>755F85C2723BB39381C7379A604160D8</MessageBodyMD5></Message>\
                    <Message><ErrorCode>InvalidArgument</ErrorCode>\
                    <ErrorMessage>MessageBody has 1025 bytes; this queue allows 1 to 1024.</ErrorMessage></Message>\
                    <Message><ErrorCode>InvalidArgument</ErrorCode>\
                    <ErrorMessage>Priority is 99; allowed are 0 to 16 (1 is the most urgent, 0 stands for 8).\
                    </ErrorMessage></Message></Messages>
                    """)
            #expect(try await mns.call("GET", "/queues/orders").element("DelayMessages") == "1")
        }
    }

    @Test("a batch that is wrong as a whole stores nothing")
    func wholeSend() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            let half = String(repeating: "x", count: 32_769)
            for (messages, name) in [
                (String(repeating: "<Message><MessageBody>a</MessageBody></Message>", count: 17), "1 to 16"),
                (String(repeating: "<Message><MessageBody>\(half)</MessageBody></Message>", count: 2), "65536"),
                ("<Message><MessageBody>a</MessageBody></Message><Message></Message>", "Message 2"),
            ] {
                let sent = try await mns.call("POST", "/queues/orders/messages", "<Messages>\(messages)</Messages>")
                #expect(sent.status == 400)
                #expect(sent.element("Code") == "InvalidArgument")
                #expect(sent.element("Message")?.contains(name) == true)
            }
            #expect(try await mns.call("GET", "/queues/orders").element("ActiveMessages") == "0")
        }
    }

    @Test("a batch of handles is deleted; those that fail are named as they were sent")
    func delete() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            for _ in 0..<3 { try await mns.send("a", to: "orders") }
            var handles: [String] = []
            for _ in 0..<3 { handles.append(try await mns.receive(from: "orders")) }
            func body(_ handles: [String]) -> String {
                let entries = handles.map { "<ReceiptHandle>\($0)</ReceiptHandle>" }.joined()
                return "<ReceiptHandles xmlns=\"http://mns.aliyuncs.com/doc/v1/\">\(entries)</ReceiptHandles>"
            }
            let all = try await mns.call("DELETE", "/queues/orders/messages", body(Array(handles[..<2])))
            #expect(all.status == 204)
            let some = try await mns.call(
                "DELETE", "/queues/orders/messages", body([handles[0], handles[2], "1-a&amp;b=="]))
            #expect(some.status == 404)
            #expect(some["x-mns-request-id"] == QueueFixture.requestID)
            #expect(
                some.body == """
                    <?xml version="1.0"?>
                    <Errors xmlns="http://mns.aliyuncs.com/doc/v1"><Error><ErrorCode>MessageNotExist</ErrorCode>\
                    <ErrorMessage>The message is gone, or the time of its receipt handle is over.</ErrorMessage>\
                    <ReceiptHandle>\(handles[0])</ReceiptHandle></Error>\
                    <Error><ErrorCode>ReceiptHandleError</ErrorCode>\
                    <ErrorMessage>This is not a receipt handle of the queue.</ErrorMessage>\
                    <ReceiptHandle>1-a&amp;b==</ReceiptHandle></Error></Errors>
                    """)
            let queue = try await mns.call("GET", "/queues/orders")
            #expect(queue.element("InactiveMessages") == "0")
            for wrong in [
                body([]), body([String](repeating: "1-a", count: 17)),
                "<ReceiptHandles><ReceiptHandle/></ReceiptHandles>",
            ] {
                let answer = try await mns.call("DELETE", "/queues/orders/messages", wrong)
                #expect(answer.status == 400)
                #expect(answer.element("Code") == "InvalidArgument")
            }
        }
    }
}
