import ArgumentParser
import TowlineCore

/// `towline events redeliver`: sends events again.
struct EventsRedeliverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redeliver",
        abstract: "Sends events again, one by one.",
        discussion: """
            Each event goes again to every endpoint that it was for, or to the one of --endpoint; with the id of a \
            delivery, its event goes again to its endpoint. The id of the event and its bytes stay, the signature is \
            new. One that was for nobody goes where the account's callback says now.

            Prints the new deliveries, one a line: the delivery, its state, the event and the URL. Exit code 1 if an id \
            does not exist or there is no endpoint; the others are sent all the same. For many events see \
            'towline events replay'.

            Examples:
              towline events redeliver evt_019b3c5d7e8f40a1b2c3d4e5f6071829
              towline events redeliver dlv_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @Argument(help: ArgumentHelp("Ids of events or deliveries.", valueName: "id"))
    var ids: [String]

    @Option(help: ArgumentHelp("The one endpoint that gets the events.", valueName: "endpoint"))
    var endpoint: String?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        for id in ids where !id.hasPrefix(EventID.prefix) && !id.hasPrefix(DeliveryID.prefix) {
            throw ValidationError(
                "<id> must be the id of an event (\(EventID.prefix)…) or of a delivery (\(DeliveryID.prefix)…); it is "
                    + "'\(TerminalText.clean(id))'.")
        }
        guard let endpoint else { return }
        try Choice.checkID(endpoint, "--endpoint", of: EndpointID.self, listedBy: "endpoints list")
        guard !ids.contains(where: { $0.hasPrefix(DeliveryID.prefix) }) else {
            throw ValidationError("--endpoint goes with events only; a delivery goes to its own endpoint.")
        }
    }

    func run() async throws {
        try await redeliver(by: server.adminClient(), console: .standard)
    }

    /// Sends each event again; a refusal does not keep the others.
    func redeliver(by admin: AdminClient, console: Console) async throws {
        var refusals = Refusals()
        for id in ids {
            try await refusals.collecting {
                let deliveries =
                    id.hasPrefix(DeliveryID.prefix)
                    ? try await admin.redeliver(delivery: id) : try await admin.redeliver(event: id, to: endpoint)
                for detail in deliveries {
                    let delivery = AdminDelivery(detail)
                    json
                        ? console.print(detail)
                        : console.print(
                            TerminalText.clean("\(delivery.id) \(delivery.state) \(delivery.event) \(delivery.url)"))
                }
            }
        }
        try refusals.end(console: console)
    }
}
