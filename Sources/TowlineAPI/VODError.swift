/// An error of the VOD wire: a code, an HTTP status and a sentence (vod-api.md 1.7 and 9.6).
package struct VODError: Error, Sendable, Hashable {
    package let code: String
    package let status: Int
    package let message: String
    /// How long the caller should wait; sent as `x-acs-retry-after` in milliseconds.
    package var retryAfter: Duration?

    /// Joins the parts of an error.
    package init(_ code: String, status: Int, _ message: String, retryAfter: Duration? = nil) {
        self.code = code
        self.status = status
        self.message = message
        self.retryAfter = retryAfter
    }

    /// A mandatory common parameter is absent (gateway pattern).
    static func missing(_ name: String) -> VODError {
        VODError("Missing\(name)", status: 400, "\(name) is mandatory for this action.")
    }

    /// A common parameter has a value that the gateway does not take (gateway pattern).
    static func invalidCommon(_ name: String) -> VODError {
        VODError("Invalid\(name)", status: 400, "Specified parameter \(name) is not valid.")
    }

    /// A mandatory parameter of an action is absent (VOD common code).
    static func missingParameter(_ name: String) -> VODError {
        VODError(
            "MissingParameter", status: 400,
            "The input parameter \"\(name)\" that is mandatory for processing this request is not supplied.")
    }

    /// A parameter of an action is not valid (VOD common code); the detail says what is allowed.
    static func invalidParameter(_ name: String, _ detail: String) -> VODError {
        VODError("InvalidParameter", status: 400, "The specified parameter \"\(name)\" is not valid. \(detail)")
    }

    /// As ``invalidParameter(_:_:)`` with the parameter in the code, which is how `UploadMediaByURL` says it.
    static func invalidNamedParameter(_ name: String, _ detail: String) -> VODError {
        VODError("InvalidParameter.\(name)", status: 400, "The specified parameter \(name) is not valid. \(detail)")
    }

    /// A text is longer than its limit in bytes of UTF-8.
    static func lengthExceeded(_ name: String, limit: Int) -> VODError {
        VODError("LengthExceededMax", status: 400, "The specified \(name) length has exceeded \(limit) bytes.")
    }

    /// A text has emoji or control characters.
    static func illegalCharacters(_ name: String) -> VODError {
        VODError(
            "IllegalCharacters", status: 400,
            "The specified \(name) contains illegal emoticon or special characters.")
    }

    /// A source's extension is not among the known ones; says which source and what helps.
    static func illegalExtension(of url: String) -> VODError {
        let name = url.prefix { $0 != "?" }.suffix(80)
        return VODError(
            "InvalidFileName.Extension", status: 400,
            "The specified FileName's extension is illegal. \(name) has no known one; FileExtension can name it.")
    }

    static let tagsExceeded = VODError(
        "TagsExceededMax", status: 400, "The specified Tags count has exceeded 16.")
    static let unknownAction = VODError(
        "InvalidApi.NotFound", status: 404, "Specified api is not found, please check your url and method.")
    static let unsupportedMethod = VODError(
        "UnsupportedHTTPMethod", status: 400, "The HTTP method is not supported; use GET or POST.")
    static let unknownKey = VODError(
        "InvalidAccessKeyId.NotFound", status: 404, "Specified access key is not found.")
    static let inactiveKey = VODError(
        "InvalidAccessKeyId.Inactive", status: 400, "Specified access key is disabled.")
    static let malformedTimestamp = VODError(
        "InvalidTimeStamp.Format", status: 400, "Specified time stamp or date value is not well formatted.")
    static let expiredTimestamp = VODError(
        "InvalidTimeStamp.Expired", status: 400, "Specified time stamp or date value is expired.")
    static let nonceUsed = VODError(
        "SignatureNonceUsed", status: 400, "Specified signature nonce was used already.")
    static let invalidSignatureMethod = VODError(
        "InvalidSignatureMethod", status: 400, "Specified signature method is not valid.")
    static let invalidFormat = VODError(
        "InvalidParameter.Format", status: 400, "Specified parameter format is not valid.")
    static let internalError = VODError(
        "InternalError", status: 500, "The request processing has failed due to some unknown error.")
    static let unavailable = VODError(
        "ServiceUnAvailable", status: 503, "The request has failed due to a temporary failure of the server.")

    /// The signature differs.
    ///
    /// The text after the colon is what old Python clients compare with their own (vod-api.md 9.7), so it is always
    /// there.
    static func signatureMismatch(stringToSign: String) -> VODError {
        VODError(
            "SignatureDoesNotMatch", status: 400,
            "Specified signature is not matched with our calculation. server string to sign is:\(stringToSign)")
    }

    static func throttled(retryAfter: Duration) -> VODError {
        VODError(
            "Throttling.User", status: 400, "Request was denied due to user flow control.", retryAfter: retryAfter)
    }
}
