import NIOCore
import Testing
import TowlineCore
import TowlineOutbound
import TowlineStore
import TowlineTesting

@testable import TowlineDelivery

@Suite("Hostile and broken receivers", .timeLimit(.minutes(2)))
struct ReceiverTableTests {
    @Test(
        "each behaviour of a receiver has its outcome under both policies",
        arguments: ReceiverTable.all, [DeliveryPolicy.Name.exact, .durable])
    func behaviour(_ test: ReceiverCase, policy: DeliveryPolicy.Name) async throws {
        let receiver = try await ScriptedReceiver.start(setUp: try test.leaf?.setUp(), steps: test.steps)
        let folder = try TemporaryFolder()
        let client = TestDelivery.client(caFile: try test.leaf?.authority(in: folder))
        let runner = TestDelivery.runner(OutboundEventSender(client: client), timeout: test.timeout)
        let expected = policy == .exact ? test.exact : test.durable
        for (index, verdict) in expected.enumerated() {
            // What the receiver did after the event before is to have happened.
            if let connection = test.connections?.dropFirst(index).first, connection > receiver.record.ended.count - 1,
                connection > 0
            {
                await receiver.wait { $0.ended.count >= connection }
            }
            let report = await runner.run(
                TestDelivery.claim(test.url(receiver.port), index + 1, policy: policy))
            try check(report, verdict, policy: policy, test)
        }
        if test.isClosedByClient { await receiver.wait { !$0.closedByClient.isEmpty } }
        let record = receiver.record
        #expect(test.requests.contains(record.requests.count), "requests: \(record.requests.count)")
        if let connections = test.connections { #expect(record.requests.map(\.connection) == connections) }
        if let most = test.sentBytes { #expect(receiver.sentBytes <= most, "sent: \(receiver.sentBytes)") }
        for request in record.requests {
            #expect(request.body.readableBytesView.elementsEqual(TestDelivery.event().body))
        }
        await client.shutdown()
        await receiver.stop()
    }

    private func check(
        _ report: DeliveryReport, _ verdict: ExpectedVerdict, policy: DeliveryPolicy.Name, _ test: ReceiverCase
    ) throws {
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
            #expect(text.isEmpty || cause.contains(text), "\(cause)")
        case .slowDown(let text, let pause):
            #expect(report.next == .retry(after: max(wait, pause ?? .zero)))
            #expect(report.signal == .slowDown(cause: cause, pause: pause))
            #expect(cause.contains(text), "\(cause)")
        case .gone(let text):
            #expect(report.next == .held(reason: cause))
            #expect(report.signal == .gone(cause: cause))
            #expect(cause.contains(text), "\(cause)")
        case .unusable(let text):
            #expect(report.next == .dead(reason: cause))
            #expect(cause.contains(text), "\(cause)")
        }
        #expect((report.record.responseBody ?? []).count <= test.keptBytes)
        #expect(report.record.requestHead.hasPrefix("POST "))
        #expect(!report.record.requestHead.contains("token=abc"))
    }
}
