package import AsyncHTTPClient
import NIOCore
import NIOHTTP1
package import VODSignatures

/// One exchange with an HTTP server: no redirects, no retries, a limit on time and on the size of the answer.
package struct HTTPCaller: Sendable {
    /// What a server answered.
    package struct Answer: Sendable {
        /// The HTTP status.
        package let status: Int
        /// The headers in the order of the answer.
        package let headers: [NameValuePair]
        /// The whole body, at most ``HTTPCaller/maxAnswerBytes``.
        package let body: [UInt8]

        /// The value of the first header with a name, in any case.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name }?.value
        }
    }

    /// The methods that are in use.
    package enum Method: String, Sendable {
        case GET
        case POST
    }

    /// Why there is no answer.
    package struct Failure: Error, Sendable {
        /// The kinds of failures.
        package enum Kind: Sendable, Hashable {
            /// No connection could be made, or it broke.
            case unreachable
            /// The time was up.
            case timeout
            /// The answer has more than ``HTTPCaller/maxAnswerBytes``.
            case tooLarge
        }
        /// The kind.
        package let kind: Kind
        /// A few words about the cause, such as `connection refused`.
        package let detail: String
        /// What the HTTP client threw.
        package let cause: any Error
    }

    /// Bytes of an answer's body that are read at most.
    package static let maxAnswerBytes = 16 << 20

    private let timeout: Duration
    private let client: HTTPClient

    /// Lives as long as the process, like the singletons of the HTTP client itself.
    private static let processClient: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout = HTTPClient.Configuration.Timeout(connect: .seconds(5))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        return HTTPClient(configuration: configuration)
    }()

    /// Sets the limits.
    ///
    /// - Parameters:
    ///   - timeout: How long one exchange may take in all.
    ///   - client: The HTTP client to use; nil for that of the process.
    package init(timeout: Duration, client: HTTPClient? = nil) {
        self.timeout = timeout
        self.client = client ?? Self.processClient
    }

    /// Sends a request and collects the answer.
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - url: The whole URL, encoded.
    ///   - headers: The headers; those that the body needs are added.
    ///   - body: The body; empty for none.
    /// - Returns: The answer, whatever its status.
    /// - Throws: ``Failure`` when there is no answer, `CancellationError` when the task was cancelled.
    package func send(method: Method, url: String, headers: [NameValuePair], body: [UInt8] = []) async throws -> Answer
    {
        try Task.checkCancellation()
        var request = HTTPClientRequest(url: url)
        request.method = method == .GET ? .GET : .POST
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        if !body.isEmpty || method == .POST { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            let response = try await client.execute(request, deadline: .now() + TimeAmount(timeout))
            let buffer = try await response.body.collect(upTo: Self.maxAnswerBytes)
            return Answer(
                status: Int(response.status.code),
                headers: response.headers.map { (name: $0.name, value: $0.value) },
                body: Array(buffer.readableBytesView))
        } catch {
            if Task.isCancelled || error is CancellationError { throw CancellationError() }
            throw Failure(error)
        }
    }
}

extension HTTPCaller.Failure {
    /// Sorts what the HTTP client threw.
    init(_ error: any Error) {
        cause = error
        switch error {
        case is NIOTooManyBytesError:
            kind = .tooLarge
            detail = "the answer is too large"
        case let error as HTTPClientError where Self.timeouts.contains(error):
            kind = .timeout
            detail = "no answer in time"
        case let error as HTTPClientError where error == .connectTimeout:
            kind = .unreachable
            detail = "no connection in time"
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            kind = .unreachable
            detail = "the connection was closed"
        case let error as HTTPClientError:
            kind = .unreachable
            detail = error.shortDescription
        case let error as IOError:
            kind = .unreachable
            detail = Self.words(forErrno: error.errnoCode)
        case ChannelError.connectTimeout:
            kind = .unreachable
            detail = "no connection in time"
        default:
            kind = .unreachable
            detail = "no connection"
        }
    }

    private static let timeouts: [HTTPClientError] = [
        .deadlineExceeded, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout,
    ]
}
