import Synchronization
import Testing
import TowlineClient
import TowlineCore

@testable import TowlineCommands

private func plan(
    _ urls: [String], title: String? = nil, callback: String? = nil, extend: String? = nil,
    fileExtension: String? = nil, sessionID: String? = nil
) -> PullPlan {
    PullPlan(
        urls: urls, title: title, callback: callback, extend: extend, fileExtension: fileExtension, appID: nil,
        sessionID: sessionID)
}

@Suite("the plan of a pull")
struct PullPlanTests {
    @Test("calls take 20 URLs each, in order", arguments: [(1, [1]), (20, [20]), (21, [20, 1]), (45, [20, 20, 5])])
    func calls(count: Int, sizes: [Int]) {
        let urls = (0..<count).map { "http://a/\($0).mp4" }
        let requests = plan(urls).requests
        #expect(requests.map(\.sources.count) == sizes)
        #expect(requests.flatMap { $0.sources.map(\.url) } == urls)
        #expect(requests.allSatisfy { $0.userData == nil && $0.sources.allSatisfy { $0.metadata == nil } })
    }

    @Test("options become metadata and user data")
    func options() {
        let requests = plan(
            ["http://a/1"], title: "T", callback: "http://hook/x", extend: "e", fileExtension: "mp4", sessionID: "s"
        ).requests
        #expect(requests.first?.sources.first?.metadata == UploadMetadata(title: "T", fileExtension: "mp4"))
        #expect(requests.first?.userData == UploadUserData(callbackURL: "http://hook/x", extend: "e"))
        #expect(requests.first?.sessionID == "s")
    }

    @Test("what Towline alone understands becomes its own keys")
    func ownOptions() {
        var plan = plan(["http://a/1"])
        plan.mirrors = ["http://b/1"]
        plan.headers = ["X-Token: a: b", "Accept:text/plain"]
        plan.sha256 = "ab"
        plan.priority = 2
        plan.expireSeconds = 0
        let request = plan.requests.first
        let own = request?.sources.first?.metadata?.towline
        #expect(own?.mirrors == ["http://b/1"])
        #expect(own?.headers == ["X-Token": "a: b", "Accept": "text/plain"])
        #expect(own?.sha256 == "ab")
        #expect(request?.userData == UploadUserData(priority: 2, expireSeconds: 0))
    }

    @Test("options that cannot be are wrong usage that names them and shows no secret")
    func wrongOptions() {
        func message(_ urls: [String], _ change: (inout PullPlan) -> Void) -> String {
            var plan = plan(urls)
            change(&plan)
            let failure = #expect(throws: CommandFailure.self) { try plan.check() }
            return failure?.message ?? ""
        }
        let one = ["http://a/1.mp4"]
        #expect(message(one) { $0.mirrors = ["ftp://b/"] }.hasPrefix("--mirror 'ftp://b/' is not a URL to pull: "))
        #expect(message(one + one) { $0.mirrors = one }.hasPrefix("--mirror and --sha256 go with one URL"))
        #expect(message(one + one) { $0.sha256 = "ab" }.hasPrefix("--mirror and --sha256 go with one URL"))
        for header in ["secret", ": secret", "X-Token:", "X-Token: "] {
            let text = message(one) { $0.headers = [header] }
            #expect(text.hasPrefix("--header takes a name and a value") && !text.contains("secret"))
        }
        for priority in [0, 17] { #expect(message(one) { $0.priority = priority }.hasPrefix("--priority takes")) }
        #expect(message(one) { $0.expireSeconds = -1 }.hasPrefix("--expire-seconds takes"))
    }

    @Test(
        "what cannot be pulled is wrong usage that names the argument",
        arguments: [
            (plan(["media.mp4"]), "'media.mp4' is not a URL to pull: "),
            (plan(["ftp://a/b.mp4"]), "'ftp://a/b.mp4' is not a URL to pull: "),
            (plan(["http://a/b.mp4"], callback: "nowhere"), "--callback 'nowhere' is not a URL to call: "),
            (
                plan(Array(repeating: "http://a/b.mp4", count: 21), sessionID: "s"),
                "--session-id goes with at most 20 URLs"
            ),
        ])
    func usage(plan: PullPlan, message: String) {
        let failure = #expect(throws: CommandFailure.self) { try plan.check() }
        #expect(failure?.status == .usage)
        #expect(failure?.message.hasPrefix(message) == true)
        #expect(failure?.message.hasSuffix(".") == false)
    }

    @Test("labels are titles, file names or hosts, without control characters")
    func labels() {
        #expect(plan(["http://a/1.mp4"], title: "Les\u{1B}son").label(for: "http://a/1.mp4") == "Lesson")
        #expect(plan(["http://a/1.mp4", "http://a/2.mp4"], title: "T").label(for: "http://a/2.mp4") == "2.mp4")
        #expect(plan(["http://a/"]).label(for: "http://a/") == "a")
    }
}

@Suite("the result of a pull")
struct PullResultTests {
    private var stored: PullResult {
        var snapshot = JobSnapshot(accepted: "b7")
        snapshot.status = .success
        snapshot.mediaID = "5e"
        snapshot.bytesReceived = 2048
        snapshot.bytesTotal = 2048
        return PullResult(url: "http://a/1.mp4", snapshot: snapshot)
    }

