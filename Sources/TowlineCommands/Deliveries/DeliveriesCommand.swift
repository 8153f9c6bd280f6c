package import ArgumentParser
import TowlineCore

/// `towline deliveries`: what was sent where, and what came back.
package struct DeliveriesCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "deliveries",
        abstract: "Lists and shows deliveries of events.",
        discussion: """
            Works by the admin API of the server. 'towline events redeliver' sends again.

            Examples:
              towline deliveries list --state dead
              towline deliveries show dlv_019b3c5d7e8f40a1b2c3d4e5f6071829
            """,
        subcommands: [DeliveriesListCommand.self, DeliveriesShowCommand.self]
    )

    package init() {}
}

/// `towline deliveries list`: deliveries, newest first.
struct DeliveriesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists deliveries, newest first.",
        discussion: """
            REASON tells why a delivery is dead, or why its last attempt failed. On a terminal the table is cut to its \
            width. With --json each line is a delivery as the admin API shows it.

            Examples:
              towline deliveries list --state dead
              towline deliveries list --endpoint ep_019b3c5d7e8f40a1b2c3d4e5f6071829 --json
            """
    )

    @Option(
        help: ArgumentHelp(
            "Only deliveries in this state: \(Choice.names(of: DeliveryState.self)).", valueName: "state"))
    var state: String?

    @Option(help: ArgumentHelp("Only deliveries to this endpoint.", valueName: "endpoint"))
    var endpoint: String?

    @Option(help: ArgumentHelp("Only deliveries of this event.", valueName: "event"))
    var event: String?

    @Option(help: ArgumentHelp("Only deliveries that this replay made.", valueName: "replay"))
    var replay: String?

    @OptionGroup var listing: ListOptions

    func validate() throws { _ = try list() }

    func run() async throws {
        try await listing.print(list(), from: listing.server.adminClient(), to: .standard) { deliveries in
            DeliveryTable.table(deliveries.map { AdminDelivery($0) })
        }
    }

    /// The list that the options describe.
    func list() throws -> AdminList {
        if let endpoint { try Choice.checkID(endpoint, "--endpoint", of: EndpointID.self, listedBy: "endpoints list") }
        if let event { try Choice.checkID(event, "--event", of: EventID.self, listedBy: "events list") }
        if let replay { try Choice.checkID(replay, "--replay", of: ReplayID.self, listedBy: "replays list") }
        let state: DeliveryState? = try state.map { try Choice.value($0, "--state") }
        return AdminList(
            path: "/deliveries", member: "deliveries",
            fields: [("state", state?.rawValue), ("endpoint", endpoint), ("event", event), ("replay", replay)])
    }
}

/// `towline deliveries show`: one delivery with its attempts.
struct DeliveriesShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a delivery with every attempt: what was sent and what came back.",
        discussion: """
            For each attempt: time, address, duration, the request (>) and the answer (<) with the beginning of its \
            body, and the cause of a failure. Signatures are masked; control characters are shown as escapes such as \
            \\x1b. With --json it is one object with all that is kept.

            Example:
              towline deliveries show dlv_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @Argument(help: ArgumentHelp("The id of the delivery.", valueName: "delivery"))
    var delivery: String

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        try Choice.checkID(delivery, "<delivery>", of: DeliveryID.self, listedBy: "deliveries list")
    }

    func run() async throws {
        let detail = try await server.adminClient().delivery(delivery)
        let console = Console.standard
        guard !json else { return console.print(detail) }
        for line in DeliveryReport(detail).lines(style: console.style) { console.print(line) }
    }
}
