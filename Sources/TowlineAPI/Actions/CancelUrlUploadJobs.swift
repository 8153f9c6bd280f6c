import TowlineCore
import TowlineStore

/// Cancels jobs that have not started; a started job is in neither list of the answer (vod-api.md 2.4).
enum CancelUrlUploadJobs: VODAction {
    static let name = "CancelUrlUploadJobs"
    static let isMutating = true
    static let parameters: Set<String> = ["JobIds", "UploadUrls"]

    static func run(_ parameters: ActionParameters, caller: Caller, service: VODService) async throws -> VODAnswer {
        let found: JobSelection
        if let ids = parameters["JobIds"] {
            found = try await JobSelection(ids: ids, caller: caller, store: service.store)
        } else if let urls = parameters["UploadUrls"] {
            found = try await JobSelection(
                urls: urls, parameter: "UploadUrls", limit: 1000, caller: caller, store: service.store)
        } else {
            throw VODError.missingParameter("JobIds or UploadUrls")
        }
        let cancelled = try await service.store.cancel(
            found.jobs.map(\.id), account: caller.account, onlyPending: true,
            failure: JobFailure(.cancelled, "the job was cancelled before it started"), nonce: caller.nonce)
        return VODAnswer([
            "CanceledJobs": .array(cancelled.map { .string($0.description) }),
            "NonExists": .array(found.missing.map { .string($0) }),
        ])
    }
}
