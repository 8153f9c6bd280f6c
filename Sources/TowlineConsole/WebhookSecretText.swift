#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Secrets of `webhook-signature` in text form: `whsec_` and base64 of the key.
enum WebhookSecretText {
    static let rule = "'generate', or whsec_ and base64 of 24 to 64 bytes"

    /// A new secret of 32 random bytes.
    static func make(_ randomBytes: (Int) -> [UInt8]) -> String { "whsec_" + Base64.text(randomBytes(32)) }

    /// The secret as it is; nil when it is none.
    static func checked(_ text: String) -> String? {
        guard text.hasPrefix("whsec_"), let key = Data(base64Encoded: String(text.dropFirst(6))) else { return nil }
        return (24...64).contains(key.count) ? text : nil
    }
}

/// Base64 with padding.
enum Base64 {
    static func text(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
