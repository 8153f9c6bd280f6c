package import ArgumentParser
import TowlineCore

/// `towline events`: what happened to jobs, and who has been told.
package struct EventsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Lists, shows and sends events again.",
        discussion: """
            Works by the admin API of the server.

            Examples:
              towline events list --state dead --since 2h
              towline events show evt_019b3c5d7e8f40a1b2c3d4e5f6071829
              towline events redeliver evt_019b3c5d7e8f40a1b2c3d4e5f6071829
              towline events replay --state dead --since 7d --wait
            """,
        subcommands: [
            EventsListCommand.self, EventsShowCommand.self, EventsRedeliverCommand.self, EventsReplayCommand.self,
        ]
    )

    package init() {}
}

/// `towline events list`: events, newest first.
struct EventsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists events, newest first.",
        discussion: """
            DELIVERIES tells how an event's deliveries stand. On a terminal the table is cut to its width. With --json \
            each line is an event with its body and its deliveries as the admin API shows it.

            Examples:
              towline events list
              towline events list --state dead --since 2h
              towline events list --type UploadByURLComplete --since 2026-11-23T10:00:00Z
            """
    )

    @OptionGroup var filter: EventFilterOptions

    @OptionGroup var listing: ListOptions

    func run() async throws {
        let query = try filter.query(now: PointInTime.now())
        try await listing.print(query.list, from: listing.server.adminClient(), to: .standard) { events in
            EventTable.table(events.map { AdminEvent($0) })
        }
    }
}

/// `towline events show`: everything about one event.
struct EventsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows an event with its body and its deliveries.",
        discussion: """
            'towline deliveries show' shows each attempt of a delivery.

            Example:
              towline events show evt_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @Argument(help: ArgumentHelp("The id of the event.", valueName: "event"))
    var event: String

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        try Choice.checkID(event, "<event>", of: EventID.self, listedBy: "events list")
    }

    func run() async throws {
        let detail = try await server.adminClient().event(event)
        let console = Console.standard
        guard !json else { return console.print(detail) }
        for line in EventReport(detail).lines(style: console.style) { console.print(line) }
    }
}
