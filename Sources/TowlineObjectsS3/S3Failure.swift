import NIOHTTP1
import TowlineCore
import TowlineObjects
import TowlineOutbound
import VODSignatures

/// Why a call to the store failed, and what may be done about it.
struct S3Failure: Error, Sendable, Hashable {
    /// What may be done.
    enum Kind: Sendable, Hashable {
        /// The same call may succeed later.
        case passing
        /// The store's clock says another time: seconds since 1970, where it tells them.
        case skewed(Int64?)
        /// The object, the upload or the bucket is not there.
        case missing
        /// The object is not the one that was meant.
        case changed
        /// No space, or no quota, is left.
        case full
        /// The store refuses.
        case forbidden
        /// The task was cancelled.
        case cancelled
        /// Anything else; trying again does not help.
        case other
    }

    let kind: Kind
    /// The store's own code, such as `NoSuchUpload`; empty where it gave none.
    let code: String
    /// One sentence for a person.
    let message: String

    init(_ kind: Kind, code: String = "", _ message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    /// What the callers of an object store are told.
    var objectStoreError: any Error {
        switch kind {
        case .cancelled: CancellationError()
        case .full: ObjectStoreError(.full, message)
        case .forbidden: ObjectStoreError(.forbidden, message)
        case .missing where code == "NoSuchBucket": ObjectStoreError(.forbidden, message)
        case .passing, .skewed, .missing, .changed, .other: ObjectStoreError(.unavailable, message)
        }
    }
}

extension S3Failure {
    /// What a store said, for the sentence about it.
    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        /// The beginning of the body; empty for a HEAD request.
        var body: [UInt8]
    }

    /// A call that did not come to an answer.
    init(_ error: OutboundError, doing: String, at location: S3Location) {
        if error.code == .cancelled {
            self.init(.cancelled, "cancelled")
        } else {
            self.init(
                error.isRetryable ? .passing : .other, code: error.code.description,
                "\(doing): no answer from the object store at \(location.endpoint.origin): \(error.message)")
        }
    }

    /// An answer that says no.
    ///
    /// - Parameters:
    ///   - answer: What the store said.
    ///   - doing: What was asked for, to begin a sentence with.
    ///   - location: What was asked.
    ///   - accessKeyID: Who asked.
    init(_ answer: Answer, doing: String, at location: S3Location, accessKeyID: String) {
        let said = S3Documents.error(answer.body)
        let code = said?.code ?? ""
        let kind = Self.kind(status: answer.status, code: code, headers: answer.headers)
        let context = Context(
            answer: answer, said: said, code: code, location: location, accessKeyID: accessKeyID, kind: kind)
        var message = "\(doing): \(context.sentence)"
        if let id = answer.headers.first(name: "x-amz-request-id"), id.utf8.count <= 128 {
            message += " [request \(id)]"
        }
        self.init(kind, code: code, message)
    }

    /// What may be done after an answer.
    static func kind(status: Int, code: String, headers: HTTPHeaders) -> Kind {
        switch code {
        case "RequestTimeTooSkewed", "RequestExpired":
            return .skewed(headers.first(name: "date").flatMap(UTCTimestamp.parseHTTPDate))
        case "QuotaExceeded", "QuotaFull", "XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity":
            return .full
        case "NoSuchKey", "NoSuchUpload", "NoSuchBucket": return .missing
        case "PreconditionFailed": return .changed
        case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled", "AccountProblem",
            "InvalidToken", "ExpiredToken", "TokenRefreshRequired", "PermanentRedirect", "TemporaryRedirect",
            "Redirect",
            "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
            return .forbidden
        case "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling", "ThrottlingException",
            "TooManyRequests", "RequestLimitExceeded", "BandwidthLimitExceeded", "OperationAborted", "BadDigest",
            "IncompleteBody", "XAmzContentSHA256Mismatch":
            return .passing
        case "NotImplemented", "MethodNotAllowed", "InvalidPart", "InvalidPartOrder", "EntityTooSmall",
            "EntityTooLarge",
            "MalformedXML", "InvalidRequest", "InvalidArgument":
            return .other
        default: break
        }
        switch status {
        case 401, 403: return .forbidden
        case 404: return .missing
        case 412: return .changed
        case 507: return .full
        case 408, 429, 500...: return status == 501 ? .other : .passing
        default: return .other
        }
    }

    /// Makes the sentence about an answer.
    private struct Context {
        let answer: Answer
        let said: S3Documents.ErrorDocument?
        let code: String
        let location: S3Location
        let accessKeyID: String
        let kind: Kind

        var sentence: String {
            switch code {
            case "AccessDenied", "AllAccessDisabled":
                return "the access key '\(accessKeyID)' may not do this with \(location) (\(code)); "
                    + "docs/objects.md lists the permissions that are needed"
            case "InvalidAccessKeyId":
                return "the object store does not know the access key '\(accessKeyID)' (\(code))"
            case "SignatureDoesNotMatch":
                return "the object store computed another signature (\(code)): the secret of the access key "
                    + "'\(accessKeyID)' is wrong, or something on the way changes requests"
            case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
                return "the session token of the access key '\(accessKeyID)' is not valid any more (\(code))"
            case "NoSuchBucket":
                return "there is no bucket '\(location.bucket)' at \(location.endpoint.origin) (\(code))"
            case "RequestTimeTooSkewed", "RequestExpired":
                return "the clocks of this machine and of the object store differ too much (\(code)); set both by NTP"
            default:
                return regionSentence ?? "the object store answered \(answer.status)\(details)"
            }
        }

        /// About a bucket that is elsewhere.
        private var regionSentence: String? {
            let isElsewhere = [
                "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "Redirect",
                "IllegalLocationConstraintException",
            ].contains(code)
            guard isElsewhere || [301, 307].contains(answer.status) else { return nil }
            let region = said?.region ?? answer.headers.first(name: "x-amz-bucket-region")
            if let region, region != location.region, region.utf8.count <= 64 {
                return "the bucket '\(location.bucket)' is in the region '\(region)', not in '\(location.region)': "
                    + "set region=\(region) in objects.url"
            }
            if let endpoint = said?.endpoint {
                return "the bucket '\(location.bucket)' is reached at '\(endpoint.prefix(200))': "
                    + "set endpoint in objects.url (\(code))"
            }
            return "the bucket '\(location.bucket)' is not at \(location.endpoint.origin) in the region "
                + "'\(location.region)'\(details)"
        }

        private var details: String {
            guard !code.isEmpty else { return "" }
            let text = said?.message ?? ""
            return " (\(code.prefix(100)))" + (text.isEmpty ? "" : ": \(text.prefix(300))")
        }
    }
}
