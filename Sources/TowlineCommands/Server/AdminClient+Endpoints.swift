import TowlineClient
import TowlineCore
import VODSignatures

extension AdminClient {
    /// An endpoint with what waits for it.
    func endpoint(_ id: String) async throws -> JSONValue {
        try await call(.GET, Self.path(id))
    }

    /// Makes a subscription; the answer holds a webhook secret only where the server made one.
    func createEndpoint(_ members: JSONValue) async throws -> JSONValue {
        try await call(.POST, "/endpoints", body: members)
    }

    /// Changes the options that are named; null gives one back to the settings.
    func setEndpoint(_ id: String, _ members: JSONValue) async throws -> JSONValue {
        try await call(.POST, Self.path(id), body: members)
    }

    /// Makes an endpoint as healthy as a new one.
    func enableEndpoint(_ id: String) async throws -> JSONValue {
        try await call(.POST, Self.path(id) + "/enable")
    }

    /// Holds an endpoint's deliveries until it is enabled.
    func disableEndpoint(_ id: String, reason: String?) async throws -> JSONValue {
        try await call(.POST, Self.path(id) + "/disable", body: .members(["reason": reason.json]))
    }

    /// Removes a subscription.
    func removeEndpoint(_ id: String) async throws -> JSONValue {
        try await call(.DELETE, Self.path(id))
    }

    /// Sets what signs `webhook-signature`.
    ///
    /// - Parameters:
    ///   - secret: `generate`, or a secret in text form; nil ends signing.
    ///   - id: The endpoint.
    ///   - seconds: How long the secret before signs beside it; nil for the server's default.
    /// - Returns: The endpoint, with the secret where the server made one.
    /// - Throws: ``AdminClientError``, or `CancellationError`.
    func setWebhookSecret(
        _ secret: String?, of id: String, keepingPreviousFor seconds: Int?
    ) async throws -> JSONValue {
        let body = JSONValue.members([
            "secret": secret.json ?? .null, "keepPreviousSeconds": seconds.map { .integer($0) },
        ])
        return try await call(.POST, Self.path(id) + "/secret", body: body)
    }

    private static func path(_ id: String) -> String { "/endpoints/\(PercentEncoding.encode(id))" }
}
