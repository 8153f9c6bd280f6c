import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Seals secrets before they reach a database: AES-256-GCM under the key of `secrets.key-file`.
///
/// What it protects and what not is in docs/security.md. The purpose (for example `access-key:ID`) is bound to the
/// sealed bytes, so that rows cannot be exchanged for each other.
package struct SecretBox: Sendable {
    private let key: SymmetricKey

    /// A box with a key of exactly 32 bytes.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` for another length.
    package init(key: [UInt8]) throws {
        guard key.count == 32 else {
            throw StoreError(.corrupted, "the secret key has \(key.count) bytes; 32 are needed")
        }
        self.key = SymmetricKey(data: key)
    }

    /// Seals a secret for a purpose: nonce, ciphertext and tag.
    package func seal(_ secret: String, for purpose: String) throws -> [UInt8] {
        let sealed = try AES.GCM.seal(Array(secret.utf8), using: key, authenticating: Array(purpose.utf8))
        guard let combined = sealed.combined else {
            throw StoreError(.corrupted, "a secret could not be sealed")
        }
        return Array(combined)
    }

    /// 32 bytes that only the holder of the key can make, for a purpose of their own: always the same.
    package func derivedKey(for purpose: String) -> [UInt8] {
        let derived = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, info: Array("towline:\(purpose)".utf8), outputByteCount: 32)
        return derived.withUnsafeBytes { Array($0) }
    }

    /// Opens what ``seal(_:for:)`` gave for the same purpose.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when the key, the purpose or the bytes differ.
    package func open(_ sealed: [UInt8], for purpose: String) throws -> String {
        do {
            let box = try AES.GCM.SealedBox(combined: sealed)
            let plain = try AES.GCM.open(box, using: key, authenticating: Array(purpose.utf8))
            return String(decoding: plain, as: UTF8.self)
        } catch {
            throw StoreError(
                .corrupted, "a stored secret does not open; the key file is not the one it was sealed with")
        }
    }
}
