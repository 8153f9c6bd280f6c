package import TowlineCore
package import TowlineStore

extension SQLiteStore {
    package func createKey(_ key: AccessKey) async throws {
        let box = configuration.secretBox
        let sealed = try box.seal(key.secret, for: KeySQL.purpose(key.id))
        try await write(.accept) { context in
            let known = try context.connection.first(KeySQL.find, .text(key.id)) { row in
                (
                    account: row.text(0), secret: try box.open(row.blob(1), for: KeySQL.purpose(key.id)),
                    isRevoked: row.optionalTime(2) != nil
                )
            }
            if let known {
                guard known.account == key.account.description, known.secret == key.secret else {
                    throw StoreError(.conflict, "the access key \(key.id) exists with another secret or account")
                }
                guard !known.isRevoked || key.isRevoked else {
                    throw StoreError(.conflict, "the access key \(key.id) was revoked; make one with another id")
                }
                return
            }
            try context.connection.run(
                KeySQL.insert, .text(key.id), .text(key.account.description), .blob(sealed), .time(context.now),
                .time(key.isRevoked ? context.now : nil))
            context.effects.signal(.keysChanged)
        }
    }

    package func listKeys() async throws -> [AccessKeyInfo] {
        try await read { connection in
            try connection.all(KeySQL.list) { row in
                AccessKeyInfo(
                    id: row.text(0), account: AccountID(row.text(1)), createdAt: row.time(2),
                    revokedAt: row.optionalTime(3))
            }
        }
    }

    package func key(_ id: String) async throws -> AccessKey? {
        let box = configuration.secretBox
        return try await read { connection in
            try connection.first(KeySQL.find, .text(id)) { row in
                AccessKey(
                    id: id, secret: try box.open(row.blob(1), for: KeySQL.purpose(id)),
                    account: AccountID(row.text(0)), isRevoked: !row.isNull(2))
            }
        }
    }

    package func revokeKey(_ id: String) async throws {
        try await write(.accept) { context in
            guard try context.connection.change(KeySQL.revoke, .time(context.now), .text(id)) > 0 else {
                throw StoreError(.notFound, "there is no access key \(id)")
            }
            context.effects.signal(.keysChanged)
        }
    }

    package func setCallback(_ configuration: CallbackConfiguration, nonce: RequestNonce?) async throws {
        let purpose = CallbackRows.purpose(account: configuration.account, app: configuration.app)
        let sealed = try self.configuration.secretBox.seal(configuration.authKey, for: purpose)
        try await write(.accept) { try $0.setCallback(configuration, sealedKey: sealed, nonce: nonce) }
    }

    package func callback(account: AccountID, app: AppID) async throws -> CallbackConfiguration? {
        let box = configuration.secretBox
        return try await read {
            try CallbackRows.read(account: account, app: app, from: $0, secretBox: box)
        }
    }

    package func deleteCallback(account: AccountID, app: AppID, nonce: RequestNonce?) async throws {
        try await write(.accept) { try $0.deleteCallback(account: account, app: app, nonce: nonce) }
    }
}

/// The statements about access keys.
enum KeySQL {
    static let find = SQL("SELECT account_id, sealed_secret, revoked_at FROM access_keys WHERE id = ?")
    static let insert = SQL(
        "INSERT INTO access_keys (id, account_id, sealed_secret, created_at, revoked_at) VALUES (?, ?, ?, ?, ?)")
    static let list = SQL(
        "SELECT id, account_id, created_at, revoked_at FROM access_keys ORDER BY created_at DESC, id")
    static let revoke = SQL("UPDATE access_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?")

    /// What the sealed secret of a key is bound to.
    static func purpose(_ id: String) -> String { "access-key:\(id)" }
}
