import Foundation
import NIOCore
import NIOSSL
import Testing
import TowlineCore
import TowlineOutbound
import TowlineTesting

@Suite("TLS", .timeLimit(.minutes(5)))
struct TLSTests {
    /// Prepares accepted channels for TLS with one of the test leaves.
    static func tls(
        _ leaf: String = TestCertificates.leaf,
        maximum: TLSVersion? = nil,
        protocols: [String] = []
    ) throws -> ScriptedOrigin.ChannelSetUp {
        let certificate = try NIOSSLCertificate(bytes: Array(leaf.utf8), format: .pem)
        let key = try NIOSSLPrivateKey(bytes: Array(TestCertificates.key.utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(certificate)],
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv1
        configuration.maximumTLSVersion = maximum
        configuration.applicationProtocols = protocols
        let context = try NIOSSLContext(configuration: configuration)
        return { channel in
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
        }
    }

    /// Runs a test with a file that holds the authority of the test certificates.
    static func withAuthority(_ test: (String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("towline-ca-\(UUID().uuidString).pem")
        try Data(TestCertificates.authority.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try await test(file.path)
    }

    private let names = ["origin.test": [["127.0.0.1"]]]

    @Test("a certificate of an authority that nobody trusts is refused for good")
    func untrusted() async throws {
        let origin = try await HTTPOrigin.start(setUp: Self.tls()) { _ in .text("ok") }
        try await withClient(names: names) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("https://origin.test:\(origin.port)/")))
            }
            #expect(error?.code == .tlsFailed)
            #expect(error?.isRetryable == false)
            #expect(error?.message == "The certificate of the host is not trusted.")
        }
        #expect(origin.record.requests.isEmpty)
        await origin.stop()
    }

    @Test(
        "a certificate of an extra authority is accepted, for the name and for the address",
        arguments: ["origin.test", "127.0.0.1"])
    func extraAuthority(host: String) async throws {
        let origin = try await HTTPOrigin.start(setUp: Self.tls()) { request in
            OriginResponse(body: .repeated(ByteBuffer(repeating: 3, count: 50_000), total: 5_000_000))
        }
        try await Self.withAuthority { file in
            try await withClient(names: names, change: { $0.extraCAFile = file }) { client in
                try client.validate()
                for round in 0..<2 {
                    let response = try await client.execute(
                        OutboundRequest(url: url("https://\(host):\(origin.port)/")))
                    #expect(response.connection.tlsVersion == "TLSv1.3")
                    #expect(response.connection.isReused == (round == 1))
                    #expect(response.connection.applicationProtocol == nil)
                    #expect((response.trace.tlsTime == nil) == (round == 1))
                    #expect(try await response.collectBody(upTo: 6_000_000).bytes.readableBytes == 5_000_000)
                }
            }
        }
        await origin.stop()
    }

    @Test(
        "an expired certificate, one for another name and an old version are refused for good",
        arguments: [
            (TestCertificates.expiredLeaf, nil), (TestCertificates.otherNameLeaf, nil),
            (TestCertificates.leaf, TLSVersion.tlsv11),
        ] as [(String, TLSVersion?)]
    )
    func refused(leaf: String, maximum: TLSVersion?) async throws {
        let origin = try await HTTPOrigin.start(setUp: Self.tls(leaf, maximum: maximum)) { _ in .text("ok") }
        try await Self.withAuthority { file in
            try await withClient(names: names, change: { $0.extraCAFile = file }) { client in
                let error = await #expect(throws: OutboundError.self) {
                    try await client.execute(OutboundRequest(url: url("https://origin.test:\(origin.port)/")))
                }
                #expect(error?.code == .tlsFailed)
                #expect(error?.isRetryable == false)
            }
        }
        #expect(origin.record.requests.isEmpty)
        await origin.stop()
    }

    @Test("TLS 1.2 is good enough")
    func oldEnough() async throws {
        let origin = try await HTTPOrigin.start(setUp: Self.tls(maximum: .tlsv12)) { _ in .text("ok") }
        try await Self.withAuthority { file in
            try await withClient(names: names, change: { $0.extraCAFile = file }) { client in
                let response = try await client.execute(
                    OutboundRequest(url: url("https://origin.test:\(origin.port)/")))
                #expect(response.connection.tlsVersion == "TLSv1.2")
                #expect(try await response.text() == "ok")
            }
        }
        await origin.stop()
    }

    @Test("a handshake that is cut or that never ends is a failure that may pass")
    func brokenHandshake() async throws {
        let cut = try await ScriptedOrigin.start { _ in [.reset] }
        let stalled = try await ScriptedOrigin.start { _ in [.stall] }
        try await withClient(change: { $0.connectTimeout = .milliseconds(200) }) { client in
            let cutError = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("https://127.0.0.1:\(cut.port)/")))
            }
            #expect(cutError?.isRetryable == true)
            let stallError = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("https://127.0.0.1:\(stalled.port)/")))
            }
            #expect(stallError?.code == .connectTimeout)
            #expect(stallError?.isRetryable == true)
        }
        await cut.stop()
        await stalled.stop()
    }

    @Test("plain HTTP where TLS is spoken, and TLS where plain HTTP is spoken, fail")
    func mixedUp() async throws {
        let plain = try await ScriptedOrigin.start { _ in [.send("HTTP/1.1 400 Bad Request\r\n\r\n"), .stall] }
        try await withClient { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("https://127.0.0.1:\(plain.port)/")))
            }
            #expect(error?.code == .tlsFailed)
        }
        await plain.stop()
    }

    @Test("a body that ends with the connection needs the farewell of TLS", arguments: [true, false])
    func truncation(saysFarewell: Bool) async throws {
        let encrypt = try Self.tls()
        let setUp: ScriptedOrigin.ChannelSetUp = { channel in
            if !saysFarewell { try channel.pipeline.syncOperations.addHandler(FarewellEater()) }
            try encrypt(channel)
        }
        let origin = try await ScriptedOrigin.start(setUp: setUp) { _ in
            [.expectHead, .send("HTTP/1.1 200 OK\r\n\r\nhello")]
        }
        try await Self.withAuthority { file in
            try await withClient(names: names, change: { $0.extraCAFile = file }) { client in
                let response = try await client.execute(
                    OutboundRequest(url: url("https://origin.test:\(origin.port)/")))
                if saysFarewell {
                    #expect(try await response.text() == "hello")
                } else {
                    let error = await #expect(throws: OutboundError.self) { try await response.text() }
                    #expect(error?.code == .truncated)
                }
            }
        }
        await origin.stop()
    }

    @Test("a file of certificates that is missing or empty is named before the first call")
    func badAuthorityFile() async throws {
        try await withClient(change: { $0.extraCAFile = "/nonexistent/ca.pem" }) { client in
            let early = #expect(throws: OutboundError.self) { try client.validate() }
            #expect(early?.message.contains("net.ca-file") == true)
            let late = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("https://127.0.0.1:9/")))
            }
            #expect(late?.code == .tlsFailed)
        }
    }
}
