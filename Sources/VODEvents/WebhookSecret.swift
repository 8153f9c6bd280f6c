#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A shared secret of the Standard Webhooks scheme.
///
/// Its text form is `whsec_` and base64 of the key. Printing or dumping a secret does not show it.
public struct WebhookSecret: Sendable, CustomStringConvertible, CustomReflectable {
    private static let prefix = "whsec_"

    let key: [UInt8]

    /// Reads the text form.
    ///
    /// - Parameter text: `whsec_` and base64 of 24 to 64 bytes; blanks around it are ignored.
    /// - Throws: ``VODSignatureError`` with code ``VODSignatureError/Code/secretMalformed``; it does not repeat the text.
    public init(_ text: String) throws(VODSignatureError) {
        let trimmed = Bytes.trimmed(text)
        guard trimmed.utf8.starts(with: Self.prefix.utf8),
            let key = Data(base64Encoded: Data(trimmed.utf8.dropFirst(Self.prefix.utf8.count)))
        else { throw Self.malformed }
        try self.init(key: Array(key))
    }

    /// Takes a key.
    ///
    /// - Parameter key: 24 to 64 bytes from a source that cannot be guessed.
    /// - Throws: ``VODSignatureError`` with code ``VODSignatureError/Code/secretMalformed`` for another length.
    public init(key: [UInt8]) throws(VODSignatureError) {
        guard (24...64).contains(key.count) else { throw Self.malformed }
        self.key = key
    }

    private init(randomBytes: Int) {
        var generator = SystemRandomNumberGenerator()
        key = (0..<randomBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// Makes a new secret of 32 random bytes.
    ///
    /// - Returns: A secret that has never been used.
    public static func random() -> WebhookSecret {
        WebhookSecret(randomBytes: 32)
    }

    /// The text form, to be stored or handed to the other side; treat it as a password.
    public var text: String {
        Self.prefix + Data(key).base64EncodedString()
    }

    /// A placeholder that does not show the secret.
    public var description: String { "whsec_***" }

    /// A mirror without children, so that dumps do not show the secret.
    public var customMirror: Mirror { Mirror(self, children: []) }

    private static var malformed: VODSignatureError {
        VODSignatureError(.secretMalformed, "A webhook secret must be whsec_ followed by base64 of 24 to 64 bytes.")
    }
}
