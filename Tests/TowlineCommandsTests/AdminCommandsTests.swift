import ArgumentParser
import Testing
import TowlineClient
import TowlineCore

@testable import TowlineCommands

@Suite("the admin API from the outside")
struct AdminClientTests {
    private func client(_ url: String, token: String? = nil) throws -> AdminClient {
        AdminClient(endpoint: try Endpoint(url), token: token)
    }

    @Test("a long list is fetched page by page, and no more than asked for")
    func pages() async throws {
        try await FakeServer.serving({ request in
            let limit = Int(request.target.split(separator: "limit=").last ?? "") ?? 0
            let from = request.target.contains("cursor=500") ? 500 : 0
            let jobs = (from..<from + limit).map { #"{"id":"\#($0)"}"# }.joined(separator: ",")
            return .json(#"{"jobs":[\#(jobs)],"next":"500"}"#)
        }) { server in
            let jobs = try await client(server.url).allJobs(
                JobQuery(state: .failed, origin: "http://a:1", text: "x y"), limit: 700)
            #expect(jobs.compactMap { $0["id"]?.string } == (0..<700).map(String.init))
            #expect(
                server.requests.map(\.target) == [
                    "/api/v1/jobs?status=failed&origin=http%3A%2F%2Fa%3A1&q=x%20y&limit=500",
                    "/api/v1/jobs?status=failed&origin=http%3A%2F%2Fa%3A1&q=x%20y&cursor=500&limit=200",
                ])
        }
    }

    @Test("calls have the paths and bodies of the admin API")
    func calls() async throws {
        try await FakeServer.serving({ _ in .json("{}") }) { server in
            let client = try client(server.url, token: "secret")
            _ = try await client.job("a/../b")
            _ = try await client.cancel("b7")
            _ = try await client.retry("b7")
            _ = try await client.revokeKey("k 1")
            _ = try await client.createKey(id: "k", secret: nil, account: "1")
            #expect(
                server.requests.map { "\($0.method) \($0.target) \($0.body)" } == [
                    "GET /api/v1/jobs/a%2F..%2Fb ", "POST /api/v1/jobs/b7/cancel ", "POST /api/v1/jobs/b7/retry ",
                    "POST /api/v1/keys/k%201/revoke ", #"POST /api/v1/keys {"id":"k","account":"1"}"#,
                ])
            #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
        }
    }

