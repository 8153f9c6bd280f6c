import ArgumentParser
import Foundation
import TowlineClient
import TowlineCommands
import TowlineServer

/// The main job end to end: a real server, a source, a receiver, and one file on its way through all of them.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Shows the main job end to end: submit, pull, store, signed callback.",
        discussion: """
            Starts `dev` on free ports with temporary data, an origin with a bundled sample and a receiver; submits through
            the signed API, shows the job's progress and prints the verified events. Exit code 0 only if every step held.

            With --submit-with, a program of yours submits instead, for example one that uses an official SDK. It gets the
            URL as its argument and the variables that `towline dev` prints, and prints the answer as JSON.

            Example:
              towline demo --submit-with "python3 examples/python/submit.py"
            """)

    @Option(name: .customLong("submit-with"), help: "A command that submits the URL given as its last argument.")
    var submitter: String?

    func run() async throws {
        ProcessLimits.prepare()
        let settings: Settings
        do {
            let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("TOWLINE_") }
            settings = try SettingsLoader(mode: .dev, environment: environment, host: .current(environment)).load(
                flags: [
                    "api.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0", "log.level": "warning",
                ])
        } catch {
            throw CommandFailure(.usage, error.description)
        }
        do {
            try await TowlineServer(settings: settings).run { [submitter] addresses in
                try await Demonstration(addresses: addresses, settings: settings, submitter: submitter).run()
            }
        } catch let error as ServerError {
            throw CommandFailure(error.exitCode == 2 ? .usage : .failed, error.description)
        }
    }
}
