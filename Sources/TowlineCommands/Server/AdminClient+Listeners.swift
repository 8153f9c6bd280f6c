import Foundation
import TowlineClient
import TowlineCore
import VODSignatures

/// The POST of an event as it would be sent now.
struct SignedEventRequest: Sendable {
    /// What the signature covers.
    let url: String
    let headers: [NameValuePair]
    let body: [UInt8]

    /// Reads the answer of the admin API; nil when it is none.
    init?(_ json: JSONValue) {
        guard let url = json["url"]?.string, let pairs = json["headers"]?.elements, let text = json["body"]?.string,
            let body = Data(base64Encoded: text)
        else { return nil }
        var headers: [NameValuePair] = []
        for pair in pairs {
            guard let parts = pair.elements, parts.count == 2, let name = parts[0].string, let value = parts[1].string
            else { return nil }
            headers.append((name: name, value: value))
        }
        self.url = url
        self.headers = headers
        self.body = Array(body)
    }
}

extension AdminClient {
    /// Every listener.
    func listeners() async throws -> [JSONValue] {
        guard let listeners = try await call(.GET, "/listeners")["listeners"]?.elements else {
            throw notTowline(status: 200)
        }
        return listeners
    }

    /// Makes a listener, or gives the one of that name, whose place stays as it is.
    func openListener(_ name: String, from start: String, account: String?) async throws -> JSONValue {
        let body = JSONValue.members(["from": .string(start), "account": account.json])
        return try await call(.POST, Self.path(name), body: body)
    }

    /// The next events of a listener, in their order; waits for one for a while.
    ///
    /// - Parameters:
    ///   - name: The listener.
    ///   - limit: Most events to get.
    ///   - wait: How long the server waits when there is none, at most 30 seconds.
    /// - Returns: The events as the admin API shows them, without deliveries; none when none came.
    /// - Throws: ``AdminClientError`` with status 404 for an unknown listener, or `CancellationError`.
    func events(for name: String, limit: Int, wait: Duration) async throws -> [JSONValue] {
        let seconds = wait.components.seconds
        let answer = try await call(
            .GET, "\(Self.path(name))/events?limit=\(limit)&wait=\(seconds)", timeout: wait + .seconds(10))
        guard let events = answer["events"]?.elements else { throw notTowline(status: 200) }
        return events
    }

    /// Moves a listener's place behind an event.
    func acknowledge(_ event: String, by name: String) async throws {
        _ = try await call(.POST, Self.path(name) + "/acknowledge", body: .members(["event": .string(event)]))
    }

    /// The POST of an event, signed now.
    ///
    /// - Parameters:
    ///   - event: The event.
    ///   - url: The URL that is signed; nil for the configured callback's, if there is one.
    /// - Returns: The request with a signature of this moment, if a key is configured.
    /// - Throws: ``AdminClientError`` with status 400 when there is no URL to sign, or `CancellationError`.
    func request(of event: String, signedFor url: String?) async throws -> SignedEventRequest {
        let query = url.map { "?" + FormCoding.encode([(name: "url", value: $0)]) } ?? ""
        let answer = try await call(.GET, "/events/\(PercentEncoding.encode(event))/request\(query)")
        guard let request = SignedEventRequest(answer) else { throw notTowline(status: 200) }
        return request
    }

    private static func path(_ name: String) -> String { "/listeners/\(PercentEncoding.encode(name))" }
}
