import NIOCore
import NIOHTTP1
package import TowlineCore
package import TowlineOutbound
import TowlineStore

/// Fetches sources through the guarded client, and puts its errors into the words of a job.
package struct OutboundSourceFetcher: SourceFetcher {
    private let client: OutboundClient
    private let maxRetryAfter: Duration
    private let wallClock: @Sendable () -> Timestamp

    /// A fetcher over a client that was made with the policy for sources.
    ///
    /// - Parameters:
    ///   - client: The client.
    ///   - maxRetryAfter: The longest wait that a source may ask for.
    ///   - wallClock: What dates in `Retry-After` are held against.
    package init(
        client: OutboundClient, maxRetryAfter: Duration = .seconds(3600), wallClock: @escaping @Sendable () -> Timestamp
    ) {
        self.client = client
        self.maxRetryAfter = maxRetryAfter
        self.wallClock = wallClock
    }

    package func fetch(_ request: SourceRequest) async throws -> SourceResponse {
        var outbound = OutboundRequest(url: request.url)
        for header in request.headers {
            outbound.headers.add(name: header.name, value: header.value)
            outbound.sensitiveHeaders.insert(header.name)
        }
        if let range = request.range {
            outbound.headers.add(name: "Range", value: range.text)
            outbound.headers.add(name: "If-Range", value: range.validator)
        }
        let response: OutboundResponse
        do {
            response = try await client.fetch(outbound)
        } catch {
            throw Self.translate(error)
        }
        let redirects = response.hops.map(\.line)
        let address = response.remoteAddress.description
        let status = Int(response.status.code)
        guard let failure = Self.failure(status: status, isForPart: request.range != nil) else {
            var answer = SourceResponse(
                status: status, fields: SourceFields(response.headers), contentLength: response.bodyLength,
                address: address, redirects: redirects, body: SourceBody(base: response.body))
            answer.request = RecordedRequest(response.trace, redirects: redirects)
            return answer
        }
        await response.discardBody()
        var error = SourceError(failure, httpStatus: status, address: address, redirects: redirects)
        error.request = RecordedRequest(response.trace, redirects: redirects)
        error.request?.status = status
        if failure.code.isRetryable {
            error.retryAfter = RetryAfter.wait(
                in: response.headers["Retry-After"], now: wallClock(), atMost: maxRetryAfter)
        }
        throw error
    }

    /// What a final status means for the job; nil when its body is the file, or the answer is about the part that was
    /// asked for.
    static func failure(status: Int, isForPart: Bool) -> JobFailure? {
        switch status {
        case 200, 203, 206: nil
        case 416 where isForPart: nil
        // What the source does not do at all (501, 505) it will not do later either.
        case 408, 425, 429, 500, 502...504, 506...599:
            JobFailure(.sourceUnavailable, "the source answered HTTP \(status)")
        default: JobFailure(.urlInvalid, "the source answered HTTP \(status)")
        }
    }

    static func translate(_ error: OutboundError) -> any Error {
        let code: FailureCode
        switch error.code {
        case .cancelled: return CancellationError()
        case .addressForbidden: code = .addressForbidden
        case .tooManyRedirects, .redirectInvalid: code = .tooManyRedirects
        case .dnsTimeout, .connectTimeout, .firstByteTimeout, .idleTimeout, .totalTimeout: code = .sourceTimeout
        case .truncated: code = .sourceTruncated
        case .connectFailed, .connectionClosed: code = .sourceUnavailable
        default: code = error.isRetryable ? .sourceUnavailable : .urlInvalid
        }
        let redirects = error.hops.map(\.line)
        var failure = SourceError(
            JobFailure(code, error.message), address: error.address?.description, redirects: redirects)
        failure.request = RecordedRequest(error.trace, redirects: redirects)
        return failure
    }
}

extension OutboundSourceFetcher {
    /// The failure of a body, whose request is known from its answer.
    fileprivate static func translateBody(_ error: OutboundError) -> any Error {
        var failure = translate(error)
        if var known = failure as? SourceError {
            known.request = nil
            failure = known
        }
        return failure
    }
}

extension RecordedRequest {
    /// How a request went over the network.
    init(_ trace: OutboundTrace, redirects: [String]) {
        self.init()
        self.redirects = redirects
        resolved = trace.resolvedAddresses.map(\.description)
        unreachable = trace.failedAddresses.map { "\($0.address) \($0.code)" }
        address = trace.address?.description
        lookup = trace.lookUpTime
        connect = trace.connectTime
        firstByte = trace.firstByteTime
        guard let connection = trace.connection else { return }
        tls = connection.tlsVersion
        http = connection.applicationProtocol == "h2" ? "HTTP/2" : "HTTP/1.1"
        isReused = connection.isReused
        // Which one is a setting with a login in it.
        if connection.isThroughProxy { proxy = "net.proxy" }
    }
}

/// The body of an answer, its errors in the words of a job.
private struct SourceBody: AsyncSequence, Sendable {
    let base: OutboundBody

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: OutboundBody.AsyncIterator

        mutating func next() async throws -> ByteBuffer? {
            try await next(isolation: nil)
        }

        mutating func next(isolation actor: isolated (any Actor)?) async throws -> ByteBuffer? {
            do {
                return try await base.next(isolation: actor)
            } catch {
                throw OutboundSourceFetcher.translateBody(error)
            }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: base.makeAsyncIterator()) }
}

extension SourceFields {
    /// What the header fields of an answer say about the file.
    init(_ headers: HTTPHeaders) {
        entityTags = headers["ETag"]
        lastModified = headers["Last-Modified"]
        date = headers.first(name: "Date")
        contentRanges = headers["Content-Range"]
        acceptRanges = headers.first(name: "Accept-Ranges")
    }
}

extension OutboundHop {
    /// One redirect as a line of a record.
    fileprivate var line: String { "\(status) \(maskedURL) (\(address))" }
}
