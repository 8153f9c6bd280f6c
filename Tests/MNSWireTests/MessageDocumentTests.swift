import MNSWire
import Testing

@Suite("Documents about messages")
struct MessageDocumentTests {
    private let full = MNSOutgoingMessage(
        body: " a&b\r\n测试 ", delaySeconds: 5, priority: 1, groupID: "g",
        userProperties: [
            MNSProperty(name: "n", value: "1", kind: .number), MNSProperty(name: "b", value: "AAE=", kind: .binary),
        ], systemProperties: [MNSProperty(name: "traceparent", value: "00-1")])

    private let properties = """
        <UserProperties><PropertyValue><Name>n</Name><Value>1</Value><Type>NUMBER</Type></PropertyValue>\
        <PropertyValue><Name>b</Name><Value>AAE=</Value><Type>BINARY</Type></PropertyValue></UserProperties>\
        <SystemProperties><SystemPropertyValue><Name>traceparent</Name><Value>00-1</Value><Type>STRING</Type>\
        </SystemPropertyValue></SystemProperties>
        """

    @Test("the body of the reference's first vector is written byte for byte")
    func vectorA() {
        let document = MNSOutgoingMessage(body: "aGVsbG8gbW5z", delaySeconds: 0, priority: 8).encoded()
        #expect(text(document) == ClientForms.python)
        #expect(document.count == 188)
        #expect(MNSDigest.contentMD5("YjRiYTRhNWUyZDk3YzljNjUzODQwY2ZkMjJkMDM5YWI=", matches: document))
    }

    @Test("the same message in the form of each client is the same message", arguments: ClientForms.all)
    func clientForms(_ document: String) throws {
        let message = MNSOutgoingMessage(body: "aGVsbG8gbW5z", delaySeconds: 0, priority: 8)
        #expect(try MNSSendRequest(decoding: Array(document.utf8)) == .single(message))
    }

    @Test("a message with everything is written in the order of the reference and read back exactly")
    func everything() throws {
        let elements = """
            <MessageBody> a&amp;b&#13;\n测试 </MessageBody><DelaySeconds>5</DelaySeconds><Priority>1</Priority>\
            <MessageGroupId>g</MessageGroupId>\(properties)
            """
        #expect(text(full.encoded()) == request("Message", elements))
        #expect(try MNSSendRequest(decoding: full.encoded()) == .single(full))
        let batch = MNSSendRequest.batch([full, MNSOutgoingMessage(body: "x")])
        let expected = "<Message>\(elements)</Message><Message><MessageBody>x</MessageBody></Message>"
        #expect(text(batch.encoded()) == request("Messages", expected))
        #expect(try MNSSendRequest(decoding: batch.encoded()) == batch)
        #expect(batch.messages.count == 2)
    }

    @Test("a priority of 0 means none, as one client always sends one")
    func priorityZero() throws {
        let document =
            "<Message><MessageBody>x</MessageBody><DelaySeconds>0</DelaySeconds><Priority>0</Priority></Message>"
        let read = try MNSSendRequest(decoding: Array(document.utf8))
        #expect(read == .single(MNSOutgoingMessage(body: "x", delaySeconds: 0)))
    }

    @Test(
        "a request that breaks a rule is refused with the element and the entry",
        arguments: [
            ("<Message/>", "MessageBody is required and must not be empty."),
            ("<Message><MessageBody></MessageBody></Message>", "MessageBody is required and must not be empty."),
            (
                "<Message><MessageBody>a</MessageBody><MessageBody>b</MessageBody></Message>",
                "MessageBody must not occur twice."
            ),
            ("<Message><MessageBody><b>x</b></MessageBody></Message>", "MessageBody must hold text, not elements."),
            ("<Queue/>", "The root element must be Message or Messages, not Queue."),
            ("<Messages/>", "Messages must hold 1 to 16 entries Message, not 0."),
            (
                "<Messages>" + String(repeating: "<Message><MessageBody>x</MessageBody></Message>", count: 17)
                    + "</Messages>",
                "Messages must hold 1 to 16 entries Message, not 17."
            ),
            (
                "<Messages><Message><MessageBody>x</MessageBody></Message><Message><MessageBody>x</MessageBody><Priority>x</Priority></Message></Messages>",
                "Message 2: Priority must be a whole number from 1 to 16."
            ),
            (
                "<Message><MessageBody>x</MessageBody><UserProperties><PropertyValue><Name>n</Name><Type>FLOAT</Type></PropertyValue></UserProperties></Message>",
                "Type of PropertyValue must be one of STRING, NUMBER, BOOLEAN, BINARY."
            ),
            (
                "<Message><MessageBody>x</MessageBody><SystemProperties><SystemPropertyValue/></SystemProperties></Message>",
                "Name is required and must not be empty."
            ),
        ])
    func refusedRequests(_ document: String, _ message: String) {
        #expect(throws: MNSError(.invalidArgument, message)) { try MNSSendRequest(decoding: Array(document.utf8)) }
    }

