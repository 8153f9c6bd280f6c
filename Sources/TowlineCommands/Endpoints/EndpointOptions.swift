import ArgumentParser
import TowlineCore

/// What can be chosen about an endpoint, the same for a new one and for one that is there.
struct EndpointOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A name for people.", valueName: "text"))
    var description: String?

    @Option(
        help: ArgumentHelp(
            "How often new events are tried: \(Choice.names(of: DeliveryPolicy.Name.self)).", valueName: "policy"))
    var policy: String?

    @Option(help: ArgumentHelp("Most attempts at once.", valueName: "number"))
    var maxConcurrency: Int?

    @Option(help: ArgumentHelp("Most attempts that begin in a second; 0 for no limit.", valueName: "number"))
    var maxPerSecond: Int?

    @Option(
        help: ArgumentHelp(
            "Only events of this application; may be repeated. Subscriptions only.", valueName: "app"))
    var app: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only events of this type: \(Choice.names(of: EventType.self)); may be repeated. Subscriptions only.",
            valueName: "type"))
    var type: [String] = []

    /// An option by its name on the command line and in the admin API.
    enum Name: String, CaseIterable {
        case description
        case policy
        case maxConcurrency = "max-concurrency"
        case maxPerSecond = "max-per-second"
        case app
        case type

        /// The member of the admin API.
        var member: String {
            switch self {
            case .description: "description"
            case .policy: "policy"
            case .maxConcurrency: "maxConcurrency"
            case .maxPerSecond: "maxPerSecond"
            case .app: "appIds"
            case .type: "eventTypes"
            }
        }
    }

    func validate() throws { _ = try members() }

    /// The members of the options that were given.
    ///
    /// - Throws: `ValidationError` naming the option and what is allowed.
    func members() throws -> [JSONValue.Member] {
        if let maxConcurrency, maxConcurrency < 1 {
            throw ValidationError("--max-concurrency must be at least 1.")
        }
        if let maxPerSecond, maxPerSecond < 0 { throw ValidationError("--max-per-second must be at least 0.") }
        let policy: DeliveryPolicy.Name? = try policy.map { try Choice.value($0, "--policy") }
        let apps = Choice.list(app)
        let types: [EventType] = try Choice.list(type).map { try Choice.value($0, "--type") }
        let values: KeyValuePairs<Name, JSONValue?> = [
            .description: description.json,
            .policy: policy.map { .string($0.rawValue) },
            .maxConcurrency: maxConcurrency.map { .integer($0) },
            .maxPerSecond: maxPerSecond.map { .integer($0) },
            .app: apps.isEmpty ? nil : .array(apps.map { .string($0) }),
            .type: types.isEmpty ? nil : .array(types.map { .string($0.rawValue) }),
        ]
        return values.compactMap { name, value in value.map { JSONValue.Member(name.member, $0) } }
    }
}

/// Webhook secrets as text.
enum WebhookSecretText {
    /// Checks that a text looks like a secret; its bytes are the server's to judge.
    ///
    /// The error does not repeat the text.
    static func check(_ text: String, _ option: String, alsoAllowed word: String? = nil) throws {
        if let word, text == word { return }
        guard text.hasPrefix("whsec_"), text.utf8.count > 6 else {
            throw ValidationError(
                "\(option) must be \(word.map { "\($0), or " } ?? "")whsec_ followed by base64 of 24 to 64 bytes.")
        }
    }

    /// Prints a secret that the server made, once.
    static func print(of answer: JSONValue, to console: Console) {
        guard let secret = answer["webhookSecret"]?.string else { return }
        console.print("WebhookSecret  \(TerminalText.clean(secret))")
        console.note("Keep the secret; it is not shown again.")
    }
}
