import ArgumentParser
import Foundation
import TowlineCommands
import TowlineServer

/// The flags of commands that read the server's settings: every setting is a flag.
struct SettingsOptions: ParsableArguments {
    @Option(name: .long, help: "A YAML file with settings.")
    var config: String?

    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("Settings as flags.", visibility: .hidden))
    var flags: [String] = []

    /// Reads flags over environment over file over defaults.
    ///
    /// - Parameters:
    ///   - mode: Whose defaults.
    ///   - more: Flags beside those that were typed.
    /// - Returns: The settings.
    /// - Throws: ``CommandFailure`` for wrong usage.
    func load(_ mode: Settings.Mode, with more: [String] = []) throws -> Settings {
        do {
            let environment = ProcessInfo.processInfo.environment
            return try SettingsLoader(mode: mode, environment: environment, host: .current(environment)).load(
                flags: try SettingsFlags.parse(flags + more), file: config)
        } catch {
            throw CommandFailure(.usage, error.description)
        }
    }
}

/// Writes to standard output at once, also into a pipe.
func printNow(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
}
