import ArgumentParser
import Foundation
import TowlineCommands
import TowlineServer

/// The command `towline`: every subcommand by its name.
@main
struct Towline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "towline",
        abstract: "Pulls media from URLs into your own storage and reports every result.",
        discussion: """
            Start with `towline dev`, then in another terminal:
              towline pull https://example.com/video.mp4
            """,
        version: "towline \(TowlineVersion.current)",
        subcommands: [
            DevCommand.self, ServeCommand.self, DemoCommand.self, PullCommand.self, JobsCommand.self,
            EventsCommand.self, DeliveriesCommand.self, EndpointsCommand.self, ReplaysCommand.self, ListenCommand.self,
            QueuesCommand.self,
            KeysCommand.self, CallbackCommand.self, ExplainURLCommand.self, MigrateCommand.self, DoctorCommand.self,
            VersionCommand.self,
        ])

    static func main() async {
        Foundation.exit(await TowlineCommandLine.run(Towline.self, arguments: Array(CommandLine.arguments.dropFirst())))
    }
}
