package import ArgumentParser
import TowlineClient
import TowlineCore

/// `towline callback`: where the events of an application go.
package struct CallbackCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "callback",
        abstract: "Sets, shows and deletes where events go.",
        discussion: """
            Works by the signed VOD API: SetMessageCallback, GetMessageCallback, DeleteMessageCallback. There is one \
            configuration for each application.

            Examples:
              towline callback set https://hook.example.com/vod --auth-key Abc123xyz
              towline callback set --mns-endpoint http://127.0.0.1:8787 --mns-queue-name q
              towline callback get
              towline callback delete
            """,
        subcommands: [CallbackSetCommand.self, CallbackGetCommand.self, CallbackDeleteCommand.self]
    )

    package init() {}
}

/// The application that a callback belongs to.
struct ApplicationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The application. (default: app-1000000)", valueName: "id"))
    var appID: String?

    @Flag(help: "Print one JSON object.")
    var json = false
}

/// `towline callback set`: replaces the configuration of an application.
struct CallbackSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Sets where the events of an application go.",
        discussion: """
            Replaces what was set before as a whole. With --auth-key, events carry X-VOD-TIMESTAMP and X-VOD-SIGNATURE. \
            With --mns-endpoint and --mns-queue-name they are put into a queue: a built-in one where the endpoint is \
            the server's own address.

            Examples:
              towline callback set https://hook.example.com/vod
              towline callback set https://hook.example.com/vod --auth-key Abc123xyz
              towline callback set --url https://example.com/x --events UploadByURLComplete
              towline callback set --mns-endpoint http://127.0.0.1:8787 --mns-queue-name q
            """
    )

    @Argument(help: ArgumentHelp("The address that gets the events, at most 256 bytes.", valueName: "url"))
    var address: String?

    @Option(help: ArgumentHelp("The same as the argument.", valueName: "url"))
    var url: String?

    @Option(help: ArgumentHelp("ALL, or event types joined by commas.", valueName: "types"))
    var events = "ALL"

    @Option(
        help: ArgumentHelp(
            "Signs the events: at most 32 characters with an upper-case letter, a lower-case letter and a digit.",
            valueName: "key"))
    var authKey: String?

    @Option(help: ArgumentHelp("HTTP or MNS. (default: by the other options)", valueName: "type"))
    var type: String?

    @Option(help: ArgumentHelp("The address of the queue service, such as the server's own.", valueName: "url"))
    var mnsEndpoint: String?

    @Option(help: ArgumentHelp("The name of the queue that gets the events.", valueName: "name"))
    var mnsQueueName: String?

    @OptionGroup var application: ApplicationOptions

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws { _ = try callback() }

    func run() async throws {
        let callback = try callback()
        try await server.vodClient().setMessageCallback(callback)
        CallbackReport(callback, appID: application.appID).print(asJSON: application.json, to: .standard)
    }

    /// The configuration that the options describe.
    ///
    /// - Throws: `ValidationError` naming the option that is missing or too much.
    func callback() throws -> MessageCallback {
        let types = events.uppercased() == "ALL" ? nil : events.split(separator: ",").map(String.init)
        let hasQueue = mnsEndpoint != nil || mnsQueueName != nil
        switch (type ?? (hasQueue ? "MNS" : "HTTP")).uppercased() {
        case "HTTP":
            guard !hasQueue else {
                throw ValidationError("--mns-endpoint and --mns-queue-name go with --type MNS only.")
            }
            guard address == nil || url == nil else { throw ValidationError("Give the URL once.") }
            guard let url = address ?? url, !url.isEmpty else {
                throw ValidationError(
                    "Give the URL that gets the events, or --mns-endpoint and --mns-queue-name.")
            }
            return .http(url: url, eventTypes: types, authKey: authKey, appID: application.appID)
        case "MNS":
            guard address == nil, url == nil, authKey == nil else {
                throw ValidationError(
                    "A URL and --auth-key do not go with a queue; --mns-endpoint and --mns-queue-name name it.")
            }
            guard let mnsEndpoint, !mnsEndpoint.isEmpty, let mnsQueueName, !mnsQueueName.isEmpty else {
                throw ValidationError("A queue takes both --mns-endpoint and --mns-queue-name.")
            }
            return .queue(named: mnsQueueName, endpoint: mnsEndpoint, eventTypes: types, appID: application.appID)
        default:
            throw ValidationError("--type must be HTTP or MNS.")
        }
    }
}

/// `towline callback get`: shows the configuration of an application.
struct CallbackGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Shows where the events of an application go.",
        discussion: """
            The key is hidden but with --json. When nothing is set, stdout stays empty but for --json, which prints an \
            object with nothing but appId.

            Example:
              towline callback get
            """
    )

    @OptionGroup var application: ApplicationOptions

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func run() async throws {
        let callback = try await server.vodClient().getMessageCallback(appID: application.appID)
        CallbackReport(callback, appID: application.appID).print(asJSON: application.json, to: .standard)
    }
}

/// `towline callback delete`: removes the configuration of an application.
struct CallbackDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Removes where the events of an application go.",
        discussion: """
            Events of jobs without a callback of their own go nowhere from then on.

            Example:
              towline callback delete
            """
    )

    @OptionGroup var application: ApplicationOptions

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func run() async throws {
        let client = try server.vodClient()
        let wasSet = try await client.getMessageCallback(appID: application.appID) != nil
        _ = try await client.deleteMessageCallback(appID: application.appID)
        let report = CallbackReport(nil, appID: application.appID)
        guard wasSet, !application.json else { return report.print(asJSON: application.json, to: .standard) }
        Console.standard.note("the callback of \(report.appID) is removed")
    }
}
