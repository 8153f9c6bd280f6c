package import ArgumentParser

/// `towline jobs`: what the server has been asked for.
package struct JobsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Lists, shows, watches, cancels and retries jobs.",
        discussion: """
            Works by the admin API of the server.

            Examples:
              towline jobs list --status failed
              towline jobs show 019b3c5d7e8f40a1b2c3d4e5f6071829
              towline jobs watch
            """,
        subcommands: [
            JobsListCommand.self, JobsShowCommand.self, JobsWatchCommand.self, JobsCancelCommand.self,
            JobsRetryCommand.self,
        ]
    )

    package init() {}
}
