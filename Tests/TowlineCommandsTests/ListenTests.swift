import Testing
import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

@Suite("listening")
struct ListenTests {
    private let harness = ListenHarness()

    // MARK: Printing

    @Test("events are printed in their order, each before it is acknowledged, and it says where it goes on")
    func printing() async throws {
        let listener = FakeListener(events: ["one", "bad", "file"])
        try await FakeServer.serving(listener.answer) { server in
            try await harness.run(harness.plan(once: 3), server.url).run()
            #expect(
                harness.captured.lines == [
                    "2026-01-02T03:04:05Z UploadByURLComplete j-one success v-one",
                    "2026-01-02T03:04:05Z UploadByURLComplete j-bad fail URLInvalidError",
                    "2026-01-02T03:04:05Z FileUploadComplete j-file success v-file",
                ])
            #expect(listener.log == ["acknowledge evt_one", "acknowledge evt_bad", "acknowledge evt_file"])
            #expect(
                harness.captured.errorLines == [
                    "listener here: begins with the next event", "listener here goes on after evt_file",
                ])
            #expect(
                server.requests.prefix(3).map { "\($0.method) \($0.target) \($0.body)" } == [
                    "GET /api/v1/listeners ",
                    #"POST /api/v1/listeners/here {"from":"now"}"#,
                    "GET /api/v1/listeners/here/events?limit=20&wait=25 ",
                ])
            #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer t" })
        }
    }

    @Test("it ends after as many events as asked for and leaves the others")
    func once() async throws {
        let listener = FakeListener(events: ["one", "two", "three"])
        try await FakeServer.serving(listener.answer) { server in
            let place = try await harness.run(harness.plan(once: 2), server.url).listen()
            #expect(place == ListenPlace(acknowledged: "evt_two", pending: nil, handled: 2))
            #expect(listener.acknowledged == 2)
        }
    }

    @Test("with JSON each line is the event as the server gave it")
    func json() async throws {
        let listener = FakeListener(events: ["one"])
        try await FakeServer.serving(listener.answer) { server in
            var plan = try harness.plan(once: 1)
            plan.isJSON = true
            _ = try await harness.run(plan, server.url).listen()
            #expect(harness.captured.lines == [FakeListener.json("one")])
        }
    }

    @Test("events of other types are passed over, and acknowledged no sooner than those before them are handled")
    func types() async throws {
        let listener = FakeListener(events: ["file1", "one", "file2", "file3"])
        try await FakeServer.serving(listener.answer) { server in
            var plan = try harness.plan()
            plan.types = ["UploadByURLComplete"]
            // The question after the batch ends the run.
            listener.fail("limit=20", with: listener.answer(FakeRequest.next))
            listener.fail("limit=20", with: .refusal(404, "gone"))
            await #expect(throws: AdminClientError.self) { _ = try await harness.run(plan, server.url).listen() }
            #expect(harness.captured.lines.count == 1)
            #expect(listener.log == ["acknowledge evt_one", "acknowledge evt_file3"])
        }
    }

    @Test("a listener that is known goes on where it was and says that --from does not count")
    func known() async throws {
        let listener = FakeListener(events: ["one", "two"])
        try await FakeServer.serving(listener.answer) { server in
            _ = try await harness.run(harness.plan(once: 1), server.url).listen()
            var plan = try harness.plan(once: 1)
            plan.start = "beginning"
            plan.isStartChosen = true
            _ = try await harness.run(plan, server.url).listen()
            #expect(
                harness.captured.errorLines.last == "listener here: goes on after evt_one (--from is for new names)")
            #expect(harness.captured.lines.last?.contains("j-two") == true)
        }
    }

    @Test("a listener of another account is wrong usage")
    func otherAccount() async throws {
        try await FakeServer.serving({ _ in .json(#"{"listeners":[],"name":"here","account":"2"}"#) }) { server in
            var plan = try harness.plan()
            plan.account = "1"
            let failure = await #expect(throws: CommandFailure.self) {
                _ = try await harness.run(plan, server.url).listen()
            }
            #expect(
                failure
                    == CommandFailure(.usage, "the listener here reads events of account 2; give another --name"))
        }
    }

    @Test(
        "output that is lost keeps the event, and is a failure unless its reader went away",
        arguments: [(Int32(28), true), (Int32(32), false)])
    func lostOutput(code: Int32, isFailure: Bool) async throws {
        let listener = FakeListener(events: ["one"])
        try await FakeServer.serving(listener.answer) { server in
            let run = try harness.run(harness.plan(), server.url, loss: OutputLoss(code: code))
            if isFailure {
                let failure = await #expect(throws: CommandFailure.self) { _ = try await run.listen() }
                #expect(failure?.status == .failed)
                #expect(failure?.message == "the output could not be written: No space left on device")
            } else {
                #expect(try await run.listen().pending == "evt_one")
            }
            #expect(listener.log.isEmpty)
        }
    }

    // MARK: Server gone and back

    @Test("a server that goes away is waited for with growing pauses up to 10 s, and told once")
    func outage() async throws {
        let listener = FakeListener(events: ["one"])
        listener.fail("limit=20", with: .hangUp, times: 6)
        listener.fail("limit=20", with: .refusal(503, "it stops"))
        try await FakeServer.serving(listener.answer) { server in
            _ = try await harness.run(harness.plan(once: 1), server.url).listen()
            // 0.5, 1, 2, 4, 8, 10 and 10 seconds.
            #expect(harness.clock.now.offset == .milliseconds(35_500))
            let waiting = "waiting for the server: no server answers at \(server.url) (the connection was closed)"
            #expect(Array(harness.captured.errorLines.dropFirst()) == [waiting, "the server answers again"])
            #expect(harness.captured.lines.count == 1)
        }
    }

    @Test("an acknowledgement that got lost is made again, and the event is not handled twice")
    func lostAcknowledgement() async throws {
        let listener = FakeListener(events: ["one", "two"])
        listener.fail("acknowledge", with: .hangUp, times: 2)
        try await FakeServer.serving(listener.answer) { server in
            _ = try await harness.run(harness.plan(once: 2), server.url).listen()
            #expect(harness.captured.lines.count == 2)
            #expect(listener.log == ["acknowledge evt_one", "acknowledge evt_two"])
        }
    }

    @Test(
        "what waiting does not mend ends it with its exit code",
        arguments: [
            ("limit=20", 401, CommandExit.failed, "the admin API wants a token"), ("limit=20", 404, .failed, "told"),
            ("limit=20", 400, .usage, "told"), ("acknowledge", 404, .failed, "told"),
            ("listeners/here", 400, .usage, "told"),
        ])
    func refusals(word: String, status: Int, exit: CommandExit, message: String) async throws {
        let listener = FakeListener(events: ["one"])
        listener.fail(word, with: .refusal(status, "told"))
        try await FakeServer.serving(listener.answer) { server in
            let error = await #expect(throws: AdminClientError.self) {
                _ = try await harness.run(harness.plan(), server.url).listen()
            }
            let failure = error.flatMap { CommandFailure(describing: $0) }
            #expect(failure?.status == exit)
            #expect(failure?.message.hasPrefix(message) == true)
        }
    }

    @Test("a server out of reach at the start is told at once")
    func unreachable() async throws {
        let url = FakeServer.unusedURL
        let error = await #expect(throws: AdminClientError.self) {
            _ = try await harness.run(harness.plan(), url).listen()
        }
        #expect(error.flatMap { CommandFailure(describing: $0) }?.status == .unreachable)
        #expect(harness.clock.now.offset == .zero)
    }

    @Test("a server that answers empty at once is not asked in a hurry")
    func emptyAnswers() async throws {
        let listener = FakeListener(events: ["one"])
        listener.fail("limit=20", with: .json(#"{"events":[]}"#), times: 4)
        try await FakeServer.serving(listener.answer) { server in
            _ = try await harness.run(harness.plan(once: 1), server.url).listen()
            #expect(harness.clock.now.offset == .seconds(2))
        }
    }
}

extension FakeRequest {
    /// The question for the next events.
    fileprivate static let next = FakeRequest(
        method: "GET", target: "/api/v1/listeners/here/events?limit=20&wait=25", headers: [:], body: "")
}
