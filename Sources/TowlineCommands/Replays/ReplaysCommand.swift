package import ArgumentParser
import TowlineCore

/// `towline replays`: what was started by `towline events replay`.
package struct ReplaysCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "replays",
        abstract: "Lists, shows, watches and cancels replays.",
        discussion: """
            'towline events replay' starts one.

            Examples:
              towline replays list
              towline replays watch rpl_019b3c5d7e8f40a1b2c3d4e5f6071829
              towline replays cancel rpl_019b3c5d7e8f40a1b2c3d4e5f6071829
            """,
        subcommands: [
            ReplaysListCommand.self, ReplaysShowCommand.self, ReplaysWatchCommand.self, ReplaysCancelCommand.self,
        ]
    )

    package init() {}
}

/// One replay, the form of the output and a server.
struct ReplayOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The id of the replay.", valueName: "replay"))
    var replay: String

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        try Choice.checkID(replay, "<replay>", of: ReplayID.self, listedBy: "replays list")
    }
}

/// `towline replays list`: the latest replays.
struct ReplaysListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the latest replays, newest first.",
        discussion: """
            SEEN is the share of events that a replay has gone through, MADE counts the deliveries that it has made.

            Example:
              towline replays list
            """
    )

    @Option(help: ArgumentHelp("Most replays to list, at most 500.", valueName: "number"))
    var limit = 50

    @Flag(help: "Print one JSON object a line, as the admin API shows it.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        guard (1...500).contains(limit) else { throw ValidationError("--limit must be from 1 to 500.") }
    }

    func run() async throws {
        let list = AdminList(path: "/replays", member: "replays", pageLimit: limit)
        let replays = try await server.adminClient().all(list, limit: limit)
        let console = Console.standard
        guard !json else { return replays.forEach { console.print($0) } }
        console.print(ReplayTable.table(replays.map { AdminReplay($0) }))
    }
}

/// `towline replays show`: one replay.
struct ReplaysShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a replay: its filter and how far it is.",
        discussion: """
            Example:
              towline replays show rpl_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var options: ReplayOptions

    func run() async throws {
        let detail = try await options.server.adminClient().replay(options.replay)
        let console = Console.standard
        guard !options.json else { return console.print(detail) }
        for line in AdminReplay(detail).lines(style: console.style) { console.print(line) }
    }
}

/// `towline replays watch`: follows one replay.
struct ReplaysWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follows a replay until it has ended.",
        discussion: """
            A replay has ended when it has made all its deliveries; some of them may still be open then. Progress goes \
            to stderr, the result to stdout. Exit code 0 when it is done, 1 when it was cancelled, 130 after Ctrl-C, \
            which does not end the replay.

            Example:
              towline replays watch rpl_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var options: ReplayOptions

    func run() async throws {
        try await ReplayWatch(
            id: options.replay, isJSON: options.json, admin: options.server.adminClient(), console: .standard,
            clock: ContinuousClock()
        ).run()
    }
}

/// `towline replays cancel`: ends one replay before its time.
struct ReplaysCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Ends a replay: what it made and was not tried yet ends as dead.",
        discussion: """
            What is being sent at that moment arrives. Exit code 1 if the replay does not exist or has ended.

            Example:
              towline replays cancel rpl_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var options: ReplayOptions

    func run() async throws {
        let detail = try await options.server.adminClient().cancelReplay(options.replay)
        options.json ? Console.standard.print(detail) : Console.standard.print(AdminReplay(detail).line)
    }
}
