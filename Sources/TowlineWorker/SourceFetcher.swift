package import NIOCore
package import TowlineCore
package import TowlineStore

/// Where an engine gets bytes from: the guarded client, or a script in tests.
package protocol SourceFetcher: Sendable {
    /// Asks a source for its bytes, following redirects.
    ///
    /// - Returns: The answer, its body unread: status 200, 203 or 206, and 416 where a range was asked for.
    /// - Throws: ``SourceError`` for everything that went wrong before the body; `CancellationError`.
    func fetch(_ request: SourceRequest) async throws -> SourceResponse
}

/// What a source is asked for.
package struct SourceRequest: Sendable {
    package let url: HTTPURL
    /// The part that is wanted; nil for the whole file.
    package let range: SourceRange?
    /// Further header fields: secrets, for the URL's own origin only.
    package let headers: [SourceHeader]

    /// Joins a URL with the part of its file that is wanted.
    package init(url: HTTPURL, range: SourceRange? = nil, headers: [SourceHeader] = []) {
        self.url = url
        self.range = range
        self.headers = headers
    }
}

/// A part of one version of a file.
package struct SourceRange: Sendable, Hashable {
    /// The first byte, from 0.
    package let first: Int64
    /// The last byte; nil for the end of the file.
    package let last: Int64?
    /// The strong validator of the version, for `If-Range`.
    package let validator: String

    /// Joins a place with a version.
    package init(first: Int64, last: Int64? = nil, validator: String) {
        self.first = first
        self.last = last
        self.validator = validator
    }
}

/// What the header fields of an answer say about the file and the part of it that follows.
package struct SourceFields: Sendable, Hashable {
    /// Every `ETag` field.
    package var entityTags: [String] = []
    /// Every `Last-Modified` field.
    package var lastModified: [String] = []
    /// The `Date` field.
    package var date: String?
    /// Every `Content-Range` field.
    package var contentRanges: [String] = []
    /// The `Accept-Ranges` field.
    package var acceptRanges: String?

    /// Fields of which none was sent.
    package init() {}
}

/// The answer of a source.
package struct SourceResponse: Sendable {
    package var status: Int
    package var fields: SourceFields
    /// What the source announced; nil when it did not.
    package var contentLength: Int64?
    /// The address that was connected.
    package var address: String?
    /// Redirects that were followed, masked.
    package var redirects: [String]
    /// How the request went over the network; nil where that is not known.
    package var request: RecordedRequest?
    /// The bytes.
    ///
    /// Iterated once, or dropped; throws ``SourceError``, also when the body ends before its length.
    package var body: any AsyncSequence<ByteBuffer, any Error> & Sendable

    /// Joins the parts of an answer.
    package init(
        status: Int, fields: SourceFields = SourceFields(), contentLength: Int64?, address: String?,
        redirects: [String], body: any AsyncSequence<ByteBuffer, any Error> & Sendable
    ) {
        self.status = status
        self.fields = fields
        self.contentLength = contentLength
        self.address = address
        self.redirects = redirects
        self.body = body
    }
}

/// Why a source gave no bytes, with what is known about the attempt.
package struct SourceError: Error, Sendable {
    package var failure: JobFailure
    package var httpStatus: Int?
    package var address: String?
    package var redirects: [String]
    /// How long the source asks to be left alone.
    package var retryAfter: Duration?
    /// How the request went over the network; nil where that is not known.
    package var request: RecordedRequest?

    /// Joins a failure with what is known.
    package init(
        _ failure: JobFailure, httpStatus: Int? = nil, address: String? = nil, redirects: [String] = [],
        retryAfter: Duration? = nil
    ) {
        self.failure = failure
        self.httpStatus = httpStatus
        self.address = address
        self.redirects = redirects
        self.retryAfter = retryAfter
    }
}
