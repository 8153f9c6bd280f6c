package import ArgumentParser
import TowlineCore

/// `towline endpoints`: the receivers of events.
package struct EndpointsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "endpoints",
        abstract: "Lists, shows, creates, changes, enables and disables receivers of events.",
        discussion: """
            An endpoint is a receiver: one for each account and callback URL, made when it is first named, and one for \
            each subscription, made here and served beside the callbacks.

            Examples:
              towline endpoints list --disabled
              towline endpoints create https://example.com/audit --webhook-secret generate
              towline endpoints enable ep_019b3c5d7e8f40a1b2c3d4e5f6071829
            """,
        subcommands: [
            EndpointsListCommand.self, EndpointsShowCommand.self, EndpointsCreateCommand.self,
            EndpointsSetCommand.self, EndpointsEnableCommand.self, EndpointsDisableCommand.self,
            EndpointsRemoveCommand.self, EndpointsSecretCommand.self,
        ]
    )

    package init() {}
}

/// One endpoint, the form of the output and a server.
struct EndpointTargetOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The id of the endpoint.", valueName: "endpoint"))
    var endpoint: String

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        try Choice.checkID(endpoint, "<endpoint>", of: EndpointID.self, listedBy: "endpoints list")
    }

    /// Prints an endpoint after a change: the id and the state, or the object.
    func print(_ answer: JSONValue, to console: Console) {
        let endpoint = AdminEndpoint(answer)
        json ? console.print(answer) : console.print(TerminalText.clean("\(endpoint.id) \(endpoint.state)"))
    }
}

/// `towline endpoints list`: endpoints, newest first.
struct EndpointsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists endpoints, newest first.",
        discussion: """
            TROUBLE tells why an endpoint is disabled, or why its last attempt failed. URLs are masked where they may \
            hold secrets. With --json each line is an endpoint as the admin API shows it.

            Examples:
              towline endpoints list
              towline endpoints list --disabled
              towline endpoints list --kind subscription --json
            """
    )

    /// Which half of the endpoints to show.
    enum Half: String, EnumerableFlag {
        case disabled
        case enabled

        static func help(for value: Half) -> ArgumentHelp? {
            value == .disabled ? "Only those that are disabled." : "Only those that are not disabled."
        }
    }

    @Option(help: ArgumentHelp("Only endpoints of this account.", valueName: "account"))
    var account: String?

    @Option(help: ArgumentHelp("Only \(Choice.names(of: EndpointKind.self)).", valueName: "kind"))
    var kind: String?

    @Flag var half: Half?

    @OptionGroup var listing: ListOptions

    func validate() throws { _ = try list() }

    func run() async throws {
        try await listing.print(list(), from: listing.server.adminClient(), to: .standard) { endpoints in
            EndpointTable.table(endpoints.map { AdminEndpoint($0) })
        }
    }

    /// The list that the options describe.
    func list() throws -> AdminList {
        let kind: EndpointKind? = try kind.map { try Choice.value($0, "--kind") }
        return AdminList(
            path: "/endpoints", member: "endpoints",
            fields: [
                ("account", account), ("kind", kind?.rawValue), ("disabled", half.map { String($0 == .disabled) }),
            ])
    }
}

/// `towline endpoints show`: everything about one endpoint.
struct EndpointsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows an endpoint: how it fares, its options, what waits for it.",
        discussion: """
            Example:
              towline endpoints show ep_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var target: EndpointTargetOptions

    func run() async throws {
        let detail = try await target.server.adminClient().endpoint(target.endpoint)
        let console = Console.standard
        guard !target.json else { return console.print(detail) }
        for line in AdminEndpoint(detail).lines(style: console.style) { console.print(line) }
    }
}
