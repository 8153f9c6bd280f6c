package import TowlineCore
package import TowlineStore

extension PostgresStore {
    package func createKey(_ key: AccessKey) async throws {
        let box = configuration.secretBox
        let sealed = try box.seal(key.secret, for: KeySQL.purpose(key.id))
        try await write { transaction in
            let made = try transaction.connection.change(
                KeySQL.insert, .text(key.id), .text(key.account.description), .blob(sealed), .time(transaction.now),
                .time(key.isRevoked ? transaction.now : nil))
            guard made == 0 else { return transaction.effects.signal(.keysChanged) }
            let known = try transaction.connection.first(KeySQL.find, .text(key.id)) { row in
                (
                    account: row.text(0), secret: try box.open(row.blob(1), for: KeySQL.purpose(key.id)),
                    isRevoked: !row.isNull(2)
                )
            }
            guard known?.account == key.account.description, known?.secret == key.secret else {
                throw StoreError(.conflict, "the access key \(key.id) exists with another secret or account")
            }
            guard known?.isRevoked == false || key.isRevoked else {
                throw StoreError(.conflict, "the access key \(key.id) was revoked; make one with another id")
            }
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
        try await write { transaction in
            guard try transaction.connection.change(KeySQL.revoke, .time(transaction.now), .text(id)) > 0 else {
                throw StoreError(.notFound, "there is no access key \(id)")
            }
            transaction.effects.signal(.keysChanged)
        }
    }

    package func setCallback(_ configuration: CallbackConfiguration, nonce: RequestNonce?) async throws {
        let purpose = CallbackRows.purpose(account: configuration.account, app: configuration.app)
        let sealed = try self.configuration.secretBox.seal(configuration.authKey, for: purpose)
        try await writeLate { try $0.setCallback(configuration, sealedKey: sealed, nonce: nonce) }
    }

    package func callback(account: AccountID, app: AppID) async throws -> CallbackConfiguration? {
        let box = configuration.secretBox
        return try await read { connection in
            try connection.first(CallbackSQL.find, .text(account.description), .text(app.description)) {
                try CallbackRows.configuration($0, secretBox: box)
            }
        }
    }

    package func deleteCallback(account: AccountID, app: AppID, nonce: RequestNonce?) async throws {
        try await writeLate { transaction in
            let checks = transaction.addChecks(nonces: [nonce])
            try transaction.start()
            try transaction.refuse(nonce, checks)
            try transaction.use(nonces: [nonce])
            transaction.connection.add(CallbackSQL.remove, .text(account.description), .text(app.description))
        }
    }
}

extension Transaction {
    /// Replaces a configuration.
    func setCallback(_ configuration: CallbackConfiguration, sealedKey: [UInt8], nonce: RequestNonce?) throws {
        let checks = addChecks(nonces: [nonce])
        try start()
        try refuse(nonce, checks)
        try use(nonces: [nonce])
        var group: Int64?
        if let target = configuration.target {
            try makeCallbackEndpoints([CallbackKey(account: configuration.account, url: target.text)])
            group = endpoints.callback(account: configuration.account, url: target.text)?.stored.group
        }
        connection.add(
            CallbackSQL.replace, .text(configuration.account.description), .text(configuration.app.description),
            .text(configuration.callbackType), .text(configuration.callbackURL), .text(configuration.eventTypeList),
            .text(configuration.authSwitch), .blob(sealedKey), .text(configuration.mnsEndpoint),
            .text(configuration.mnsQueueName), .boolean(configuration.isOwnQueue), .integer(group), .time(now))
    }

    /// Seals a known text with the first opening, and opens it with every later one: another key file is noticed here and
    /// not when a secret is needed.
    func checkSeal() throws {
        let purpose = "seal-check"
        connection.add(KeySQL.insertSeal, .blob(try settings.secretBox.seal("towline", for: purpose)))
        let found = connection.add(KeySQL.findSeal)
        try start()
        if let sealed = try found.result().first({ $0.blob(0) }) {
            _ = try settings.secretBox.open(sealed, for: purpose)
        }
    }
}

/// The statements about access keys.
enum KeySQL {
    static let find = SQL("SELECT account_id, sealed_secret, revoked_at FROM access_keys WHERE id = $1")
    static let insert = SQL(
        """
        INSERT INTO access_keys (id, account_id, sealed_secret, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING
        """)
    static let list = SQL(
        "SELECT id, account_id, created_at, revoked_at FROM access_keys ORDER BY created_at DESC, id")
    static let revoke = SQL("UPDATE access_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2")
    static let insertSeal = SQL("INSERT INTO seal_check (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
    static let findSeal = SQL("SELECT sealed FROM seal_check WHERE id = 1")

    /// What the sealed secret of a key is bound to.
    static func purpose(_ id: String) -> String { "access-key:\(id)" }
}

/// The statements about callback configurations.
enum CallbackSQL {
    static let find = SQL("SELECT \(CallbackRows.columns) FROM callbacks c WHERE c.account_id = $1 AND c.app = $2")
    static let replace = SQL(
        """
        INSERT INTO callbacks (
          account_id, app, callback_type, callback_url, event_types, auth_switch, sealed_auth_key, mns_endpoint,
          mns_queue_name, is_own_queue, endpoint_group, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (account_id, app) DO UPDATE SET callback_type = excluded.callback_type,
          callback_url = excluded.callback_url, event_types = excluded.event_types, auth_switch = excluded.auth_switch,
          sealed_auth_key = excluded.sealed_auth_key, mns_endpoint = excluded.mns_endpoint,
          mns_queue_name = excluded.mns_queue_name, is_own_queue = excluded.is_own_queue,
          endpoint_group = excluded.endpoint_group, changed_at = excluded.changed_at
        """)
    static let remove = SQL("DELETE FROM callbacks WHERE account_id = $1 AND app = $2")
}
