import Crypto

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// The signature of the Standard Webhooks scheme, which covers id, time and body of a delivery.
///
/// Headers: `webhook-id`, `webhook-timestamp` and `webhook-signature` with one or more `v1,<base64>` separated by blanks,
/// each the HMAC-SHA256 of `<id>.<timestamp>.<body>`. Signatures of other versions in the header are skipped. Within the
/// window a request can still be replayed unchanged: remember the ids that were handled.
public enum WebhookSignature {
    /// The name of the header with the event's id, the same over all attempts.
    public static let idHeader = "webhook-id"

    /// The name of the header with the send time in Unix seconds.
    public static let timestampHeader = "webhook-timestamp"

    /// The name of the header with the signatures.
    public static let signatureHeader = "webhook-signature"

    /// Signs a delivery with every secret that is valid now.
    ///
    /// - Parameters:
    ///   - id: 1 to 256 visible ASCII characters without a dot, since the dot separates the signed parts.
    ///   - timestamp: The send time in Unix seconds.
    ///   - body: The whole body as it will be sent.
    ///   - secrets: At least one; during a rotation the new and the old.
    /// - Returns: The value of `webhook-signature`: one signature for each secret, in their order.
    /// - Throws: ``VODSignatureError`` for an id of another form or without secrets.
    public static func sign(
        id: String,
        timestamp: Int64,
        body: some DataProtocol,
        secrets: [WebhookSecret]
    ) throws(VODSignatureError) -> String {
        try check(secrets)
        try check(id: id)
        let codes = secrets.map { code(id: id, timestamp: String(timestamp), body: body, secret: $0) }
        return codes.map { "v1,\(Data($0).base64EncodedString())" }.joined(separator: " ")
    }

    /// Verifies a delivery.
    ///
    /// - Parameters:
    ///   - idHeader: The value of `webhook-id`.
    ///   - timestampHeader: The value of `webhook-timestamp`.
    ///   - signatureHeader: The value of `webhook-signature`.
    ///   - body: The whole body as received, before any decoding.
    ///   - secrets: The secrets that are valid now, at least one; during a rotation the new and the old.
    ///   - now: The time to judge the timestamp by.
    ///   - tolerance: How far the timestamp may lie from `now`, either way.
    /// - Returns: The index in `secrets` of the secret that signed.
    /// - Throws: ``VODSignatureError`` naming why the delivery is refused.
    @discardableResult
    public static func verify(
        idHeader: String?,
        timestampHeader: String?,
        signatureHeader: String?,
        body: some DataProtocol,
        secrets: [WebhookSecret],
        now: Date = Date(),
        tolerance: Duration = .seconds(300)
    ) throws(VODSignatureError) -> Int {
        try check(secrets)
        guard let idHeader else { throw VODSignatureError(.idMissing, "The header \(Self.idHeader) is missing.") }
        let id = Bytes.trimmed(idHeader)
        try check(id: id)
        let window = ReplayWindow(now: now, tolerance: tolerance)
        let timestamp = try window.check(timestampHeader, named: Self.timestampHeader)
        guard let signatureHeader else {
            throw VODSignatureError(.signatureMissing, "The header \(Self.signatureHeader) is missing.")
        }
        let candidates = candidates(in: signatureHeader)
        guard !candidates.isEmpty else {
            throw VODSignatureError(
                .signatureMalformed,
                "The header \(Self.signatureHeader) must hold v1, and base64 of 32 bytes."
            )
        }
        var match: Int?
        for (index, secret) in secrets.enumerated() {
            let expected = code(id: id, timestamp: timestamp, body: body, secret: secret)
            for candidate in candidates where Bytes.constantTimeEquals(expected, candidate) && match == nil {
                match = index
            }
        }
        guard let match else {
            throw VODSignatureError(
                .signatureMismatch,
                "No signature in \(Self.signatureHeader) fits one of the secrets for this id, time and body."
            )
        }
        return match
    }

    /// The decoded signatures of version 1 in a header.
    private static func candidates(in header: String) -> [[UInt8]] {
        header.split(separator: " ").compactMap { piece in
            let bytes = Array(piece.utf8)
            guard bytes.starts(with: "v1,".utf8), let code = Data(base64Encoded: Data(bytes.dropFirst(3))) else {
                return nil
            }
            return code.count == 32 ? Array(code) : nil
        }
    }

    private static func code(id: String, timestamp: String, body: some DataProtocol, secret: WebhookSecret) -> [UInt8] {
        var hmac = HMAC<SHA256>(key: SymmetricKey(data: secret.key))
        hmac.update(data: Array("\(id).\(timestamp).".utf8))
        hmac.update(data: body)
        return Array(hmac.finalize())
    }

    private static func check(_ secrets: [WebhookSecret]) throws(VODSignatureError) {
        guard !secrets.isEmpty else {
            throw VODSignatureError(.noKeys, "Deliveries can only be signed and verified with at least one secret.")
        }
    }

    private static func check(id: String) throws(VODSignatureError) {
        let isWellFormed =
            (1...256).contains(id.utf8.count)
            && id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2E }
        guard isWellFormed else {
            throw VODSignatureError(
                .idMalformed,
                "The header \(Self.idHeader) must be 1 to 256 visible ASCII characters without a dot."
            )
        }
    }
}
