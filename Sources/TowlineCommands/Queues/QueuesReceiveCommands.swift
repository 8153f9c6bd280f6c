import ArgumentParser
import TowlineCore

/// How bodies are shown.
enum BodyForm: String, EnumerableFlag {
    case decode
    case raw

    static func help(for value: BodyForm) -> ArgumentHelp? {
        switch value {
        case .decode: "Show a body that is Base64 of a text decoded. (default)"
        case .raw: "Show bodies as they were sent."
        }
    }
}

/// `towline queues peek`: shows messages without receiving them.
struct QueuesPeekCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peek",
        abstract: "Shows the messages that would be received next; nothing changes.",
        discussion: """
            Only active messages are seen, not such as are delayed or were received. With --json each line is a message \
            as the admin API shows it: 'body' as it was sent, and 'decodedBody' where that is Base64 of a text.

            Examples:
              towline queues peek events
              towline queues peek events --count 16 --raw
            """
    )

    @OptionGroup var target: QueueTargetOptions

    @Option(help: ArgumentHelp("Most messages, 1 to 16.", valueName: "number"))
    var count = 1

    @Flag(exclusivity: .exclusive) var form = BodyForm.decode

    func validate() throws {
        guard (1...16).contains(count) else { throw ValidationError("--count must be from 1 to 16.") }
    }

    func run() async throws {
        try await peek(by: target.server.adminClient(), console: .standard)
    }

    /// Prints the messages.
    func peek(by admin: AdminClient, console: Console) async throws {
        let messages = try await admin.peek(count, in: target.reference)
        if messages.isEmpty { console.note("no message can be received from \(target.queue) now") }
        for json in messages {
            guard !target.json else {
                console.print(json)
                continue
            }
            for line in AdminMessage(json).lines(isRaw: form == .raw, fate: "", style: console.style) {
                console.print(line)
            }
        }
    }
}

/// `towline queues receive`: receives messages.
struct QueuesReceiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receive",
        abstract: "Receives messages and prints them; with --delete they are then deleted.",
        discussion: """
            A received message is hidden from others for the queue's visibility timeout, or --visibility-timeout, and \
            comes back afterwards unless it is deleted. With --delete each is deleted after it was printed, so a command \
            that is killed in between loses nothing.

            With --json each line is a message as the admin API shows it: 'body' as it was sent, and 'decodedBody' where \
            that is Base64 of a text. No message is no failure.

            Examples:
              towline queues receive events
              towline queues receive events --wait 30 --count 16 --delete --json
            """
    )

    @OptionGroup var target: QueueTargetOptions

    @Option(help: ArgumentHelp("Most messages, 1 to 16.", valueName: "number"))
    var count = 1

    @Option(
        help: ArgumentHelp(
            "How long to wait for the first one: 0 to 86400. (default: the queue's polling wait)",
            valueName: "seconds"))
    var wait: Int?

    @Option(help: ArgumentHelp("How long they stay hidden: 1 to 43200.", valueName: "seconds"))
    var visibilityTimeout: Int?

    @Flag(help: "Delete each message after it was printed.")
    var delete = false

    @Flag(exclusivity: .exclusive) var form = BodyForm.decode

    func validate() throws {
        guard (1...16).contains(count) else { throw ValidationError("--count must be from 1 to 16.") }
        if let wait, !(0...86_400).contains(wait) { throw ValidationError("--wait must be from 0 to 86400.") }
        if let visibilityTimeout, !(1...43_200).contains(visibilityTimeout) {
            throw ValidationError("--visibility-timeout must be from 1 to 43200.")
        }
    }

    func run() async throws {
        try await receive(by: target.server.adminClient(), console: .standard)
    }

    /// Receives, prints and deletes.
    ///
    /// - Throws: ``CommandFailure`` when a message was printed and could not be deleted.
    func receive(by admin: AdminClient, console: Console) async throws {
        let messages = try await messages(by: admin)
        if messages.isEmpty { console.note("no message came from \(target.queue)") }
        var kept: [String] = []
        for json in messages {
            let message = AdminMessage(json)
            let until = json["nextVisibleAt"]?.string.map { "hidden until \($0)" } ?? ""
            let fate = delete ? "" : until
            if target.json {
                console.print(json)
            } else {
                for line in message.lines(isRaw: form == .raw, fate: fate, style: console.style) { console.print(line) }
            }
            // What nobody has seen comes again.
            guard console.out.loss() == nil else { return }
            guard delete else { continue }
            let failed = try await admin.deleteMessages([message.handle], from: target.reference)
            kept += failed.map { "message \(message.id) was printed and not deleted: \($0)" }
        }
        for sentence in kept.dropLast() { console.fail(sentence) }
        if let last = kept.last { throw CommandFailure(.failed, last) }
    }

    /// Asks until something comes or the time is over; the server waits 30 seconds at most.
    private func messages(by admin: AdminClient) async throws -> [JSONValue] {
        var order = ReceiveOrder(count: count, visibilitySeconds: visibilityTimeout)
        guard var rest = wait else { return try await admin.receive(order, from: target.reference) }
        while true {
            order.waitSeconds = min(rest, 30)
            let messages = try await admin.receive(order, from: target.reference)
            rest -= 30
            guard messages.isEmpty, rest > 0 else { return messages }
        }
    }
}
