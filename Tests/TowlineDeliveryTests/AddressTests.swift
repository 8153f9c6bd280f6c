import NIOPosix
import Synchronization
import Testing
import TowlineCore
import TowlineOutbound
import TowlineStore
import TowlineTesting

@testable import TowlineDelivery

/// Addresses of receivers that cannot be called, or not any more.
@Suite("Addresses of receivers", .timeLimit(.minutes(5)))
struct AddressTests {
    /// Runs one attempt and gives its report.
    private func attempt(
        _ url: String, names: ScriptedNameServer? = nil, policy: DeliveryPolicy.Name = .durable
    ) async throws -> DeliveryReport {
        let client = TestDelivery.client(resolver: resolver(names))
        let runner = TestDelivery.runner(OutboundEventSender(client: client))
        let report = await runner.run(TestDelivery.claim(url, policy: policy))
        await client.shutdown()
        return report
    }

    private func resolver(_ names: ScriptedNameServer?) -> any HostResolver {
        guard let names else { return SystemResolver() }
        return DNSResolver(
            servers: [DNSServer(address: IPAddress(v4: 0x7f00_0001), port: names.port)],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, tryTimeout: .seconds(30))
    }

    private func expectRetry(
        _ report: DeliveryReport, _ policy: DeliveryPolicy.Name, _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let cause = report.record.cause ?? ""
        #expect(
            report.next == .retry(after: policy == .exact ? .seconds(1) : .seconds(5)), sourceLocation: sourceLocation)
        #expect(cause.contains(text), "\(cause)", sourceLocation: sourceLocation)
        #expect(
            report.signal == (policy == .exact ? .observed(cause: cause) : .failure(cause: cause)),
            sourceLocation: sourceLocation)
    }

    @Test("a refused connection is tried again", arguments: DeliveryPolicy.Name.allCases)
    func refused(policy: DeliveryPolicy.Name) async throws {
        // No test listens there, so that none can get the port in between.
        let report = try await attempt("http://127.0.0.3:9/", policy: policy)
        expectRetry(report, policy, "no connection: refused")
        #expect(report.record.address == "127.0.0.3")
    }

    @Test("a name without an address is tried again", arguments: DeliveryPolicy.Name.allCases)
    func unresolvable(policy: DeliveryPolicy.Name) async throws {
        let names = try await ScriptedNameServer.start { _ in .noSuchName }
        expectRetry(
            try await attempt("http://hook.test/", names: names, policy: policy), policy,
            "the name 'hook.test' has no address")
        await names.stop()
    }

    @Test(
        "an address that the policy blocks is tried again, with the rule as its cause, and never connected",
        arguments: [
            ("http://169.254.169.254/latest/", "metadata"), ("http://10.0.0.1/", "private"),
            ("http://127.0.0.9:9/", "loopback"), ("http://[::ffff:10.0.0.1]/", "private"),
            ("http://[64:ff9b::a00:1]/", "nat64"),
        ], DeliveryPolicy.Name.allCases)
    func blocked(_ address: (url: String, rule: String), policy: DeliveryPolicy.Name) async throws {
        expectRetry(try await attempt(address.url, policy: policy), policy, "is not allowed (\(address.rule))")
    }

    @Test(
        "a URL that cannot be called is dead at once",
        arguments: ["ftp://hook.test/", "http://", "http://user@:80/", "http://127.1/", "not a URL", ""],
        DeliveryPolicy.Name.allCases)
    func unusable(url: String, policy: DeliveryPolicy.Name) async throws {
        let report = try await attempt(url, policy: policy)
        let cause = report.record.cause ?? ""
        #expect(report.next == .dead(reason: cause))
        #expect(cause.hasPrefix("the callback URL is not usable: "))
        #expect(report.record.requestHead.isEmpty)
    }

    @Test("a name that leads inside after its endpoint was saved is refused, and works again when it leads out")
    func rebinding() async throws {
        let receiver = try await ScriptedReceiver.start { _ in
            [.read, .send(ReceiverAnswer.text(200)), .read, .send(ReceiverAnswer.text(200)), .stall]
        }
        let address = Mutex(IPAddress(v4: 0x7f00_0001))
        let names = try await ScriptedNameServer.start { _ in .addresses([address.withLock { $0 }]) }
        let url = "http://hook.test:\(receiver.port)/"
        let client = TestDelivery.client(resolver: resolver(names))
        let runner = TestDelivery.runner(OutboundEventSender(client: client))
        // As when it is saved.
        try await client.judge(HTTPURL(parsing: url))
        #expect(await runner.run(TestDelivery.claim(url)).next == .delivered)
        for inner in [0xa9fe_a9fe, 0x0a00_0001, 0x7f00_0009] as [UInt32] {
            address.withLock { $0 = IPAddress(v4: inner) }
            let refused = await runner.run(TestDelivery.claim(url))
            expectRetry(refused, .durable, "the address of the host 'hook.test' is not allowed")
            #expect(refused.record.address == IPAddress(v4: inner).description)
        }
        #expect(receiver.record.requests.count == 1)
        address.withLock { $0 = IPAddress(v4: 0x7f00_0001) }
        #expect(await runner.run(TestDelivery.claim(url)).next == .delivered)
        await client.shutdown()
        await receiver.stop()
        await names.stop()
    }

    @Test("of several addresses the next one is tried when the first is dead, within one attempt")
    func firstDead() async throws {
        let receiver = try await ScriptedReceiver.start(host: "127.0.0.2") { _ in
            [.read, .send(ReceiverAnswer.text(200))]
        }
        let names = try await ScriptedNameServer.start { _ in
            .addresses([IPAddress(v4: 0x7f00_0003), IPAddress(v4: 0x7f00_0002)])
        }
        let report = try await attempt("http://hook.test:\(receiver.port)/", names: names)
        #expect(report.next == .delivered)
        #expect(report.record.address == "127.0.0.2")
        await receiver.stop()
        await names.stop()
    }

    @Test("one inner address among several refuses the name")
    func oneInner() async throws {
        let names = try await ScriptedNameServer.start { _ in
            .addresses([IPAddress(v4: 0x7f00_0001), IPAddress(v4: 0x0a00_0001)])
        }
        expectRetry(
            try await attempt("http://hook.test/", names: names), .durable, "is not allowed (private)")
        await names.stop()
    }
}
