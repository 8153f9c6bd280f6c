import TowlineCore
import TowlineStore

/// The JSON of the admin API.
///
/// Source URLs are masked: their queries may hold signatures (pitfalls.md).
enum AdminJSON {
    static func job(_ job: Job, progress: JobProgress?) -> JSONValue {
        .members([
            "id": .string(job.id.description),
            "mediaId": .string(job.media.description),
            "account": .string(job.account.description),
            "appId": .string(job.app.description),
            "title": .string(job.request.metadata.title),
            "source": .string(masked(job.request.displayURL)),
            "origin": .string(job.request.origin),
            "mirrors": mirrors(job.request.metadata.mirrors),
            "priority": .integer(job.request.priority),
            "expireSeconds": job.request.metadata.expireSeconds.map { .integer($0) },
            "run": .integer(job.run),
            "state": .string(job.state.rawValue),
            "status": .string(VODStatus(job).rawValue),
            "attempts": .integer(job.attempts),
            "bytesReceived": .integer(progress?.bytesReceived ?? job.bytesReceived),
            "bytesTotal": (progress?.bytesTotal ?? job.bytesTotal).map { .integer($0) },
            "objectKey": job.objectKey.map { .string($0.description) },
            "errorCode": job.failure.map { .string($0.code.rawValue) },
            "errorMessage": job.failure.map { .string($0.message) },
            "createdAt": .string(job.createdAt.description),
            "runStartedAt": .string(job.runStartedAt.description),
            "endedAt": job.endedAt.map { .string($0.description) },
        ])
    }

    static func detail(_ detail: JobDetail, progress: JobProgress?) -> JSONValue {
        guard case .object(let members) = job(detail.job, progress: progress) else { return .null }
        let found = [
            checkpoint(detail.checkpoint).map { JSONValue.Member("checkpoint", $0) },
            digests(detail.digests).map { JSONValue.Member("digests", $0) },
        ]
        return .object(
            members + found.compactMap(\.self) + [
                .init("attemptList", .array(detail.attempts.map(attempt))),
                .init("events", .array(detail.events.map { event($0) })),
                .init("deliveries", .array(detail.deliveries.map(delivery))),
            ])
    }

    private static func attempt(_ attempt: JobAttempt) -> JSONValue {
        .members([
            "run": .integer(attempt.run),
            "number": .integer(attempt.number),
            "node": .string(attempt.node.description),
            "startedAt": .string(attempt.startedAt.description),
            "durationMilliseconds": .integer(attempt.record.duration.wholeMilliseconds),
            "address": attempt.record.address.json,
            "httpStatus": attempt.record.httpStatus.map { .integer($0) },
            "bytesReceived": .integer(attempt.record.bytesReceived),
            "redirects": .array(attempt.record.redirects.map { .string($0) }),
            "errorCode": attempt.record.failure.map { .string($0.code.rawValue) },
            "errorMessage": attempt.record.failure.map { .string($0.message) },
            "recording": attempt.record.recording?.json,
        ])
    }

    private static func mirrors(_ urls: [String]) -> JSONValue? {
        urls.isEmpty ? nil : .array(urls.map { .string(masked($0)) })
    }

    private static func checkpoint(_ checkpoint: TransferCheckpoint?) -> JSONValue? {
        checkpoint.map {
            .members([
                "bytes": .integer($0.bytes),
                "bytesTotal": $0.version.total.map { .integer($0) },
                "validator": .string($0.version.validator),
                "source": .integer($0.source),
            ])
        }
    }

    private static func digests(_ digests: ContentDigests?) -> JSONValue? {
        digests.map {
            .members(["crc64": .string(String($0.crc64)), "sha256": $0.sha256.json, "md5": $0.md5.json])
        }
    }

    static func key(_ key: AccessKeyInfo) -> JSONValue {
        .members([
            "id": .string(key.id),
            "account": .string(key.account.description),
            "createdAt": .string(key.createdAt.description),
            "revokedAt": key.revokedAt.map { .string($0.description) },
        ])
    }

    static func masked(_ url: String) -> String {
        switch CallbackTarget(text: url) {
        case .http: (try? HTTPURL(parsing: url).masked) ?? "(not a URL)"
        case .queue, .remoteQueue: url
        }
    }
}
