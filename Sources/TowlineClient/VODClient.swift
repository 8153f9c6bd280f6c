public import AsyncHTTPClient
import VODSignatures

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Calls the VOD actions of URL upload, signed with ACS3-HMAC-SHA256.
///
/// Works against Towline and against every other server that speaks version 2017-03-21 of the VOD API. Every call is one
/// `POST /` with the parameters in a form body, so that long lists of URLs are fine. Nothing is retried and no redirect is
/// followed: a call that failed with ``VODClientError/Kind/timeout`` or ``VODClientError/Kind/unreachable`` may have been
/// carried out, and who submits again without a session id gets second jobs. A client is a value without state of its
/// own; it may be copied and used from any task. Wire reference: vod-api 1, 2, 4 and 9.4.
public struct VODClient: Sendable {
    let endpoint: Endpoint
    let credentials: Credentials
    let caller: HTTPCaller
    /// Wall-clock time in seconds since 1970, for `x-acs-date`.
    var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    /// A fresh text for `x-acs-signature-nonce`.
    var nonce: @Sendable () -> String = VODClient.randomNonce

    /// Makes a client for one server and one access key.
    ///
    /// - Parameters:
    ///   - endpoint: `http://` or `https://`, a host and perhaps a port, such as `http://127.0.0.1:8787`.
    ///   - accessKeyID: The access key id.
    ///   - accessKeySecret: The access key secret; it never leaves the process.
    ///   - securityToken: The token of temporary keys; nil for permanent ones.
    ///   - timeout: How long one call may take in all, from connecting to the last byte of the answer.
    ///   - httpClient: A client of your own, for a proxy or another trust store; it should not follow redirects, and stays
    ///     yours to shut down. By default one of the process is used, which connects within 5 seconds or not at all.
    /// - Throws: ``VODClientError`` of kind ``VODClientError/Kind/invalidRequest`` when the endpoint is no such URL or a
    ///   key is empty.
    public init(
        endpoint: String, accessKeyID: String, accessKeySecret: String, securityToken: String? = nil,
        timeout: Duration = .seconds(10), httpClient: HTTPClient? = nil
    ) throws(VODClientError) {
        self.endpoint = try Endpoint(endpoint)
        guard !accessKeyID.isEmpty, accessKeyID.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2C }) else {
            throw .invalidRequest("The access key id must be printable ASCII without blanks and commas.")
        }
        guard !accessKeySecret.isEmpty else { throw .invalidRequest("The access key secret must not be empty.") }
        credentials = Credentials(id: accessKeyID, secret: accessKeySecret, token: securityToken)
        caller = HTTPCaller(timeout: timeout, client: httpClient)
    }

    /// Submits 1 to 20 sources; each becomes a job of its own.
    ///
    /// - Parameter request: The sources and what is said about all of them.
    /// - Returns: One job for each source, in the order of the request where the server keeps it, as Towline does.
    /// - Throws: ``VODClientError``: when the server refuses, it has accepted none of the sources. `CancellationError`
    ///   when the task was cancelled; the server may have accepted the jobs all the same.
    public func uploadMediaByURL(_ request: UploadMediaByURLRequest) async throws -> UploadMediaByURLResponse {
        try await call("UploadMediaByURL", try request.parameters())
    }

    /// Asks where jobs stand, by their ids.
    ///
    /// - Parameter jobIDs: 1 to 10 ids.
    /// - Returns: A record for each job that exists; the other ids are in ``GetURLUploadInfosResponse/nonExistent``.
    /// - Throws: ``VODClientError``, or `CancellationError`.
    public func getURLUploadInfos(jobIDs: [String]) async throws -> GetURLUploadInfosResponse {
        try await call("GetURLUploadInfos", [("JobIds", try Self.list(jobIDs, "jobIDs"))])
    }

    /// Asks where jobs stand, by the URLs of their sources.
    ///
    /// - Parameter uploadURLs: 1 to 10 URLs as they were submitted, not encoded.
    /// - Returns: Every job of each URL, at most 100; URLs without a job are in
    ///   ``GetURLUploadInfosResponse/nonExistent``.
    /// - Throws: ``VODClientError``, or `CancellationError`.
    public func getURLUploadInfos(uploadURLs: [String]) async throws -> GetURLUploadInfosResponse {
        let urls = try Self.encodedList(uploadURLs, "uploadURLs", limit: Self.queryLimit)
        return try await call("GetURLUploadInfos", [("UploadURLs", urls)])
    }

    /// Cancels jobs that have not started, by their ids.
    ///
    /// - Parameter jobIDs: 1 to 10 ids.
    /// - Returns: What was cancelled and what does not exist; a job that has started is in neither list.
    /// - Throws: ``VODClientError``, or `CancellationError`.
    public func cancelURLUploadJobs(jobIDs: [String]) async throws -> CancelURLUploadJobsResponse {
        try await call("CancelUrlUploadJobs", [("JobIds", try Self.list(jobIDs, "jobIDs"))])
    }

    /// Cancels jobs that have not started, by the URLs of their sources.
    ///
    /// - Parameter uploadURLs: 1 to 10 URLs as they were submitted, not encoded.
    /// - Returns: As ``cancelURLUploadJobs(jobIDs:)``.
    /// - Throws: ``VODClientError``, or `CancellationError`.
    public func cancelURLUploadJobs(uploadURLs: [String]) async throws -> CancelURLUploadJobsResponse {
        let urls = try Self.encodedList(uploadURLs, "uploadURLs", limit: Self.queryLimit)
        return try await call("CancelUrlUploadJobs", [("UploadUrls", urls)])
    }

    /// Sets where the events of an application go, as a whole: what was set before is gone.
    ///
    /// - Parameter callback: The new configuration.
    /// - Returns: The request id of the call.
    /// - Throws: ``VODClientError``, or `CancellationError`.
    @discardableResult
    public func setMessageCallback(_ callback: MessageCallback) async throws -> String {
        let answer: RequestIDAnswer = try await call("SetMessageCallback", callback.parameters)
        return answer.requestID
    }

    /// Reads where the events of an application go.
    ///
    /// - Parameter appID: The application; nil for the default, `app-1000000`.
    /// - Returns: The configuration with its AuthKey in clear, or nil when none is set.
    /// - Throws: ``VODClientError``, or `CancellationError`.
    public func getMessageCallback(appID: String? = nil) async throws -> MessageCallback? {
        let answer: MessageCallbackAnswer = try await call("GetMessageCallback", Self.application(appID))
        return answer.callback
    }

    /// Removes where the events of an application go.
    ///
    /// - Parameter appID: The application; nil for the default, `app-1000000`.
    /// - Returns: The request id of the call.
    /// - Throws: ``VODClientError``, or `CancellationError`.
    @discardableResult
    public func deleteMessageCallback(appID: String? = nil) async throws -> String {
        let answer: RequestIDAnswer = try await call("DeleteMessageCallback", Self.application(appID))
        return answer.requestID
    }
}
