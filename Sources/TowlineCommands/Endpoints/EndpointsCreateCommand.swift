import ArgumentParser
import TowlineCore

/// `towline endpoints create`: makes a subscription.
struct EndpointsCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates a subscription: a receiver beside the callbacks.",
        discussion: """
            It gets every new event of its account that the filter lets through, whatever callbacks say. With --auth-key \
            its events carry X-VOD-TIMESTAMP and X-VOD-SIGNATURE, with --webhook-secret a webhook-signature that covers \
            the body; 'generate' makes a secret, which is shown now and never again. Messages of a queue carry neither.

            Examples:
              towline endpoints create https://example.com/audit --webhook-secret generate
              towline endpoints create https://example.com/app1 --app app-1000000
              towline endpoints create queue:events
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The address that gets the events; queue:NAME for a built-in queue, mns+ENDPOINT/queues/NAME for another's.",
            valueName: "url"))
    var url: String

    @Option(
        help: ArgumentHelp(
            "The account whose events it gets. (default: \(AccountID.standard))", valueName: "account"))
    var account: String?

    @OptionGroup var options: EndpointOptions

    @Option(
        help: ArgumentHelp(
            "Signs the X-VOD pair: at most 32 characters with an upper-case letter, a lower-case letter and a digit.",
            valueName: "key"))
    var authKey: String?

    @Option(help: ArgumentHelp("Signs webhook-signature: generate, or whsec_….", valueName: "secret"))
    var webhookSecret: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        do throws(HTTPURLError) {
            // The names of queues are the server's to judge.
            if case .http(let url) = CallbackTarget(text: url) { _ = try HTTPURL(parsing: url) }
        } catch {
            throw ValidationError("<url> '\(TerminalText.clean(url))' is not a URL to call: \(error.reason)")
        }
        if let webhookSecret {
            try WebhookSecretText.check(webhookSecret, "--webhook-secret", alsoAllowed: "generate")
        }
    }

    func run() async throws {
        try await create(by: server.adminClient(), console: .standard)
    }

    /// Makes the subscription and prints it, with its secret where the server made one.
    func create(by admin: AdminClient, console: Console) async throws {
        let answer = try await admin.createEndpoint(body())
        guard !json else { return console.print(answer) }
        let endpoint = AdminEndpoint(answer)
        console.print("Endpoint       \(TerminalText.clean(endpoint.id))")
        console.print("URL            \(TerminalText.clean(endpoint.url))")
        WebhookSecretText.print(of: answer, to: console)
    }

    /// The body of the call.
    func body() throws -> JSONValue {
        let keys: KeyValuePairs<String, String?> = ["authKey": authKey, "webhookSecret": webhookSecret]
        let place: KeyValuePairs<String, String?> = ["url": url, "account": account]
        func members(_ pairs: KeyValuePairs<String, String?>) -> [JSONValue.Member] {
            pairs.compactMap { name, value in value.map { JSONValue.Member(name, .string($0)) } }
        }
        return .object(try members(place) + options.members() + members(keys))
    }
}
