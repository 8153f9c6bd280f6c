import Logging
import NIOCore
import NIOPosix
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

@Suite("the guard of outgoing calls", .timeLimit(.minutes(5)))
struct GuardTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    private func answering() async throws -> HTTPOrigin {
        try await HTTPOrigin.start { _ in .text("ok") }
    }

    @Test("an address that the policy does not allow is refused before anything is connected")
    func refusedLiteral() async throws {
        let origin = try await answering()
        try await withClient(policy: .standard) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: origin.url("/?secret=1")))
            }
            #expect(error?.code == .addressForbidden)
            #expect(error?.rule == "loopback")
            #expect(error?.isRetryable == false)
            #expect(error?.host == "127.0.0.1")
            #expect(error?.description.contains("secret") == false)
        }
        #expect(origin.record.accepted == 0)
        await origin.stop()
    }

    @Test("a name is called at its address, with the name in the Host field")
    func nameIsPinned() async throws {
        let origin = try await answering()
        try await withClient(names: ["origin.test": [["127.0.0.1"]]]) { client in
            let response = try await client.execute(OutboundRequest(url: url("http://origin.test:\(origin.port)/a")))
            #expect(try await response.text() == "ok")
            #expect(response.remoteAddress.description == "127.0.0.1")
            #expect(response.resolvedAddresses.map(\.description) == ["127.0.0.1"])
        }
        #expect(origin.record.requests.first?.header("host") == "origin.test:\(origin.port)")
        await origin.stop()
    }

    @Test(
        "one inner address among the answers refuses the name",
        arguments: [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
    func mixedAnswers(answers: [String]) async throws {
        let origin = try await answering()
        try await withClient(names: ["mixed.test": [answers]]) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("http://mixed.test:\(origin.port)/")))
            }
            #expect(error?.code == .addressForbidden)
            #expect(error?.rule == "private")
            #expect(error?.address?.description == "10.0.0.1")
        }
        #expect(origin.record.accepted == 0)
        await origin.stop()
    }

    @Test("a name that answers differently the second time is judged anew, even when a connection is idle")
    func rebinding() async throws {
        let origin = try await answering()
        let resolver = ScriptedResolver(["rebind.test": [["127.0.0.1"], ["169.254.169.254"]]])
        try await withClient(resolver: resolver) { client in
            let request = OutboundRequest(url: try url("http://rebind.test:\(origin.port)/"))
            #expect(try await client.execute(request).text() == "ok")
            #expect(client.pool.counts.idle == 1)
            let error = await #expect(throws: OutboundError.self) { try await client.execute(request) }
            #expect(error?.rule == "metadata")
            #expect(resolver.lookUps == ["rebind.test", "rebind.test"])
        }
        #expect(origin.record.requests.count == 1)
        await origin.stop()
    }

    @Test("the answer that was judged is the one that is connected, with no second look-up")
    func oneLookUp() async throws {
        let origin = try await answering()
        let resolver = ScriptedResolver(["once.test": [["127.0.0.1"], ["10.0.0.1"]]])
        try await withClient(resolver: resolver) { client in
            let response = try await client.execute(OutboundRequest(url: url("http://once.test:\(origin.port)/")))
            #expect(try await response.text() == "ok")
            #expect(resolver.lookUps.count == 1)
        }
        await origin.stop()
    }

    @Test("a channel to an address that was not approved is closed before a byte is sent")
    func wrongPeer() async throws {
        let origin = try await ScriptedOrigin.start { _ in [.expectHead, .send(Self.ok)] }
        let pool = ConnectionPool(maximumIdle: 1, idleLifetime: .seconds(1))
        let attempt = ConnectAttempt()
        let key = HTTP1Connection.Key(try origin.url(), IPAddress(v4: 0x7f00_0002))
        ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    _ = attempt.take(channel)
                    try channel.pipeline.syncOperations.addHandler(
                        HTTP1ConnectionHandler(
                            route: ConnectRoute(key: key), pool: pool, budget: ReadBudget(bytes: 1), attempt: attempt)
                    )
                }
            }
            .connect(host: "127.0.0.1", port: origin.port)
            .whenFailure { _ in attempt.fail(.cancelled()) }
        let error = await #expect(throws: OutboundError.self) { try await attempt.connection() }
        #expect(error?.code == .addressForbidden)
        await origin.wait { $0.closedByClient == [0] }
        #expect(origin.record.requests.isEmpty)
        await origin.stop()
    }

    @Test("the next address is tried when the first is dead")
    func firstAddressDead() async throws {
        let origin = try await HTTPOrigin.start(host: "127.0.0.2") { _ in .text("ok") }
        try await withClient(names: ["two.test": [["127.0.0.3", "127.0.0.2"]]]) { client in
            let response = try await client.execute(OutboundRequest(url: url("http://two.test:\(origin.port)/")))
            #expect(try await response.text() == "ok")
            #expect(response.remoteAddress.description == "127.0.0.2")
            #expect(response.resolvedAddresses.map(\.description) == ["127.0.0.3", "127.0.0.2"])
        }
        await origin.stop()
    }

    @Test("an IPv4-mapped answer is connected as the IPv4 address that was judged")
    func mappedAnswer() async throws {
        let origin = try await answering()
        try await withClient(names: ["mapped.test": [["::ffff:127.0.0.1"]]]) { client in
            let response = try await client.execute(OutboundRequest(url: url("http://mapped.test:\(origin.port)/")))
            #expect(try await response.text() == "ok")
        }
        await origin.stop()
    }

    @Test("a dead host is a failure that may pass, a missing name one that does not")
    func deadAndMissing() async throws {
        try await withClient { client in
            let dead = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("http://127.0.0.3/")))
            }
            #expect(dead?.code == .connectFailed)
            #expect(dead?.isRetryable == true)
            #expect(dead?.address?.description == "127.0.0.3")
            let missing = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("http://missing.test/")))
            }
            #expect(missing?.code == .unresolved)
            #expect(missing?.isRetryable == false)
        }
    }

    @Test("a verdict names the rule for every address")
    func explaining() async throws {
        let names = ["mixed.test": [["8.8.8.8", "10.0.0.1"]], "good.test": [["8.8.8.8", "2606:4700::1"]]]
        try await withClient(policy: .standard, names: names) { client in
            let mixed = await client.explain(try url("http://mixed.test/"))
            #expect(!mixed.allowed)
            #expect(mixed.rule == "private")
            #expect(mixed.addresses.map(\.allowed) == [true, false])
            let good = await client.explain(try url("http://good.test/"))
            #expect(good.allowed)
            #expect(good.rule == "public")
            let missing = await client.explain(try url("http://missing.test/"))
            #expect(!missing.allowed)
            #expect(missing.rule == "unresolved")
            #expect(await client.explain(try url("http://[::1]/")).rule == "loopback")
            try await client.judge(url("http://good.test/"))
            await #expect(throws: OutboundError.self) { try await client.judge(url("http://mixed.test/")) }
        }
    }

    @Test("after the shutdown nothing is called and open calls fail")
    func shutdown() async throws {
        let arrived = TestSignal()
        let origin = try await ScriptedOrigin.start { _ in [.expectHead, .fire(arrived), .stall] }
        try await withClient { client in
            let target = try origin.url()
            let call = Task { try await client.execute(OutboundRequest(url: target)) }
            await arrived.wait()
            await client.shutdown()
            let open = await #expect(throws: OutboundError.self) { try await call.value }
            #expect(open?.code == .connectionClosed)
            let later = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: target))
            }
            #expect(later?.code == .connectionClosed)
            #expect(client.pool.counts.open == 0)
        }
        await origin.wait { $0.closedByClient.contains(0) }
        await origin.stop()
    }
}
