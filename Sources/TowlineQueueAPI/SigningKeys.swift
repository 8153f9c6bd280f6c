import Crypto
import Synchronization
import TowlineStore
import VODSignatures

/// Signing keys made ready once: of version 2 per access key, of version 4 also per day, region and variant.
final class SigningKeys: Sendable {
    private struct Entry {
        let secret: String
        let v2: HMAC<Insecure.SHA1>
        var v4: [MNSSignatureV4.Scope: HMAC<SHA256>] = [:]
    }

    private let entries = Mutex<[String: Entry]>([:])
    /// Most access keys, and most scopes of one: scopes come from outside.
    private static let (capacity, scopes) = (10_000, 16)

    /// The signature of version 2 of a text: base64 text of 28 characters.
    func signatureV2(of text: [UInt8], by key: AccessKey) -> String {
        var code = entries.withLock { entry(of: key, in: &$0).v2 }
        code.update(data: text)
        return code.finalize().withUnsafeBytes { Base64Text.of($0) }
    }

    /// The signature of version 4 of a text: 64 lower-case hexadecimal digits.
    func signatureV4(of text: String, by key: AccessKey, scope: MNSSignatureV4.Scope) -> String {
        var code = entries.withLock { entries in
            var entry = entry(of: key, in: &entries)
            if let known = entry.v4[scope] { return known }
            let made = Self.derive(key.secret, scope)
            if entry.v4.count >= Self.scopes { entry.v4 = [:] }
            entry.v4[scope] = made
            entries[key.id] = entry
            return made
        }
        code.update(data: Array(text.utf8))
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: code.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private func entry(of key: AccessKey, in entries: inout [String: Entry]) -> Entry {
        if let entry = entries[key.id], entry.secret == key.secret { return entry }
        if entries.count >= Self.capacity { entries = [:] }
        let entry = Entry(
            secret: key.secret, v2: HMAC<Insecure.SHA1>(key: SymmetricKey(data: Array(key.secret.utf8))))
        entries[key.id] = entry
        return entry
    }

    /// The chain of mns-api.md 2.5, ready to take the text.
    private static func derive(_ secret: String, _ scope: MNSSignatureV4.Scope) -> HMAC<SHA256> {
        var key = SymmetricKey(data: Array((scope.variant.keyPrefix + secret).utf8))
        for step in [scope.date, scope.region, "mns", scope.variant.terminator] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(step.utf8), using: key))
        }
        return HMAC<SHA256>(key: key)
    }
}

/// Base64 of RFC 4648 section 4, padded.
enum Base64Text {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The text of bytes.
    static func of(_ bytes: UnsafeRawBufferPointer) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { text in
            var length = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let left = bytes.count - start
                let group =
                    UInt32(bytes[start]) << 16 | UInt32(left > 1 ? bytes[start + 1] : 0) << 8
                    | UInt32(left > 2 ? bytes[start + 2] : 0)
                for (position, shift) in [18, 12, 6, 0].enumerated() {
                    text[length] = position <= left ? alphabet[Int(group >> UInt32(shift) & 63)] : UInt8(ascii: "=")
                    length += 1
                }
            }
            return length
        }
    }
}
