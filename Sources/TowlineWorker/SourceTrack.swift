import TowlineCore
import TowlineStore

/// Where a transfer stands against its source: which request comes next, and what an answer to it means.
///
/// Pure. Bytes of two versions never meet: a part is taken only when the answer proves that it begins where it was
/// asked to and belongs to the version whose beginning is here; anything else starts afresh.
struct SourceTrack {
    /// What an answer means for the bytes that follow.
    enum Verdict: Hashable {
        /// The file from its first byte: what is here is of no use.
        case whole
        /// The bytes after those that are here, so many at most.
        case rest(Int64)
        /// Nothing that can be used: ask for the whole file.
        case afresh(String)
        /// The source does what no source may.
        case refused(JobFailure)
    }

    /// The version that the bytes belong to; nil when the transfer cannot go on after a failure.
    private(set) var version: SourceVersion?
    /// Bytes from the beginning of the file that are here.
    private(set) var position: Int64 = 0
    /// The length of the whole file, where it is known.
    private(set) var total: Int64?
    private var asked: SourceRange?

    /// A transfer that has nothing yet.
    init() {}

    /// A transfer that goes on with what is here.
    init(_ checkpoint: TransferCheckpoint) { self.init(version: checkpoint.version, position: checkpoint.bytes) }

    /// A transfer that goes on from a place in a version.
    init(version: SourceVersion, position: Int64) {
        self.version = version
        self.position = position
        total = version.total
    }

    /// Whether every byte is here.
    var isComplete: Bool { total == position }

    /// The part to ask for next; nil for the whole file.
    mutating func nextRange() -> SourceRange? {
        asked = nil
        if position > 0, let version { asked = SourceRange(first: position, validator: version.validator) }
        return asked
    }

    /// Forgets what is here.
    mutating func restart() { self = SourceTrack() }

    /// Takes note of bytes that follow.
    mutating func receive(_ count: Int) { position += Int64(count) }

    /// The end of a body whose length was not announced.
    mutating func endOfWhole() { if total == nil { total = position } }

    /// Judges the answer to the last request.
    mutating func judge(status: Int, fields: SourceFields, contentLength: Int64?) -> Verdict {
        switch (status, asked) {
        case (206, nil): judgeUnasked(fields, contentLength)
        case (206, let asked?): judgePart(fields, contentLength, asked)
        case (416, _?): .afresh("the source has no bytes after \(position)")
        default: begin(fields, total: contentLength)
        }
    }

    private mutating func begin(_ fields: SourceFields, total: Int64?) -> Verdict {
        let earlier = version
        position = 0
        self.total = total
        version = SourceVersion(fields, total: total)
        // The same version and yet not the part that was asked for: this source has no parts.
        if asked != nil, version?.validator == earlier?.validator { version = nil }
        return .whole
    }

    /// A part that nobody asked for is fine only if it is the whole.
    private mutating func judgeUnasked(_ fields: SourceFields, _ contentLength: Int64?) -> Verdict {
        guard let range = ContentRange(fields.contentRanges), let part = range.part, part.lowerBound == 0,
            let total = range.total, part.upperBound == total - 1, contentLength ?? total == total
        else {
            return .refused(JobFailure(.urlInvalid, "the source answered HTTP 206 to a request for the whole file"))
        }
        return begin(fields, total: total)
    }

    private mutating func judgePart(
        _ fields: SourceFields, _ contentLength: Int64?, _ asked: SourceRange
    ) -> Verdict {
        guard let version else { return .afresh("there is nothing to go on with") }
        guard let range = ContentRange(fields.contentRanges), let part = range.part, let newTotal = range.total else {
            return .afresh("the source does not say which bytes it sends")
        }
        guard part.lowerBound == asked.first else {
            return .afresh("the source was asked for bytes from \(asked.first) and sends them from \(part.lowerBound)")
        }
        guard contentLength ?? Int64(part.count) == Int64(part.count) else {
            return .afresh("the source announces two lengths")
        }
        guard newTotal == total ?? newTotal else {
            return .afresh("the file had \(total ?? 0) bytes and has \(newTotal) now")
        }
        guard version.isVersion(of: fields) else { return .afresh("the file has changed") }
        total = newTotal
        self.version?.total = newTotal
        return .rest(Int64(part.count))
    }
}
