import ArgumentParser

/// `towline jobs show`: everything about one job.
struct JobsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a job with everything that happened to it.",
        discussion: """
            Prints what is known of the job and a timeline of its attempts, events and deliveries. With --json it is one \
            object as the admin API shows it.

            Example:
              towline jobs show 019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @Argument(help: ArgumentHelp("The id of the job.", valueName: "job"))
    var job: NonEmptyID

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func run() async throws {
        let detail = try await server.adminClient().job(job.text)
        let console = Console.standard
        if json {
            console.print(detail)
        } else {
            for line in JobReport(detail).lines(style: Style(isOn: console.out.hasColor)) { console.print(line) }
        }
    }
}
