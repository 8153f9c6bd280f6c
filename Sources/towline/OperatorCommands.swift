import ArgumentParser
import TowlineCommands
import TowlineCore
import TowlineServer

/// Brings the store to the schema of this version.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings the store to the schema of this version.",
        discussion: """
            A server does the same when it starts; this is for doing it before. Settings are those of `towline serve`.

            Example:
              towline migrate --data ./towline-data
            """)

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        ProcessLimits.prepare()
        do {
            let done = try await StoreMigration(settings: try options.load(.serve)).run()
            printNow(json ? JSONValue.members(["migrated": .string(done)]).compactText : done)
        } catch let error as ServerError {
            throw CommandFailure(error.exitCode == 2 ? .usage : .failed, error.description)
        }
    }
}

/// Checks what a server needs from its machine.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Checks what a server needs from its machine.",
        discussion: """
            Does what a start does: folders, key file and database are made where they are missing. Settings are those of
            `towline serve`. Exit code 1 if a check failed; warnings do not count.

            Example:
              towline doctor --config towline.yaml
            """)

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        ProcessLimits.prepare()
        let findings = await Doctor(settings: try options.load(.serve)).examine()
        if json {
            let list = findings.map {
                JSONValue.members([
                    "check": .string($0.check), "outcome": .string($0.outcome.rawValue), "detail": .string($0.detail),
                ])
            }
            printNow(JSONValue.array(list).compactText)
        } else {
            for finding in findings {
                let mark =
                    switch finding.outcome {
                    case .ok: "ok     ";
                    case .warning: "warning";
                    case .failed: "failed "
                    }
                printNow("\(mark)  \(finding.check): \(finding.detail)")
            }
        }
        if findings.contains(where: { $0.outcome == .failed }) { throw ExitCode(1) }
    }
}
