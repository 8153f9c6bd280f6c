import TowlineCore
import TowlineStore

/// What was asked about nonces and session ids of some calls.
struct MarkChecks {
    let nonces: PostgresPending?
    let sessions: PostgresPending?
}

private struct SessionKey: Hashable {
    let account: AccountID
    let app: AppID
    let id: String
}

extension Transaction {
    /// Asks which nonces and session ids are still remembered.
    func addChecks(nonces: [RequestNonce?], sessions: [JobSubmission] = []) -> MarkChecks {
        let nonces = nonces.compactMap(\.self)
        let named = sessions.filter { $0.sessionID != nil }
        return MarkChecks(
            nonces: nonces.isEmpty
                ? nil
                : connection.add(
                    NonceSQL.find, .texts(nonces.map(\.accessKeyID)), .texts(nonces.map(\.value)), offset),
            sessions: named.isEmpty
                ? nil
                : connection.add(
                    NonceSQL.findSessions, .texts(named.map(\.account.description)),
                    .texts(named.map(\.app.description)), .texts(named.map(\.sessionID)), offset))
    }

    /// Why each call is refused; nil for those that are not.
    ///
    /// Of two calls with the same mark the second is.
    func refusals(of submissions: [JobSubmission], _ checks: MarkChecks) throws -> [StoreError?] {
        var nonces = try usedNonces(checks)
        var sessions: Set<SessionKey> = []
        try checks.sessions?.result().forEach { row in
            sessions.insert(SessionKey(account: AccountID(row.text(0)), app: AppID(row.text(1)), id: row.text(2)))
        }
        return submissions.map { submission in
            if let nonce = submission.nonce, nonces.contains(nonce.mark) { return Self.nonceUsed }
            if let id = submission.sessionID {
                let key = SessionKey(account: submission.account, app: submission.app, id: id)
                guard sessions.insert(key).inserted else {
                    let time = settings.sessionLifetime.components.seconds
                    return StoreError(.conflict, "the session id was used within the last \(time) s")
                }
            }
            if let nonce = submission.nonce { nonces.insert(nonce.mark) }
            return nil
        }
    }

    /// Refuses a call whose nonce was used.
    func refuse(_ nonce: RequestNonce?, _ checks: MarkChecks) throws {
        if let nonce, try usedNonces(checks).contains(nonce.mark) { throw Self.nonceUsed }
    }

    /// Uses nonces up, and takes session ids, that were free when they were looked up.
    ///
    /// - Throws: ``PostgresFailure`` that lets the transaction run again when another has taken one since.
    func use(nonces: [RequestNonce?], sessions: [JobSubmission] = []) throws {
        let nonces = nonces.compactMap(\.self).sorted { $0.mark < $1.mark }
        let named = sessions.filter { $0.sessionID != nil }.sorted {
            ($0.account.description, $0.app.description, $0.sessionID ?? "")
                < ($1.account.description, $1.app.description, $1.sessionID ?? "")
        }
        guard !nonces.isEmpty || !named.isEmpty else { return }
        let used = connection.add(
            NonceSQL.use, .texts(nonces.map(\.accessKeyID)), .texts(nonces.map(\.value)),
            .integers(nonces.map { (now + $0.lifetime).milliseconds }), .time(now))
        let taken = connection.add(
            NonceSQL.useSessions, .texts(named.map(\.account.description)), .texts(named.map(\.app.description)),
            .texts(named.map(\.sessionID)), .time(now + settings.sessionLifetime), .time(now))
        try connection.flush()
        guard try used.result().changed == nonces.count, try taken.result().changed == named.count else {
            throw PostgresFailure(state: "40001", message: "another call has used a nonce or session id meanwhile")
        }
    }

    /// Removes nonces and session ids whose time is over, at most `limit` rows.
    func prune(limit: Int) throws -> Int {
        let nonces = try connection.change(NonceSQL.prune, .time(now), .integer(limit))
        guard nonces < limit else { return nonces }
        return nonces + (try connection.change(NonceSQL.pruneSessions, .time(now), .integer(limit - nonces)))
    }

    private static var nonceUsed: StoreError { StoreError(.nonceUsed, "the request's nonce was used before") }

    private func usedNonces(_ checks: MarkChecks) throws -> Set<String> {
        Set(try checks.nonces?.result().map { RequestNonce(accessKeyID: $0.text(0), value: $0.text(1)).mark } ?? [])
    }
}

extension RequestNonce {
    /// The key and the nonce in one.
    fileprivate var mark: String { "\(accessKeyID)\n\(value)" }
}

/// The statements about what is remembered of requests.
enum NonceSQL {
    static let find = SQL(
        """
        SELECT n.access_key_id, n.value FROM unnest($1::text[], $2::text[]) v (access_key_id, value)
        JOIN nonces n ON n.access_key_id = v.access_key_id AND n.value = v.value
        WHERE n.expires_at > \(ServerClock.plus("$3"))
        """)
    static let use = SQL(
        """
        INSERT INTO nonces (access_key_id, value, expires_at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
        ON CONFLICT (access_key_id, value) DO UPDATE SET expires_at = excluded.expires_at
        WHERE nonces.expires_at <= $4
        """)
    static let findSessions = SQL(
        """
        SELECT s.account_id, s.app, s.session_id
        FROM unnest($1::text[], $2::text[], $3::text[]) v (account_id, app, session_id)
        JOIN sessions s ON s.account_id = v.account_id AND s.app = v.app AND s.session_id = v.session_id
        WHERE s.expires_at > \(ServerClock.plus("$4"))
        """)
    static let useSessions = SQL(
        """
        INSERT INTO sessions (account_id, app, session_id, expires_at)
        SELECT v.*, $4 FROM unnest($1::text[], $2::text[], $3::text[]) v
        ON CONFLICT (account_id, app, session_id) DO UPDATE SET expires_at = excluded.expires_at
        WHERE sessions.expires_at <= $5
        """)
    static let prune = SQL(
        """
        DELETE FROM nonces WHERE (access_key_id, value) IN (
          SELECT access_key_id, value FROM nonces WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
          FOR UPDATE SKIP LOCKED)
        """)
    static let pruneSessions = SQL(
        """
        DELETE FROM sessions WHERE (account_id, app, session_id) IN (
          SELECT account_id, app, session_id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
          FOR UPDATE SKIP LOCKED)
        """)
}
