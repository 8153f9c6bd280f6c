import ArgumentParser
import TowlineCommands
import TowlineCore
import TowlineServer

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
