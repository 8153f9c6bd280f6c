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
            "Only jobs in this state: \(JobState.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "state"))
    var status: String?

    @Option(help: ArgumentHelp("Only jobs from exactly this scheme, host and port.", valueName: "origin"))
    var origin: String?

    @Option(help: ArgumentHelp("Only jobs with this text in the title or the source.", valueName: "text"))
    var query: String?

    @Option(help: ArgumentHelp("Most jobs to list.", valueName: "number"))
    var limit = 50

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 100000.") }
        if let status { _ = try Self.state(named: status) }
    }

    func run() async throws {
        let admin = try server.adminClient()
        let query = JobQuery(state: try status.map(Self.state), origin: origin, text: query)
        let jobs = try await admin.allJobs(query, limit: limit)
        let console = Console.standard
        if json {
            for job in jobs { console.print(job) }
        } else {
            for line in JobTable.lines(jobs.map { AdminJob($0) }, stream: console.out) { console.print(line) }
        }
    }

    private static func state(named name: String) throws -> JobState {
        guard let state = JobState(rawValue: name.lowercased()) else {
            let names = JobState.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--status must be one of \(names).")
        }
        return state
    }
}

extension AdminClient {
    /// Jobs in the answer to one question.
    private static let pageLimit = 500

    /// Jobs page by page, at most `limit`.
    func allJobs(_ query: JobQuery, limit: Int) async throws -> [JSONValue] {
        var jobs: [JSONValue] = []
        var cursor: String?
        repeat {
            let page = try await self.jobs(query, cursor: cursor, limit: min(limit - jobs.count, Self.pageLimit))
            jobs += page.jobs
            cursor = page.jobs.isEmpty ? nil : page.next
        } while cursor != nil && jobs.count < limit
        return jobs
    }
}

/// Jobs as a table.
enum JobTable {
    /// The lines, cut to the width of a terminal; nothing but the titles when there is no job.
    static func lines(_ jobs: [AdminJob], stream: Console.Stream) -> [String] {
        var table = Table([
            .init(title: "JOB"), .init(title: "STATE"), .init(title: "SIZE", alignment: .right),
            .init(title: "TITLE", minimum: 8), .init(title: "CREATED", minimum: 20),
            .init(title: "SOURCE", minimum: 16),
        ])
        for job in jobs { table.add([job.id, job.state, job.size, job.title, job.createdAt, job.source]) }
        return table.lines(
            limit: stream.isTerminal ? stream.size().columns : nil, style: Style(isOn: stream.hasColor))
    }
}
