import Crypto

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// The signature in the headers `X-VOD-TIMESTAMP` and `X-VOD-SIGNATURE` of an HTTP callback.
///
/// It is the MD5 of callback URL, timestamp and shared key. It proves that the sender knows the key, but it does **not**
/// cover the body and names no delivery: whoever sees one request can replay it with another body within the window.
/// Where the sender offers it, ask for ``WebhookSignature`` too. Wire reference: vod-api 5.2.
public enum CallbackSignature {
    /// The name of the header with the send time in Unix seconds.
    public static let timestampHeader = "X-VOD-TIMESTAMP"

    /// The name of the header with the signature.
    public static let signatureHeader = "X-VOD-SIGNATURE"

    /// Computes the signature of a callback.
    ///
    /// - Parameters:
    ///   - url: The configured callback URL byte for byte: scheme, port, query and trailing slash included, nothing
    ///     percent-encoded that was not configured so.
    ///   - timestamp: The send time in Unix seconds.
    ///   - authKey: The shared key.
    /// - Returns: 32 lower-case hexadecimal digits.
    public static func sign(url: String, timestamp: Int64, authKey: String) -> String {
        digest(url: url, timestamp: String(timestamp), authKey: authKey)
    }

    /// Verifies the headers of a callback.
    ///
    /// - Parameters:
    ///   - url: The callback URL as it is configured at the sender; not the one that the request shows, which a proxy
    ///     may have rewritten.
    ///   - timestampHeader: The value of `X-VOD-TIMESTAMP`.
    ///   - signatureHeader: The value of `X-VOD-SIGNATURE`, in either case.
    ///   - keys: The shared keys that are valid now, at least one and none empty; during a rotation the new and the old.
    ///   - now: The time to judge the timestamp by.
    ///   - tolerance: How far the timestamp may lie from `now`, either way; the vendor suggests five minutes.
    /// - Returns: The index in `keys` of the key that signed; log it to learn when an old key is no longer used.
    /// - Throws: ``VODSignatureError`` naming why the callback is refused.
    @discardableResult
    public static func verify(
        url: String,
        timestampHeader: String?,
        signatureHeader: String?,
        keys: [String],
        now: Date = Date(),
        tolerance: Duration = .seconds(300)
    ) throws(VODSignatureError) -> Int {
        guard !keys.isEmpty, !keys.contains("") else {
            throw VODSignatureError(.noKeys, "Callbacks can only be verified with keys that are not empty.")
        }
        let window = ReplayWindow(now: now, tolerance: tolerance)
        let timestamp = try window.check(timestampHeader, named: Self.timestampHeader)
        guard let signatureHeader else {
            throw VODSignatureError(.signatureMissing, "The header \(Self.signatureHeader) is missing.")
        }
        let signature = Bytes.lowercased(Bytes.trimmed(signatureHeader))
        guard signature.count == 32, signature.allSatisfy({ Bytes.hexValue($0) != nil }) else {
            throw VODSignatureError(
                .signatureMalformed,
                "The header \(Self.signatureHeader) must be 32 hexadecimal digits."
            )
        }
        var match: Int?
        for (index, key) in keys.enumerated() {
            let expected = digest(url: url, timestamp: timestamp, authKey: key)
            if Bytes.constantTimeEquals(Array(expected.utf8), signature), match == nil { match = index }
        }
        guard let match else {
            throw VODSignatureError(
                .signatureMismatch,
                "The header \(Self.signatureHeader) fits none of the keys for the configured URL."
            )
        }
        return match
    }

    private static func digest(url: String, timestamp: String, authKey: String) -> String {
        Bytes.hex(Insecure.MD5.hash(data: Array("\(url)|\(timestamp)|\(authKey)".utf8)))
    }
}
