/// The parsed `Authorization` header of an ACS3-HMAC-SHA256 request.
///
/// Text form: `ACS3-HMAC-SHA256 Credential=<id>,SignedHeaders=<a;b;c>,Signature=<hex>`. Wire reference: vod-api 9.4.
package struct ACS3Authorization: Sendable, Hashable {
    /// The scheme word, `ACS3-HMAC-SHA256`.
    package static let algorithm = "ACS3-HMAC-SHA256"

    /// The access key id.
    package let credential: String

    /// Names of the headers that the signature covers: lower case, sorted, without repetitions, at least one.
    package let signedHeaders: [String]

    /// The signature: 64 lower-case hexadecimal digits.
    package let signature: String

    /// Makes an authorization out of its parts, for a client that has just signed.
    ///
    /// - Parameters:
    ///   - credential: The access key id.
    ///   - signedHeaders: Header names in any case and order; kept lower-cased, sorted and without repetitions.
    ///   - signature: 64 lower-case hexadecimal digits.
    package init(credential: String, signedHeaders: [String], signature: String) {
        self.credential = credential
        self.signedHeaders = Self.normalized(signedHeaders)
        self.signature = signature
    }

    /// Tells whether a header value names this scheme, so that the request is of signature version 3.
    ///
    /// - Parameter headerValue: The value of `Authorization`.
    /// - Returns: `true` when the value begins with the scheme word, whatever follows.
    package static func isPresent(in headerValue: String) -> Bool {
        headerValue.utf8.starts(with: algorithm.utf8)
    }

    /// Parses a header value.
    ///
    /// Blanks around the commas and upper-case digits in the signature are tolerated; unknown components are ignored.
    ///
    /// - Parameter headerValue: The value of `Authorization`.
    /// - Throws: ``ACS3AuthorizationError`` naming the component that is missing, repeated or malformed.
    package init(parsing headerValue: String) throws(ACS3AuthorizationError) {
        let value = ASCII.trimmed(headerValue)
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].utf8.elementsEqual(Self.algorithm.utf8) else {
            throw .unknownAlgorithm
        }
        let components = try Self.components(of: parts[1])
        guard let credential = components["Credential"] else { throw .missing("Credential") }
        guard let headers = components["SignedHeaders"] else { throw .missing("SignedHeaders") }
        guard let signature = components["Signature"] else { throw .missing("Signature") }
        guard !credential.isEmpty, !credential.utf8.contains(where: ASCII.isBlank) else {
            throw .malformed("Credential")
        }
        guard signature.utf8.count == 64, signature.utf8.allSatisfy({ ASCII.hexValue($0) != nil }) else {
            throw .malformed("Signature")
        }
        let names = headers.split(separator: ";", omittingEmptySubsequences: false).map(ASCII.trimmed)
        let normalized = Self.normalized(names)
        guard normalized.count == names.count, !names.contains(where: \.isEmpty) else {
            throw .malformed("SignedHeaders")
        }
        self.credential = credential
        self.signedHeaders = normalized
        self.signature = ASCII.lowercased(signature)
    }

    /// The text to send in `Authorization`, with commas and no blanks between the components.
    package var headerValue: String {
        let headers = signedHeaders.joined(separator: ";")
        return "\(Self.algorithm) Credential=\(credential),SignedHeaders=\(headers),Signature=\(signature)"
    }

    /// Names the headers of a request that decide its meaning but are not covered by the signature.
    ///
    /// These are `host`, `content-type` and every `x-acs-` header: official clients sign all of them, and a value that
    /// is not signed could have been changed on the way. A server should refuse the request, or ignore those headers.
    ///
    /// - Parameter headerNames: The names of the headers in the request, in any case.
    /// - Returns: The uncovered names, lower-cased, in the order in which they came; empty when all is covered.
    package func uncovered(among headerNames: some Sequence<String>) -> [String] {
        let covered = Set(signedHeaders)
        return headerNames.map(ASCII.lowercased).filter { name in
            ACS3Signature.mustBeSigned(name) && !covered.contains(name)
        }
    }

    private static func components(of text: Substring) throws(ACS3AuthorizationError) -> [String: String] {
        var components: [String: String] = [:]
        for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let equals = piece.firstIndex(of: "=") else { throw .malformed(ASCII.trimmed(piece)) }
            let name = ASCII.trimmed(piece[..<equals])
            let value = ASCII.trimmed(piece[piece.index(after: equals)...])
            guard components.updateValue(value, forKey: name) == nil else { throw .repeated(name) }
        }
        return components
    }

    private static func normalized(_ names: [String]) -> [String] {
        Set(names.map(ASCII.lowercased)).sorted { CanonicalQuery.precedes($0, $1) ?? false }
    }
}

/// Why an `Authorization` header of the ACS3 scheme could not be read.
package enum ACS3AuthorizationError: Error, Hashable, CustomStringConvertible {
    /// The value does not begin with `ACS3-HMAC-SHA256` and a blank.
    case unknownAlgorithm
    /// A component is not there: `Credential`, `SignedHeaders` or `Signature`.
    case missing(String)
    /// A component occurs twice.
    case repeated(String)
    /// A component, or a piece between two commas, has a wrong shape.
    case malformed(String)

    /// One sentence that names the component and what is allowed.
    package var description: String {
        switch self {
        case .unknownAlgorithm:
            "Authorization must begin with ACS3-HMAC-SHA256."
        case .missing(let name):
            "Authorization lacks \(name)."
        case .repeated(let name):
            "Authorization contains \(name) more than once."
        case .malformed("Signature"):
            "Signature in Authorization must be 64 hexadecimal digits."
        case .malformed("SignedHeaders"):
            "SignedHeaders in Authorization must be different header names joined by semicolons."
        case .malformed("Credential"):
            "Credential in Authorization must be an access key id."
        case .malformed(let piece):
            "Authorization contains \"\(piece)\", which is not of the form Name=Value."
        }
    }
}