    @Test(
        "an error keeps its sentence; what is no answer of the admin API is told as such",
        arguments: [
            (404, #"{"error":{"code":"NotFound","message":"there is no job x"}}"#, AdminClientError.Kind.refused),
            (404, "<html>", .unexpectedAnswer), (200, "[]", .unexpectedAnswer), (302, "{}", .unexpectedAnswer),
        ])
    func errors(status: Int, body: String, kind: AdminClientError.Kind) async throws {
        try await FakeServer.serving({ _ in FakeReply(status: status, body: body) }) { server in
            let error = await #expect(throws: AdminClientError.self) { try await client(server.url).job("x") }
            #expect(error?.kind == kind)
            #expect(error?.status == status)
            if kind == .refused { #expect(error?.message == "there is no job x") }
        }
    }

    @Test("changes go on after a refusal, which decides the exit code")
    func changes() async throws {
        try await FakeServer.serving({ request in
            request.target.contains("/gone/")
                ? FakeReply(status: 404, body: #"{"error":{"code":"NotFound","message":"there is no job gone"}}"#)
                : .json(#"{"id":"b7","state":"cancelled","run":2}"#)
        }) { server in
            let captured = Captured()
            let client = try client(server.url)
            let options = try JobChangeOptions.parse(["gone", "b7"])
            let failure = await #expect(throws: CommandFailure.self) {
                try await options.change(console: captured.console()) { try await client.cancel($0) }
            }
            #expect(failure == CommandFailure(.failed, "there is no job gone"))
            #expect(captured.lines == ["b7 cancelled run 2"])
        }
    }

    @Test("watching without ids follows every job that has not ended")
    func watch() async throws {
        try await FakeServer.serving({ request in
            switch request.target {
            case let target where target.contains("status=pulling"):
                .json(#"{"jobs":[{"id":"b7","title":"One","source":"http://a/1.mp4"}]}"#)
            case let target where target.hasPrefix("/api/v1/jobs?"): .json(#"{"jobs":[]}"#)
            default: .json(#"{"id":"b7","status":"SUCCESS","mediaId":"m","bytesTotal":5,"source":"http://a/1.mp4"}"#)
            }
        }) { server in
            let captured = Captured()
            try await JobsWatchRun(
                ids: [], isJSON: false, admin: try client(server.url), console: captured.console()
            ).run()
            #expect(captured.lines == ["b7 SUCCESS http://a/1.mp4 media=m bytes=5"])
            #expect(captured.errorLines == ["b7 SUCCESS One (5 B)"])
        }
    }
}

@Suite("what jobs, keys and callbacks look like")
struct ReportTests {
    @Test("a job is shown with a timeline in the order of time")
    func job() throws {
        let detail = try JSONParser.parse(
            """
            {"id":"b7","mediaId":"5e","title":"Les\\u001bson","source":"http://a/1.mp4?sig=…","run":2,"state":"succeeded",
            "status":"SUCCESS","attempts":1,"bytesReceived":2048,"bytesTotal":2048,"objectKey":"20/5e.mp4",
            "createdAt":"2026-01-02T03:04:05Z","runStartedAt":"2026-01-02T03:05:00Z","endedAt":"2026-01-02T03:05:02Z",
            "attemptList":[{"run":1,"number":1,"node":"n1","startedAt":"2026-01-02T03:04:05Z","durationMilliseconds":120,
            "address":"192.0.2.1","httpStatus":404,"bytesReceived":0,"redirects":["http://a/x"],"errorCode":"URLInvalidError",
            "errorMessage":"HTTP 404"},{"run":2,"number":1,"node":"n1","startedAt":"2026-01-02T03:05:01Z",
            "durationMilliseconds":1300,"address":"192.0.2.1","httpStatus":200,"bytesReceived":2048,"redirects":[]}],
            "events":[{"id":"evt_1","type":"UploadByURLComplete","run":2,"createdAt":"2026-01-02T03:05:02Z","body":{}}],
            "deliveries":[{"id":"dlv_1","event":"evt_1","eventType":"UploadByURLComplete","url":"http://hook/x",
            "state":"dead","attempts":3,"reason":"HTTP 500","createdAt":"2026-01-02T03:05:02Z",
            "endedAt":"2026-01-02T03:05:06Z"}]}
            """)
        #expect(
            JobReport(detail).lines(style: Style(isOn: false)) == [
                "Job      b7",
                "Title    Lesson",
                "Source   http://a/1.mp4?sig=…",
                "State    succeeded (SUCCESS), run 2",
                "Size     2.0 KiB (2048 bytes)",
                "Media    5e",
                "Object   20/5e.mp4",
                "Created  2026-01-02T03:04:05Z",
                "Ended    2026-01-02T03:05:02Z",
                "",
                "Timeline",
                "2026-01-02T03:04:05Z  accepted",
                "2026-01-02T03:04:05Z  run 1, attempt 1 on n1 from 192.0.2.1: HTTP 404, after 1 redirect, 0 B, in 120 ms, "
                    + "failed: URLInvalidError: HTTP 404",
                "2026-01-02T03:05:01Z  run 2, attempt 1 on n1 from 192.0.2.1: HTTP 200, 2.0 KiB, in 1.3 s",
                "2026-01-02T03:05:02Z  run 2 ended: succeeded",
                "2026-01-02T03:05:02Z  event UploadByURLComplete evt_1",
                "2026-01-02T03:05:06Z  delivery dlv_1 of UploadByURLComplete to http://hook/x: dead, 3 attempts, HTTP 500",
            ])
    }

    @Test("sizes in a list tell what is there and what is to come")
    func sizes() throws {
        func size(_ json: String) throws -> String { AdminJob(try JSONParser.parse(json)).size }
        #expect(try size(#"{"status":"PENDING","bytesReceived":0}"#) == "–")
        #expect(try size(#"{"status":"DOWNLOADING","bytesReceived":1024}"#) == "1.0 KiB")
        #expect(try size(#"{"status":"DOWNLOADING","bytesReceived":1024,"bytesTotal":4096}"#) == "1.0/4.0 KiB")
        #expect(try size(#"{"status":"SUCCESS","bytesReceived":4096,"bytesTotal":4096}"#) == "4.0 KiB")
    }

    @Test("keys are a table without secrets")
    func keys() throws {
        let keys = try JSONParser.parse(
            """
            [{"id":"one","account":"1","createdAt":"2026-01-02T03:04:05Z"},
            {"id":"two","account":"1","createdAt":"2026-01-02T03:04:05Z","revokedAt":"2026-01-03T03:04:05Z"}]
            """)
        #expect(
            KeyTable.lines(keys.elements ?? [], style: Style(isOn: false)) == [
                "ID   ACCOUNT  CREATED               STATE",
                "one  1        2026-01-02T03:04:05Z  active",
                "two  1        2026-01-02T03:04:05Z  revoked 2026-01-03T03:04:05Z",
            ])
    }

    @Test("a callback's key is hidden in text and clear in JSON")
    func callback() {
        let report = CallbackReport(.http(url: "http://hook/x", authKey: "Abc123xyz"), appID: nil)
        #expect(
            report.lines == [
                "Application  app-1000000", "Type         HTTP", "URL          http://hook/x", "Events       ALL",
                "Signed       yes, the key is set",
            ])
        #expect(
            report.json.compactText
                == #"{"appId":"app-1000000","callbackType":"HTTP","callbackUrl":"http://hook/x","eventTypeList":"ALL","#
                + #""authSwitch":"on","authKey":"Abc123xyz"}"#)
    }

    @Test("no callback is an empty stdout, or an object with the application only")
    func noCallback() {
        let captured = Captured()
        let report = CallbackReport(nil, appID: "app-1")
        report.print(asJSON: false, to: captured.console())
        #expect(captured.out.isEmpty)
        #expect(captured.error == "no callback is set for app-1\n")
        report.print(asJSON: true, to: captured.console())
        #expect(captured.out == "{\"appId\":\"app-1\"}\n")
    }

    @Test("a callback can be described for both types")
    func describing() throws {
        let http = try CallbackSetCommand.parse(["--url", "http://hook/x", "--events", "A,B", "--app-id", "app-1"])
        #expect(try http.callback() == .http(url: "http://hook/x", eventTypes: ["A", "B"], appID: "app-1"))
        let all = try CallbackSetCommand.parse(["http://hook/x", "--events", "all", "--auth-key", "Abc123xyz"])
        #expect(try all.callback() == .http(url: "http://hook/x", authKey: "Abc123xyz"))
        for type in [[], ["--type", "mns"]] {
            let queue = try CallbackSetCommand.parse(
                type + ["--mns-endpoint", "http://q", "--mns-queue-name", "n", "--events", "A"])
            #expect(try queue.callback() == .queue(named: "n", endpoint: "http://q", eventTypes: ["A"]))
        }
    }

    @Test("a queue's lines name the queue and its endpoint, and nothing of signatures")
    func queueCallback() {
        let report = CallbackReport(.queue(named: "events", endpoint: "http://127.0.0.1:8787"), appID: nil)
        #expect(
            report.lines == [
                "Application  app-1000000", "Type         MNS", "Queue        events",
                "Endpoint     http://127.0.0.1:8787", "Events       ALL",
            ])
        #expect(
            report.json.compactText
                == #"{"appId":"app-1000000","callbackType":"MNS","eventTypeList":"ALL","#
                + #""mnsEndpoint":"http://127.0.0.1:8787","mnsQueueName":"events"}"#)
    }
}
