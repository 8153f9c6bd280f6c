/// Decides which header fields a log must not show.
///
/// With URL and time known, even a signature would let a thief of the log try keys against it.
enum HeaderMask {
    /// What stands in the place of a secret.
    static let mask = "(masked)"
    /// Most bytes of a head that a log keeps.
    static let largestHead = 16 << 10

    private static let names: Set<String> = [
        "authorization", "set-cookie", "set-cookie2", "cookie", "x-api-key", "token", "signature", "secret",
    ]

    /// Whether the value of a field is a secret.
    static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        return names.contains(name) || name.hasPrefix("proxy-") || name.hasSuffix("-token")
            || name.hasSuffix("-signature") || name.hasSuffix("-secret") || name.hasSuffix("-authorization")
    }

    /// Fields as a log shows them: one `name: value` a line, secrets masked, at most 16 KiB.
    static func text(_ headers: [EventHeader]) -> String {
        var text = ""
        text.reserveCapacity(256)
        for header in headers {
            guard text.utf8.count + header.name.utf8.count + header.value.utf8.count < largestHead else {
                return text + (text.isEmpty ? "…" : "\n…")
            }
            if !text.isEmpty { text += "\n" }
            text += header.name
            text += ": "
            text += isSecret(header.name) ? mask : header.value
        }
        return text
    }
}
