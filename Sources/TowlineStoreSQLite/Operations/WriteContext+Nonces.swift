import TowlineCore
import TowlineStore

extension WriteContext {
    /// Uses a request's nonce up, in the transaction of the call that it belongs to.
    ///
    /// - Throws: ``StoreError`` with code `nonceUsed` when it was used and is still remembered.
    func use(_ nonce: RequestNonce?) throws {
        guard let nonce else { return }
        let changed = try connection.change(
            NonceSQL.use, .text(nonce.accessKeyID), .text(nonce.value), .time(now + nonce.lifetime), .time(now))
        guard changed > 0 else { throw StoreError(.nonceUsed, "the request's nonce was used before") }
    }

    /// Takes a session id for an account and application.
    ///
    /// - Throws: ``StoreError`` with code `conflict` when it is still remembered.
    func use(session: String?, account: AccountID, app: AppID) throws {
        guard let session else { return }
        let changed = try connection.change(
            NonceSQL.useSession, .text(account.description), .text(app.description), .text(session),
            .time(now + sessionLifetime), .time(now))
        guard changed > 0 else {
            throw StoreError(
                .conflict, "the session id was used within the last \(sessionLifetime.components.seconds) s")
        }
    }

    /// Whether a session id is still remembered.
    func isTaken(session: String?, account: AccountID, app: AppID) throws -> Bool {
        guard let session else { return false }
        return try connection.first(
            NonceSQL.findSession, .text(account.description), .text(app.description), .text(session), .time(now)
        ) { _ in true } ?? false
    }

    /// Whether a nonce is still remembered.
    func isUsed(_ nonce: RequestNonce?) throws -> Bool {
        guard let nonce else { return false }
        return try connection.first(
            NonceSQL.find, .text(nonce.accessKeyID), .text(nonce.value), .time(now)
        ) { _ in true } ?? false
    }

    /// Removes nonces and session ids whose time is over, at most `limit` rows.
    func prune(limit: Int) throws -> Int {
        let nonces = try connection.change(NonceSQL.prune, .time(now), .integer(limit))
        guard nonces < limit else { return nonces }
        return nonces + (try connection.change(NonceSQL.pruneSessions, .time(now), .integer(limit - nonces)))
    }
}

/// The statements about what is remembered of requests.
enum NonceSQL {
    static let find = SQL("SELECT 1 FROM nonces WHERE access_key_id = ? AND value = ? AND expires_at > ?")
    static let use = SQL(
        """
        INSERT INTO nonces (access_key_id, value, expires_at) VALUES (?, ?, ?)
        ON CONFLICT (access_key_id, value) DO UPDATE SET expires_at = excluded.expires_at WHERE expires_at <= ?
        """)
    static let findSession = SQL(
        "SELECT 1 FROM sessions WHERE account_id = ? AND app = ? AND session_id = ? AND expires_at > ?")
    static let useSession = SQL(
        """
        INSERT INTO sessions (account_id, app, session_id, expires_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (account_id, app, session_id)
        DO UPDATE SET expires_at = excluded.expires_at WHERE expires_at <= ?
        """)
    static let prune = SQL(
        """
        DELETE FROM nonces WHERE (access_key_id, value) IN (
          SELECT access_key_id, value FROM nonces WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
        """)
    static let pruneSessions = SQL(
        """
        DELETE FROM sessions WHERE (account_id, app, session_id) IN (
          SELECT account_id, app, session_id FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
        """)
}
