import ArgumentParser
import TowlineCore

/// `towline endpoints set`: changes the options of an endpoint.
struct EndpointsSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Changes the options of an endpoint; those that are not named stay.",
        discussion: """
            --reset gives an option back to the settings, or takes a filter away. What an endpoint was already sent keeps \
            the policy that it had.

            Examples:
              towline endpoints set ep_019b3c5d7e8f40a1b2c3d4e5f6071829 --max-per-second 20
              towline endpoints set ep_019b3c5d7e8f40a1b2c3d4e5f6071829 --reset policy
            """
    )

    @OptionGroup var target: EndpointTargetOptions

    @OptionGroup var options: EndpointOptions

    @Option(
        help: ArgumentHelp(
            "An option to give back: \(Choice.names(of: EndpointOptions.Name.self)); may be repeated.",
            valueName: "name"))
    var reset: [String] = []

    func validate() throws { _ = try body() }

    func run() async throws {
        let answer = try await target.server.adminClient().setEndpoint(target.endpoint, body())
        target.print(answer, to: .standard)
    }

    /// The body of the call: values of the options that were given, null for those to give back.
    func body() throws -> JSONValue {
        let members = try options.members()
        var resets: [JSONValue.Member] = []
        for text in Choice.list(reset) {
            let name: EndpointOptions.Name = try Choice.value(text, "--reset")
            guard !members.contains(where: { $0.name == name.member }) else {
                throw ValidationError("--reset \(name.rawValue) does not go with --\(name.rawValue).")
            }
            if !resets.contains(where: { $0.name == name.member }) { resets.append(.init(name.member, .null)) }
        }
        guard !members.isEmpty || !resets.isEmpty else {
            throw ValidationError("Give an option to change, or --reset with the name of one.")
        }
        return .object(members + resets)
    }
}

/// `towline endpoints enable`: makes an endpoint as healthy as a new one.
struct EndpointsEnableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Enables an endpoint; what was held is sent at once.",
        discussion: """
            Its failures are forgotten and a pause ends, too.

            Example:
              towline endpoints enable ep_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var target: EndpointTargetOptions

    func run() async throws {
        let answer = try await target.server.adminClient().enableEndpoint(target.endpoint)
        target.print(answer, to: .standard)
    }
}

/// `towline endpoints disable`: holds what goes to an endpoint.
struct EndpointsDisableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Disables an endpoint; its events are held until it is enabled.",
        discussion: """
            Example:
              towline endpoints disable ep_019b3c5d7e8f40a1b2c3d4e5f6071829 --reason moves
            """
    )

    @OptionGroup var target: EndpointTargetOptions

    @Option(help: ArgumentHelp("Why, for whoever looks at it.", valueName: "text"))
    var reason: String?

    func run() async throws {
        let answer = try await target.server.adminClient().disableEndpoint(target.endpoint, reason: reason)
        target.print(answer, to: .standard)
    }
}

/// `towline endpoints remove`: ends a subscription.
struct EndpointsRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Removes a subscription for good; what waits for it ends as dead.",
        discussion: """
            The endpoint of a callback cannot be removed; 'towline callback delete' ends the callback.

            Example:
              towline endpoints remove ep_019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var target: EndpointTargetOptions

    func run() async throws {
        let answer = try await target.server.adminClient().removeEndpoint(target.endpoint)
        guard !target.json else { return Console.standard.print(answer) }
        Console.standard.print(TerminalText.clean("\(target.endpoint) removed"))
    }
}

/// `towline endpoints secret`: sets what signs `webhook-signature`.
struct EndpointsSecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "Rotates, sets or removes the webhook secret of an endpoint.",
        discussion: """
            --rotate makes a new secret and shows it once; the one before signs beside it for --keep-previous seconds, so \
            that a receiver can take its time. Without an option the command tells how many secrets sign now.

            Examples:
              towline endpoints secret ep_019b3c5d7e8f40a1b2c3d4e5f6071829 --rotate
              towline endpoints secret ep_019b3c5d7e8f40a1b2c3d4e5f6071829 --set whsec_…
              towline endpoints secret ep_019b3c5d7e8f40a1b2c3d4e5f6071829 --remove
            """
    )

    @OptionGroup var target: EndpointTargetOptions

    @Flag(help: "Make a new secret.")
    var rotate = false

    @Option(help: ArgumentHelp("Take this secret: whsec_….", valueName: "secret"))
    var set: String?

    @Flag(help: "Sign no longer.")
    var remove = false

    @Option(
        help: ArgumentHelp(
            "How long the secret before signs beside the new one. (default: 86400)", valueName: "seconds"))
    var keepPrevious: Int?

    func validate() throws {
        guard [rotate, set != nil, remove].count(where: { $0 }) <= 1 else {
            throw ValidationError("Give one of --rotate, --set and --remove.")
        }
        if let set { try WebhookSecretText.check(set, "--set") }
        guard let keepPrevious else { return }
        guard rotate || set != nil else { throw ValidationError("--keep-previous goes with --rotate or --set.") }
        guard keepPrevious >= 0 else { throw ValidationError("--keep-previous must be at least 0.") }
    }

    func run() async throws {
        try await change(by: target.server.adminClient(), console: .standard)
    }

    /// Makes the change and prints the secret where the server made one.
    func change(by admin: AdminClient, console: Console) async throws {
        let answer: JSONValue
        if rotate || set != nil || remove {
            answer = try await admin.setWebhookSecret(
                remove ? nil : set ?? "generate", of: target.endpoint, keepingPreviousFor: keepPrevious)
        } else {
            answer = try await admin.endpoint(target.endpoint)
        }
        guard !target.json else { return console.print(answer) }
        let count = AdminEndpoint(answer).webhookSecrets
        let text = count == 0 ? "no webhook secret signs" : "\(count) webhook secret\(count == 1 ? " signs" : "s sign")"
        WebhookSecretText.print(of: answer, to: console)
        console.print(TerminalText.clean("\(target.endpoint) \(text)"))
    }
}
