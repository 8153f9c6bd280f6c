import ArgumentParser
import Synchronization
import Testing
import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

private func replay(_ state: String, seen: Int, made: Int = 0, delivered: Int = 0, dead: Int = 0) -> String {
    #"{"id":"rpl_1","state":"\#(state)","filter":{"state":"dead","since":"2026-01-02T03:04:05Z"},"perSecond":50,"#
        + #""eventsInRange":1000,"eventsSeen":\#(seen),"created":\#(made),"delivered":\#(delivered),"dead":\#(dead),"#
        + #""createdAt":"2026-01-02T03:04:05Z"}"#
}

/// Counts, starts and shows a replay by a script; the last step stays.
private final class FakeReplays: Sendable {
    private let steps: Mutex<[FakeReply]>
    private let count: String

    init(_ steps: [FakeReply], count: String = #"{"dryRun":true,"events":12,"deliveries":14}"#) {
        self.steps = Mutex(steps)
        self.count = count
    }

    @Sendable func answer(_ request: FakeRequest) -> FakeReply {
        if request.body.contains("dryRun") { return .json(count) }
        if request.method == "POST" { return .json(replay("running", seen: 0)) }
        return steps.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }
}

@Suite("replays")
struct ReplayCommandsTests {
    private let captured = Captured()
    private let clock = StepClock()
    private let order = ReplayOrder(query: EventQuery(), destination: nil, perSecond: nil)
    private let done = FakeReply.json(replay("done", seen: 1000, made: 14, delivered: 12, dead: 2))

    private func run(
        _ url: String, order: ReplayOrder? = nil, isDryRun: Bool = false, isConfirmed: Bool = false,
        isWaiting: Bool = false, isJSON: Bool = false, isTerminal: Bool = false, answer: String? = nil
    ) async throws {
        try await ReplayRun(
            order: order ?? self.order, isDryRun: isDryRun, isConfirmed: isConfirmed, isWaiting: isWaiting,
            isJSON: isJSON, admin: AdminClient(endpoint: try Endpoint(url), token: nil),
            console: captured.console(isTerminal: isTerminal, answer: answer), clock: clock
        ).run()
    }

    @Test("options become one order for the count and the replay")
    func order() async throws {
        try await FakeServer.serving(FakeReplays([done]).answer) { server in
            let command = try EventsReplayCommand.parse([
                "--type", "UploadByURLComplete", "--status", "dead", "--endpoint", "ep_1", "--job", "b7", "--account",
                "1", "--app", "app-1", "--since", "1d", "--until", "2h", "--to", "ep_2", "--rate", "50",
            ])
            let order = try command.order(now: Timestamp(milliseconds: 1_795_428_000_000))
            try await run(server.url, order: order, isConfirmed: true)
            let filter =
                #"{"type":"UploadByURLComplete","state":"dead","endpoint":"ep_1","job":"b7","account":"1","#
                + #""appId":"app-1","since":"2026-11-22T10:00:00Z","until":"2026-11-23T08:00:00Z","to":"ep_2","perSecond":50"#
            #expect(server.requests.map(\.target) == ["/api/v1/replays", "/api/v1/replays"])
            #expect(server.requests.map(\.body) == [filter + #","dryRun":true}"#, filter + "}"])
        }
    }

