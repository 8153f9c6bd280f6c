#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// An event notification as it arrives in an HTTP callback or a queue message.
///
/// Decoding is tolerant where the vendor's own samples are sloppy: names and values may have blanks around them, a comma
/// may follow the last member, sizes may be text or numbers. Unknown members and unknown event types are kept. Decoding
/// does **not** verify anything: in an HTTP receiver use ``CallbackVerifier``.
///
/// ```swift
/// let event = try VODEvent(decoding: body)
/// switch event.payload {
/// case .uploadByURLComplete(let upload) where event.status == .success:
///     markReady(job: upload.jobID, video: event.videoID)
/// case .uploadByURLComplete(let upload):
///     markFailed(job: upload.jobID, reason: upload.failure?.message)
/// case .fileUploadComplete, .other:
///     break
/// }
/// ```
///
/// Events may arrive more than once and in any order. Wire reference: vod-api 5 and 6.
public struct VODEvent: Sendable, Hashable {
    /// How an event ended.
    public enum Status: Sendable, Hashable {
        /// `success`.
        case success
        /// `fail`.
        case fail
        /// Any other text, without blanks around it.
        case other(String)
    }

    /// What is particular to a type of event.
    public enum Payload: Sendable, Hashable {
        /// A pull by URL has ended, well or badly.
        case uploadByURLComplete(UploadByURLComplete)
        /// A media file is stored.
        case fileUploadComplete(FileUploadComplete)
        /// Any other event type; see ``VODEvent/members``.
        case other
    }

    /// When the event happened, as sent (`yyyy-MM-ddTHH:mm:ssZ`, UTC), without blanks around it; `nil` if absent.
    public let eventTime: String?

    /// The event type as sent, without blanks around it, for example `UploadByURLComplete`; never empty.
    public let eventType: String

    /// The media that the event is about; `nil` where there is none, as after a failed pull.
    ///
    /// Taken from `VideoId`, or from `MediaId` where an event type uses that name.
    public let videoID: String?

    /// How it ended; `nil` for event types and senders that leave it out.
    public let status: Status?

    /// The pass-through text that the caller gave as `Extend` in `UserData`; `nil` if absent.
    ///
    /// As sent and not trimmed. A sender that puts an object or another value here is tolerated: its JSON text is given.
    public let extend: String?

    /// What is particular to this type of event.
    public let payload: Payload

    /// The whole event as a JSON object, unknown members included.
    public let members: VODJSON

    /// The moment that ``eventTime`` states, or `nil` when it is absent or of another shape.
    ///
    /// Milliseconds after a point or, as one page of the vendor prints them, after a colon are understood.
    public var eventDate: Date? {
        eventTime.flatMap(EventTime.date(from:))
    }

    /// ``extend`` read as JSON, or `nil` when it is absent or plain text.
    public var extendJSON: VODJSON? {
        guard let extend else { return nil }
        let limits = DecodingLimits()
        guard extend.utf8.count <= limits.maximumBytes else { return nil }
        var parser = VODJSONParser(Array(extend.utf8), maximumDepth: limits.maximumDepth)
        return try? parser.parseDocument()
    }

    init(members: VODJSON) throws(VODEventError) {
        guard case .object = members else {
            throw VODEventError(.notAnObject, "The event must be a JSON object")
        }
        guard let eventType = members["EventType"]?.filledText else {
            throw VODEventError(.missingEventType, "The event must have the member EventType with a text")
        }
        self.members = members
        self.eventType = eventType
        eventTime = members["EventTime"]?.filledText
        videoID = members["VideoId"]?.filledText ?? members["MediaId"]?.filledText
        let status = members["Status"]?.filledText.map(Status.init)
        self.status = status
        switch members["Extend"] {
        case nil, .null: extend = nil
        case .string(let text): extend = text
        case .some(let value): extend = value.jsonText
        }
        switch eventType {
        case "UploadByURLComplete":
            payload = .uploadByURLComplete(UploadByURLComplete(members: members, status: status))
        case "FileUploadComplete":
            payload = .fileUploadComplete(FileUploadComplete(members: members))
        default:
            payload = .other
        }
    }
}

extension VODEvent.Status {
    init(_ text: String) {
        switch text {
        case "success": self = .success
        case "fail": self = .fail
        default: self = .other(text)
        }
    }
}

extension VODJSON {
    /// The text of a value, or `nil` when there is none or it is blank.
    var filledText: String? {
        guard let text, !text.isEmpty else { return nil }
        return text
    }
}
