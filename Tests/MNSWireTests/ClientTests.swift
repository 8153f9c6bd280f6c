import MNSWire
import Testing
import VODSignatures

private let date = "Tue, 01 Jul 2025 08:00:00 GMT"

@Suite("Client")
struct ClientTests {
    private let stored = answer(
        "Message", "<MessageId>I</MessageId><MessageBodyMD5>EBBEC0919BC91E033E46295ED9BAE435</MessageBodyMD5>")

    @Test("a message is sent as the checklist says, and its receipt is checked")
    func sends() async throws {
        let transport = ScriptedTransport(status: 201, stored)
        let receipt = try await client(transport, token: "T").send(
            MNSOutgoingMessage(body: "aGVsbG8gbW5z", delaySeconds: 0, priority: 8), to: "demo-queue")
        #expect(receipt.messageID == "I")
        let sent = try #require(transport.requests.first)
        #expect(sent.method == "POST")
        #expect(sent.url == "http://1.mns.cn-test.example.com/queues/demo-queue/messages")
        #expect(text(sent.body) == ClientForms.python)
        #expect(sent.timeout == .seconds(15))
        let headers = Dictionary(uniqueKeysWithValues: sent.headers.map { ($0.name, $0.value) })
        #expect(headers["Date"] == date && headers["x-mns-version"] == "2015-06-06" && headers["security-token"] == "T")
        #expect(headers["Content-Type"] == "text/xml;charset=UTF-8")
        #expect(headers["Authorization"] == signature(of: sent))
    }

    /// What a server calculates for a request, without the header that is not signed.
    private func signature(of request: MNSHTTPRequest) -> String {
        MNSSignatureV2.sign(
            method: request.method, target: request.target,
            headers: request.headers.filter { $0.name != "security-token" && $0.name != "Authorization" },
            accessKeyID: "AKIDEXAMPLE", secret: "SKEXAMPLE"
        ).headerValue
    }

