import ArgumentParser
import TowlineCore

/// `towline jobs cancel`: ends jobs before their time.
struct JobsCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancels jobs that have not ended, started ones too.",
        discussion: """
            A cancelled run ends in an event with the error code JobCancelled. Exit code 1 if a job does not exist or \
            has ended.

            Example:
              towline jobs cancel 019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var target: JobChangeOptions

    func run() async throws {
        let admin = try target.server.adminClient()
        try await target.change(console: .standard) { try await admin.cancel($0) }
    }
}

/// `towline jobs retry`: starts the next run of jobs that did not succeed.
struct JobsRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Starts the next run of jobs that failed or were cancelled.",
        discussion: """
            The job keeps its id; the run gets the next number and ends in an event of its own. Exit code 1 if a job \
            does not exist or has not failed.

            Example:
              towline jobs retry 019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @OptionGroup var target: JobChangeOptions

    func run() async throws {
        let admin = try target.server.adminClient()
        try await target.change(console: .standard) { try await admin.retry($0) }
    }
}

/// Jobs that a command changes one by one.
struct JobChangeOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The ids of the jobs.", valueName: "job"))
    var jobs: [NonEmptyID]

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    /// Changes each job and prints it as it is then; a refusal does not keep the others.
    func change(console: Console, _ call: @Sendable (String) async throws -> JSONValue) async throws {
        var refusals = Refusals()
        for id in jobs.map(\.text) {
            try await refusals.collecting {
                let detail = try await call(id)
                let job = AdminJob(detail)
                json
                    ? console.print(detail) : console.print(TerminalText.clean("\(job.id) \(job.state) run \(job.run)"))
            }
        }
        try refusals.end(console: console)
    }
}