    @Test("a body that is not XML is malformed, with the place")
    func malformed() {
        let error = #expect(throws: MNSError.self) {
            try MNSSendRequest(decoding: Array("<Message>&x;</Message>".utf8))
        }
        #expect(error?.code == .malformedXML)
        #expect(error?.message == "The entity x is not one of amp, lt, gt, quot and apos (byte 9).")
        #expect(throws: MNSError.self) { try MNSSendRequest(decoding: []) }
    }

    @Test("delay and priority have ranges")
    func ranges() {
        func allows(_ message: MNSOutgoingMessage) -> Bool { (try? message.checkRanges()) != nil }
        #expect(allows(MNSOutgoingMessage(body: "x")))
        #expect(allows(MNSOutgoingMessage(body: "x", delaySeconds: 604_800, priority: 16)))
        #expect(!allows(MNSOutgoingMessage(body: "x", delaySeconds: 604_801)))
        #expect(!allows(MNSOutgoingMessage(body: "x", delaySeconds: -1)))
        #expect(!allows(MNSOutgoingMessage(body: "x", priority: 17)))
    }

    @Test("a receipt has its two elements, and handle and group only if there are any")
    func receipts() throws {
        let short = MNSSendReceipt(messageID: "I", bodyMD5: "M")
        #expect(
            text(short.encoded()) == answer("Message", "<MessageId>I</MessageId><MessageBodyMD5>M</MessageBodyMD5>"))
        let long = MNSSendReceipt(messageID: "I", bodyMD5: "M", receiptHandle: "H", groupID: "G")
        let elements = """
            <MessageId>I</MessageId><MessageBodyMD5>M</MessageBodyMD5><ReceiptHandle>H</ReceiptHandle>\
            <MessageGroupId>G</MessageGroupId>
            """
        #expect(text(long.encoded()) == answer("Message", elements))
        for receipt in [short, long] { #expect(try MNSSendReceipt(decoding: receipt.encoded()) == receipt) }
    }

    @Test("a batch that failed in part keeps the order and has exactly two elements per entry")
    func batchAnswers() throws {
        let stored = MNSBatchSendAnswer.Entry.stored(
            MNSSendReceipt(messageID: "I", bodyMD5: "M", receiptHandle: "H", groupID: "G"))
        let good = MNSBatchSendAnswer([stored])
        #expect(good.status == 201 && !good.hasFailures)
        #expect(text(good.encoded()).contains("<ReceiptHandle>H</ReceiptHandle>"))
        #expect(try MNSBatchSendAnswer(decoding: good.encoded(), status: 201) == good)

        let failed = MNSBatchSendAnswer.Entry.failed(MNSError(.invalidArgument, "too <long>"))
        let partial = MNSBatchSendAnswer([stored, failed, stored])
        #expect(partial.status == 500 && partial.hasFailures)
        let pair = "<Message><MessageId>I</MessageId><MessageBodyMD5>M</MessageBodyMD5></Message>"
        let error =
            "<Message><ErrorCode>InvalidArgument</ErrorCode><ErrorMessage>too &lt;long&gt;</ErrorMessage></Message>"
        #expect(text(partial.encoded()) == answer("Messages", pair + error + pair))
        let read = try MNSBatchSendAnswer(decoding: partial.encoded(), status: 500)
        #expect(read.entries[1] == failed)
        #expect(read.entries[0] == .stored(MNSSendReceipt(messageID: "I", bodyMD5: "M")))
        let silent = MNSBatchSendAnswer([.failed(MNSError(.internalError, ""))])
        #expect(text(silent.encoded()).contains("<ErrorMessage>InternalError</ErrorMessage>"))
    }

    private let received = MNSMessage(
        messageID: "I", body: "hello mns", receiptHandle: "H", enqueueTime: 1_751_356_800_000,
        firstDequeueTime: 1_751_356_800_001, nextVisibleTime: 1_751_356_830_001, dequeueCount: 1)

    private let receivedElements = """
        <MessageId>I</MessageId><ReceiptHandle>H</ReceiptHandle>\
        <MessageBodyMD5>0C91FF67AF5B07A61C82F0DD90CAEFC3</MessageBodyMD5><MessageBody>hello mns</MessageBody>\
        <EnqueueTime>1751356800000</EnqueueTime><NextVisibleTime>1751356830001</NextVisibleTime>\
        <FirstDequeueTime>1751356800001</FirstDequeueTime><DequeueCount>1</DequeueCount><Priority>8</Priority>
        """

    @Test("a received message has all elements, one that was peeked at neither handle nor time")
    func messages() throws {
        #expect(text(received.encoded()) == answer("Message", receivedElements))
        var peeked = received
        peeked.receiptHandle = nil
        peeked.nextVisibleTime = nil
        let without = receivedElements.replacing("<ReceiptHandle>H</ReceiptHandle>", with: "")
            .replacing("<NextVisibleTime>1751356830001</NextVisibleTime>", with: "")
        #expect(text(peeked.encoded()) == answer("Message", without))
        var rich = received
        rich.groupID = "g"
        rich.userProperties = full.userProperties
        rich.systemProperties = full.systemProperties
        let group = "<MessageGroupId>g</MessageGroupId>"
        #expect(text(rich.encoded()) == answer("Message", receivedElements + group + properties))
        for message in [received, peeked, rich] { #expect(try MNSMessage(decoding: message.encoded()) == message) }
        let batch = [received, rich, peeked]
        #expect(try MNSMessage.decoded(batch: MNSMessage.encoded(batch: batch)) == batch)
        let one = answer("Messages", "<Message>\(receivedElements)</Message>")
        #expect(text(MNSMessage.encoded(batch: [received])) == one)
        #expect(try MNSMessage.decoded(batch: Array(answer("Messages", "").utf8)).isEmpty)
    }

    @Test("the largest batch of the worst characters is within the limits of a reader")
    func largestBatch() throws {
        let body = String(repeating: "\r", count: 65_536)
        let message = MNSMessage(messageID: "I", body: body, enqueueTime: 0, firstDequeueTime: 0, dequeueCount: 1)
        let batch = [MNSMessage](repeating: message, count: 16)
        #expect(try MNSMessage.decoded(batch: MNSMessage.encoded(batch: batch)) == batch)
        let sent = MNSSendRequest.single(MNSOutgoingMessage(body: body))
        #expect(try MNSSendRequest(decoding: sent.encoded()) == sent)
    }

    @Test("a stored character that XML cannot carry does not make a queue unreadable, and the digest shows it")
    func forbiddenCharacters() throws {
        let message = MNSMessage(messageID: "I", body: "a\u{0}b", enqueueTime: 0, firstDequeueTime: 0, dequeueCount: 1)
        let read = try MNSMessage(decoding: message.encoded())
        #expect(read.body == "a\u{FFFD}b")
        #expect(read.bodyMD5 != MNSDigest.ofMessageBody(read.body))
    }

    @Test("handles of a batch delete go both ways")
    func handles() throws {
        let handles = MNSReceiptHandles(["8-a/b+c==", "x&y"])
        let elements = "<ReceiptHandle>8-a/b+c==</ReceiptHandle><ReceiptHandle>x&amp;y</ReceiptHandle>"
        #expect(text(handles.encoded()) == request("ReceiptHandles", elements))
        #expect(try MNSReceiptHandles(decoding: handles.encoded()) == handles)
        for (count, isAllowed) in [(0, false), (1, true), (16, true), (17, false)] {
            let document = MNSReceiptHandles([String](repeating: "h", count: count)).encoded()
            #expect(((try? MNSReceiptHandles(decoding: document)) != nil) == isAllowed)
        }
        #expect(throws: MNSError(.missingReceiptHandle)) { try MNSReceiptHandles(decoding: []) }
        #expect(throws: MNSError(.invalidArgument, "ReceiptHandle 2 must hold text.")) {
            let document = "<ReceiptHandles><ReceiptHandle>a</ReceiptHandle><ReceiptHandle/></ReceiptHandles>"
            return try MNSReceiptHandles(decoding: Array(document.utf8))
        }
    }

    @Test("failures of a batch delete have exactly three elements and the handle as sent")
    func deleteFailures() throws {
        let failures = MNSDeleteFailures([
            .init(receiptHandle: "h&1", error: MNSError(.messageNotExist)),
            .init(receiptHandle: "h2", error: MNSError(.receiptHandleError, "No.")),
        ])
        let elements = """
            <Error><ErrorCode>MessageNotExist</ErrorCode><ErrorMessage>Message not exist.</ErrorMessage>\
            <ReceiptHandle>h&amp;1</ReceiptHandle></Error><Error><ErrorCode>ReceiptHandleError</ErrorCode>\
            <ErrorMessage>No.</ErrorMessage><ReceiptHandle>h2</ReceiptHandle></Error>
            """
        #expect(text(failures.encoded()) == answer("Errors", elements))
        #expect(try MNSDeleteFailures(decoding: failures.encoded()) == failures)
        #expect(MNSDeleteFailures.status == 404)
    }

    @Test("a change of visibility has the new handle and the time")
    func visibility() throws {
        let change = MNSVisibilityChange(receiptHandle: "h", nextVisibleTime: 1_751_356_860_000)
        let elements = "<ReceiptHandle>h</ReceiptHandle><NextVisibleTime>1751356860000</NextVisibleTime>"
        #expect(text(change.encoded()) == answer("ChangeVisibility", elements))
        #expect(try MNSVisibilityChange(decoding: change.encoded()) == change)
        #expect(throws: MNSError(.invalidArgument, "NextVisibleTime is required.")) {
            let document = answer("ChangeVisibility", "<ReceiptHandle>h</ReceiptHandle>")
            return try MNSVisibilityChange(decoding: Array(document.utf8))
        }
    }

    @Test(
        "digests of bodies are those of the reference",
        arguments: [
            ("hello mns", "0C91FF67AF5B07A61C82F0DD90CAEFC3"), ("aGVsbG8gbW5z", "EBBEC0919BC91E033E46295ED9BAE435"),
            ("YToyOntzOjI6ImlkIjtpOjEwNTgyODc4O3M6MTA6ImVycm9yQ291bnQiO2k6MDt9", "3AED23FB70BD99FA907F5212F50DF7B9"),
            ("I am 测试字符串.", "9D75198CAA17528AB23790C1861987AF"),
        ])
    func digests(_ body: String, _ digest: String) {
        #expect(MNSDigest.ofMessageBody(body) == digest)
    }

    @Test("Content-MD5 is right in both forms that clients send, and in no other")
    func contentMD5() {
        #expect(MNSDigest.contentMD5("ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U=", matches: []))
        #expect(MNSDigest.contentMD5(" 1B2M2Y8AsgTpgAmY7PhCfg== ", matches: []))
        #expect(!MNSDigest.contentMD5("d41d8cd98f00b204e9800998ecf8427e", matches: []))
        #expect(!MNSDigest.contentMD5("1B2M2Y8AsgTpgAmY7PhCfg==", matches: [0]))
        #expect(!MNSDigest.contentMD5("", matches: []))
    }

    @Test("payloads are encoded as asked, and plain text is checked for what XML carries")
    func bodyEncodings() throws {
        #expect(try MNSBodyEncoding.base64.encode("hello mns") == "aGVsbG8gbW5z")
        #expect(try MNSBodyEncoding.base64.encode("\u{0}") == "AA==")
        #expect(try MNSBodyEncoding.plain.encode("{\"a\":\r\n1}") == "{\"a\":\r\n1}")
        let error = #expect(throws: MNSError.self) { try MNSBodyEncoding.plain.encode("a\u{1B}") }
        #expect(error?.message == "MessageBody must not hold U+1B, which XML cannot carry; encode it with base64.")
        #expect(MNSBodyEncoding(rawValue: "plain") == .plain)
    }

    @Test(
        "a body of unknown encoding is base64 only if it reads as such and does not begin like JSON",
        arguments: [
            ("{\"a\":1}", "{\"a\":1}", MNSBodyEncoding.plain), (" \n{}", " \n{}", .plain),
            ("\u{FEFF}{}", "\u{FEFF}{}", .plain), ("eyJhIjoxfQ==", "{\"a\":1}", .base64),
            ("eyJhIj\r\noxfQ==\n", "{\"a\":1}", .base64), ("hello mns", "hello mns", .plain), ("", "", .plain),
            ("eyJhIjoxfQ", "eyJhIjoxfQ", .plain), ("测试", "测试", .plain), ("\n", "\n", .plain),
        ])
    func decoding(_ body: String, _ payload: String, _ encoding: MNSBodyEncoding) {
        let decoded = MNSBodyEncoding.decode(body)
        #expect(decoded.encoding == encoding)
        #expect(decoded.payload == Array(payload.utf8))
    }
}
