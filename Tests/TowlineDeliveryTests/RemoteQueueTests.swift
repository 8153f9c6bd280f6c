import MNSWire
import NIOCore
import Synchronization
import Testing
import TowlineCore
import TowlineOutbound
import TowlineStore
import TowlineTesting
import VODSignatures

@testable import TowlineDelivery

@Suite("Queues of other servers", .timeLimit(.minutes(2)))
struct RemoteQueueTests {
    private static let credentials = MNSCredentials(accessKeyID: "AKIDEXAMPLE", secret: "SKEXAMPLE")

    private func sender(
        _ client: OutboundClient, credentials: MNSCredentials? = credentials, encoding: EventBodyEncoding = .base64
    ) -> RemoteQueueSender {
        RemoteQueueSender(
            client: client, credentials: credentials, encoding: encoding, wallClock: { TestDelivery.now })
    }

    private func runner(_ sender: RemoteQueueSender, timeout: Duration = .seconds(30)) -> DeliveryAttemptRunner {
        TestDelivery.runner(ScriptedSender([:]), remoteQueues: sender, timeout: timeout)
    }

    private static func target(_ receiver: ScriptedReceiver) -> CallbackTarget {
        .remoteQueue(endpoint: "http://127.0.0.1:\(receiver.port)/", name: "events")
    }

    @Test(
        "each behaviour of a queue service has its outcome under both policies",
        arguments: QueueTable.all, [DeliveryPolicy.Name.exact, .durable])
    func behaviour(_ test: QueueCase, policy: DeliveryPolicy.Name) async throws {
        let receiver = try await ScriptedReceiver.start { _ in test.steps }
        let client = TestDelivery.client()
        let report = await runner(sender(client), timeout: test.timeout).run(
            TestDelivery.claim(to: Self.target(receiver), policy: policy))
        check(report, test.verdict, policy: policy)
        if test.isClosedByClient { await receiver.wait { !$0.closedByClient.isEmpty } }
        let record = receiver.record
        #expect(test.requests.contains(record.requests.count), "requests: \(record.requests.count)")
        if let most = test.sentBytes { #expect(receiver.sentBytes <= most, "sent: \(receiver.sentBytes)") }
        for request in record.requests { try check(request) }
        #expect((report.record.responseBody ?? []).count <= 16 << 10)
        #expect(report.record.requestHead.hasPrefix("POST /queues/events/messages HTTP/1.1\n"))
        #expect(report.record.requestHead.contains("\nAuthorization: (masked)"))
        #expect(!report.record.requestHead.contains("AKIDEXAMPLE"))
        await client.shutdown()
        await receiver.stop()
    }

    private func check(_ report: DeliveryReport, _ verdict: ExpectedQueueVerdict, policy: DeliveryPolicy.Name) {
        let cause = report.record.cause ?? ""
        let wait: Duration = policy == .exact ? .seconds(1) : .seconds(5)
        switch verdict {
        case .delivered:
            #expect(report.next == .delivered, "\(cause)")
            #expect(report.signal == .success)
            #expect(report.record.cause == nil)
        case .failure(let text):
            #expect(report.next == .retry(after: wait))
            #expect(report.signal == (policy == .exact ? .observed(cause: cause) : .failure(cause: cause)))
            // A time that is over may be so before or after the status came.
            #expect(cause.contains(text) || cause.contains("took longer"), "\(cause)")
        case .busy(let text, let pause):
            #expect(report.next == .retry(after: policy == .exact ? wait : max(wait, pause ?? .zero)))
            #expect(
                report.signal
                    == (policy == .exact ? .observed(cause: cause) : .slowDown(cause: cause, pause: pause)))
            #expect(cause.contains(text), "\(cause)")
        case .refused(let text):
            #expect(report.next == .dead(reason: cause))
            #expect(report.signal == .none)
            #expect(cause.contains(text), "\(cause)")
        }
        #expect(!cause.contains("SKEXAMPLE"))
    }

