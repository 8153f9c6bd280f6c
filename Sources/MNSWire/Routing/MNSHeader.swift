/// The headers of the queue protocol, with the case that each must have on the wire.
///
/// Answers mix cases: two official clients look up `x-mns-request-id` in lower case only, one looks up `Location` in
/// title case only. Wire reference: mns-api 1.2 and 1.3.
package enum MNSHeader {
    /// The id of a request, 24 upper-case hexadecimal digits.
    package static let requestID = "x-mns-request-id"
    /// The version of the protocol.
    package static let version = "x-mns-version"
    /// The only version there is.
    package static let versionValue = "2015-06-06"
    /// What may stand instead of `Date`.
    package static let date = "x-mns-date"
    /// The token of temporary credentials; not signed.
    package static let securityToken = "security-token"
    /// Where a created queue is; on 201 and on 204.
    package static let location = "Location"
    /// The type of every body of an answer; one client ignores a body of another type.
    package static let answerContentType = "text/xml;charset=utf-8"
    /// The type of every body of a request.
    package static let requestContentType = "text/xml;charset=UTF-8"
    /// Only queues with this prefix.
    package static let listPrefix = "x-mns-prefix"
    /// Where a page begins.
    package static let listMarker = "x-mns-marker"
    /// How long a page is.
    package static let listPageSize = "x-mns-ret-number"
    /// Whether queues come with all attributes.
    package static let listWithMetadata = "x-mns-with-meta"
}
