import MNSWire
import TowlineAPI
import TowlineCore
import TowlineStore
import VODSignatures

/// Tells whose request it is: signatures of versions 2 and 4, and the window of 15 minutes (mns-api.md 2).
///
/// There is no memory of requests: a client sends two messages within a second under one signature (2.1).
struct MNSAuthenticator: Sendable {
    /// How far a request's date may be from the wall clock.
    static let window: Duration = .seconds(900)

    private let keys: KeyCache
    private let wallClock: @Sendable () -> Timestamp
    private let signing = SigningKeys()

    init(keys: KeyCache, wallClock: @escaping @Sendable () -> Timestamp) {
        self.keys = keys
        self.wallClock = wallClock
    }

    /// The account of the key that signed a request.
    ///
    /// - Throws: ``MNSError`` in the vendor's words, `StoreError` when keys cannot be read.
    func account(of head: MNSRequestHead) async throws -> AccountID {
        guard let header = head.authorization, !header.isEmpty else { throw MNSError(.missingAuthorizationHeader) }
        let authorization: MNSAuthorization
        do throws(MNSAuthorizationError) {
            authorization = try MNSAuthorization(parsing: header)
        } catch {
            throw MNSError(.invalidAuthorizationHeader, error.description)
        }
        let seconds = try checkedDate(of: head)
        guard let version = head.version, !version.isEmpty else { throw MNSError(.missingVersionHeader) }
        guard version == MNSHeader.versionValue else {
            throw MNSError.invalid("\(MNSHeader.version) must be \(MNSHeader.versionValue)")
        }
        let key = try await key(authorization.accessKeyID)
        try verify(head, authorization, key: key, unixSeconds: seconds)
        return key.account
    }

    private func checkedDate(of head: MNSRequestHead) throws(MNSError) -> Int64 {
        guard let text = head.statedDate, !text.isEmpty else { throw MNSError(.missingDateHeader) }
        guard let seconds = UTCTimestamp.parseHTTPDate(text) else { throw MNSError(.invalidDateHeader) }
        let distance = wallClock() - Timestamp(milliseconds: seconds * 1000)
        guard distance <= Self.window, distance >= .zero - Self.window else { throw MNSError(.timeExpired) }
        return seconds
    }

    private func key(_ id: String) async throws -> AccessKey {
        guard id.utf8.count <= 128, let key = try await keys.key(id) else { throw MNSError(.invalidAccessKeyID) }
        guard !key.isRevoked else { throw MNSError(.invalidAccessKeyID, "The access key is revoked.") }
        return key
    }

    private func verify(
        _ head: MNSRequestHead, _ authorization: MNSAuthorization, key: AccessKey, unixSeconds: Int64
    ) throws(MNSError) {
        switch authorization {
        case .v2(_, let signature):
            let text = head.stringToSignV2
            guard constantTimeEquals(signing.signatureV2(of: text, by: key), signature) else {
                throw Self.mismatch(String(decoding: text, as: UTF8.self))
            }
        case .v4(let scope, let signature):
            guard UTCTimestamp.compact(unixSeconds).hasPrefix(scope.date) else {
                throw MNSError(
                    .signatureDoesNotMatch, "The day in the credential is not that of the header Date.")
            }
            let text = head.stringToSignV4(unixSeconds: unixSeconds, scope: scope)
            guard constantTimeEquals(signing.signatureV4(of: text, by: key, scope: scope), signature) else {
                throw Self.mismatch(text)
            }
        }
    }

    /// Says what was signed here, never with what: half of all questions about signatures end with it.
    private static func mismatch(_ text: String) -> MNSError {
        let shown = text.utf8.count <= 4096 ? text : String(decoding: text.utf8.prefix(4096), as: UTF8.self) + "…"
        return MNSError(
            .signatureDoesNotMatch,
            "The signature differs from the one that the server calculated over this text: \(shown)")
    }
}
