import TowlineCore
import TowlineStore

/// Answers where jobs stand (vod-api.md 2.1 to 2.3).
enum GetURLUploadInfos: VODAction {
    static let name = "GetURLUploadInfos"
    static let isMutating = false
    static let parameters: Set<String> = ["JobIds", "UploadURLs"]
    /// Records that a query by URL returns at most.
    private static let recordLimit = 100
    /// Older jobs are not shown.
    private static let age: Duration = .seconds(365 * 86_400)

    static func run(_ parameters: ActionParameters, caller: Caller, service: VODService) async throws -> VODAnswer {
        let found: JobSelection
        if let ids = parameters["JobIds"] {
            found = try await JobSelection(ids: ids, caller: caller, store: service.store)
        } else if let urls = parameters["UploadURLs"] {
            found = try await JobSelection(
                urls: urls, parameter: "UploadURLs", limit: recordLimit, caller: caller, store: service.store)
        } else {
            throw VODError.missingParameter("JobIds or UploadURLs")
        }
        let oldest = service.wallClock() - age
        let records = found.jobs.filter { $0.createdAt >= oldest }.map(record)
        let forgotten = found.jobs.filter { $0.createdAt < oldest }.map { job in
            parameters["JobIds"] == nil ? job.request.displayURL : job.id.description
        }
        return VODAnswer([
            "URLUploadInfoList": .array(records),
            "NonExists": .array((found.missing + forgotten).map { .string($0) }),
        ])
    }

    private static func record(_ job: Job) -> JSONValue {
        .members([
            "JobId": .string(job.id.description),
            "UploadURL": .string(job.request.displayURL),
            "MediaId": .string(job.media.description),
            "Status": .string(VODStatus(job).rawValue),
            "FileSize": job.bytesTotal.map { .string(String($0)) },
            "ErrorCode": job.state.isTerminal ? job.failure.map { .string($0.code.rawValue) } : nil,
            "ErrorMessage": job.state.isTerminal ? job.failure.map { .string($0.message) } : nil,
            "CreationTime": .string(job.createdAt.description),
            "CompleteTime": job.endedAt.map { .string($0.description) },
            "UserData": job.request.userData.json,
        ])
    }
}

/// The jobs that a list of ids or URLs names, and what of the list names none.
struct JobSelection: Sendable {
    let jobs: [Job]
    let missing: [String]
    /// Ids or URLs in one list (vod-api.md 2.1, 2.4).
    private static let listLimit = 10

    /// By `JobIds`: in the order of the list, each once.
    init(ids list: String, caller: Caller, store: any Store) async throws {
        var names: [String] = []
        for piece in list.split(separator: ",").map({ $0.filter { $0 != " " } }) where !names.contains(piece) {
            names.append(piece)
        }
        guard !names.isEmpty else { throw VODError.missingParameter("JobIds") }
        guard names.count <= Self.listLimit else {
            throw VODError.invalidParameter("JobIds", "It names \(names.count) jobs; at most 10 are allowed.")
        }
        let ids = names.compactMap { JobID($0) }
        let found = Dictionary(
            try await store.jobs(ids, account: caller.account).map { ($0.id.description, $0) },
            uniquingKeysWith: { first, _ in first })
        jobs = names.compactMap { found[$0] }
        missing = names.filter { found[$0] == nil }
    }

    /// By URLs: every job of each URL, newest first, at most `limit` in all.
    init(urls list: String, parameter: String, limit: Int, caller: Caller, store: any Store) async throws {
        let urls = try SubmittedURL.list(
            list, parameter: parameter, limit: Self.listLimit, error: VODError.invalidParameter)
        var jobs: [Job] = []
        var missing: [String] = []
        var seen: Set<String> = []
        for url in urls where seen.insert(url.canonical).inserted {
            let found = try await store.jobs(
                sourceURL: url.canonical, account: caller.account, limit: max(1, limit - jobs.count))
            if found.isEmpty { missing.append(url.text) }
            jobs += found
        }
        self.jobs = Array(jobs.prefix(limit))
        self.missing = missing
    }
}
