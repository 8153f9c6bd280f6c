import ArgumentParser
import TowlineCore

/// `towline events replay`: sends many events again.
struct EventsReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Sends many events again, as a job on the server.",
        discussion: """
            Counts first what the filter finds, then asks on a terminal; without one, --yes starts the replay. It makes \
            one new delivery for each event and endpoint that matches: --state and --endpoint also say which of an \
            event's endpoints get it again. Ids and bytes of events stay, signatures are new, and new events do not wait \
            behind it. It goes on when the server starts again.

            Prints the id of the replay. With --wait the command follows it, with progress on stderr, and prints how it \
            ended; Ctrl-C ends the command, not the replay. With --json each line is a replay as the admin API shows it, \
            or the counts of --dry-run.

            Exit code: 0 if it was started, or done with --wait; 1 if it was cancelled or not confirmed; 2 for wrong \
            usage, such as no --yes without a terminal; 3 if the server is out of reach; 130 after Ctrl-C.

            Examples:
              towline events replay --state dead --since 7d --dry-run
              towline events replay --state dead --since 7d --rate 50 --wait
              towline events replay --since 1d --to ep_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var filter: EventFilterOptions

    @Option(
        help: ArgumentHelp(
            "The one endpoint that gets the events, also such as were never for it.", valueName: "endpoint"))
    var to: String?

    @Option(help: ArgumentHelp("Most deliveries that begin in a second; no limit unless given.", valueName: "number"))
    var rate: Int?

    @Flag(help: "Only count.")
    var dryRun = false

    @Flag(help: "Follow the replay until it has ended.")
    var wait = false

    @Flag(help: "Start without asking.")
    var yes = false

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        if let to { try Choice.checkID(to, "--to", of: EndpointID.self, listedBy: "endpoints list") }
        if let rate, rate < 1 { throw ValidationError("--rate must be at least 1.") }
        guard !dryRun || !(wait || yes) else {
            throw ValidationError("--dry-run starts nothing; it does not go with --wait and --yes.")
        }
    }

    func run() async throws {
        let order = try order(now: PointInTime.now())
        try await ReplayRun(
            order: order, isDryRun: dryRun, isConfirmed: yes, isWaiting: wait, isJSON: json,
            admin: server.adminClient(), console: .standard, clock: ContinuousClock()
        ).run()
    }

    /// What the options describe; ages are counted once, so that the count and the replay mean the same events.
    func order(now: Timestamp) throws -> ReplayOrder {
        ReplayOrder(query: try filter.query(now: now), destination: to, perSecond: rate)
    }
}

/// One run of `towline events replay`.
struct ReplayRun<Time: Clock>: Sendable where Time.Duration == Duration {
    let order: ReplayOrder
    let isDryRun: Bool
    let isConfirmed: Bool
    let isWaiting: Bool
    let isJSON: Bool
    let admin: AdminClient
    let console: Console
    let clock: Time

    /// Counts, asks, starts and follows.
    ///
    /// - Throws: ``CommandFailure``.
    func run() async throws {
        let count = try await admin.countReplay(order)
        let events = count["events"]?.integerValue ?? 0
        let deliveries = count["deliveries"]?.integerValue ?? 0
        let text = "\(events) event\(events == 1 ? "" : "s"), \(deliveries) deliver\(deliveries == 1 ? "y" : "ies")"
        guard !isDryRun else { return isJSON ? console.print(count) : console.print(text) }
        console.note(text)
        guard deliveries > 0 else {
            if isJSON { console.print(count) }
            return console.note("nothing to send again")
        }
        if !isConfirmed { try await confirm() }
        let started = try await admin.startReplay(order)
        let replay = AdminReplay(started)
        isJSON ? console.print(started) : console.print(TerminalText.clean(replay.id))
        guard isWaiting else {
            return console.note("'towline replays watch \(replay.id)' follows it")
        }
        try await ReplayWatch(id: replay.id, isJSON: isJSON, admin: admin, console: console, clock: clock).run()
    }

    private func confirm() async throws {
        guard console.canAsk else {
            throw CommandFailure(
                .usage, "nothing was started: without a terminal, --yes starts a replay and --dry-run only counts")
        }
        guard await console.confirm("Send them again?") else {
            throw CommandFailure(.failed, "not confirmed; nothing was started")
        }
    }
}
