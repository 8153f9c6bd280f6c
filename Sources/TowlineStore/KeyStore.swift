package import TowlineCore

/// An access key as listed: everything but its secret.
package struct AccessKeyInfo: Sendable, Hashable {
    package let id: String
    package let account: AccountID
    package let createdAt: Timestamp
    /// When it was revoked; nil while it is in force.
    package let revokedAt: Timestamp?

    /// Joins the parts of a listed key.
    package init(id: String, account: AccountID, createdAt: Timestamp, revokedAt: Timestamp?) {
        self.id = id
        self.account = account
        self.createdAt = createdAt
        self.revokedAt = revokedAt
    }
}

/// An access key with its secret in clear, for checking signatures.
package struct AccessKey: Sendable, Hashable {
    package let id: String
    package let secret: String
    package let account: AccountID
    package let isRevoked: Bool

    /// Joins the parts of a key.
    package init(id: String, secret: String, account: AccountID, isRevoked: Bool = false) {
        self.id = id
        self.secret = secret
        self.account = account
        self.isRevoked = isRevoked
    }
}

/// Access keys.
///
/// Secrets are sealed with the key file's key before they reach the database (docs/security.md).
package protocol KeyStore: Sendable {
    /// Stores a key; on stable storage before it returns. Storing the same id with the same secret again is fine.
    ///
    /// - Throws: ``StoreError`` with code `conflict` when the id exists with another secret or account.
    func createKey(_ key: AccessKey) async throws

    /// Every key, newest first, without secrets.
    func listKeys() async throws -> [AccessKeyInfo]

    /// The key with this id, its secret in clear; nil when unknown. Revoked keys are returned, marked.
    func key(_ id: String) async throws -> AccessKey?

    /// Revokes a key for good; revoking again changes nothing.
    ///
    /// - Throws: ``StoreError`` with code `notFound`.
    func revokeKey(_ id: String) async throws
}

/// Callback configurations, one for each account and application.
package protocol CallbackStore: Sendable {
    /// Replaces the configuration; on stable storage before it returns.
    ///
    /// - Throws: ``StoreError`` with code `nonceUsed`.
    func setCallback(_ configuration: CallbackConfiguration, nonce: RequestNonce?) async throws

    /// The configuration, nil where none is stored.
    func callback(account: AccountID, app: AppID) async throws -> CallbackConfiguration?

    /// Removes the configuration; removing none is fine.
    ///
    /// - Throws: ``StoreError`` with code `nonceUsed`.
    func deleteCallback(account: AccountID, app: AppID, nonce: RequestNonce?) async throws
}
