import Testing
import TowlineCore
import VODSignatures

@testable import TowlineClient
@testable import TowlineCommands

@Suite("forwarding events to a local handler")
struct ListenForwardTests {
    private let harness = ListenHarness()

    @Test("exactly the server's headers and bytes are posted, with the handler's own host")
    func exact() async throws {
        let listener = FakeListener(events: ["one"])
        let handler = ScriptedHandler([FakeReply(body: "\nthanks\r\nmore")], of: listener)
        try await FakeServer.serving(listener.answer) { server in
            try await FakeServer.serving(handler.answer) { local in
                _ = try await harness.run(harness.plan(once: 1, forward: local.url + "/events?a=b"), server.url)
                    .listen()
                let request = try #require(local.requests.first)
                #expect(request.method == "POST")
                #expect(request.target == "/events?a=b")
                #expect(request.body == #"{"n": 1}"#)
                let host = local.url.dropFirst("http://".count)
                #expect(
                    request.fields.sorted { $0[0].lowercased() < $1[0].lowercased() } == [
                        ["Content-Length", "8"], ["Content-Type", "application/json"], ["host", "\(host)"],
                        ["webhook-id", "evt_one"], ["X-VOD-SIGNATURE", "s1"],
                    ])
                #expect(listener.log == ["sign evt_one", "post evt_one s1", "acknowledge evt_one"])
                #expect(harness.captured.lines.last == "  attempt 1: 200 in 0 ms: thanks")
            }
        }
    }

    @Test("a refusing handler gets three attempts one second apart, each signed anew; then the event is left behind")
    func retries() async throws {
        let listener = FakeListener(events: ["one", "two"])
        let handler = ScriptedHandler(
            [
                FakeReply(status: 500, body: "no such table"),
                FakeReply(status: 302, body: "", headers: [("location", "/other")]), FakeReply(status: 204, body: ""),
                FakeReply(status: 404, body: ""), FakeReply(body: "ok"),
            ], of: listener)
        try await FakeServer.serving(listener.answer) { server in
            try await FakeServer.serving(handler.answer) { local in
                _ = try await harness.run(harness.plan(once: 2, forward: local.url), server.url).listen()
                #expect(
                    listener.log == [
                        "sign evt_one", "post evt_one s1", "sign evt_one", "post evt_one s2", "sign evt_one",
                        "post evt_one s3", "acknowledge evt_one", "sign evt_two", "post evt_two s4", "sign evt_two",
                        "post evt_two s5", "acknowledge evt_two",
                    ])
                #expect(
                    harness.attemptLines == [
                        "  attempt 1: 500 in 0 ms: no such table", "  attempt 2: 302 in 0 ms",
                        "  attempt 3: 204 in 0 ms", "  attempt 1: 404 in 0 ms", "  attempt 2: 200 in 0 ms: ok",
                    ])
                #expect(
                    harness.captured.errorLines.last
                        == "undelivered: evt_one (UploadByURLComplete of job j-one) after 3 attempts, the last with the "
                        + "answer 204")
                #expect(harness.clock.now.offset == .seconds(3))
                #expect(local.requests.allSatisfy { $0.target == "/" })
            }
        }
    }

    @Test("a handler that is away is an attempt like any other")
    func noHandler() async throws {
        let listener = FakeListener(events: ["one"])
        let url = FakeServer.unusedURL
        try await FakeServer.serving(listener.answer) { server in
            _ = try await harness.run(harness.plan(once: 1, forward: url, attempts: 2), server.url).listen()
            #expect(
                Array(harness.captured.lines.dropFirst()) == [
                    "  attempt 1: no answer (connection refused) in 0 ms",
                    "  attempt 2: no answer (connection refused) in 0 ms",
                ])
            #expect(listener.acknowledged == 1)
        }
    }

    @Test("what a handler does after its status cannot undo it, and silence is no answer", .timeLimit(.minutes(5)))
    func slowHandlers() async throws {
        let listener = FakeListener(events: ["one", "two"])
        let handler = ScriptedHandler(
            [
                FakeReply(body: "begun\n", isUnfinished: true), FakeReply(body: "", isSilent: true),
                FakeReply(body: "ok"),
            ], of: listener)
        try await FakeServer.serving(listener.answer) { server in
            try await FakeServer.serving(handler.answer) { local in
                let run = try harness.run(
                    harness.plan(once: 2, forward: local.url), server.url, timeout: .seconds(3))
                _ = try await run.listen()
                #expect(
                    harness.attemptLines == [
                        "  attempt 1: 200 in 0 ms: begun", "  attempt 1: no answer (no answer in time) in 0 ms",
                        "  attempt 2: 200 in 0 ms: ok",
                    ])
            }
        }
    }

    @Test(
        "the signature covers the chosen URL, the configured callback's, or the forward URL where none is configured",
        arguments: [
            (true, nil, "sign evt_one"), (true, "http://sign/a?b", "sign evt_one url=http%3A%2F%2Fsign%2Fa%3Fb"),
            (false, nil, "sign evt_one url=FORWARD"),
        ] as [(Bool, String?, String)])
    func signing(hasCallback: Bool, signAs: String?, entry: String) async throws {
        let listener = FakeListener(events: ["one"], hasCallback: hasCallback)
        let handler = ScriptedHandler([FakeReply(body: "ok")], of: listener)
        try await FakeServer.serving(listener.answer) { server in
            try await FakeServer.serving(handler.answer) { local in
                _ = try await harness.run(harness.plan(once: 1, forward: local.url, signAs: signAs), server.url)
                    .listen()
                let encoded = PercentEncoding.encode(local.url)
                #expect(listener.log.first == entry.replacing("FORWARD", with: encoded))
            }
        }
    }

    @Test("with JSON the attempts stand beside the event")
    func forwardingJSON() async throws {
        let listener = FakeListener(events: ["one"])
        let handler = ScriptedHandler([FakeReply(status: 500, body: "no"), FakeReply(body: "")], of: listener)
        try await FakeServer.serving(listener.answer) { server in
            try await FakeServer.serving(handler.answer) { local in
                var plan = try harness.plan(once: 1, forward: local.url + "/x?key=secret")
                plan.isJSON = true
                _ = try await harness.run(plan, server.url).listen()
                let json = try JSONParser.parse(harness.captured.out)
                #expect(json["id"]?.string == "evt_one")
                #expect(
                    json["forward"]?.compactText
                        == #"{"url":"\#(local.url)/x?key=…","delivered":true,"attempts":[{"number":1,"#
                        + #""durationMilliseconds":0,"httpStatus":500,"firstLine":"no"},{"number":2,"#
                        + #""durationMilliseconds":0,"httpStatus":200}]}"#)
            }
        }
    }

    @Test("with --stop-on-failure an event that was not brought ends it, unacknowledged, and comes again")
    func stopping() async throws {
        let listener = FakeListener(events: ["one", "two"])
        let handler = ScriptedHandler(
            [FakeReply(status: 500, body: ""), FakeReply(status: 500, body: ""), FakeReply(body: "ok")], of: listener)
        try await FakeServer.serving(listener.answer) { server in
            try await FakeServer.serving(handler.answer) { local in
                let plan = try harness.plan(once: 1, forward: local.url, attempts: 2, stops: true)
                let failure = await #expect(throws: CommandFailure.self) {
                    _ = try await harness.run(plan, server.url).listen()
                }
                #expect(failure?.status == .failed)
                #expect(failure?.message.hasPrefix("not brought: evt_one (UploadByURLComplete of job j-one)") == true)
                #expect(listener.acknowledged == 0)
                _ = try await harness.run(plan, server.url).listen()
                #expect(listener.log.suffix(3) == ["sign evt_one", "post evt_one s3", "acknowledge evt_one"])
            }
        }
    }

    @Test("an end in the middle of an event brings the same event again", .timeLimit(.minutes(5)))
    func interrupted() async throws {
        let listener = FakeListener(events: ["one", "two"])
        let handler = ScriptedHandler([FakeReply(body: "", isSilent: true), FakeReply(body: "ok")], of: listener)
        let (posts, posted) = AsyncStream.makeStream(of: Void.self)
        let answer: @Sendable (FakeRequest) -> FakeReply = { request in
            posted.yield()
            return handler.answer(request)
        }
        try await FakeServer.serving(listener.answer) { server in
            try await FakeServer.serving(answer) { local in
                let first = try harness.run(harness.plan(forward: local.url), server.url)
                let task = Task { try await first.listen() }
                for await _ in posts { break }
                task.cancel()
                let place = try await task.value
                #expect(
                    place.farewell("here") == "listener here goes on with evt_one, which is not acknowledged")
                #expect(listener.acknowledged == 0)
                _ = try await harness.run(harness.plan(once: 2, forward: local.url), server.url).listen()
                #expect(
                    listener.log.filter { $0.hasPrefix("post") } == [
                        "post evt_one s1", "post evt_one s2", "post evt_two s3",
                    ])
            }
        }
    }

    @Test("a server that goes away while an event is forwarded costs no attempt")
    func outageWhileForwarding() async throws {
        let listener = FakeListener(events: ["one"])
        listener.fail("/request", with: .hangUp, times: 3)
        let handler = ScriptedHandler([FakeReply(body: "ok")], of: listener)
        try await FakeServer.serving(listener.answer) { server in
            try await FakeServer.serving(handler.answer) { local in
                _ = try await harness.run(harness.plan(once: 1, forward: local.url), server.url).listen()
                #expect(harness.captured.lines.last == "  attempt 1: 200 in 0 ms: ok")
            }
        }
    }
}
