import TowlineClient
import TowlineCore

/// One run of `towline pull`: submits, follows and tells.
struct PullRun: Sendable {
    let plan: PullPlan
    /// Whether to wait for the jobs to end.
    let isWaiting: Bool
    let isJSON: Bool
    let client: VODClient
    let admin: AdminClient
    let console: Console

    /// Runs to the end.
    ///
    /// - Throws: ``CommandFailure`` unless every URL was stored, or accepted where nobody waits.
    func run() async throws {
        try plan.check()
        let (outcome, isInterrupted) = try await Signals.cancelling { try await work() }
        if isInterrupted { console.endEcho() }
        for result in outcome.results { isJSON ? console.print(result.json) : console.print(result.line) }
        if isInterrupted { throw CommandFailure(.interrupted, Self.farewell(outcome.results)) }
        if let failure = outcome.failure { throw failure }
        let bad = outcome.results.count { isWaiting ? !$0.isStored : $0.jobID == nil }
        guard bad == 0 else {
            throw CommandFailure(.failed, "\(bad) of \(outcome.results.count) URLs failed")
        }
    }

    /// What a person should know who ends the command before its jobs.
    static func farewell(_ results: [PullResult]) -> String {
        let open = results.filter { !UploadStatus(rawValue: $0.status).isTerminal }.compactMap(\.jobID)
        guard !open.isEmpty else { return "interrupted; no job is left under way" }
        let ids = open.count <= 3 ? " " + open.joined(separator: " ") : ""
        return "interrupted; the jobs go on, 'towline jobs watch\(ids)' follows them"
    }

    /// What became of the URLs, and what is to be said at the end.
    private struct Outcome: Sendable {
        var results: [PullResult] = []
        var failure: CommandFailure?

        /// Notes that a call failed; of several failures the first is told at the end, but for the last way out.
        mutating func add(_ error: any Error, urls: [String], of total: Int) -> CommandFailure {
            let described = CommandFailure(describing: error) ?? CommandFailure(.failed, "\(error)")
            let range = total > urls.count ? "URLs \(results.count + 1) to \(results.count + urls.count): " : ""
            let added = CommandFailure(described.status, range + described.message)
            let isUnreachable = added.status == .unreachable
            if failure == nil || isUnreachable { failure = added }
            let answer = error as? VODClientError
            results += urls.map { url in
                PullResult(
                    url: url, status: isUnreachable ? PullResult.notSubmitted : PullResult.refused,
                    code: answer?.code ?? "UnexpectedAnswer", message: answer?.message ?? described.message)
            }
            return added
        }
    }

    private func work() async throws -> Outcome {
        var outcome = await submit()
        guard outcome.results.contains(where: { $0.jobID != nil }) else {
            if let failure = outcome.failure, failure.status == .unreachable { throw failure }
            return outcome
        }
        guard isWaiting, !Task.isCancelled else { return outcome }
        do {
            try await follow(&outcome)
        } catch {
            guard let failure = CommandFailure(describing: error) else { throw error }
            outcome.failure = failure
        }
        return outcome
    }

    /// Submits call by call; a refusal does not keep the calls after it, a server out of reach ends the work.
    private func submit() async -> Outcome {
        var outcome = Outcome()
        for request in plan.requests {
            let urls = request.sources.map(\.url)
            do {
                let jobs = try await client.uploadMediaByURL(request).jobs
                // A list of another length would leave open which job belongs to which URL.
                guard jobs.count == urls.count else {
                    throw CommandFailure(.failed, "the server answered with \(jobs.count) jobs for \(urls.count) URLs")
                }
                outcome.results += zip(urls, jobs).map { url, job in
                    PullResult(url: url, snapshot: JobSnapshot(accepted: job.jobID))
                }
            } catch is CancellationError {
                break
            } catch {
                let failure = outcome.add(error, urls: urls, of: plan.urls.count)
                if failure.status == .unreachable { break }
            }
        }
        let rest = plan.urls.dropFirst(outcome.results.count)
        if let failure = outcome.failure, failure.status == .unreachable {
            outcome.results += rest.map {
                PullResult(url: $0, status: PullResult.notSubmitted, code: "Unreachable", message: failure.message)
            }
        }
        return outcome
    }

    private func follow(_ outcome: inout Outcome) async throws {
        let jobs = outcome.results.compactMap { result in
            result.jobID.map { FollowedJob(id: $0, label: plan.label(for: result.url)) }
        }
        let observer = FallbackJobObserver(AdminJobObserver(client: admin), WireJobObserver(client: client)) { error in
            if !console.error.isTerminal { console.note("progress shows states only: \(error.message)") }
        }
        var follower = JobFollower(jobs, observer: observer, pace: .eager, console: console)
        let snapshots = Dictionary(
            try await follower.follow().map { ($0.jobID, $0) }, uniquingKeysWith: { first, _ in first })
        outcome.results = outcome.results.map { result in
            guard let id = result.jobID, let snapshot = snapshots[id] else { return result }
            return PullResult(url: result.url, snapshot: snapshot)
        }
    }
}
