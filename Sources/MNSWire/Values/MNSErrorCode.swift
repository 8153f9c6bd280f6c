/// The error codes of the queue protocol, with the status each is answered with and a sentence for people.
///
/// The sentences are Towline's own: no client reads them. Wire reference: mns-api 2.2 and 5.2.
package struct MNSErrorCode: Sendable, Hashable, CustomStringConvertible {
    /// The text of `Code`, as the vendor spells it.
    package let name: String
    /// The HTTP status of an answer with this code.
    package let status: Int
    /// A sentence for an answer that has nothing more precise to say.
    package let text: String

    private init(_ name: String, _ status: Int, _ text: String) {
        self.name = name
        self.status = status
        self.text = text
    }

    /// Finds a code of the table, or makes one of a code that another server uses.
    ///
    /// - Parameters:
    ///   - name: The text of `Code` or `ErrorCode`.
    ///   - status: The HTTP status that came with it; it counts only for a code that is not in the table.
    package init(named name: String, status: Int) {
        self = Self.byName[name] ?? MNSErrorCode(name, status, "The server gave no reason.")
    }

    /// The name.
    package var description: String { name }

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
}

extension MNSErrorCode {
    /// The key may not do this.
    package static let accessDenied = MNSErrorCode(
        "AccessDenied", 403, "The access key is not allowed to do this.")
    /// The access key id is unknown.
    package static let invalidAccessKeyID = MNSErrorCode(
        "InvalidAccessKeyId", 403, "The access key id does not exist.")
    /// The signature is another than the server's.
    package static let signatureDoesNotMatch = MNSErrorCode(
        "SignatureDoesNotMatch", 403, "The signature differs from the one that the server calculated.")
    /// The date is more than 15 minutes from the server's time.
    package static let timeExpired = MNSErrorCode(
        "TimeExpired", 408, "The request's date is more than 15 minutes from the server's time.")
    /// There is no `Authorization`.
    package static let missingAuthorizationHeader = MNSErrorCode(
        "MissingAuthorizationHeader", 400, "The header Authorization is required.")
    /// `Authorization` has another shape.
    package static let invalidAuthorizationHeader = MNSErrorCode(
        "InvalidAuthorizationHeader", 400, "The header Authorization is malformed.")
    /// There is neither `Date` nor `x-mns-date`.
    package static let missingDateHeader = MNSErrorCode(
        "MissingDateHeader", 400, "The header Date is required.")
    /// The date is none of RFC 1123.
    package static let invalidDateHeader = MNSErrorCode(
        "InvalidDateHeader", 400, "The header Date must be a date of RFC 1123 in GMT.")
    /// There is no `x-mns-version`.
    package static let missingVersionHeader = MNSErrorCode(
        "MissingVersionHeader", 400, "The header x-mns-version is required.")
    /// The body has another digest than `Content-MD5` says; the vendor spells it so.
    package static let invalidDigest = MNSErrorCode(
        "InvalidDegist", 400, "The header Content-MD5 does not belong to the body.")
    /// The path belongs to nothing, or the method does not belong to the path.
    package static let invalidRequestURL = MNSErrorCode(
        "InvalidRequestURL", 400, "The request's URL is not valid.")
    /// A query parameter is not valid.
    package static let invalidQueryString = MNSErrorCode(
        "InvalidQueryString", 400, "The request's query is not valid.")
    /// The body is not XML.
    package static let malformedXML = MNSErrorCode(
        "MalformedXML", 400, "The body is not well-formed XML.")
    /// An element or a value breaks a rule.
    package static let invalidArgument = MNSErrorCode(
        "InvalidArgument", 400, "A value is not valid.")
    /// The query lacks the receipt handle.
    package static let missingReceiptHandle = MNSErrorCode(
        "MissingReceiptHandle", 400, "ReceiptHandle is required.")
    /// The query lacks the visibility timeout.
    package static let missingVisibilityTimeout = MNSErrorCode(
        "MissingVisibilityTimeout", 400, "VisibilityTimeout is required.")
    /// The receipt handle is malformed or not the current one.
    package static let receiptHandleError = MNSErrorCode(
        "ReceiptHandleError", 400, "The receipt handle is not valid.")
    /// There is nothing to receive, or the message of a handle is gone.
    package static let messageNotExist = MNSErrorCode(
        "MessageNotExist", 404, "Message not exist.")
    /// There is no such queue.
    package static let queueNotExist = MNSErrorCode(
        "QueueNotExist", 404, "The queue does not exist.")
    /// The queue exists with other attributes.
    package static let queueAlreadyExist = MNSErrorCode(
        "QueueAlreadyExist", 409, "The queue exists with other attributes.")
    /// The queue was deleted a moment ago.
    package static let queueDeletedRecently = MNSErrorCode(
        "QueueDeletedRecently", 400, "The queue was deleted a moment ago.")
    /// The name has characters that no queue may have.
    package static let invalidQueueName = MNSErrorCode(
        "InvalidQueueName", 400,
        "A queue's name must begin with a letter or digit and hold letters, digits and hyphens only.")
    /// The name is empty or too long.
    package static let queueNameLengthError = MNSErrorCode(
        "QueueNameLengthError", 400, "A queue's name must have 1 to \(MNSLimits.queueNameLength) characters.")
    /// There are too many queues; the status is assumed.
    package static let queueNumExceededLimit = MNSErrorCode(
        "QueueNumExceededLimit", 400, "There are too many queues.")
    /// Too many requests, in the older form.
    package static let qpsLimitExceeded = MNSErrorCode(
        "QpsLimitExceeded", 400, "There are too many requests.")
    /// Too many requests, in the newer form.
    package static let tooManyRequests = MNSErrorCode(
        "TooManyRequests", 429, "There are too many requests.")
    /// A fault of the server.
    package static let internalError = MNSErrorCode(
        "InternalError", 500, "The server failed.")
    /// A fault of the server, in its other spelling.
    package static let internalServerError = MNSErrorCode(
        "InternalServerError", 500, "The server failed.")