    private var failed: PullResult {
        var snapshot = JobSnapshot(accepted: "b7")
        snapshot.status = .downloadFail
        snapshot.bytesTotal = 2048
        snapshot.errorCode = "URLInvalidError"
        snapshot.errorMessage = "HTTP \u{1B}[2J404"
        return PullResult(url: "http://a/1.mp4", snapshot: snapshot)
    }

    @Test("JSON has the names of the admin API and every key, null where there is nothing")
    func json() {
        #expect(
            stored.json.terminalText
                == #"{"id":"b7","mediaId":"5e","source":"http://a/1.mp4","status":"SUCCESS","bytesTotal":2048,"#
                + #""errorCode":null,"errorMessage":null}"#)
        #expect(
            failed.json.terminalText
                == #"{"id":"b7","mediaId":null,"source":"http://a/1.mp4","status":"DOWNLOAD_FAIL","bytesTotal":2048,"#
                + #""errorCode":"URLInvalidError","errorMessage":"HTTP \u001b[2J404"}"#)
    }

    @Test("a line begins with job, status and URL")
    func line() {
        #expect(stored.line == "b7 SUCCESS http://a/1.mp4 media=5e bytes=2048")
        #expect(failed.line == "b7 DOWNLOAD_FAIL http://a/1.mp4 URLInvalidError: HTTP [2J404")
        let refused = PullResult(url: "http://a/1.mp4", status: PullResult.refused, code: "C", message: "No.")
        #expect(refused.line == "- REFUSED http://a/1.mp4 C: No.")
    }
}

/// A server that takes jobs and ends them with the first question.
private final class FakeTowline: Sendable {
    /// Whether the admin API answers.
    let hasAdmin: Bool
    /// Whether a URL is refused, by a word in it.
    private let refusedWord = "refused"
    private let count = Mutex(0)

    init(hasAdmin: Bool) { self.hasAdmin = hasAdmin }

