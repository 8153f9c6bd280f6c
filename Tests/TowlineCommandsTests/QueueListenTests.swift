import ArgumentParser
import Testing
import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

@Suite("listening to a queue", .timeLimit(.minutes(5)))
struct QueueListenTests {
    private let harness = ListenHarness()

    private func run(
        _ plan: ListenPlan, _ server: String, queue: String = "events", loss: OutputLoss? = nil
    ) throws -> QueueListenRun<StepClock> {
        QueueListenRun(
            plan: plan, queue: QueueReference(name: queue),
            admin: AdminClient(endpoint: try Endpoint(server), token: "t"),
            handler: .connectingAnew(timeout: .seconds(5)), console: harness.captured.console(loss: loss),
            clock: harness.clock)
    }

    /// Runs to the end of a plan.
    private func expect(_ count: Int, _ plan: ListenPlan, _ server: String) async throws {
        let handled = try await run(plan, server).listen()
        #expect(handled == count)
    }

    @Test("events are printed as ever, each before its message is deleted")
    func printing() async throws {
        let queue = FakeQueue(["one", "bad", "three"])
        try await FakeServer.serving(queue.answer) { server in
            try await expect(2, harness.plan(once: 2), server.url)
            #expect(
                harness.captured.lines == [
                    "2026-01-02T03:04:05Z UploadByURLComplete j-one success",
                    "2026-01-02T03:04:05Z UploadByURLComplete j-bad fail URLInvalidError",
                ])
            #expect(queue.log == ["delete h-one", "delete h-bad"])
            #expect(queue.left == ["three"])
            #expect(harness.captured.errorLines == ["queue events: 3 messages to be received"])
            // No more than it may handle.
            #expect(queue.orders == [#"{"count":2,"waitSeconds":25,"visibilityTimeoutSeconds":60}"#])
        }
    }

    @Test("what is no event is printed as it says, and control characters do not reach the terminal")
    func otherBodies() async throws {
        let queue = FakeQueue(bodies: [("one", "hello\n\u{1B}[2J"), ("two", #"{"a":1}"#)])
        try await FakeServer.serving(queue.answer) { server in
            _ = try await run(harness.plan(once: 2), server.url).listen()
            #expect(
                harness.captured.lines == [
                    "2026-01-02T03:04:04Z message M-one hello [2J", #"2026-01-02T03:04:04Z message M-two {"a":1}"#,
                ])
        }
    }

    @Test("with JSON a line is the message with its event beside it")
    func json() async throws {
        let queue = FakeQueue(["one"])
        try await FakeServer.serving(queue.answer) { server in
            var plan = try harness.plan(once: 1)
            plan.isJSON = true
            _ = try await run(plan, server.url).listen()
            let line = try JSONParser.parse(harness.captured.out)
            #expect(line["id"]?.string == "M-one")
            #expect(line["body"]?.string == "raw-one")
            #expect(line["event"]?["JobId"]?.string == "j-one")
            #expect(line["forward"] == nil)
        }
    }

    @Test("a message is deleted once the handler took it, and its request is composed by the server")
    func forwarding() async throws {
        let queue = FakeQueue(["one", "two"])
        let handler = ScriptedHandler.answering([FakeReply(status: 500, body: "no"), FakeReply(body: "ok")], of: queue)
        try await FakeServer.serving(queue.answer) { server in
            try await FakeServer.serving(handler) { local in
                try await expect(2, harness.plan(once: 2, forward: local.url + "/x"), server.url)
                #expect(
                    queue.log == [
                        "sign M-one raw-one", "post M-one s1", "sign M-one raw-one", "post M-one s2", "delete h-one",
                        "sign M-two raw-two", "post M-two s3", "delete h-two",
                    ])
                #expect(local.requests.allSatisfy { $0.target == "/x" && $0.body == #"{"n": 1}"# })
                #expect(
                    harness.attemptLines == [
                        "  attempt 1: 500 in 0 ms: no", "  attempt 2: 200 in 0 ms: ok", "  attempt 1: 200 in 0 ms: ok",
                    ])
                // One at a time, hidden as long as three attempts may take.
                #expect(queue.orders.first == #"{"count":1,"waitSeconds":25,"visibilityTimeoutSeconds":48}"#)
            }
        }
    }

    @Test("a message that the handler refuses stays in the queue and comes again after its time")
    func refused() async throws {
        let queue = FakeQueue(["one", "two"])
        let handler = ScriptedHandler.answering([FakeReply(status: 500, body: ""), FakeReply(body: "ok")], of: queue)
        try await FakeServer.serving(queue.answer) { server in
            try await FakeServer.serving(handler) { local in
                let plan = try harness.plan(once: 1, forward: local.url, attempts: 1)
                try await expect(1, plan, server.url)
                #expect(queue.left == ["one"])
                #expect(!queue.log.contains("release h-one"), "it would come again in a hurry")
                #expect(
                    harness.captured.errorLines.last
                        == "undelivered: message M-one after 1 attempt, the last with the answer 500; it stays in the "
                        + "queue and comes again")
                queue.showAll()
                try await expect(1, plan, server.url)
                #expect(queue.left.isEmpty)
            }
        }
    }

    @Test("with --stop-on-failure a message that was not taken ends it, and can be received again at once")
    func stopping() async throws {
        let queue = FakeQueue(["one"])
        let handler = ScriptedHandler.answering([FakeReply(status: 500, body: ""), FakeReply(body: "ok")], of: queue)
        try await FakeServer.serving(queue.answer) { server in
            try await FakeServer.serving(handler) { local in
                let plan = try harness.plan(once: 1, forward: local.url, attempts: 1, stops: true)
                let failure = await #expect(throws: CommandFailure.self) {
                    _ = try await run(plan, server.url).listen()
                }
                #expect(failure?.status == .failed)
                #expect(failure?.message.hasPrefix("not brought: message M-one after 1 attempt") == true)
                #expect(queue.log.last == "release h-one")
                try await expect(1, plan, server.url)
            }
        }
    }

    @Test("an end between receive and delete brings the same message again")
    func interrupted() async throws {
        let queue = FakeQueue(["one", "two"])
        let handler = ScriptedHandler.answering(
            [FakeReply(body: "", isSilent: true), FakeReply(body: "ok")], of: queue)
        let (posts, posted) = AsyncStream.makeStream(of: Void.self)
        try await FakeServer.serving(queue.answer) { server in
            try await FakeServer.serving({ request in
                posted.yield()
                return handler(request)
            }) { local in
                let plan = try harness.plan(once: 2, forward: local.url)
                let first = try run(plan, server.url)
                let task = Task { try await first.listen() }
                for await _ in posts { break }
                task.cancel()
                #expect(try await task.value == 0)
                #expect(queue.left == ["one", "two"])
                #expect(queue.log.last == "release h-one")
                try await expect(2, plan, server.url)
                #expect(
                    queue.log.filter { $0.hasPrefix("post") } == ["post M-one s1", "post M-one s2", "post M-two s3"])
                #expect(queue.left.isEmpty)
            }
        }
    }

    @Test(
        "what was not printed is not deleted, and a failure unless the reader went away",
        arguments: [(Int32(28), true), (Int32(32), false)])
    func lostOutput(code: Int32, isFailure: Bool) async throws {
        let queue = FakeQueue(["one", "two"])
        try await FakeServer.serving(queue.answer) { server in
            let run = try run(harness.plan(), server.url, loss: OutputLoss(code: code))
            if isFailure {
                await #expect(throws: CommandFailure.self) { _ = try await run.listen() }
            } else {
                #expect(try await run.listen() == 0)
            }
            #expect(queue.log == ["release h-one", "release h-two"])
        }
    }

    // MARK: Server gone and back

    @Test("a server that goes away is waited for, and a deletion that got lost is made again")
    func outage() async throws {
        let queue = FakeQueue(["one", "two"])
        queue.fail("/receive", with: .hangUp, times: 2)
        queue.fail("/delete", with: .refusal(503, "it stops"))
        try await FakeServer.serving(queue.answer) { server in
            try await expect(2, harness.plan(once: 2), server.url)
            #expect(harness.captured.lines.count == 2)
            #expect(queue.left.isEmpty)
            #expect(harness.clock.now.offset == .milliseconds(1500))
        }
    }

    @Test("a deletion that comes too late is told")
    func lateDeletion() async throws {
        let queue = FakeQueue(["one"])
        queue.fail("/delete", with: .json(#"{"deleted":0,"failed":[{"message":"the message is gone"}]}"#))
        try await FakeServer.serving(queue.answer) { server in
            let count = try await run(harness.plan(once: 1), server.url).listen()
            #expect(count == 1)
            #expect(
                harness.captured.errorLines.last
                    == "message M-one was handled and not deleted, so it may come again: the message is gone")
        }
    }

    @Test("a queue that is not there, or goes, ends it; a server that answers empty at once is not asked in a hurry")
    func missing() async throws {
        let queue = FakeQueue(["one"])
        try await FakeServer.serving(queue.answer) { server in
            let error = await #expect(throws: AdminClientError.self) {
                _ = try await run(harness.plan(), server.url, queue: "none").listen()
            }
            #expect(
                error.flatMap { CommandFailure(describing: $0) } == CommandFailure(.failed, "there is no queue none"))
            queue.fail("/receive", with: .refusal(404, "there is no queue events"))
            await #expect(throws: AdminClientError.self) { _ = try await run(harness.plan(), server.url).listen() }
            queue.fail("/receive", with: .json(#"{"messages":[]}"#), times: 4)
            _ = try await run(harness.plan(once: 1), server.url).listen()
            #expect(harness.clock.now.offset == .seconds(2))
        }
    }

    // MARK: Options

    @Test("--queue and --account become the queue")
    func options() throws {
        let plan = try ListenCommand.parse(["--queue", "events", "--account", "42", "--once", "2"]).plan(host: "h")
        #expect(plan.queue == QueueReference(name: "events", account: "42"))
        #expect(plan.queue?.path("/receive") == "/queues/events/receive?account=42")
        #expect(try ListenCommand.parse([]).plan(host: "h").queue == nil)
    }

    @Test(
        "what does not go with a queue is wrong usage",
        arguments: [
            ["--queue", "a_b"], ["--queue", ""], ["--queue", "a", "--name", "n"], ["--queue", "a", "--from", "now"],
            ["--queue", "a", "--type", "FileUploadComplete"],
        ])
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try ListenCommand.parse(arguments) }
        #expect(error.map { ListenCommand.message(for: $0).contains("--queue") } == true)
    }
}
