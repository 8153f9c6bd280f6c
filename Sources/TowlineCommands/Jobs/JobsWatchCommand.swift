import ArgumentParser
import TowlineCore

/// `towline jobs watch`: follows jobs until they end.
struct JobsWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follows jobs until they have ended.",
        discussion: """
            Follows the jobs that are named, or all that have not ended when the command starts, and asks once a second. \
            Shows what 'towline pull' shows, and waits for callbacks as long as it does.

            Results go to stdout, one line each: the job, its status, the source, and the size or the error; with --json \
            the objects of 'towline pull'. Exit code 0 if all succeeded, 1 if one failed, 130 after Ctrl-C.

            Examples:
              towline jobs watch
              towline jobs watch 019b3c5d7e8f40a1b2c3d4e5f6071829
            """
    )

    @Argument(help: ArgumentHelp("The ids of jobs; none for all that have not ended.", valueName: "job"))
    var jobs: [NonEmptyID] = []

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func run() async throws {
        try await JobsWatchRun(ids: jobs.map(\.text), isJSON: json, admin: try server.adminClient(), console: .standard)
            .run()
    }
}

/// One run of `towline jobs watch`.
struct JobsWatchRun: Sendable {
    /// The jobs to follow; empty for all that have not ended.
    let ids: [String]
    let isJSON: Bool
    let admin: AdminClient
    let console: Console

    /// Runs to the end.
    ///
    /// - Throws: ``CommandFailure`` unless every job was stored.
    func run() async throws {
        let (results, isInterrupted) = try await Signals.cancelling { try await work() }
        if isInterrupted { console.endEcho() }
        for result in results { isJSON ? console.print(result.json) : console.print(result.line) }
        if isInterrupted { throw CommandFailure(.interrupted, PullRun.farewell(results)) }
        let bad = results.count { !$0.isStored }
        guard bad == 0 else { throw CommandFailure(.failed, "\(bad) of \(results.count) jobs failed") }
    }

    private func work() async throws -> [PullResult] {
        let jobs = ids.isEmpty ? try await openJobs() : try await namedJobs()
        guard !jobs.isEmpty else {
            console.note("no job is under way")
            return []
        }
        let followed = jobs.map { FollowedJob(id: $0.id, label: TerminalText.clean($0.title)) }
        var follower = JobFollower(
            followed, observer: AdminJobObserver(client: admin), pace: .calm, console: console)
        let sources = Dictionary(jobs.map { ($0.id, $0.source) }, uniquingKeysWith: { first, _ in first })
        return try await follower.follow().map { PullResult(url: sources[$0.jobID] ?? "", snapshot: $0) }
    }

    private func namedJobs() async throws -> [AdminJob] {
        var jobs: [AdminJob] = []
        for id in ids where !jobs.contains(where: { $0.id == id }) { jobs.append(AdminJob(try await admin.job(id))) }
        return jobs
    }

    /// Every job that has not ended, oldest first.
    private func openJobs() async throws -> [AdminJob] {
        var jobs: [String: AdminJob] = [:]
        for state in [JobState.pending, .pulling, .storing, .stored] {
            for job in try await admin.allJobs(JobQuery(state: state), limit: .max).map({ AdminJob($0) }) {
                jobs[job.id] = job
            }
        }
        return jobs.values.sorted { $0.id < $1.id }
    }
}
