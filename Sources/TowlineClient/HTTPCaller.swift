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
        case PUT
        case DELETE
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
    private static let processClient = HTTPClient(configuration: configuration)

    /// As ``processClient``, with a connection for each exchange.
    private static let singleUseClient: HTTPClient = {
        var configuration = Self.configuration
        configuration.maximumUsesPerConnection = 1
        return HTTPClient(configuration: configuration)
    }()

    private static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout = HTTPClient.Configuration.Timeout(connect: .seconds(5))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        return configuration
    }

    /// Sets the limits.
    ///
    /// - Parameters:
    ///   - timeout: How long one exchange may take in all.
    ///   - client: The HTTP client to use; nil for that of the process.
    package init(timeout: Duration, client: HTTPClient? = nil) {
        self.timeout = timeout
        self.client = client ?? Self.processClient
    }

    /// A caller that opens a connection for each exchange, for servers that may close an idle one at any time.
    ///
    /// - Parameter timeout: How long one exchange may take in all.
    /// - Returns: A caller that has not connected yet.
    package static func connectingAnew(timeout: Duration) -> HTTPCaller {
        HTTPCaller(timeout: timeout, client: singleUseClient)
    }

    /// Sends a request and collects the answer.
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - url: The whole URL, encoded.
    ///   - headers: The headers; those that the body needs are added.
    ///   - body: The body; empty for none.
    ///   - timeout: How long this exchange may take in all; nil for the caller's own.
    /// - Returns: The answer, whatever its status.
    /// - Throws: ``Failure`` when there is no answer, `CancellationError` when the task was cancelled.
    package func send(
        method: Method, url: String, headers: [NameValuePair], body: [UInt8] = [], timeout: Duration? = nil
    ) async throws -> Answer {
        let (answer, end) = try await exchange(
            method: method, url: url, headers: headers, body: body, timeout: timeout ?? self.timeout,
            limit: Self.maxAnswerBytes)
        switch end {
        case .whole: return answer
        case .cut: throw Failure(NIOTooManyBytesError(maxBytes: Self.maxAnswerBytes))
        case .late: throw Failure(HTTPClientError.deadlineExceeded)
        case .broken(let error): throw Failure(error)
        }
    }

    /// Sends a request and reads the beginning of the answer's body; what happens after the status cannot undo it.
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - url: The whole URL, encoded.
    ///   - headers: The headers; those that the body needs are added.
    ///   - body: The body; empty for none.
    ///   - limit: Bytes of the answer's body that are read at most.
    /// - Returns: The answer, whatever its status, with as much of its body as came within the limits.
    /// - Throws: ``Failure`` when there is no status, `CancellationError` when the task was cancelled.
    package func sendReadingBeginning(
        method: Method, url: String, headers: [NameValuePair], body: [UInt8] = [], limit: Int
    ) async throws -> Answer {
        try await exchange(
            method: method, url: url, headers: headers, body: body, timeout: timeout, limit: limit
        ).answer
    }

    private func exchange(
        method: Method, url: String, headers: [NameValuePair], body: [UInt8], timeout: Duration, limit: Int
    ) async throws -> (answer: Answer, end: BodyEnd) {
        try Task.checkCancellation()
        let deadline = ContinuousClock.now + timeout
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method.rawValue)
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        if !body.isEmpty || method == .POST { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            let response = try await client.execute(request, deadline: .now() + TimeAmount(timeout))
            let read = await Self.read(response.body, limit: limit, until: deadline)
            try Task.checkCancellation()
            let answer = Answer(
                status: Int(response.status.code),
                headers: response.headers.map { (name: $0.name, value: $0.value) },
                body: Array(read.bytes.readableBytesView))
            return (answer, read.end)
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
