/// Writes the events of a run's end and says where they go.
///
/// Pure, so that every store gives the same bytes.
package struct EventComposer: Sendable {
    /// What `FileUrl` begins with, without a slash at the end (`api.public-url`).
    package let publicURL: String

    /// A composer for one public address.
    package init(publicURL: String) {
        self.publicURL = publicURL.hasSuffix("/") ? String(publicURL.dropLast()) : publicURL
    }

    /// The bodies of a run's events, in the order in which they are created.
    ///
    /// A stored object gives `FileUploadComplete` and `UploadByURLComplete`, anything else only the latter
    /// (vod-api.md 6.1, 6.2, 6.8). Keys are clean, `Size` is text in the one and a number in the other, `Extend` is
    /// text, and a failed pull has no `VideoId` (vod-api.md 13.9).
    package func bodies(for job: Job, outcome: RunOutcome, at time: Timestamp) -> [(type: EventType, body: [UInt8])] {
        switch outcome {
        case .stored(let key, let bytes):
            let file = JSONValue.members([
                "EventTime": .string(time.description),
                "EventType": .string(EventType.fileUploadComplete.rawValue),
                "Status": .string("success"),
                "VideoId": .string(job.media.description),
                "Size": .integer(bytes),
                "FileUrl": .string("\(publicURL)/media/\(key)"),
                "Extend": job.request.extend.json,
            ])
            let pull = JSONValue.members([
                "EventTime": .string(time.description),
                "EventType": .string(EventType.uploadByURLComplete.rawValue),
                "Status": .string("success"),
                "VideoId": .string(job.media.description),
                "JobId": .string(job.id.description),
                "SourceURL": .string(job.request.displayURL),
                "Size": .string(String(bytes)),
                "Extend": job.request.extend.json,
            ])
            return [(.fileUploadComplete, file.utf8), (.uploadByURLComplete, pull.utf8)]
        case .failed(let failure), .cancelled(let failure):
            let pull = JSONValue.members([
                "EventTime": .string(time.description),
                "EventType": .string(EventType.uploadByURLComplete.rawValue),
                "Status": .string("fail"),
                "JobId": .string(job.id.description),
                "SourceURL": .string(job.request.displayURL),
                "ErrorCode": .string(failure.code.rawValue),
                "ErrorMessage": .string(failure.message),
                "Extend": job.request.extend.json,
            ])
            return [(.uploadByURLComplete, pull.utf8)]
        }
    }

    /// Where an event goes by the account's own configuration; nil means nowhere.
    ///
    /// A request's own address replaces the configured one, never the filter; without a configured address and a
    /// filter that lets the type through it is inert, as in the original (vod-api.md 1.4).
    package func target(
        of type: EventType, configuration: CallbackConfiguration?, override: CallbackTarget?
    ) -> CallbackTarget? {
        guard let configuration, let configured = configuration.target, configuration.includes(type) else { return nil }
        return override ?? configured
    }
}
