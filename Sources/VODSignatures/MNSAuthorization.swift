/// The parsed `Authorization` header of a queue request, of either signature version.
///
/// Wire reference: mns-api 2.1 and 2.5.
package enum MNSAuthorization: Sendable, Hashable {
    /// `MNS <id>:<base64>`, the default of every client.
    case v2(accessKeyID: String, signature: String)
    /// `MNS4-HMAC-SHA256 Credential=…,Signature=<hex>`, or its private-cloud form; the signature is lower-case.
    case v4(MNSSignatureV4.Scope, signature: String)

    /// The access key id, in both versions.
    package var accessKeyID: String {
        switch self {
        case .v2(let accessKeyID, _): accessKeyID
        case .v4(let scope, _): scope.accessKeyID
        }
    }

    /// Parses a header value; the scheme word decides the version.
    ///
    /// - Parameter headerValue: The value of `Authorization`.
    /// - Throws: ``MNSAuthorizationError``, to be answered with 400 `InvalidAuthorizationHeader`.
    package init(parsing headerValue: String) throws(MNSAuthorizationError) {
        let parts = ASCII.trimmed(headerValue).split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { throw .unknownScheme }
        let rest = ASCII.trimmed(parts[1])
        if parts[0] == "MNS" {
            self = try Self.version2(rest)
        } else if let variant = MNSSignatureV4.Variant(algorithm: String(parts[0])) {
            self = try Self.version4(rest, variant: variant)
        } else {
            throw .unknownScheme
        }
    }

    /// The text to send in `Authorization`.
    package var headerValue: String {
        switch self {
        case .v2(let accessKeyID, let signature):
            "MNS \(accessKeyID):\(signature)"
        case .v4(let scope, let signature):
            "\(scope.variant.algorithm) Credential=\(scope.accessKeyID)/\(scope.text),Signature=\(signature)"
        }
    }

    private static func version2(_ text: String) throws(MNSAuthorizationError) -> MNSAuthorization {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[0].utf8.contains(where: ASCII.isBlank) else {
            throw .malformed("access key id")
        }
        guard !parts[1].isEmpty, !parts[1].utf8.contains(where: ASCII.isBlank) else {
            throw .malformed("signature")
        }
        return .v2(accessKeyID: String(parts[0]), signature: String(parts[1]))
    }

    private static func version4(
        _ text: String,
        variant: MNSSignatureV4.Variant
    ) throws(MNSAuthorizationError) -> MNSAuthorization {
        var credential: String?
        var signature: String?
        for piece in text.split(separator: ",").map(ASCII.trimmed) {
            let parts = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch parts[0] {
            case "Credential" where credential == nil && parts.count == 2: credential = parts[1]
            case "Signature" where signature == nil && parts.count == 2: signature = parts[1]
            default: throw .malformed(piece)
            }
        }
        let fields = (credential ?? "").split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 5, !fields[0].isEmpty, !fields[2].isEmpty, fields[3] == "mns",
            fields[4] == variant.terminator,
            fields[1].utf8.count == 8, fields[1].utf8.allSatisfy(ASCII.isDigit)
        else { throw .malformed("Credential") }
        guard let signature, signature.utf8.count == 64, signature.utf8.allSatisfy({ ASCII.hexValue($0) != nil })
        else { throw .malformed("Signature") }
        let scope = MNSSignatureV4.Scope(
            accessKeyID: fields[0],
            date: fields[1],
            region: fields[2],
            variant: variant
        )
        return .v4(scope, signature: ASCII.lowercased(signature))
    }
}

/// Why the `Authorization` header of a queue request could not be read.
package enum MNSAuthorizationError: Error, Hashable, CustomStringConvertible {
    /// The scheme word is neither `MNS` nor one of version 4, or nothing follows it.
    case unknownScheme
    /// The named part is missing, repeated or of a wrong shape.
    case malformed(String)

    /// One sentence that names the part and what is allowed.
    package var description: String {
        switch self {
        case .unknownScheme:
            "Authorization must begin with MNS or MNS4-HMAC-SHA256, followed by the credential."
        case .malformed(let part):
            "Authorization has a missing or malformed part: \(part)."
        }
    }
}
