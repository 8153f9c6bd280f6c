/// Why a run or an attempt ended without an object: a stable code and a sentence.
package struct JobFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package let code: FailureCode
    /// One sentence for the caller: names the HTTP status, the address class or the limit, never a secret.
    package let message: String

    /// Joins a code and a sentence.
    package init(_ code: FailureCode, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(code.rawValue): \(message)" }
}

extension JobFailure {
    /// Why a run ends that waited longer than its caller allowed.
    package static func expired(_ job: Job) -> JobFailure {
        let seconds = job.request.metadata.expireSeconds ?? 0
        return JobFailure(.expired, "the job waited longer than the \(seconds) s that it was given")
    }
}

/// The `ErrorCode` values of failed runs.
///
/// `URLInvalidError` is the only one that the vendor publishes (vod-api.md section 7); the others are Towline's and do
/// not change. docs/failure-codes.md is generated from this table.
package enum FailureCode: String, Sendable, Hashable, CaseIterable {
    /// The source refuses for good: a 4xx status, a name without an address, an answer that is not HTTP.
    case urlInvalid = "URLInvalidError"
    /// The address policy blocks the source or a redirect of it.
    case addressForbidden = "SourceAddressForbidden"
    /// The source could not be reached, reset the connection or answered 5xx until the attempts were used up.
    case sourceUnavailable = "SourceUnavailable"
    /// The source was too slow: connecting, answering, sending, or the run as a whole.
    case sourceTimeout = "SourceTimeout"
    /// The body ended before the announced length.
    case sourceTruncated = "SourceTruncated"
    /// More redirects than `pull.max-redirects`, or one without a usable target.
    case tooManyRedirects = "TooManyRedirects"
    /// The file is larger than `pull.max-bytes`.
    case fileTooLarge = "FileTooLarge"
    /// The size or a digest of the file is not the one that the caller named.
    case contentMismatch = "ContentMismatch"
    /// The object store refused or failed.
    case storageFailed = "StorageFailed"
    /// The run was cancelled.
    case cancelled = "JobCancelled"
    /// The run waited longer than its caller allowed.
    case expired = "JobExpired"
    /// A fault in Towline itself.
    case internalError = "InternalError"

    /// Whether waiting and trying again may help.
    package var isRetryable: Bool {
        switch self {
        case .sourceUnavailable, .sourceTimeout, .sourceTruncated, .storageFailed, .internalError: true
        case .urlInvalid, .addressForbidden, .tooManyRedirects, .fileTooLarge, .contentMismatch, .cancelled, .expired:
            false
        }
    }

    /// Whether the run failed while storing rather than while fetching: `UPLOAD_FAIL` instead of `DOWNLOAD_FAIL`.
    package var isStorageFault: Bool { self == .storageFailed }

    /// What it means and what the caller can do, for the documentation.
    package var explanation: String {
        switch self {
        case .urlInvalid: "The source refused for good or is not HTTP. Check the URL and the source's permissions."
        case .addressForbidden:
            "The address policy blocks the source. `towline explain-url` names the rule; `net.source.allow` opens ranges."
        case .sourceUnavailable: "The source was unreachable or failing until all attempts were used. Try again later."
        case .sourceTimeout: "The source was too slow for the time limits of `pull.*`. Try again or raise the limits."
        case .sourceTruncated: "The body ended before its announced length in every attempt. Check the source."
        case .tooManyRedirects: "The source redirects too often or to nowhere. Use the final URL."
        case .fileTooLarge: "The file is larger than `pull.max-bytes`. Raise the limit."
        case .contentMismatch:
            "The file is not the one that the caller described: its size or a digest differs. Nothing was stored. Check both."
        case .storageFailed: "The object store refused or failed. Check its space and permissions, then retry the job."
        case .cancelled: "The job was cancelled. `towline jobs retry` starts a new run."
        case .expired:
            "The job waited longer than `TowlineExpireSeconds` or `pull.expire-waiting-seconds` allows. Submit it again."
        case .internalError: "A fault in Towline. The log has the details; please report it."
        }
    }
}