    /// A request is what the reference says (mns-api.md 10.2): signed, dated, one message with the event in base64.
    private func check(_ request: OriginRequest) throws {
        #expect(request.method == "POST")
        #expect(request.target == "/queues/events/messages")
        #expect(request.header("x-mns-version") == "2015-06-06")
        #expect(request.header("Content-Type") == "text/xml;charset=UTF-8")
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "X-VOD-SIGNATURE", "Expect"] {
            #expect(request.header(name) == nil)
        }
        let body = Array(request.body.readableBytesView)
        guard !body.isEmpty else { return }  // cut short by the test's script
        let message = try #require(try MNSSendRequest(decoding: body).messages.first)
        #expect(message.body == QueueTable.text)
        #expect(message.priority == nil)
        let headers = ["Content-Type", "Date", "x-mns-version"].map { (name: $0, value: request.header($0) ?? "") }
        let text = MNSSignatureV2.stringToSign(method: "POST", target: request.target, headers: headers)
        let signature = MNSSignatureV2.signature(secret: "SKEXAMPLE", stringToSign: text)
        #expect(request.header("Authorization") == "MNS AKIDEXAMPLE:\(signature)")
    }

    @Test(
        "the log of a success holds the message id, the address, status and head; a redelivery says nothing of health")
    func log() async throws {
        let receiver = try await ScriptedReceiver.start { _ in
            [.read, .send(QueueAnswer.xml(201, QueueAnswer.receipt(for: QueueTable.text), headers: ["Set-Cookie: s"]))]
        }
        let client = TestDelivery.client()
        let report = await runner(sender(client)).run(
            TestDelivery.claim(to: Self.target(receiver), origin: .redelivery))
        #expect(report.next == .delivered)
        #expect(report.signal == .none)
        #expect(report.record.httpStatus == 201)
        #expect(report.record.address == "127.0.0.1")
        #expect(report.record.responseHead?.contains("x-mns-request-id: 5F290C926D472878200000AA") == true)
        #expect(report.record.responseHead?.contains("Set-Cookie: (masked)") == true)
        #expect(
            String(decoding: report.record.responseBody ?? [], as: UTF8.self).contains(QueueAnswer.messageID))
        await client.shutdown()
        await receiver.stop()
    }

    @Test("a clock that the server finds wrong is corrected by the server's within the attempt, signed anew")
    func clock() async throws {
        let receiver = try await ScriptedReceiver.start { _ in
            [
                .read, .send(QueueAnswer.error("TimeExpired", 408, "Date: Fri, 02 Jan 2026 05:04:05 GMT")),
                .read, .send(QueueAnswer.xml(201, QueueAnswer.receipt(for: QueueTable.text))),
            ]
        }
        let client = TestDelivery.client()
        let report = await runner(sender(client)).run(TestDelivery.claim(to: Self.target(receiver)))
        #expect(report.next == .delivered)
        let requests = receiver.record.requests
        #expect(
            requests.map { $0.header("Date") } == ["Fri, 02 Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 05:04:05 GMT"])
        for request in requests { try check(request) }
        await client.shutdown()
        await receiver.stop()
    }

    @Test("attempts share a connection, and each is signed for its own moment")
    func signedAnew() async throws {
        let answer = QueueAnswer.xml(201, QueueAnswer.receipt(for: QueueTable.text))
        let receiver = try await ScriptedReceiver.start { _ in [.read, .send(answer), .read, .send(answer), .stall] }
        let client = TestDelivery.client()
        let seconds = Mutex<Int64>(0)
        let sender = RemoteQueueSender(client: client, credentials: Self.credentials, encoding: .base64) {
            TestDelivery.now + .seconds(seconds.withLock { $0 })
        }
        for later in [0, 7] as [Int64] {
            seconds.withLock { $0 = later }
            #expect(await runner(sender).run(TestDelivery.claim(to: Self.target(receiver))).next == .delivered)
        }
        let requests = receiver.record.requests
        #expect(requests.map(\.connection) == [0, 0])
        #expect(
            requests.map { $0.header("Date") } == ["Fri, 02 Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 03:04:12 GMT"])
        #expect(Set(requests.map { $0.header("Authorization") }).count == 2)
        await client.shutdown()
        await receiver.stop()
    }

    @Test("plain bodies are the event's own text, escaped for XML")
    func plain() async throws {
        let body = #"{"SourceURL":"http://m.test/<a>&b.mp4","Extend":"课程 \"1\""}"#
        let receiver = try await ScriptedReceiver.start { _ in
            [.read, .send(QueueAnswer.xml(201, QueueAnswer.receipt(for: body)))]
        }
        let client = TestDelivery.client()
        let report = await runner(sender(client, encoding: .plain)).run(
            TestDelivery.claim(to: Self.target(receiver), TestDelivery.event(body: Array(body.utf8))))
        #expect(report.next == .delivered)
        let request = try #require(receiver.record.requests.first)
        let bytes = Array(request.body.readableBytesView)
        #expect(try MNSSendRequest(decoding: bytes).messages.map(\.body) == [body])
        await client.shutdown()
        await receiver.stop()
    }

    @Test(
        "an event that cannot be a message is dead at once and never sent",
        arguments: [
            ([UInt8](repeating: 0x41, count: 49_153), EventBodyEncoding.base64, "65536"),
            ([UInt8](repeating: 0x41, count: 65_537), .plain, "65536"),
            (Array("\"\u{FFFE}\"".utf8), .plain, "U+FFFE"),
        ], DeliveryPolicy.Name.allCases)
    func impossible(
        _ test: (body: [UInt8], encoding: EventBodyEncoding, text: String), policy: DeliveryPolicy.Name
    ) async throws {
        let receiver = try await ScriptedReceiver.start { _ in [.read] }
        let client = TestDelivery.client()
        let report = await runner(sender(client, encoding: test.encoding)).run(
            TestDelivery.claim(to: Self.target(receiver), TestDelivery.event(body: test.body), policy: policy))
        check(report, .refused(test.text), policy: policy)
        #expect(report.record.requestHead.isEmpty)
        #expect(receiver.record.accepted == 0)
        await client.shutdown()
        await receiver.stop()
    }

    @Test(
        "an endpoint or a name that cannot be used is dead at once",
        arguments: [
            ("ftp://mns.test/", "events"), ("http://mns.test/path", "events"), ("", "events"), ("mns.test", "events"),
            ("http://user@mns.test", "events"), ("http://127.1", "events"), ("http://mns.test", ""),
            ("http://mns.test", "a/b"), ("http://mns.test", String(repeating: "a", count: 121)),
        ])
    func unusable(endpoint: String, name: String) async throws {
        let client = TestDelivery.client()
        let report = await runner(sender(client)).run(
            TestDelivery.claim(to: .remoteQueue(endpoint: endpoint, name: name)))
        let cause = report.record.cause ?? ""
        #expect(report.next == .dead(reason: cause))
        #expect(cause.hasPrefix("the queue's ") && cause.contains("is not usable: "), "\(cause)")
        #expect(report.record.requestHead.isEmpty)
        await client.shutdown()
    }

    @Test(
        "an address that the policy blocks is tried again, with the rule as its cause, and never connected",
        arguments: [
            ("http://169.254.169.254/", "metadata"), ("http://10.0.0.1", "private"), ("http://127.0.0.9:9", "loopback"),
            ("https://[::ffff:10.0.0.1]/", "private"),
        ], DeliveryPolicy.Name.allCases)
    func blocked(_ address: (endpoint: String, rule: String), policy: DeliveryPolicy.Name) async throws {
        let client = TestDelivery.client()
        let report = await runner(sender(client)).run(
            TestDelivery.claim(to: .remoteQueue(endpoint: address.endpoint, name: "events"), policy: policy))
        check(report, .failure("is not allowed (\(address.rule))"), policy: policy)
        #expect(report.record.httpStatus == nil)
        await client.shutdown()
    }

    @Test("a refused connection is tried again")
    func refused() async throws {
        let client = TestDelivery.client()
        // No test listens there, so that none can get the port in between.
        let report = await runner(sender(client)).run(
            TestDelivery.claim(to: .remoteQueue(endpoint: "http://127.0.0.3:9", name: "events")))
        check(report, .failure("no connection: refused"), policy: .durable)
        #expect(report.record.address == "127.0.0.3")
        await client.shutdown()
    }

    @Test("without an access key an attempt fails with the settings' names, and is tried again")
    func noCredentials() async throws {
        let client = TestDelivery.client()
        let report = await runner(sender(client, credentials: nil)).run(
            TestDelivery.claim(to: .remoteQueue(endpoint: "http://127.0.0.1:9", name: "events")))
        check(report, .failure("queue.remote-access-key-id"), policy: .durable)
        await client.shutdown()
    }

    @Test("a cancelled attempt is given back, before the answer and within its body")
    func cancelled() async throws {
        for steps in [
            [.read, .stall], [.read, .send(ReceiverAnswer.head(201, "Content-Length: 400")), .stall],
        ] as [[ScriptedReceiver.Step]] {
            let receiver = try await ScriptedReceiver.start { _ in steps }
            let client = TestDelivery.client()
            let runner = runner(sender(client))
            let attempt = Task { await runner.run(TestDelivery.claim(to: Self.target(receiver))) }
            await receiver.wait { !$0.requests.isEmpty }
            attempt.cancel()
            let report = await attempt.value
            #expect(report.next == .released)
            #expect(report.signal == .none)
            await client.shutdown()
            await receiver.stop()
        }
    }

    @Test("calls to one origin run on one event loop, whatever the endpoint's spelling")
    func executors() async throws {
        let client = TestDelivery.client()
        let sender = sender(client)
        let one = sender.executor(for: "http://127.0.0.1:80/")
        #expect(one != nil)
        #expect(one === sender.executor(for: "http://127.0.0.1"))
        #expect(sender.executor(for: "nonsense") == nil)
        await client.shutdown()
    }
}
