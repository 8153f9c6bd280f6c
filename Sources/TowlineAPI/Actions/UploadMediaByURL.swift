import TowlineCore
import TowlineStore

/// Accepts up to 20 URLs as jobs (vod-api.md section 1).
enum UploadMediaByURL: VODAction {
    static let name = "UploadMediaByURL"
    static let isMutating = true
    static let parameters: Set<String> = [
        "UploadURLs", "UploadMetadatas", "TemplateGroupId", "WorkflowId", "StorageLocation", "UserData", "AppId",
        "SessionId", "EnableFirstFrameCover", "GenerateThumbnail",
    ]

    static func run(_ parameters: ActionParameters, caller: Caller, service: VODService) async throws -> VODAnswer {
        let requests = try await requests(parameters, service: service)
        let app = try parameters.appID().map { AppID($0) } ?? .standard
        let session = try sessionID(parameters)
        do {
            if let callback = requests.first?.callback {
                try await service.queues?.ensure(callback, account: caller.account)
            }
        } catch let problem as QueueTargets.Problem {
            throw UserData.invalid(problem.parameter, problem.detail)
        }
        let jobs: [Job]
        do {
            jobs = try await service.store.accept(
                JobSubmission(
                    account: caller.account, app: app, sessionID: session, nonce: caller.nonce, requests: requests))
        } catch let error as StoreError where error.code == .conflict {
            throw VODError.invalidNamedParameter(
                "SessionId", "It was used within the last ten minutes; the earlier request stands.")
        }
        let items = jobs.map { job in
            JSONValue.members([
                "JobId": .string(job.id.description),
                "SourceURL": .string(job.request.displayURL),
            ])
        }
        return VODAnswer(["UploadJobs": .array(items)])
    }

    private static func requests(
        _ parameters: ActionParameters, service: VODService
    ) async throws -> [PullRequest] {
        guard let list = parameters["UploadURLs"] else { throw VODError.missing("UploadURLs") }
        let urls = try SubmittedURL.list(
            list, parameter: "UploadURLs", limit: 20, error: VODError.invalidNamedParameter)
        let entries = try UploadMetadata.read(parameters["UploadMetadatas"])
        // Both are accepted for the sake of new clients; what they do is not published (vod-api.md 1.1).
        _ = try parameters.boolean("EnableFirstFrameCover")
        _ = try parameters.boolean("GenerateThumbnail")
        let text = parameters["UserData"]
        let userData = try await UserData(text, service: service)
        let options = try urls.map { url throws(VODError) in try SourceOptions(entries[url.canonical]) }
        if let (index, refusal) = await firstRefusal(urls, judge: service.sources) {
            throw VODError.invalidNamedParameter("UploadURLs", "URL \(index + 1): \(refusal)")
        }
        for (index, option) in options.enumerated() {
            guard let (place, refusal) = await firstRefusal(option.mirrors, judge: service.sources) else { continue }
            throw VODError.invalidNamedParameter(
                "UploadMetadatas", "TowlineMirrors of URL \(index + 1), URL \(place + 1): \(refusal)")
        }
        let expiry = expirySeconds(userData, service: service)
        var requests: [PullRequest] = []
        for (url, option) in zip(urls, options) {
            var metadata = try UploadMetadata.metadata(
                for: url, entry: entries[url.canonical], parameters: parameters)
            metadata.mirrors = option.mirrors.map(\.text)
            metadata.expireSeconds = expiry
            requests.append(
                PullRequest(
                    sourceURL: url.canonical, displayURL: url.text, origin: url.url.origin, metadata: metadata,
                    userData: text, extend: userData.extend, callback: userData.callback,
                    priority: userData.priority, headers: option.headers))
        }
        return requests
    }

    /// How long the jobs of a call may wait, in seconds; nil for ever.
    private static func expirySeconds(_ userData: UserData, service: VODService) -> Int? {
        let standard = Int(service.expireWaiting.seconds.rounded(.up))
        let seconds = userData.expireSeconds ?? standard
        return seconds > 0 ? seconds : nil
    }

    /// Judges all sources at the same time, since each name may take its time to be looked up.
    private static func firstRefusal(
        _ urls: [SubmittedURL], judge: any AddressJudge
    ) async -> (index: Int, refusal: String)? {
        await withTaskGroup(of: (Int, String)?.self) { group in
            for (index, url) in urls.enumerated() {
                group.addTask { await judge.refusal(of: url.url).map { (index, $0) } }
            }
            var first: (index: Int, refusal: String)?
            for await found in group {
                if let found, found.0 < first?.index ?? .max { first = (found.0, found.1) }
            }
            return first
        }
    }

    private static func sessionID(_ parameters: ActionParameters) throws(VODError) -> String? {
        guard let id = parameters["SessionId"] else { return nil }
        guard id.utf8.count <= 50, id.utf8.allSatisfy(\.isNameCharacter) else {
            throw .invalidNamedParameter("SessionId", "It has at most 50 letters, digits, '-' and '_'.")
        }
        return id
    }
}
