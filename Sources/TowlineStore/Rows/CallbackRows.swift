package import TowlineCore

/// How callback configurations are read and sealed.
package enum CallbackRows {
    /// Columns of a query over `callbacks c`.
    package static let columns = """
        c.account_id, c.app, c.callback_type, c.callback_url, c.event_types, c.auth_switch, c.sealed_auth_key, \
        c.mns_endpoint, c.mns_queue_name, c.is_own_queue
        """

    /// What the sealed key of a configuration is bound to.
    package static func purpose(account: AccountID, app: AppID) -> String { "callback-key:\(account):\(app)" }

    /// Reads ``columns`` with the key opened.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when the key does not open.
    package static func configuration(
        _ row: borrowing some StoredRow & ~Copyable, secretBox: SecretBox
    ) throws -> CallbackConfiguration {
        let account = AccountID(row.text(0))
        let app = AppID(row.text(1))
        var configuration = CallbackConfiguration(account: account, app: app)
        configuration.callbackType = row.text(2)
        configuration.callbackURL = row.text(3)
        configuration.eventTypeList = row.text(4)
        configuration.authSwitch = row.text(5)
        configuration.authKey = try secretBox.open(row.blob(6), for: purpose(account: account, app: app))
        configuration.mnsEndpoint = row.text(7)
        configuration.mnsQueueName = row.text(8)
        configuration.isOwnQueue = row.integer(9) != 0
        return configuration
    }
}
