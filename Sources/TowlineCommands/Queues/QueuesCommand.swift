package import ArgumentParser
import TowlineCore

/// `towline queues`: the built-in message queues.
package struct QueuesCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "queues",
        abstract: "Lists, creates, changes and deletes queues; sends, receives and shows their messages.",
        discussion: """
            These are the server's own queues, which MNS clients use at the API listener and into which callbacks of the \
            type MNS go. Works by the admin API.

            Examples:
              towline queues create events --dead-letter-queue events-dead --max-receives 5
              towline queues peek events --count 3
              towline queues receive events --wait 20 --delete
            """,
        subcommands: [
            QueuesListCommand.self, QueuesShowCommand.self, QueuesCreateCommand.self, QueuesSetCommand.self,
            QueuesDeleteCommand.self, QueuesPurgeCommand.self, QueuesSendCommand.self, QueuesPeekCommand.self,
            QueuesReceiveCommand.self,
        ]
    )

    package init() {}
}

/// `towline queues list`: queues by name.
struct QueuesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists queues by name, with the numbers of their messages.",
        discussion: """
            ACTIVE messages can be received now, HIDDEN ones were received and not deleted, DELAYED ones wait for their \
            time. With --json each line is a queue as the admin API shows it.

            Examples:
              towline queues list
              towline queues list --prefix events --json
            """
    )

    @Option(help: ArgumentHelp("Only queues whose names begin so.", valueName: "text"))
    var prefix: String?

    @OptionGroup var place: QueueAccountOptions

    @OptionGroup var listing: ListOptions

    func run() async throws {
        try await listing.print(list, from: listing.server.adminClient(), to: .standard) { queues in
            QueueTable.table(queues.map { AdminQueue($0) })
        }
    }

    /// The list that the options describe.
    var list: AdminList {
        AdminList(path: "/queues", member: "queues", fields: [("account", place.account), ("prefix", prefix)])
    }
}

/// `towline queues show`: everything about one queue.
struct QueuesShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a queue: its messages by state and its attributes.",
        discussion: """
            Example:
              towline queues show events
            """
    )

    @OptionGroup var target: QueueTargetOptions

    func run() async throws {
        let queue = try await target.server.adminClient().queue(target.reference)
        let console = Console.standard
        guard !target.json else { return console.print(queue) }
        for line in AdminQueue(queue).lines(style: console.style) { console.print(line) }
    }
}
