import ArgumentParser
import TowlineCore

/// `towline jobs list`: jobs, newest first.
struct JobsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists jobs, newest first.",
        discussion: """
            On a terminal, titles and sources are cut to its width. With --json each line is a job as the admin API \
            shows it.

            Examples:
              towline jobs list
              towline jobs list --status failed --query lesson --limit 500 --json
              towline jobs list --origin https://media.example.com
            """
    )

    @Option(
        help: ArgumentHelp(
            "Only jobs in this state: \(Choice.names(of: JobState.self)).", valueName: "state"))
    var status: String?

    @Option(help: ArgumentHelp("Only jobs from exactly this scheme, host and port.", valueName: "origin"))
    var origin: String?

    @Option(help: ArgumentHelp("Only jobs with this text in the title or the source.", valueName: "text"))
    var query: String?

    @OptionGroup var listing: ListOptions

    func validate() throws {
        if let status { _ = try Self.state(named: status) }
    }

    func run() async throws {
        let query = JobQuery(state: try status.map(Self.state), origin: origin, text: query)
        try await listing.print(query.list, from: listing.server.adminClient(), to: .standard) { jobs in
            JobTable.table(jobs.map { AdminJob($0) })
        }
    }

    private static func state(named name: String) throws -> JobState { try Choice.value(name, "--status") }
}

/// Jobs as a table.
enum JobTable {
    /// Nothing but the titles when there is no job.
    static func table(_ jobs: [AdminJob]) -> Table {
        var table = Table([
            .init(title: "JOB"), .init(title: "STATE"), .init(title: "SIZE", alignment: .right),
            .init(title: "TITLE", minimum: 8), .init(title: "CREATED", minimum: 20),
            .init(title: "SOURCE", minimum: 16),
        ])
        for job in jobs { table.add([job.id, job.state, job.size, job.title, job.createdAt, job.source]) }
        return table
    }
}
