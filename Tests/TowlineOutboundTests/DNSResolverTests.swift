import NIOCore
import NIOPosix
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

@Suite("the resolver with name servers of its own", .timeLimit(.minutes(5)))
struct DNSResolverTests {
    private static let v4 = IPAddress(v4: 0x0808_0808)
    private static let v6 = IPAddress(v6High: 0x2606_4700_0000_0000, low: 1)

    /// Asks a scripted server for one name.
    private func resolve(
        _ name: String = "a.test",
        within limit: Duration = .seconds(30),
        tryTimeout: Duration = .seconds(30),
        dead: Int = 0,
        _ answer: @escaping @Sendable (ScriptedNameServer.Question) -> ScriptedNameServer.Reply
    ) async throws -> (result: Result<[String], ResolverError>, questions: [ScriptedNameServer.Question]) {
        let server = try await ScriptedNameServer.start(answer)
        // Nothing listens on 127.0.0.3, so that the system says so at once.
        let nobody = Array(repeating: DNSServer(address: IPAddress(v4: 0x7f00_0003), port: 9), count: dead)
        let resolver = DNSResolver(
            servers: nobody + [DNSServer(address: IPAddress(v4: 0x7f00_0001), port: server.port)],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            tryTimeout: tryTimeout
        )
        var result: Result<[String], ResolverError>
        do {
            result = .success(try await resolver.resolve(name, within: limit).map(\.description))
        } catch {
            result = .failure(try #require(error as? ResolverError))
        }
        let questions = server.questions
        await server.stop()
        return (result, questions)
    }

    @Test("addresses of both families are asked for and joined")
    func bothFamilies() async throws {
        let (result, questions) = try await resolve { _ in .addresses([Self.v4, Self.v6, IPAddress(v4: 1)]) }
        #expect(try result.get() == ["8.8.8.8", "0.0.0.1", "2606:4700::1"])
        #expect(Set(questions.map(\.type)) == [1, 28])
        #expect(questions.allSatisfy { $0.name == "a.test" && !$0.isTCP })
    }

    @Test("one family is enough, and a failure of the other is passed over")
    func oneFamily() async throws {
        let onlyV4 = try await resolve { $0.type == 1 ? .addresses([Self.v4]) : .serverFailure }
        #expect(try onlyV4.result.get() == ["8.8.8.8"])
        let onlyV6 = try await resolve { $0.type == 28 ? .addresses([Self.v6]) : .addresses([]) }
        #expect(try onlyV6.result.get() == ["2606:4700::1"])
    }

    @Test("a chain of aliases is followed inside an answer and from answer to answer")
    func aliases() async throws {
        let inside = try await resolve { _ in .addresses([Self.v4], aliases: ["b.test", "c.cdn.test"]) }
        #expect(try inside.result.get() == ["8.8.8.8"])
        let across = try await resolve { question in
            switch question.name {
            case "a.test": .addresses([], aliases: ["b.test"])
            case "b.test": .addresses([], aliases: ["c.test", "d.test"])
            default: .addresses([Self.v4])
            }
        }
        #expect(try across.result.get() == ["8.8.8.8"])
        #expect(across.questions.map(\.name).contains("d.test"))
    }

    @Test("aliases that lead in a circle or too far end in a failure")
    func aliasLoops() async throws {
        let circle = try await resolve { _ in .addresses([], aliases: ["b.test", "a.test"]) }
        #expect(throws: ResolverError.self) { try circle.result.get() }
        let far = try await resolve { question in .addresses([], aliases: ["x" + question.name]) }
        #expect(throws: ResolverError.self) { try far.result.get() }
        #expect(far.questions.count <= 16)
    }

    @Test("a name that does not exist is asked for once a family, a name without addresses is not found either")
    func notFound() async throws {
        let missing = try await resolve { _ in .noSuchName }
        #expect(throws: ResolverError.notFound) { try missing.result.get() }
        #expect(missing.questions.count == 2)
        let empty = try await resolve { _ in .addresses([]) }
        #expect(throws: ResolverError.notFound) { try empty.result.get() }
    }

    @Test("a server that fails is asked again, then the look-up fails for a reason that may pass")
    func serverFailure() async throws {
        let (result, questions) = try await resolve { _ in .serverFailure }
        #expect(throws: ResolverError.failed("the name server failed")) { try result.get() }
        #expect(questions.count == 4)
    }

    @Test("the next server is asked when the first does not answer")
    func nextServer() async throws {
        let (result, _) = try await resolve(dead: 2) { _ in .addresses([Self.v4]) }
        #expect(try result.get() == ["8.8.8.8"])
        let silent = try await resolve(tryTimeout: .milliseconds(20)) { _ in .silence }
        #expect(throws: ResolverError.failed("the name servers do not answer")) { try silent.result.get() }
        #expect(silent.questions.count <= 4)
    }

    @Test("a look-up ends with its time")
    func timeLimit() async throws {
        let (result, _) = try await resolve(within: .milliseconds(50)) { _ in .silence }
        #expect(throws: ResolverError.timedOut) { try result.get() }
    }

    @Test("an answer that was cut is asked for by TCP")
    func truncated() async throws {
        let many = (0..<200).map { IPAddress(v4: 0x0808_0000 + $0) }
        let (result, questions) = try await resolve { $0.isTCP ? .addresses(many) : .truncated }
        #expect(try result.get().count == 200)
        #expect(questions.contains { $0.isTCP })
    }

    @Test(
        "a message that does not belong to the question is ignored and the right one taken",
        arguments: [
            { $0.setInteger(($0.getInteger(at: $0.readerIndex, as: UInt16.self) ?? 0) ^ 1, at: $0.readerIndex) },
            { $0.setInteger(UInt16(0x0100), at: $0.readerIndex + 2) },
            { $0.setInteger(UInt8(ascii: "b"), at: $0.readerIndex + 13) },
            { $0.setInteger(UInt16(0), at: $0.readerIndex + 4) },
            { $0.moveWriterIndex(to: $0.readerIndex + 15) },
            { $0.setInteger(UInt16(9), at: $0.readerIndex + 6) },
            { $0.setInteger(UInt16(0xc00c), at: $0.readerIndex + 12) },
        ] as [@Sendable (inout ByteBuffer) -> Void]
    )
    func forged(change: @escaping @Sendable (inout ByteBuffer) -> Void) async throws {
        let (result, _) = try await resolve { _ in
            .several([
                .forged { message in
                    var message = message
                    change(&message)
                    return message
                },
                .addresses([Self.v4]),
            ])
        }
        #expect(try result.get() == ["8.8.8.8"])
    }

    @Test("localhost is loopback without being asked for", arguments: ["localhost", "a.localhost"])
    func localhost(name: String) async throws {
        let (result, questions) = try await resolve(name) { _ in .noSuchName }
        #expect(try result.get() == ["127.0.0.1", "::1"])
        #expect(questions.isEmpty)
    }

    @Test("a name that rebinds between two calls is refused at the second")
    func rebinding() async throws {
        let origin = try await HTTPOrigin.start { _ in .redirect(to: "/again") }
        let second = TestSignal()
        let server = try await ScriptedNameServer.start { question in
            guard question.type == 1 else { return .addresses([]) }
            defer { second.fire() }
            return .addresses([IPAddress(v4: second.isFired ? 0x0a00_0001 : 0x7f00_0001)])
        }
        let resolver = DNSResolver(
            servers: [DNSServer(address: IPAddress(v4: 0x7f00_0001), port: server.port)],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            tryTimeout: .seconds(30)
        )
        try await withClient(resolver: resolver) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.fetch(OutboundRequest(url: url("http://rebind.test:\(origin.port)/")))
            }
            #expect(error?.rule == "private")
            #expect(error?.hops.count == 1)
        }
        #expect(origin.record.requests.count == 1)
        await origin.stop()
        await server.stop()
    }

    @Test("random bytes never trip the reader of messages")
    func randomMessages() throws {
        var random = SystemRandomNumberGenerator()
        let question = DNSMessage.Question(id: 7, name: "a.test", type: .a)
        let start = try #require(DNSMessage.encode(question))
        for _ in 0..<5_000 {
            var message = start
            message.setInteger(UInt16(0x8180), at: 2)
            message.setInteger(UInt16.random(in: 0...5, using: &random), at: 6)
            message.writeBytes((0..<Int.random(in: 0...60)).map { _ in UInt8.random(in: 0...255, using: &random) })
            _ = try? DNSMessage.decode(message, for: question)
        }
    }

    @Test(
        "the address of a server is read, with and without a port",
        arguments: [
            ("192.0.2.53", "192.0.2.53"), ("192.0.2.53:5353", "192.0.2.53:5353"), ("192.0.2.53:53", "192.0.2.53"),
            ("2001:db8::53", "2001:db8::53"), ("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
        ]
    )
    func server(text: String, canonical: String) throws {
        #expect(try DNSServer(parsing: text).description == canonical)
    }

    @Test(
        "anything else is refused with what is allowed",
        arguments: [
            "", "dns.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2:53", "[192.0.2.53]:53",
            "[::1]",
        ]
    )
    func wrongServer(text: String) {
        let error = #expect(throws: DNSServerError.self) { try DNSServer(parsing: text) }
        #expect(error?.description.contains("Allowed:") == true)
    }
}
