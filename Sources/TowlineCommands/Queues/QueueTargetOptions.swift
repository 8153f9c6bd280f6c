import ArgumentParser
import TowlineCore

/// Which account's queues are meant.
struct QueueAccountOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The account of the queue. (default: \(AccountID.standard))", valueName: "account"))
    var account: String?

    func validate() throws {
        if let account, account.isEmpty { throw ValidationError("--account must not be empty.") }
    }
}

/// One queue, the form of the output and a server.
struct QueueTargetOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The name of the queue.", valueName: "queue"))
    var queue: String

    @OptionGroup var place: QueueAccountOptions

    @Flag(help: "Print JSON, one object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws { try Self.check(queue, "<queue>") }

    /// The queue that is meant.
    var reference: QueueReference { QueueReference(name: queue, account: place.account) }

    /// Refuses what cannot be a queue's name.
    ///
    /// - Throws: `ValidationError` naming the option and what is allowed.
    static func check(_ name: String, _ option: String) throws {
        let isAllowed = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || byte == 0x2D
        }
        guard (1...120).contains(name.utf8.count), isAllowed, !name.hasPrefix("-") else {
            throw ValidationError(
                "\(option) must have 1 to 120 letters, digits and hyphens, first a letter or a digit; it is "
                    + "'\(TerminalText.clean(name))'.")
        }
    }

    /// Asks a person before something that cannot be undone.
    ///
    /// - Throws: ``CommandFailure`` when the answer is no, or there is nobody to ask.
    static func confirm(_ question: String, console: Console) async throws {
        guard console.canAsk else {
            throw CommandFailure(.usage, "nothing was deleted: without a terminal, --yes says that it is meant")
        }
        guard await console.confirm(question) else {
            throw CommandFailure(.failed, "not confirmed; nothing was deleted")
        }
    }
}

/// What can be chosen about a queue, the same for a new one and for one that is there.
struct QueueAttributeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long a message stays unseen after it was sent: 0 to 604800.", valueName: "seconds"))
    var delay: Int?

    @Option(help: ArgumentHelp("How long a received message stays hidden: 1 to 43200.", valueName: "seconds"))
    var visibilityTimeout: Int?

    @Option(
        help: ArgumentHelp("How long a receive waits unless it says otherwise: 0 to 30.", valueName: "seconds"))
    var pollingWait: Int?

    @Option(help: ArgumentHelp("How long a message is kept: 60 to 1296000.", valueName: "seconds"))
    var retention: Int?

    @Option(help: ArgumentHelp("The longest body: 1024 to 65536.", valueName: "bytes"))
    var maxMessageSize: Int?

    @Option(
        help: ArgumentHelp("Where messages go that were received too often: a queue that exists.", valueName: "queue"))
    var deadLetterQueue: String?

    @Option(help: ArgumentHelp("How often is too often: 1 to 1000.", valueName: "number"))
    var maxReceives: Int?

    /// An option by its name on the command line.
    enum Name: String, CaseIterable {
        case delay
        case visibilityTimeout = "visibility-timeout"
        case pollingWait = "polling-wait"
        case retention
        case maxMessageSize = "max-message-size"
        case deadLetterQueue = "dead-letter-queue"

        /// The member of the admin API.
        var member: String {
            switch self {
            case .delay: "delaySeconds"
            case .visibilityTimeout: "visibilityTimeoutSeconds"
            case .pollingWait: "pollingWaitSeconds"
            case .retention: "retentionSeconds"
            case .maxMessageSize: "maximumMessageSizeBytes"
            case .deadLetterQueue: "deadLetterQueue"
            }
        }
    }

    func validate() throws { _ = try members() }

    /// The members of the options that were given.
    ///
    /// - Throws: `ValidationError` naming the option and what is allowed.
    func members() throws -> [JSONValue.Member] {
        let numbers: [(name: String, member: String, value: Int?, range: ClosedRange<Int>)] = [
            ("--delay", Name.delay.member, delay, 0...604_800),
            ("--visibility-timeout", Name.visibilityTimeout.member, visibilityTimeout, 1...43_200),
            ("--polling-wait", Name.pollingWait.member, pollingWait, 0...30),
            ("--retention", Name.retention.member, retention, 60...1_296_000),
            ("--max-message-size", Name.maxMessageSize.member, maxMessageSize, 1024...65_536),
            ("--max-receives", "maxReceives", maxReceives, 1...1000),
        ]
        var members: [JSONValue.Member] = []
        for (name, member, value, range) in numbers {
            guard let value else { continue }
            guard range.contains(value) else {
                throw ValidationError("\(name) must be from \(range.lowerBound) to \(range.upperBound).")
            }
            members.append(.init(member, .integer(value)))
        }
        if let deadLetterQueue {
            try QueueTargetOptions.check(deadLetterQueue, "--dead-letter-queue")
            members.append(.init(Name.deadLetterQueue.member, .string(deadLetterQueue)))
        }
        return members
    }
}