    @Sendable func answer(_ request: FakeRequest) -> FakeReply {
        switch request.action {
        case "UploadMediaByURL":
            if request.body.contains(refusedWord) {
                return FakeReply(
                    status: 400, body: #"{"Code":"InvalidParameter.UploadURLs","Message":"Not this one."}"#)
            }
            let urls = request.body.split(separator: "&").first { $0.hasPrefix("UploadURLs=") } ?? ""
            let jobs = urls.components(separatedBy: "%2C").map { piece in
                let number = count.withLock { value in
                    value += 1
                    return value
                }
                return #"{"JobId":"\#(piece.contains("bad") ? "bad" : "job")\#(number)","SourceURL":"x"}"#
            }
            return .json(#"{"RequestId":"r","UploadJobs":[\#(jobs.joined(separator: ","))]}"#)
        case "GetURLUploadInfos":
            let ids = request.body.dropFirst("JobIds=".count).components(separatedBy: "%2C")
            let infos = ids.map { id in
                id.hasPrefix("bad")
                    ? #"{"JobId":"\#(id)","Status":"DOWNLOAD_FAIL","ErrorCode":"URLInvalidError","ErrorMessage":"404"}"#
                    : #"{"JobId":"\#(id)","Status":"SUCCESS","MediaId":"m","FileSize":"5"}"#
            }
            return .json(#"{"RequestId":"r","URLUploadInfoList":[\#(infos.joined(separator: ","))]}"#)
        default:
            guard hasAdmin, let id = request.target.split(separator: "/").last else {
                return FakeReply(status: 403, body: #"{"error":{"code":"Forbidden","message":"not for you"}}"#)
            }
            return id.hasPrefix("bad")
                ? .json(#"{"id":"\#(id)","status":"DOWNLOAD_FAIL","errorCode":"URLInvalidError","errorMessage":"404"}"#)
                : .json(#"{"id":"\#(id)","status":"SUCCESS","mediaId":"m","bytesReceived":5,"bytesTotal":5}"#)
        }
    }
}

extension Substring {
    fileprivate func components(separatedBy text: String) -> [String] { split(separator: text).map(String.init) }
}

@Suite("a pull against a server")
struct PullRunTests {
    private let captured = Captured()

    private func run(
        _ plan: PullPlan, api: String, admin: String, isWaiting: Bool = true, isJSON: Bool = false
    ) async throws {
        let run = PullRun(
            plan: plan, isWaiting: isWaiting, isJSON: isJSON,
            client: try VODClient(endpoint: api, accessKeyID: "k", accessKeySecret: "s"),
            admin: AdminClient(endpoint: try Endpoint(admin), token: "t"), console: captured.console())
        try await run.run()
    }

    @Test("jobs are followed by the admin API and told in the order of the URLs", arguments: [true, false])
    func success(hasAdmin: Bool) async throws {
        let towline = FakeTowline(hasAdmin: hasAdmin)
        try await FakeServer.serving(towline.answer) { server in
            try await run(plan(["http://a/1.mp4", "http://a/2.mp4"]), api: server.url, admin: server.url)
            #expect(
                captured.lines == [
                    "job1 SUCCESS http://a/1.mp4 media=m bytes=5", "job2 SUCCESS http://a/2.mp4 media=m bytes=5",
                ])
            let note = "progress shows states only: not for you"
            #expect(captured.errorLines.contains(note) == !hasAdmin)
            let shown = server.requests.first { $0.target.hasPrefix("/api/v1/jobs/") }
            #expect(shown?.headers["authorization"] == "Bearer t")
            #expect(shown?.headers["host"].map { "http://\($0)" } == server.url)
        }
    }

    @Test("one failed job fails the command, and the others are told all the same")
    func failure() async throws {
        try await FakeServer.serving(FakeTowline(hasAdmin: true).answer) { server in
            let failure = await #expect(throws: CommandFailure.self) {
                try await run(plan(["http://a/1.mp4", "http://a/bad.mp4"]), api: server.url, admin: server.url)
            }
            #expect(failure == CommandFailure(.failed, "1 of 2 URLs failed"))
            #expect(
                captured.lines == [
                    "job1 SUCCESS http://a/1.mp4 media=m bytes=5",
                    "bad2 DOWNLOAD_FAIL http://a/bad.mp4 URLInvalidError: 404",
                ])
        }
    }

    @Test("a refused call does not keep the next, and its URLs are told")
    func refusal() async throws {
        try await FakeServer.serving(FakeTowline(hasAdmin: true).answer) { server in
            let urls = (1...20).map { "http://a/refused-\($0).mp4" } + ["http://a/21.mp4"]
            let failure = await #expect(throws: CommandFailure.self) {
                try await run(plan(urls), api: server.url, admin: server.url, isJSON: true)
            }
            #expect(
                failure
                    == CommandFailure(.failed, "URLs 1 to 20: InvalidParameter.UploadURLs: Not this one"))
            let results = try captured.lines.map { try JSONParser.parse($0) }
            #expect(results.compactMap { $0["source"]?.string } == urls)
            #expect(results.map { $0["status"]?.string } == Array(repeating: "REFUSED", count: 20) + ["SUCCESS"])
            #expect(results.first?["id"] == .null)
            #expect(results.first?["errorMessage"]?.string == "Not this one.")
        }
    }

    @Test("without waiting, acceptance is enough and nothing is asked")
    func noWait() async throws {
        try await FakeServer.serving(FakeTowline(hasAdmin: true).answer) { server in
            try await run(plan(["http://a/bad.mp4"]), api: server.url, admin: server.url, isWaiting: false)
            #expect(captured.lines == ["bad1 PENDING http://a/bad.mp4"])
            #expect(server.requests.map(\.action) == ["UploadMediaByURL"])
        }
    }

    @Test("a server out of reach is told with its address, and nothing is printed")
    func unreachable() async throws {
        let url = FakeServer.unusedURL
        let failure = await #expect(throws: CommandFailure.self) {
            try await run(plan(["http://a/1.mp4"]), api: url, admin: url)
        }
        #expect(failure?.status == .unreachable)
        #expect(failure?.message.hasPrefix("no server answers at \(url) (connection refused); start a server") == true)
        #expect(captured.out.isEmpty)
    }

    @Test("another server than Towline's is told as such")
    func otherServer() async throws {
        try await FakeServer.serving({ _ in FakeReply(status: 404, body: "<html>") }) { server in
            let failure = await #expect(throws: CommandFailure.self) {
                try await run(plan(["http://a/1.mp4"]), api: server.url, admin: server.url)
            }
            #expect(failure?.status == .failed)
            #expect(failure?.message.contains("answered with HTTP 404 and no error of the VOD API") == true)
        }
    }
}

@Suite("ending a command before its jobs")
struct FarewellTests {
    private func result(_ id: String, _ status: UploadStatus) -> PullResult {
        var snapshot = JobSnapshot(accepted: id)
        snapshot.status = status
        return PullResult(url: "http://a/\(id).mp4", snapshot: snapshot)
    }

    @Test("it names the jobs that go on, or all of them by naming none")
    func farewell() {
        #expect(
            PullRun.farewell([result("a", .success), result("b", .downloading), result("c", .uploadSuccess)])
                == "interrupted; the jobs go on, 'towline jobs watch b c' follows them")
        #expect(
            PullRun.farewell((0..<4).map { result("\($0)", .pending) })
                == "interrupted; the jobs go on, 'towline jobs watch' follows them")
        #expect(PullRun.farewell([result("a", .success)]) == "interrupted; no job is left under way")
    }
}
