package import NIOCore
package import TowlineCore

/// Where an engine gets bytes from: the guarded client, or a script in tests.
package protocol SourceFetcher: Sendable {
    /// Asks a source for its bytes, following redirects.
    ///
    /// - Returns: The answer with status 2xx, its body unread.
    /// - Throws: ``SourceError`` for everything that went wrong before the body; `CancellationError`.
    func fetch(_ url: HTTPURL) async throws -> SourceResponse
}

/// The answer of a source.
package struct SourceResponse: Sendable {
    package var status: Int
    /// What the source announced; nil when it did not.
    package var contentLength: Int64?
    /// The address that was connected.
    package var address: String?
    /// Redirects that were followed, masked.
    package var redirects: [String]
    /// The bytes.
    ///
    /// Iterated once; throws ``SourceError``, also when the body ends before its length.
    package var body: any AsyncSequence<ByteBuffer, any Error> & Sendable

    /// Joins the parts of an answer.
    package init(
        status: Int, contentLength: Int64?, address: String?, redirects: [String],
        body: any AsyncSequence<ByteBuffer, any Error> & Sendable
    ) {
        self.status = status
        self.contentLength = contentLength
        self.address = address
        self.redirects = redirects
        self.body = body
    }
}

/// Why a source gave no bytes, with what is known about the attempt.
package struct SourceError: Error, Sendable {
    package let failure: JobFailure
    package var httpStatus: Int?
    package var address: String?
    package var redirects: [String]

    /// Joins a failure with what is known.
    package init(
        _ failure: JobFailure, httpStatus: Int? = nil, address: String? = nil, redirects: [String] = []
    ) {
        self.failure = failure
        self.httpStatus = httpStatus
        self.address = address
        self.redirects = redirects
    }
}
