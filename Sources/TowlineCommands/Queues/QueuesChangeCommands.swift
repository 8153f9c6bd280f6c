import ArgumentParser
import TowlineCore

/// `towline queues create`: makes a queue.
struct QueuesCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates a queue; one that is there gets the attributes that are named.",
        discussion: """
            With --dead-letter-queue a message that was received --max-receives times and not deleted moves there when it \
            would become visible once more. That queue must exist.

            Examples:
              towline queues create events
              towline queues create events-dead --retention 1209600
              towline queues create events --dead-letter-queue events-dead --max-receives 5
            """
    )

    @OptionGroup var target: QueueTargetOptions

    @OptionGroup var attributes: QueueAttributeOptions

    func run() async throws {
        try await create(by: target.server.adminClient(), console: .standard)
    }

    /// Makes the queue and says whether it is new.
    func create(by admin: AdminClient, console: Console) async throws {
        let answer = try await admin.putQueue(target.reference, .object(attributes.members()))
        guard !target.json else { return console.print(answer) }
        let words = answer["created"] == .bool(true) ? "created" : "was there"
        console.print(TerminalText.clean("\(answer["name"]?.string ?? target.queue) \(words)"))
    }
}

/// `towline queues set`: changes the attributes of a queue.
struct QueuesSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Changes the attributes of a queue; those that are not named stay.",
        discussion: """
            They count for the messages that are already there, too, but a delay for later ones only. --reset gives an \
            attribute the value of a new queue; for dead-letter-queue that is none.

            Examples:
              towline queues set events --visibility-timeout 120
              towline queues set events --reset dead-letter-queue
            """
    )

    @OptionGroup var target: QueueTargetOptions

    @OptionGroup var attributes: QueueAttributeOptions

    @Option(
        help: ArgumentHelp(
            "An attribute to give back: \(Choice.names(of: QueueAttributeOptions.Name.self)); may be repeated.",
            valueName: "name"))
    var reset: [String] = []

    func validate() throws { _ = try body() }

    func run() async throws {
        try await change(by: target.server.adminClient(), console: .standard)
    }

    /// Changes a queue that is there.
    func change(by admin: AdminClient, console: Console) async throws {
        _ = try await admin.queue(target.reference)
        let answer = try await admin.putQueue(target.reference, body())
        guard !target.json else { return console.print(answer) }
        console.print(TerminalText.clean("\(answer["name"]?.string ?? target.queue) changed"))
    }

    /// The body of the call: values of the options that were given, null for those to give back.
    func body() throws -> JSONValue {
        let members = try attributes.members()
        var resets: [JSONValue.Member] = []
        for text in Choice.list(reset) {
            let name: QueueAttributeOptions.Name = try Choice.value(text, "--reset")
            guard !members.contains(where: { $0.name == name.member }) else {
                throw ValidationError("--reset \(name.rawValue) does not go with --\(name.rawValue).")
            }
            if !resets.contains(where: { $0.name == name.member }) { resets.append(.init(name.member, .null)) }
        }
        guard !members.isEmpty || !resets.isEmpty else {
            throw ValidationError("Give an attribute to change, or --reset with the name of one.")
        }
        return .object(members + resets)
    }
}

/// `towline queues delete`: deletes a queue with its messages.
struct QueuesDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes a queue with all its messages.",
        discussion: """
            Asks on a terminal; without one, --yes says that it is meant. Whoever waits for a message is told that the \
            queue is gone.

            Example:
              towline queues delete events-old --yes
            """
    )

    @OptionGroup var target: QueueTargetOptions

    @Flag(help: "Delete without asking.")
    var yes = false

    func run() async throws {
        try await delete(by: target.server.adminClient(), console: .standard)
    }

    /// Asks, and deletes the queue.
    func delete(by admin: AdminClient, console: Console) async throws {
        if !yes {
            let count = AdminQueue(try await admin.queue(target.reference)).messages
            try await QueueTargetOptions.confirm(
                "Delete the queue \(target.queue) with \(count) message\(count == 1 ? "" : "s")?", console: console)
        }
        let answer = try await admin.deleteQueue(target.reference)
        guard !target.json else { return console.print(answer) }
        console.print(TerminalText.clean("\(target.queue) deleted"))
    }
}

/// `towline queues purge`: deletes all messages of a queue.
struct QueuesPurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Deletes all messages of a queue; the queue stays.",
        discussion: """
            In whatever state they are: also those that somebody has received and not deleted yet. Asks on a terminal; \
            without one, --yes says that it is meant.

            Example:
              towline queues purge events --yes
            """
    )

    @OptionGroup var target: QueueTargetOptions

    @Flag(help: "Delete without asking.")
    var yes = false

    func run() async throws {
        try await purge(by: target.server.adminClient(), console: .standard)
    }

    /// Asks, and deletes the messages.
    func purge(by admin: AdminClient, console: Console) async throws {
        if !yes {
            let count = AdminQueue(try await admin.queue(target.reference)).messages
            try await QueueTargetOptions.confirm(
                "Delete \(count) message\(count == 1 ? "" : "s") of the queue \(target.queue)?", console: console)
        }
        let answer = try await admin.purgeQueue(target.reference)
        guard !target.json else { return console.print(answer) }
        let count = answer["purged"]?.integerValue ?? 0
        console.print(TerminalText.clean("\(target.queue) \(count) message\(count == 1 ? "" : "s") deleted"))
    }
}
