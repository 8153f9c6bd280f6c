import Synchronization
package import TowlineCore
import TowlineStore
import VODSignatures

/// Who called, and the nonce that must not come again.
struct Caller: Sendable {
    let account: AccountID
    let nonce: RequestNonce
}

/// Checks the signatures of VOD requests: RPC v1 and ACS3 (vod-api.md 9.1 to 9.4).
///
/// The order of checks is the gateway's: shape, time window, key, signature. Nonces of calls that change something are
/// kept in the transaction of the change; those of reads in memory (design section 6).
package final class VODAuthenticator: Sendable {
    private let keys: KeyCache
    private let wallClock: @Sendable () -> Timestamp
    private let readNonces = Mutex(NonceMemory())
    private let latestTime = Mutex(Timestamp(milliseconds: 0))
    /// How far a request's time may be from ours, either way.
    static let window: Duration = .seconds(900)

    /// An authenticator over stored keys.
    package init(keys: KeyCache, wallClock: @escaping @Sendable () -> Timestamp) {
        self.keys = keys
        self.wallClock = wallClock
    }

    func authenticate(_ request: VODRequest) async throws -> Caller {
        request.isACS3 ? try await authenticateACS3(request) : try await authenticateRPC(request)
    }

    /// Refuses the nonce of a read that came before.
    func consumeForRead(_ nonce: RequestNonce) throws {
        let now = wallClock()
        guard readNonces.withLock({ $0.insert(nonce, now: now) }) else { throw VODError.nonceUsed }
    }

    private func authenticateRPC(_ request: VODRequest) async throws -> Caller {
        func common(_ name: String) throws(VODError) -> String {
            guard let value = request.parameter(name), !value.isEmpty else { throw .missing(name) }
            return value
        }
        let keyID = try common("AccessKeyId")
        let signature = try common("Signature")
        guard try common("SignatureMethod").uppercased() == "HMAC-SHA1" else { throw VODError.invalidSignatureMethod }
        guard try common("SignatureVersion") == "1.0" else { throw VODError.invalidCommon("SignatureVersion") }
        let nonce = try checkedNonce(try common("SignatureNonce"), name: "SignatureNonce")
        try checkTime(try common("Timestamp"))
        let key = try await key(keyID)
        let parameters = (request.query + request.form).filter { $0.name != RPCSignature.parameterName }
        let text = RPCSignature.stringToSign(method: request.method, parameters: parameters)
        guard RPCSignature.matches(signature: signature, secret: key.secret, stringToSign: text) else {
            throw VODError.signatureMismatch(stringToSign: text)
        }
        return Caller(account: key.account, nonce: RequestNonce(accessKeyID: keyID, value: nonce))
    }

    private func authenticateACS3(_ request: VODRequest) async throws -> Caller {
        let authorization: ACS3Authorization
        do {
            authorization = try ACS3Authorization(parsing: request.header("authorization") ?? "")
        } catch {
            throw VODError("IncompleteSignature", status: 400, "\(error)")
        }
        func common(_ name: String) throws(VODError) -> String {
            guard let value = request.header(name), !value.isEmpty else {
                throw VODError("MissingHeader", status: 400, "The header \(name) is mandatory for this action.")
            }
            return value
        }
        let nonce = try checkedNonce(try common("x-acs-signature-nonce"), name: "x-acs-signature-nonce")
        try checkTime(try common("x-acs-date"))
        let uncovered = authorization.uncovered(among: request.headers.map(\.name))
        guard uncovered.isEmpty else {
            throw VODError(
                "IncompleteSignature", status: 400,
                "SignedHeaders lacks \(uncovered.joined(separator: ", ")), which must be signed.")
        }
        let bodyHash = ACS3Signature.bodyHash(request.body)
        if let claimed = request.header("x-acs-content-sha256"), claimed.lowercased() != bodyHash {
            throw VODError(
                "SignatureDoesNotMatch", status: 400,
                "Specified signature is not matched with our calculation. x-acs-content-sha256 is not the SHA-256 of "
                    + "the body: \(bodyHash)")
        }
        let key = try await key(authorization.credential)
        let signed = ACS3Signature.Request(
            method: request.method, path: request.path, query: request.query, headers: request.headers,
            bodyHash: bodyHash)
        do {
            let canonical = try ACS3Signature.canonicalRequest(signed, signedHeaders: authorization.signedHeaders)
            let text = ACS3Signature.stringToSign(canonicalRequest: canonical)
            guard
                ACS3Signature.matches(
                    signature: authorization.signature, secret: key.secret, stringToSign: text)
            else {
                throw VODError.signatureMismatch(stringToSign: canonical)
            }
        } catch let error as ACS3SignatureError {
            throw VODError("IncompleteSignature", status: 400, "\(error)")
        }
        return Caller(
            account: key.account, nonce: RequestNonce(accessKeyID: authorization.credential, value: nonce))
    }

    private func checkedNonce(_ nonce: String, name: String) throws(VODError) -> String {
        guard nonce.utf8.count <= 128 else { throw .invalidCommon(name) }
        return nonce
    }

    private func checkTime(_ text: String) throws(VODError) {
        guard let seconds = UTCTimestamp.parse(text) else { throw .malformedTimestamp }
        let now = wallClock()
        let latest = latestTime.withLock { latest in
            latest = max(latest, now)
            return latest
        }
        let sent = Timestamp(milliseconds: seconds * 1000)
        // When the wall clock was set back, nonces of this age have been forgotten already: taking such a request
        // would reopen the window for replays.
        guard latest - sent <= Self.window * 2 else { throw .expiredTimestamp }
        let distance = now - sent
        guard distance <= Self.window, distance >= .zero - Self.window else { throw .expiredTimestamp }
    }

    private func key(_ id: String) async throws -> AccessKey {
        guard id.utf8.count <= 128 else { throw VODError.unknownKey }
        guard let key = try await keys.key(id) else { throw VODError.unknownKey }
        guard !key.isRevoked else { throw VODError.inactiveKey }
        return key
    }
}

/// The nonces of reads, for as long as their time stamps could pass again.
private struct NonceMemory {
    /// Two generations: the older is dropped when the younger is as old as a nonce must be remembered.
    private var young: Set<RequestNonce> = []
    private var old: Set<RequestNonce> = []
    private var startedAt = Timestamp(milliseconds: 0)

    mutating func insert(_ nonce: RequestNonce, now: Timestamp) -> Bool {
        if now - startedAt >= nonce.lifetime || now < startedAt {
            old = now - startedAt >= nonce.lifetime * 2 ? [] : young
            young = []
            startedAt = now
        }
        guard !old.contains(nonce) else { return false }
        return young.insert(nonce).inserted
    }
}
