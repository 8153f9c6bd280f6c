import ArgumentParser
import TowlineCommands
import TowlineServer

/// The stand-in: every role in one process, on loopback, with known credentials.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Starts the stand-in: every role in one process, temporary data, known credentials.",
        discussion: """
            Example:
              towline dev --data ./towline-data

            Prints the variables that SDKs need and one line `ready api=URL admin=URL`.

            \(SettingsDocument.help(.dev))
            """)

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try options.load(.dev)
        try await RunningServer.run(settings) { addresses in
            printNow(
                """
                export TOWLINE_API_URL=\(addresses.api)
                export TOWLINE_ADMIN_URL=\(addresses.admin)
                export TOWLINE_ACCESS_KEY_ID=towline-dev
                export TOWLINE_ACCESS_KEY_SECRET=towline-dev-secret
                export ALIBABA_CLOUD_ACCESS_KEY_ID=towline-dev
                export ALIBABA_CLOUD_ACCESS_KEY_SECRET=towline-dev-secret
                ready api=\(addresses.api) admin=\(addresses.admin)
                """)
        }
    }
}

/// The server for production: nothing is open by default.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Starts the server for production: nothing is open by default.",
        discussion: """
            Example:
              towline serve --config towline.yaml

            \(SettingsDocument.help(.serve))
            """)

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try options.load(.serve)
        try await RunningServer.run(settings) { addresses in
            printNow("ready api=\(addresses.api) admin=\(addresses.admin)")
        }
    }
}

/// Runs a server and puts its errors into the words of the command line.
enum RunningServer {
    static func run(
        _ settings: Settings, onReady: @escaping @Sendable (TowlineServer.Addresses) -> Void
    ) async throws {
        ProcessLimits.prepare()
        do {
            try await TowlineServer(settings: settings).run { addresses in
                onReady(addresses)
                // Signals end the server; nothing else does.
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(86_400)) }
            }
        } catch let error as ServerError {
            throw CommandFailure(error.exitCode == 2 ? .usage : .failed, error.description)
        }
    }
}

/// Prints the version.
struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Prints the version.", discussion: "Example:\n  towline version --json")

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        printNow(json ? "{\"version\":\"\(TowlineVersion.current)\"}" : "towline \(TowlineVersion.current)")
    }
}
