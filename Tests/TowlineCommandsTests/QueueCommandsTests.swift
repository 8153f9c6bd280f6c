import ArgumentParser
import Testing
import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

@Suite("queues")
struct QueueCommandsTests {
    private let captured = Captured()

    private func client(_ url: String) throws -> AdminClient { AdminClient(endpoint: try Endpoint(url), token: nil) }

    private func calls(_ server: FakeServer) -> [String] {
        server.requests.map { "\($0.method) \($0.target.dropFirst("/api/v1".count)) \($0.body)" }
    }

    @Test("calls have the paths and bodies of the admin API")
    func calls() async throws {
        let answer = #"{"messages":[],"failed":[]}"#
        try await FakeServer.serving({ _ in .json(answer) }) { server in
            let client = try client(server.url)
            let queue = QueueReference(name: "a")
            let other = QueueReference(name: "a", account: "42")
            _ = try await client.queue(other)
            _ = try await client.receive(ReceiveOrder(), from: queue)
            _ = try await client.receive(ReceiveOrder(count: 3, waitSeconds: 0, visibilitySeconds: 9), from: other)
            _ = try await client.peek(2, in: queue)
            _ = try await client.deleteMessages(["h"], from: queue)
            try await client.releaseMessages(["h"], to: queue)
            _ = try await client.deleteQueue(queue)
            _ = try await client.purgeQueue(queue)
            #expect(
                calls(server) == [
                    "GET /queues/a?account=42 ", #"POST /queues/a/receive {"count":1}"#,
                    #"POST /queues/a/receive?account=42 {"count":3,"waitSeconds":0,"visibilityTimeoutSeconds":9}"#,
                    #"POST /queues/a/peek {"count":2}"#, #"POST /queues/a/delete {"receiptHandles":["h"]}"#,
                    #"POST /queues/a/release {"receiptHandles":["h"]}"#, "DELETE /queues/a ", "POST /queues/a/purge ",
                ])
        }
    }

    @Test("a queue is created with what was named, and it says whether it is new")
    func create() async throws {
        try await FakeServer.serving({ request in
            .json(#"{"name":"orders","created":\#(request.body.count > 2)}"#)
        }) { server in
            let command = try QueuesCreateCommand.parse([
                "orders", "--delay", "1", "--visibility-timeout", "2", "--polling-wait", "3", "--retention", "60",
                "--max-message-size", "1024", "--dead-letter-queue", "dead", "--max-receives", "5", "--account", "42",
            ])
            try await command.create(by: client(server.url), console: captured.console())
            try await QueuesCreateCommand.parse(["orders"]).create(by: client(server.url), console: captured.console())
            try await QueuesCreateCommand.parse(["orders", "--json"])
                .create(by: client(server.url), console: captured.console())
            #expect(captured.lines == ["orders created", "orders was there", #"{"name":"orders","created":false}"#])
            #expect(
                calls(server).first
                    == #"PUT /queues/orders?account=42 {"delaySeconds":1,"visibilityTimeoutSeconds":2,"#
                    + #""pollingWaitSeconds":3,"retentionSeconds":60,"maximumMessageSizeBytes":1024,"maxReceives":5,"#
                    + #""deadLetterQueue":"dead"}"#)
        }
    }

    @Test("a change is for a queue that is there, and --reset gives an attribute back")
    func set() async throws {
        let queue = FakeQueue(["one"])
        try await FakeServer.serving(queue.answer) { server in
            let command = try QueuesSetCommand.parse([
                "none", "--delay", "0", "--reset", "dead-letter-queue,Retention", "--reset", "retention",
            ])
            #expect(
                try command.body().compactText == #"{"delaySeconds":0,"deadLetterQueue":null,"retentionSeconds":null}"#)
            let error = await #expect(throws: AdminClientError.self) {
                try await command.change(by: client(server.url), console: captured.console())
            }
            #expect(error?.status == 404)
            #expect(!server.requests.contains { $0.method == "PUT" })
            let there = try QueuesSetCommand.parse(["events", "--delay", "5"])
            try await there.change(by: client(server.url), console: captured.console())
            #expect(captured.lines == ["events changed"])
        }
    }

    @Test(
        "what cannot be undone is asked on a terminal, needs --yes without one, and a no changes nothing",
        arguments: [("delete", "DELETE /queues/events "), ("purge", "POST /queues/events/purge ")])
    func confirmation(name: String, call: String) async throws {
        func run(_ arguments: [String], _ server: String, answer: String?) async throws {
            let console = captured.console(isTerminal: answer != nil, answer: answer)
            if name == "delete" {
                try await QueuesDeleteCommand.parse(arguments).delete(by: client(server), console: console)
            } else {
                try await QueuesPurgeCommand.parse(arguments).purge(by: client(server), console: console)
            }
        }
        try await FakeServer.serving({ _ in .json(#"{"activeMessages":2,"inactiveMessages":1,"purged":3}"#) }) {
            server in
            let blind = await #expect(throws: CommandFailure.self) {
                try await run(["events"], server.url, answer: nil)
            }
            #expect(blind?.status == .usage)
            let refused = await #expect(throws: CommandFailure.self) {
                try await run(["events"], server.url, answer: "n")
            }
            #expect(refused?.status == .failed)
            #expect(captured.error.contains("3 messages"))
            #expect(calls(server) == ["GET /queues/events ", "GET /queues/events "])
            try await run(["events"], server.url, answer: "y")
            try await run(["events", "--yes"], server.url, answer: nil)
            #expect(calls(server).suffix(2) == [call, call])
            #expect(captured.lines.last == (name == "delete" ? "events deleted" : "events 3 messages deleted"))
        }
    }

    // MARK: Sending

    @Test(
        "the body is the argument, a file or stdin, as it is or in Base64",
        arguments: [
            (["a", "hällo\n"], #"{"body":"hällo\n"}"#), (["a", "hi", "--base64"], #"{"body":"aGk="}"#),
            (["a", "--file", "f"], #"{"body":"of f"}"#), (["a"], #"{"body":"of stdin"}"#),
            (["a", "x", "--priority", "1", "--delay", "9"], #"{"body":"x","priority":1,"delaySeconds":9}"#),
        ])
    func send(arguments: [String], body: String) async throws {
        try await FakeServer.serving({ _ in .json(#"{"id":"M1","bodyMD5":"D"}"#) }) { server in
            let command = try QueuesSendCommand.parse(arguments)
            let bytes = try await command.bytes { Array("of \($0 ?? "stdin")".utf8) }
            try await command.send(bytes, by: client(server.url), console: captured.console())
            #expect(calls(server) == ["POST /queues/a/messages \(body)"])
            #expect(captured.lines == ["M1"])
        }
    }

    @Test(
        "bytes that no queue takes are wrong usage, and Base64 helps where it can",
        arguments: [
            ([], "is empty", false), ([0xFF], "--base64", true), ([0x01], "--base64", true), ([0x00], "--base64", true),
            ([UInt8](repeating: 0x61, count: 65_537), "65536", false),
        ])
    func refusedBodies(bytes: [UInt8], named: String, base64Helps: Bool) throws {
        let failure = #expect(throws: CommandFailure.self) { try QueuesSendCommand.parse(["a"]).message(bytes) }
        #expect(failure?.status == .usage)
        #expect(failure?.message.contains(named) == true)
        let encoded = try? QueuesSendCommand.parse(["a", "--base64"]).message(bytes)
        #expect((encoded != nil) == base64Helps)
    }

    // MARK: Receiving

    @Test("received messages are shown decoded or raw, and stay unless they are deleted")
    func receive() async throws {
        let queue = FakeQueue(bodies: [("one", "line 1\nline 2\u{1B}[2J"), ("two", "x")])
        try await FakeServer.serving(queue.answer) { server in
            try await QueuesReceiveCommand.parse(["events", "--count", "2", "--wait", "0", "--visibility-timeout", "5"])
                .receive(by: client(server.url), console: captured.console())
            #expect(
                captured.lines == [
                    "message M-one, sent 2026-01-02T03:04:04Z, received once", "line 1", #"line 2\x1b[2J"#,
                    "message M-two, sent 2026-01-02T03:04:04Z, received once", "x",
                ])
            #expect(queue.orders == [#"{"count":2,"waitSeconds":0,"visibilityTimeoutSeconds":5}"#])
            #expect(queue.log.isEmpty)
            queue.showAll()
            let raw = Captured()
            try await QueuesReceiveCommand.parse(["events", "--delete", "--raw"])
                .receive(by: client(server.url), console: raw.console())
            #expect(raw.lines == ["message M-one, sent 2026-01-02T03:04:04Z, received 2 times", "raw-one"])
            #expect(queue.log == ["delete h-one"])
            let json = Captured()
            try await QueuesReceiveCommand.parse(["events", "--delete", "--json"])
                .receive(by: client(server.url), console: json.console())
            let line = try JSONParser.parse(json.out)
            #expect(line["body"]?.string == "raw-two")
            #expect(line["decodedBody"]?.string == "x")
            #expect(queue.left.isEmpty)
        }
    }

    @Test("what was not printed is not deleted, and what could not be deleted is a failure")
    func deletions() async throws {
        let queue = FakeQueue(["one"])
        try await FakeServer.serving(queue.answer) { server in
            let command = try QueuesReceiveCommand.parse(["events", "--delete"])
            try await command.receive(
                by: client(server.url), console: captured.console(loss: OutputLoss(code: 32)))
            #expect(queue.left == ["one"])
            queue.showAll()
            queue.fail("/delete", with: .json(#"{"deleted":0,"failed":[{"message":"the message is gone"}]}"#))
            let failure = await #expect(throws: CommandFailure.self) {
                try await command.receive(by: client(server.url), console: captured.console())
            }
            #expect(
                failure
                    == CommandFailure(.failed, "message M-one was printed and not deleted: the message is gone"))
        }
    }

    @Test("a long wait is made of several, and no message is no failure")
    func longWait() async throws {
        let queue = FakeQueue(bodies: [])
        try await FakeServer.serving(queue.answer) { server in
            try await QueuesReceiveCommand.parse(["events", "--wait", "65"])
                .receive(by: client(server.url), console: captured.console())
            #expect(
                queue.orders == [
                    #"{"count":1,"waitSeconds":30}"#, #"{"count":1,"waitSeconds":30}"#, #"{"count":1,"waitSeconds":5}"#,
                ])
            #expect(captured.out.isEmpty)
            #expect(captured.errorLines == ["no message came from events"])
        }
    }

    @Test("a peek prints messages")
    func peek() async throws {
        let answer = #"{"messages":[{"id":"M1","body":"aGk=","decodedBody":"hi","priority":3}]}"#
        try await FakeServer.serving({ _ in .json(answer) }) { server in
            try await QueuesPeekCommand.parse(["a", "--count", "4"])
                .peek(by: client(server.url), console: captured.console())
            try await QueuesPeekCommand.parse(["a", "--raw"]).peek(by: client(server.url), console: captured.console())
            #expect(captured.lines == ["message M1, priority 3", "hi", "message M1, priority 3", "aGk="])
            #expect(calls(server).first == #"POST /queues/a/peek {"count":4}"#)
        }
    }

    // MARK: Showing

    @Test("a queue is shown with its messages and its attributes")
    func show() throws {
        let json = try JSONParser.parse(
            """
            {"name":"orders","account":"1","delaySeconds":0,"maximumMessageSizeBytes":65536,"retentionSeconds":345600,
            "visibilityTimeoutSeconds":90,"pollingWaitSeconds":20,"loggingEnabled":false,"deadLetterQueue":"dead",
            "maxReceives":5,"activeMessages":3,"inactiveMessages":2,"delayedMessages":1,
            "createdAt":"2026-01-01T00:00:00Z","modifiedAt":"2026-01-02T00:00:00Z"}
            """)
        #expect(
            AdminQueue(json).lines(style: Style(isOn: false)) == [
                "Queue               orders",
                "Account             1",
                "Messages            3 active, 2 received and hidden, 1 delayed",
                "Delay               0 s",
                "Visibility timeout  90 s (1m 30s)",
                "Polling wait        20 s",
                "Retention           345600 s (4d)",
                "Max message size    65536 bytes",
                "Logging             off",
                "Dead letters        to dead after 5 receives",
                "Created             2026-01-01T00:00:00Z",
                "Changed             2026-01-02T00:00:00Z",
            ])
        #expect(
            QueueTable.table([AdminQueue(json)]).lines() == [
                "QUEUE   ACTIVE  HIDDEN  DELAYED  VISIBILITY  DEAD LETTERS           CHANGED",
                "orders       3       2        1        90 s  dead after 5 receives  2026-01-02T00:00:00Z",
            ])
        let fields = try QueuesListCommand.parse(["--prefix", "o", "--account", "1"]).list.fields
        #expect(fields.map { "\($0)=\($1 ?? "")" } == ["account=1", "prefix=o"])
    }

    @Test(
        "what cannot be is wrong usage that names the option and what is allowed",
        arguments: [
            (["create", "a_b"], "<queue> must have 1 to 120 letters"), (["create"], "<queue>"),
            (["create", "a", "--delay", "604801"], "--delay must be from 0 to 604800"),
            (["create", "a", "--visibility-timeout", "0"], "--visibility-timeout must be from 1 to 43200"),
            (["create", "a", "--polling-wait", "31"], "--polling-wait must be from 0 to 30"),
            (["create", "a", "--retention", "59"], "--retention must be from 60 to 1296000"),
            (["create", "a", "--max-message-size", "65537"], "--max-message-size must be from 1024 to 65536"),
            (["create", "a", "--max-receives", "0"], "--max-receives must be from 1 to 1000"),
            (["create", "a", "--dead-letter-queue", ""], "--dead-letter-queue must have"),
            (["create", "a", "--account", ""], "--account must not be empty"),
            (["set", "a"], "Give an attribute to change"), (["set", "a", "--reset", "name"], "visibility-timeout"),
            (["set", "a", "--delay", "1", "--reset", "delay"], "--reset delay does not go with --delay"),
            (["send", "a", "x", "--file", "f"], "Give <body> or --file"),
            (["send", "a", "x", "--priority", "0"], "--priority must be from 1 to 16"),
            (["send", "a", "x", "--delay", "-1"], "--delay"),
            (["send", "a", "--file", "/nowhere/at/all"], "--file '/nowhere/at/all' cannot be read"),
            (["receive", "a", "--count", "17"], "--count must be from 1 to 16"),
            (["receive", "a", "--wait", "-1"], "--wait"),
            (["receive", "a", "--visibility-timeout", "0"], "--visibility-timeout must be"),
            (["receive", "a", "--raw", "--decode"], "--decode"), (["peek", "a", "--count", "0"], "--count must be"),
            (["list", "--limit", "0"], "--limit"), (["show", ""], "<queue>"), (["nonsense"], "nonsense"),
        ])
    func usage(arguments: [String], named: String) async {
        let code = await TowlineCommandLine.run(QueuesCommand.self, arguments: arguments, console: captured.console())
        #expect(code == 2)
        #expect(captured.error.contains(named), "\(captured.error)")
    }
}