    /// The server cannot work at the moment; the code and the status of the vendor's other products.
    package static let serviceUnavailable = MNSErrorCode(
        "ServiceUnavailable", 503,
        "The server cannot work at the moment; try again, and expect that it may have been done.")

    /// The codes about topics, which this server never answers with; their statuses are assumed.
    package static let topicCodes = [
        MNSErrorCode("TopicAlreadyExist", 409, "The topic exists with other attributes."),
        MNSErrorCode("TopicNotExist", 404, "The topic does not exist."),
        MNSErrorCode("TopicNameLengthError", 400, "The topic's name is too long or empty."),
        MNSErrorCode("TopicNameInvalid", 400, "The topic's name is not valid."),
        MNSErrorCode("SubscriptionAlreadyExist", 409, "The subscription exists with other attributes."),
        MNSErrorCode("SubscriptionNotExist", 404, "The subscription does not exist."),
        MNSErrorCode("SubscriberNotExist", 404, "The subscription does not exist."),
        MNSErrorCode("SubscriptionNameLengthError", 400, "The subscription's name is too long or empty."),
        MNSErrorCode("SubscriptionNameInvalid", 400, "The subscription's name is not valid."),
        MNSErrorCode("EndpointInvalid", 400, "The subscription's endpoint is not valid."),
    ]

    /// The whole table.
    package static let all =
        [
            accessDenied, invalidAccessKeyID, signatureDoesNotMatch, timeExpired, missingAuthorizationHeader,
            invalidAuthorizationHeader, missingDateHeader, invalidDateHeader, missingVersionHeader, invalidDigest,
            invalidRequestURL, invalidQueryString, malformedXML, invalidArgument, missingReceiptHandle,
            missingVisibilityTimeout, receiptHandleError, messageNotExist, queueNotExist, queueAlreadyExist,
            queueDeletedRecently, invalidQueueName, queueNameLengthError, queueNumExceededLimit, qpsLimitExceeded,
            tooManyRequests, internalError, internalServerError, serviceUnavailable,
        ] + topicCodes
}
