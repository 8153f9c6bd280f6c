import TowlineCore
import TowlineStore

extension CallbackRows {
    private static let find = SQL("SELECT \(columns) FROM callbacks c WHERE c.account_id = ? AND c.app = ?")

    /// Reads a configuration with its key opened; nil where none is stored.
    static func read(
        account: AccountID, app: AppID, from connection: SQLConnection, secretBox: SecretBox
    ) throws -> CallbackConfiguration? {
        try connection.first(find, .text(account.description), .text(app.description)) {
            try configuration($0, secretBox: secretBox)
        }
    }
}

extension WriteContext {
    /// The configuration of an account and application, from memory where it is known.
    func callback(account: AccountID, app: AppID) throws -> CallbackConfiguration? {
        try callbacks.configuration(.init(account: account, app: app)) {
            try CallbackRows.read(account: account, app: app, from: connection, secretBox: secretBox)
        }
    }

    /// Replaces a configuration.
    func setCallback(_ configuration: CallbackConfiguration, sealedKey: [UInt8], nonce: RequestNonce?) throws {
        try use(nonce)
        try connection.run(
            Self.replaceCallback, .text(configuration.account.description), .text(configuration.app.description),
            .text(configuration.callbackType), .text(configuration.callbackURL), .text(configuration.eventTypeList),
            .text(configuration.authSwitch), .blob(sealedKey), .time(now), .text(configuration.mnsEndpoint),
            .text(configuration.mnsQueueName), .integer(configuration.isOwnQueue ? 1 : 0))
        callbacks.forget(.init(account: configuration.account, app: configuration.app))
        if let target = configuration.target {
            _ = try callbackEndpoint(account: configuration.account, url: target.text)
        }
    }

    /// Removes a configuration where there is one.
    func deleteCallback(account: AccountID, app: AppID, nonce: RequestNonce?) throws {
        try use(nonce)
        try connection.run(Self.removeCallback, .text(account.description), .text(app.description))
        callbacks.forget(.init(account: account, app: app))
    }

    private static let replaceCallback = SQL(
        """
        INSERT OR REPLACE INTO callbacks (
          account_id, app, callback_type, callback_url, event_types, auth_switch, sealed_auth_key, changed_at,
          mns_endpoint, mns_queue_name, is_own_queue)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    private static let removeCallback = SQL("DELETE FROM callbacks WHERE account_id = ? AND app = ?")
}
