package import TowlineClient
package import TowlineCore
import VODSignatures

/// Calls the admin API of a server (interface.md, "Admin API").
package struct AdminClient: Sendable {
    private let endpoint: Endpoint
    private let token: String?
    private let caller: HTTPCaller

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - endpoint: The admin listener.
    ///   - token: What it wants to be shown; nil for none.
    ///   - timeout: How long one call may take in all.
    package init(endpoint: Endpoint, token: String?, timeout: Duration = .seconds(10)) {
        self.endpoint = endpoint
        self.token = token
        caller = HTTPCaller(timeout: timeout)
    }

    /// A job with its attempts, events and deliveries, as the server writes it.
    ///
    /// - Throws: ``AdminClientError`` with status 404 when there is no such job, or `CancellationError`.
    package func job(_ id: String) async throws -> JSONValue {
        try await call(.GET, "/jobs/\(PercentEncoding.encode(id))")
    }

    /// Cancels a job; one that has ended is a conflict.
    ///
    /// - Throws: ``AdminClientError`` with status 404 or 409, or `CancellationError`.
    package func cancel(_ id: String) async throws -> JSONValue {
        try await call(.POST, "/jobs/\(PercentEncoding.encode(id))/cancel")
    }

    /// Starts the next run of a job that failed or was cancelled; any other state is a conflict.
    ///
    /// - Throws: ``AdminClientError`` with status 404 or 409, or `CancellationError`.
    package func retry(_ id: String) async throws -> JSONValue {
        try await call(.POST, "/jobs/\(PercentEncoding.encode(id))/retry")
    }

    /// Every access key, without secrets.
    package func keys() async throws -> [JSONValue] {
        guard let keys = try await call(.GET, "/keys")["keys"]?.elements else { throw notTowline(status: 200) }
        return keys
    }

    /// Makes an access key; what is nil is chosen by the server.
    package func createKey(id: String?, secret: String?, account: String?) async throws -> JSONValue {
        let body = JSONValue.members(["id": id.json, "secret": secret.json, "account": account.json])
        return try await call(.POST, "/keys", body: body)
    }

    /// Revokes an access key.
    package func revokeKey(_ id: String) async throws -> JSONValue {
        try await call(.POST, "/keys/\(PercentEncoding.encode(id))/revoke")
    }

    /// Makes one call.
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - path: The path below `/api/v1` with its query, encoded.
    ///   - body: A JSON body, or none.
    ///   - timeout: How long this call may take in all; nil for the client's own.
    /// - Returns: The object of the answer; an empty one where the server says nothing but success.
    /// - Throws: ``AdminClientError``, or `CancellationError`.
    func call(
        _ method: HTTPCaller.Method, _ path: String, body: JSONValue? = nil, timeout: Duration? = nil
    ) async throws -> JSONValue {
        var headers: [NameValuePair] = [("accept", "application/json"), ("user-agent", "towline")]
        if let token { headers.append(("authorization", "Bearer \(token)")) }
        if body != nil { headers.append(("content-type", "application/json")) }
        let answer: HTTPCaller.Answer
        do {
            answer = try await caller.send(
                method: method, url: "\(endpoint.url)/api/v1\(path)", headers: headers, body: body?.utf8 ?? [],
                timeout: timeout)
        } catch let failure as HTTPCaller.Failure {
            throw AdminClientError(failure, endpoint: endpoint.url)
        }
        let isSuccess = (200..<300).contains(answer.status)
        if isSuccess, answer.body.isEmpty { return .object([]) }
        var limits = JSONParser.Limits()
        limits.maxBytes = HTTPCaller.maxAnswerBytes
        guard let value = try? JSONParser.parse(answer.body, limits: limits), case .object = value else {
            throw notTowline(status: answer.status)
        }
        guard isSuccess else {
            guard let message = value["error"]?["message"]?.string else { throw notTowline(status: answer.status) }
            throw AdminClientError(kind: .refused, status: answer.status, message: message)
        }
        return value
    }

    /// The error for an answer that does not look like one of the admin API.
    func notTowline(status: Int) -> AdminClientError {
        AdminClientError(
            kind: .unexpectedAnswer, status: status,
            message: "\(endpoint.url) is no admin API of Towline (it answered with HTTP \(status))")
    }
}
