import MNSWire
import Testing

@Suite("Client's errors")
struct ClientErrorTests {
    @Test(
        "errors say what can help",
        arguments: [
            (refusal(404, "QueueNotExist"), "QueueNotExist", MNSClientError.Remedy.configuration),
            (refusal(403, "AccessDenied"), "AccessDenied", .configuration),
            (refusal(403, "InvalidAccessKeyId"), "InvalidAccessKeyId", .configuration),
            (refusal(403, "SignatureDoesNotMatch"), "SignatureDoesNotMatch", .configuration),
            (refusal(400, "QpsLimitExceeded"), "QpsLimitExceeded", .retry),
            (refusal(429, "TooManyRequests"), "TooManyRequests", .retry),
            (refusal(500, "InternalError"), "InternalError", .retry), (refusal(503, "Strange"), "Strange", .retry),
            (refusal(400, "InvalidArgument"), "InvalidArgument", .none),
            (refusal(409, "QueueAlreadyExist"), "QueueAlreadyExist", .none),
            (reply(502, "<html>Bad Gateway</html>"), "UnexpectedAnswer", .retry),
            (reply(408), "UnexpectedAnswer", .retry), (reply(429, "slow down"), "UnexpectedAnswer", .retry),
            (reply(404, "not found"), "UnexpectedAnswer", .configuration),
            (reply(301, "", headers: [("Location", "http://evil")]), "UnexpectedAnswer", .configuration),
            (reply(200, "<html></html>"), "UnexpectedAnswer", .configuration),
        ])
    func remedies(_ response: MNSHTTPResponse, _ code: String, _ remedy: MNSClientError.Remedy) async throws {
        let client = try MNSWireTests.client(ScriptedTransport { _ in response })
        let error = await #expect(throws: MNSClientError.self) {
            try await client.send(MNSOutgoingMessage(body: "x"), to: "q")
        }
        #expect(error?.code == code && error?.remedy == remedy && error?.status == response.status)
        #expect(error?.isRetryable == (remedy == .retry))
        #expect(error?.message.contains("evil") == false)
    }

    @Test("a transport's own failure is unreachable; cancellation and refusals of the client's kind pass as they are")
    func transportFailures() async throws {
        struct Broken: Error {}
        let blocked = MNSClientError(kind: .invalidRequest, remedy: .configuration, code: "Blocked", message: "No.")
        let client = try MNSWireTests.client(
            ScriptedTransport({ _ in throw Broken() }, { _ in throw CancellationError() }, { _ in throw blocked }))
        let broken = await #expect(throws: MNSClientError.self) { try await client.describeQueue("q") }
        #expect(broken?.kind == .unreachable && broken?.isRetryable == true && broken?.cause is Broken)
        #expect(broken?.message == "There is no answer from http://1.mns.cn-test.example.com.")
        await #expect(throws: CancellationError.self) { try await client.describeQueue("q") }
        let passed = await #expect(throws: MNSClientError.self) { try await client.describeQueue("q") }
        #expect(passed?.code == "Blocked")
    }

    @Test("no description holds the secret or the token, not even if the server repeats them")
    func secrets() async throws {
        let transport = ScriptedTransport {
            _ in
            refusal(
                403, "SignatureDoesNotMatch", message: "You have SKEXAMPLE and TOKEN.",
                headers: [("x-mns-request-id", "R2")])
        }
        let client = try MNSWireTests.client(transport, token: "TOKEN")
        let error = await #expect(throws: MNSClientError.self) { try await client.describeQueue("q") }
        #expect(error?.message == "You have *** and ***.")
        #expect(error?.requestID == "R2")
        var dumped = ""
        dump(client, to: &dumped)
        for shown in [dumped, "\(client)", String(reflecting: client)] {
            #expect(!shown.contains("SKEXAMPLE") && !shown.contains("TOKEN"))
        }
    }

    @Test("a server's long message is cut")
    func longMessage() async throws {
        let transport = ScriptedTransport { _ in
            refusal(400, "InvalidArgument", message: String(repeating: "é", count: 9000))
        }
        let client = try MNSWireTests.client(transport)
        let error = await #expect(throws: MNSClientError.self) { try await client.describeQueue("q") }
        #expect((error?.message.utf8.count ?? 9999) <= 1024)
    }

    @Test(
        "endpoints lose their slash and their scheme's own port",
        arguments: [
            (
                "http://1234567.mns.cn-shanghai-internal.aliyuncs.com/",
                "http://1234567.mns.cn-shanghai-internal.aliyuncs.com"
            ),
            ("HTTPS://Example.COM:443", "https://example.com"), (" http://127.0.0.1:8787// ", "http://127.0.0.1:8787"),
            ("http://[::1]:80", "http://[::1]"), ("https://[::1]", "https://[::1]"), ("http://h:443", "http://h:443"),
        ])
    func endpoints(_ written: String, _ endpoint: String) throws {
        #expect(try MNSEndpoint(parsing: written).description == endpoint)
    }

    @Test(
        "an endpoint is scheme, host and port, and nothing else",
        arguments: [
            "", "example.com", "ftp://h", "http://", "http:///", "http://h/p", "http://h?x", "http://h#x", "http://u@h",
            "http://h:0", "http://h:65536", "http://h:", "http://h:x", "http://h h", "http://é", "http://[::1",
            "http://[x]", "http://:80", "http://h/\u{0}", "http://h\r\nX: y",
        ])
    func badEndpoints(_ written: String) {
        let error = #expect(throws: MNSClientError.self) { try MNSEndpoint(parsing: written) }
        #expect(error?.kind == .invalidRequest)
    }
}