    @Test("requests without a body carry the signatures of the reference's vectors")
    func vectors() async throws {
        let transport = ScriptedTransport(
            { _ in refusal(404, "MessageNotExist") }, { _ in reply(200, answer("Queues", "")) },
            { _ in
                reply(
                    200,
                    answer("ChangeVisibility", "<ReceiptHandle>n</ReceiptHandle><NextVisibleTime>1</NextVisibleTime>"))
            })
        let client = try MNSWireTests.client(transport)
        #expect(try await client.receive(from: "demo-queue", waitSeconds: 10) == nil)
        _ = try await client.listQueues(
            MNSListOptions(prefix: "demo", marker: "abc", pageSize: 10, withMetadata: true))
        _ = try await client.changeVisibility(of: "8-abc", to: 60, in: "demo-queue")
        let signatures = transport.requests.map { request in
            request.headers.first { $0.name == "Authorization" }?.value
        }
        #expect(
            signatures == [
                "MNS AKIDEXAMPLE:kqdaphjxUHgqB2Ml0gN/gUZZAfQ=", "MNS AKIDEXAMPLE:JbU/W90DfjoKDckIdR7gH2rXy+Y=",
                "MNS AKIDEXAMPLE:BxN9BaCsXtGji3PoGqFUII+w9I0=",
            ])
        #expect(transport.requests[0].timeout == .seconds(25))
    }

    @Test("each call has its method, target and body, which the router understands")
    func targets() async throws {
        let transport = ScriptedTransport()
        let client = try MNSWireTests.client(transport)
        _ = try? await client.createQueue("q", attributes: MNSQueueAttributes(delaySeconds: 1))
        _ = try? await client.setAttributes(MNSQueueAttributes(), of: "q")
        _ = try? await client.describeQueue("q")
        _ = try? await client.deleteQueue("q")
        _ = try? await client.listQueues()
        _ = try? await client.send(batch: [MNSOutgoingMessage(body: "x")], to: "q")
        _ = try? await client.receive(from: "q")
        _ = try? await client.receive(upTo: 16, from: "q", waitSeconds: 5)
        _ = try? await client.peek(at: "q")
        _ = try? await client.peek(upTo: 2, at: "q")
        _ = try? await client.delete("a/b+c=", from: "q")
        _ = try? await client.delete(batch: ["h"], from: "q")
        let operations = try transport.requests.map { try MNSRouter.route(method: $0.method, target: $0.target) }
        #expect(
            operations == [
                .createQueue("q"), .setQueueAttributes("q"), .getQueueAttributes("q"), .deleteQueue("q"), .listQueues,
                .sendMessages(queue: "q"), .receiveMessage(queue: "q", waitSeconds: nil),
                .batchReceiveMessages(queue: "q", count: 16, waitSeconds: 5), .peekMessage(queue: "q"),
                .batchPeekMessages(queue: "q", count: 2), .deleteMessage(queue: "q", receiptHandle: "a/b+c="),
                .batchDeleteMessages(queue: "q"),
            ])
        let requests = transport.requests
        #expect(try MNSQueueAttributes(decoding: requests[0].body) == MNSQueueAttributes(delaySeconds: 1))
        #expect(text(requests[1].body) == request("Queue", ""))
        #expect(try MNSSendRequest(decoding: requests[5].body) == .batch([MNSOutgoingMessage(body: "x")]))
        #expect(requests[6].timeout == .seconds(45) && requests[7].timeout == .seconds(20))
        #expect(requests[10].target == "/queues/q/messages?ReceiptHandle=a%2Fb%2Bc%3D")
        #expect(try MNSReceiptHandles(decoding: requests[11].body).handles == ["h"])
        #expect(requests.filter { $0.body.isEmpty }.allSatisfy { !$0.headers.contains { $0.name == "Content-Type" } })
    }

    @Test("answers become values, and no message is no error")
    func answers() async throws {
        let message = MNSMessage(
            messageID: "I", body: "x", receiptHandle: "H", enqueueTime: 1, firstDequeueTime: 2, nextVisibleTime: 3,
            dequeueCount: 1)
        let description = MNSQueueDescription(name: "q", createTime: 1, lastModifyTime: 2)
        let transport = ScriptedTransport(
            { _ in reply(200, text(message.encoded())) },
            { _ in reply(200, text(MNSMessage.encoded(batch: [message]))) },
            { _ in refusal(404, "MessageNotExist") }, { _ in refusal(404, "MessageNotExist") }, { _ in reply(204) },
            { _ in reply(201, headers: [("LOCATION", "http://h/queues/q")]) }, { _ in reply(204) },
            { _ in reply(200, text(description.encoded())) }, { _ in reply(204) })
        let client = try MNSWireTests.client(transport)
        #expect(try await client.receive(from: "q") == message)
        #expect(try await client.receive(upTo: 1, from: "q") == [message])
        #expect(try await client.peek(at: "q") == nil)
        #expect(try await client.peek(upTo: 1, at: "q") == [])
        try await client.delete("h", from: "q")
        let created = try await client.createQueue("q")
        #expect(created.isNew && created.url == "http://h/queues/q")
        let existed = try await client.createQueue("q")
        #expect(!existed.isNew && existed.url == nil)
        #expect(try await client.describeQueue("q").lastModifyTime == 2)
        #expect(try await client.delete(batch: ["h"], from: "q").entries.isEmpty)
    }

    @Test("batches that failed in part are answers, whole refusals are errors")
    func batches() async throws {
        let stored = MNSBatchSendAnswer.Entry.stored(
            MNSSendReceipt(messageID: "I", bodyMD5: MNSDigest.ofMessageBody("x")))
        let partial = MNSBatchSendAnswer([stored, .failed(MNSError(.internalError))])
        let failures = MNSDeleteFailures([.init(receiptHandle: "h", error: MNSError(.messageNotExist))])
        let transport = ScriptedTransport(
            { _ in reply(500, text(partial.encoded())) }, { _ in reply(404, text(failures.encoded())) },
            { _ in refusal(404, "QueueNotExist") }, { _ in reply(201, text(MNSBatchSendAnswer([stored]).encoded())) })
        let client = try MNSWireTests.client(transport)
        let two = [MNSOutgoingMessage(body: "x"), MNSOutgoingMessage(body: "y")]
        #expect(try await client.send(batch: two, to: "q") == partial)
        #expect(try await client.delete(batch: ["h"], from: "q") == failures)
        let refused = await #expect(throws: MNSClientError.self) { try await client.send(batch: two, to: "q") }
        #expect(refused?.code == "QueueNotExist")
        let short = await #expect(throws: MNSClientError.self) { try await client.send(batch: two, to: "q") }
        #expect(short?.kind == .unexpectedAnswer)
    }

    @Test("a receipt with another digest is a fault that another attempt may not have")
    func digestMismatch() async throws {
        let client = try MNSWireTests.client(ScriptedTransport(status: 201, stored))
        let error = await #expect(throws: MNSClientError.self) {
            try await client.send(MNSOutgoingMessage(body: "other"), to: "q")
        }
        #expect(error?.kind == .unexpectedAnswer && error?.remedy == .retry)
    }

    @Test("a clock that is off is corrected once by the server's date, and stays corrected", arguments: [408, 400])
    func clockCorrection(_ status: Int) async throws {
        let expired: ScriptedTransport.Step = { _ in
            refusal(status, "TimeExpired", headers: [("date", "Tue, 01 Jul 2025 09:30:00 GMT")])
        }
        let transport = ScriptedTransport(expired, { _ in reply(204) }, { _ in reply(204) }, expired, expired)
        let client = try MNSWireTests.client(transport)
        try await client.deleteQueue("q")
        try await client.deleteQueue("q")
        let error = await #expect(throws: MNSClientError.self) { try await client.deleteQueue("q") }
        #expect(error?.code == "TimeExpired" && error?.remedy == .configuration)
        let dates = transport.requests.map { request in request.headers.first { $0.name == "Date" }?.value }
        let corrected = "Tue, 01 Jul 2025 09:30:00 GMT"
        #expect(dates == [date, corrected, corrected, corrected, corrected])
        for request in transport.requests {
            #expect(request.headers.first { $0.name == "Authorization" }?.value == signature(of: request))
        }
    }

    @Test(
        "a date that is absent, unreadable or days away is not followed",
        arguments: ["", "yesterday", "Thu, 03 Jul 2025 08:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
    func noCorrection(_ serverDate: String) async throws {
        let transport = ScriptedTransport(
            status: 408, answer("Error", "<Code>TimeExpired</Code>"), headers: [("Date", serverDate)])
        let client = try MNSWireTests.client(transport)
        let error = await #expect(throws: MNSClientError.self) { try await client.deleteQueue("q") }
        #expect(error?.code == "TimeExpired")
        #expect(transport.requests.count == 1)
    }

    @Test("a request that breaks a rule is not sent")
    func invalidRequests() async throws {
        let transport = ScriptedTransport()
        let client = try MNSWireTests.client(transport)
        func refuses(_ message: String, _ call: () async throws -> Void) async {
            let error = await #expect(throws: MNSClientError.self) { try await call() }
            #expect(error?.kind == .invalidRequest && error?.message == message)
        }
        let large = MNSOutgoingMessage(body: String(repeating: "x", count: 65_537))
        let sizes = "The bodies must have at most 65536 bytes together."
        await refuses(sizes) { _ = try await client.send(large, to: "q") }
        let half = MNSOutgoingMessage(body: String(repeating: "é", count: 16_385))
        await refuses(sizes) { _ = try await client.send(batch: [half, half], to: "q") }
        await refuses("MessageBody must not be empty.") {
            _ = try await client.send(MNSOutgoingMessage(body: ""), to: "q")
        }
        await refuses("MessageBody must not hold U+0, which XML cannot carry; encode it with base64.") {
            _ = try await client.send(MNSOutgoingMessage(body: "\0"), to: "q")
        }
        await refuses("A batch must have 1 to 16 messages.") { _ = try await client.send(batch: [], to: "q") }
        await refuses("A batch must have 1 to 16 receipt handles.") {
            _ = try await client.delete(batch: [], from: "q")
        }
        await refuses("The receipt handle must not be empty.") { try await client.delete("", from: "q") }
        await refuses("Priority must be a whole number from 1 to 16, not 0.") {
            _ = try await client.send(MNSOutgoingMessage(body: "x", priority: 0), to: "q")
        }
        await refuses("waitseconds must be a whole number of seconds from 0 to 30, not 31.") {
            _ = try await client.receive(from: "q", waitSeconds: 31)
        }
        await refuses("numOfMessages must be a whole number from 1 to 16, not 17.") {
            _ = try await client.peek(upTo: 17, at: "q")
        }
        await refuses("PollingWaitSeconds must be a whole number of seconds from 0 to 30, not 60.") {
            try await client.setAttributes(MNSQueueAttributes(pollingWaitSeconds: 60), of: "q")
        }
        await refuses("A queue's name must begin with a letter or digit and hold letters, digits and hyphens only.") {
            try await client.deleteQueue("a/../b")
        }
        await refuses("x-mns-prefix must hold ASCII characters without blanks.") {
            _ = try await client.listQueues(MNSListOptions(prefix: "a\r\nX: y"))
        }
        #expect(transport.requests.isEmpty)
    }
}