    @Test("a dry run only counts", arguments: [false, true])
    func dryRun(isJSON: Bool) async throws {
        try await FakeServer.serving(FakeReplays([done]).answer) { server in
            try await run(server.url, isDryRun: true, isJSON: isJSON)
            #expect(
                captured.lines == [
                    isJSON ? #"{"dryRun":true,"events":12,"deliveries":14}"# : "12 events, 14 deliveries"
                ])
            #expect(server.requests.count == 1)
        }
    }

    @Test("without a terminal and without --yes it counts, starts nothing and is wrong usage")
    func noTerminal() async throws {
        try await FakeServer.serving(FakeReplays([done]).answer) { server in
            let failure = await #expect(throws: CommandFailure.self) { try await run(server.url) }
            #expect(failure?.status == .usage)
            #expect(
                failure?.message
                    == "nothing was started: without a terminal, --yes starts a replay and --dry-run only counts")
            #expect(captured.errorLines == ["12 events, 14 deliveries"])
            #expect(server.requests.count == 1)
        }
    }

    @Test("on a terminal only a yes starts it", arguments: [("y", true), (" YES ", true), ("", false), ("no", false)])
    func confirmation(answer: String, starts: Bool) async throws {
        try await FakeServer.serving(FakeReplays([done]).answer) { server in
            if starts {
                try await run(server.url, isTerminal: true, answer: answer)
                #expect(captured.lines == ["rpl_1"])
            } else {
                let failure = await #expect(throws: CommandFailure.self) {
                    try await run(server.url, isTerminal: true, answer: answer)
                }
                #expect(failure == CommandFailure(.failed, "not confirmed; nothing was started"))
            }
            #expect(captured.error.hasPrefix("12 events, 14 deliveries\nSend them again? [y/N] "))
            #expect(server.requests.count == (starts ? 2 : 1))
        }
    }

    @Test("nothing to send is a success that asks nothing")
    func nothing() async throws {
        let replays = FakeReplays([done], count: #"{"dryRun":true,"events":0,"deliveries":0}"#)
        try await FakeServer.serving(replays.answer) { server in
            try await run(server.url)
            #expect(captured.errorLines == ["0 events, 0 deliveries", "nothing to send again"])
            #expect(captured.out.isEmpty)
            #expect(server.requests.count == 1)
        }
    }

    @Test("--wait follows it with a line for each tenth and prints how it ended")
    func waiting() async throws {
        let steps = [
            replay("running", seen: 10), replay("running", seen: 20), replay("running", seen: 110, made: 2),
            replay("running", seen: 150, made: 3), replay("done", seen: 1000, made: 14, delivered: 10, dead: 2),
        ].map { FakeReply.json($0) }
        try await FakeServer.serving(FakeReplays(steps).answer) { server in
            try await run(server.url, isConfirmed: true, isWaiting: true)
            #expect(
                captured.lines == [
                    "rpl_1",
                    "rpl_1 done 1000 of 1000 events seen, 14 deliveries made: 10 delivered, 2 dead, 2 open",
                ])
            #expect(
                captured.errorLines == [
                    "12 events, 14 deliveries",
                    "rpl_1 running 1%: 10 of 1000 events, 0 made, 0 delivered, 0 dead",
                    "rpl_1 running 11%: 110 of 1000 events, 2 made, 0 delivered, 0 dead",
                    "rpl_1 done 100%: 1000 of 1000 events, 14 made, 10 delivered, 2 dead",
                    "'towline deliveries list --replay rpl_1' shows those that are open",
                ])
        }
    }

    @Test("with JSON the replay is printed at its start and at its end")
    func json() async throws {
        try await FakeServer.serving(FakeReplays([done]).answer) { server in
            try await run(server.url, isConfirmed: true, isWaiting: true, isJSON: true)
            #expect(captured.lines == [replay("running", seen: 0), done.body])
        }
    }

    @Test("a replay that is cancelled meanwhile is a failure")
    func cancelled() async throws {
        let steps = ["running", "cancelling", "cancelled"].map { FakeReply.json(replay($0, seen: 500)) }
        try await FakeServer.serving(FakeReplays(steps).answer) { server in
            let failure = await #expect(throws: CommandFailure.self) {
                try await run(server.url, isConfirmed: true, isWaiting: true)
            }
            #expect(failure == CommandFailure(.failed, "the replay was cancelled"))
            #expect(captured.lines.last?.hasPrefix("rpl_1 cancelled 500 of 1000 events seen") == true)
        }
    }

    @Test("on a terminal the progress is one line that is drawn in place")
    func terminal() async throws {
        let steps = [FakeReply.json(replay("running", seen: 500, made: 7)), done]
        try await FakeServer.serving(FakeReplays(steps).answer) { server in
            var follower = ReplayFollower(
                "rpl_1", admin: AdminClient(endpoint: try Endpoint(server.url), token: nil),
                console: captured.console(isTerminal: true, size: TerminalSize(columns: 72, rows: 24)), clock: clock)
            _ = try await follower.follow()
            let frames = captured.error.split(separator: "\u{1B}[1A").map(String.init)
            #expect(
                frames == [
                    "\r\u{1B}[2Krunning  [#####-----] 50%  500 of 1000 events, 7 made, 0 delivered, 0 …\n",
                    "\r\u{1B}[2Kdone  [##########] 100%  1000 of 1000 events, 14 made, 12 delivered, 2…\n",
                ])
        }
    }

    @Test("a short outage is waited out, a long one ends with the code for a server out of reach")
    func outage() async throws {
        try await FakeServer.serving(FakeReplays([.hangUp, .refusal(503, "it stops"), done]).answer) { server in
            try await run(server.url, isConfirmed: true, isWaiting: true)
            #expect(captured.errorLines.count { $0.hasPrefix("waiting: ") } == 1)
        }
        try await FakeServer.serving(FakeReplays([.hangUp]).answer) { server in
            let failure = await #expect(throws: CommandFailure.self) {
                try await run(server.url, isConfirmed: true, isWaiting: true)
            }
            #expect(failure?.status == .unreachable)
            #expect(failure?.message.hasSuffix("the replay goes on when the server does") == true)
        }
    }

    @Test("a replay that is unknown ends the watching at once")
    func unknown() async throws {
        let replays = FakeReplays([.refusal(404, "there is no replay rpl_1")])
        try await FakeServer.serving(replays.answer) { server in
            let watch = ReplayWatch(
                id: "rpl_1", isJSON: false, admin: AdminClient(endpoint: try Endpoint(server.url), token: nil),
                console: captured.console(), clock: clock)
            await #expect(throws: AdminClientError.self) { try await watch.run() }
            #expect(server.requests.count == 1)
        }
    }

    @Test("a cancelled task ends with what is known")
    func interrupted() async throws {
        try await FakeServer.serving(FakeReplays([.json(replay("running", seen: 1))]).answer) { server in
            let follower = ReplayFollower(
                "rpl_1", admin: AdminClient(endpoint: try Endpoint(server.url), token: nil),
                console: captured.console(), clock: clock)
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                var follower = follower
                return try await follower.follow()
            }
            #expect(try await task.value == nil)
        }
        #expect(
            ReplayWatch<StepClock>.farewell("rpl_1")
                == "interrupted; the replay goes on, 'towline replays watch rpl_1' follows it and "
                + "'towline replays cancel rpl_1' ends it")
    }

    @Test("replays are shown as a table and one by one")
    func reports() throws {
        let json = try JSONParser.parse(replay("running", seen: 505, made: 20, delivered: 10, dead: 1))
        #expect(
            ReplayTable.table([AdminReplay(json)]).lines() == [
                "REPLAY  STATE    SEEN  MADE  DELIVERED  DEAD  CREATED",
                "rpl_1   running   50%    20         10     1  2026-01-02T03:04:05Z",
            ])
        #expect(
            AdminReplay(json).lines(style: Style(isOn: false)) == [
                "Replay      rpl_1",
                "State       running",
                "Events      505 of 1000 seen (50%)",
                "Deliveries  20 made: 10 delivered, 1 dead, 9 open",
                "Filter      state dead, since 2026-01-02T03:04:05Z",
                "Rate        50 a second",
                "Created     2026-01-02T03:04:05Z",
            ])
    }
}
