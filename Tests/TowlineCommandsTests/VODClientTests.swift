import Testing
import TowlineClient
import VODSignatures

@Suite("the client of the VOD API over HTTP")
struct VODClientTests {
    private func client(_ url: String, timeout: Duration = .seconds(10)) throws -> VODClient {
        try VODClient(endpoint: url, accessKeyID: "key", accessKeySecret: "secret", timeout: timeout)
    }

    /// Whether a request is signed by the test's key, judged as a server does.
    private func isSigned(_ request: FakeRequest) throws -> Bool {
        let authorization = try ACS3Authorization(parsing: request.headers["authorization"] ?? "")
        let signed = ACS3Signature.Request(
            method: request.method, query: [], headers: request.headers.map { ($0.key, $0.value) },
            bodyHash: ACS3Signature.bodyHash(Array(request.body.utf8)))
        let isWhole = authorization.uncovered(among: request.headers.keys).isEmpty
        return try isWhole && ACS3Signature.verify(authorization, request: signed, secret: "secret")
    }

    @Test("every action is one signed POST with its parameters in the body")
    func actions() async throws {
        let answer = #"{"RequestId":"r","UploadJobs":[],"CanceledJobs":["a"],"MessageCallback":{}}"#
        try await FakeServer.serving({ _ in .json(answer) }) { server in
            let client = try client(server.url)
            _ = try await client.uploadMediaByURL(.init(sources: [.init(url: "http://a/1,2.mp4")]))
            _ = try await client.getURLUploadInfos(jobIDs: ["a", "b"])
            _ = try await client.getURLUploadInfos(uploadURLs: ["http://a/1.mp4"])
            #expect(try await client.cancelURLUploadJobs(jobIDs: ["a"]).canceledJobs == ["a"])
            _ = try await client.cancelURLUploadJobs(uploadURLs: ["http://a/1.mp4"])
            #expect(try await client.setMessageCallback(.http(url: "http://hook/x")) == "r")
            #expect(try await client.getMessageCallback() == nil)
            #expect(try await client.deleteMessageCallback(appID: "app-1") == "r")
            #expect(
                server.requests.map { "\($0.action) \($0.body)" } == [
                    "UploadMediaByURL UploadURLs=http%253A%252F%252Fa%252F1%252C2.mp4",
                    "GetURLUploadInfos JobIds=a%2Cb",
                    "GetURLUploadInfos UploadURLs=http%253A%252F%252Fa%252F1.mp4",
                    "CancelUrlUploadJobs JobIds=a",
                    "CancelUrlUploadJobs UploadUrls=http%253A%252F%252Fa%252F1.mp4",
                    "SetMessageCallback AuthSwitch=off&CallbackType=HTTP&CallbackURL=http%3A%2F%2Fhook%2Fx&EventTypeList=ALL",
                    "GetMessageCallback ",
                    "DeleteMessageCallback AppId=app-1",
                ])
            #expect(server.requests.allSatisfy { $0.method == "POST" && $0.target == "/" })
            #expect(try server.requests.allSatisfy(isSigned))
            #expect(Set(server.requests.map { $0.headers["x-acs-signature-nonce"] }).count == server.requests.count)
        }
    }

    @Test("a redirect is not followed")
    func redirect() async throws {
        try await FakeServer.serving({ _ in FakeReply(status: 302, body: "") }) { server in
            let error = await #expect(throws: VODClientError.self) { try await client(server.url).getMessageCallback() }
            #expect(error?.kind == .unexpectedAnswer)
            #expect(error?.status == 302)
            #expect(server.requests.count == 1)
        }
    }

    @Test("an answer of success that is something else is told as such")
    func somethingElse() async throws {
        try await FakeServer.serving({ _ in FakeReply(body: "<html></html>") }) { server in
            let error = await #expect(throws: VODClientError.self) {
                try await client(server.url).getURLUploadInfos(jobIDs: ["a"])
            }
            #expect(error?.kind == .unexpectedAnswer)
            #expect(error?.status == 200)
        }
    }

    @Test("a port without a server is out of reach at once")
    func unreachable() async throws {
        let url = FakeServer.unusedURL
        let error = await #expect(throws: VODClientError.self) { try await client(url).getMessageCallback() }
        #expect(error?.kind == .unreachable)
        #expect(error?.message == "No server answers at \(url) (connection refused).")
        #expect(error?.status == nil)
    }

    @Test("a server that stays silent is a timeout")
    func timeout() async throws {
        try await FakeServer.serving({ _ in FakeReply(body: "", isSilent: true) }) { server in
            let error = await #expect(throws: VODClientError.self) {
                try await client(server.url, timeout: .milliseconds(50)).getMessageCallback()
            }
            #expect(error?.kind == .timeout)
        }
    }

    @Test("a server that begins its answer and does not end it is a timeout, too", .timeLimit(.minutes(5)))
    func unfinished() async throws {
        try await FakeServer.serving({ _ in FakeReply(body: "{", isUnfinished: true) }) { server in
            let error = await #expect(throws: VODClientError.self) {
                try await client(server.url, timeout: .milliseconds(200)).getMessageCallback()
            }
            #expect(error?.kind == .timeout)
        }
    }

    @Test("a cancelled task is a cancellation, not an error of the server")
    func cancellation() async throws {
        try await FakeServer.serving({ _ in .json("{}") }) { server in
            let client = try client(server.url)
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await client.getMessageCallback()
            }
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }
}
