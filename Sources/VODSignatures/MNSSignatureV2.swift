/// The queue request signature of version 2: HMAC-SHA1 over a few headers and the raw request target.
///
/// Signs as a client and verifies as a server. The 15-minute window for the date is the caller's. Wire reference:
/// mns-api 2.1 to 2.4.
package enum MNSSignatureV2 {
    /// Builds the text that is signed.
    ///
    /// The date line holds the value of `Date`, or that of `x-mns-date` when there is no `Date`. A header that occurs
    /// several times contributes its values joined by commas.
    ///
    /// - Parameters:
    ///   - method: The HTTP method as on the request line.
    ///   - target: Path and query exactly as on the request line, nothing decoded, encoded or sorted.
    ///   - headers: All headers of the request, names in any case.
    /// - Returns: The text; a server may echo it to a client whose signature does not match.
    package static func stringToSign(method: String, target: String, headers: [NameValuePair]) -> String {
        let fields = MNSHeaderFields(headers)
        var text = ASCII.uppercased(method) + "\n"
        text += fields.value("content-md5") + "\n"
        text += fields.value("content-type") + "\n"
        text += (fields.contains("date") ? fields.value("date") : fields.value("x-mns-date")) + "\n"
        text += fields.lines { $0.utf8.starts(with: MNSHeaderFields.prefix.utf8) }
        return text + target
    }

    /// Signs a text made by ``stringToSign(method:target:headers:)``.
    ///
    /// - Parameters:
    ///   - secret: The access key secret.
    ///   - stringToSign: The text to sign.
    /// - Returns: Base64 text of 28 characters.
    package static func signature(secret: String, stringToSign: String) -> String {
        ASCII.base64(Digests.hmacSHA1(key: Array(secret.utf8), message: Array(stringToSign.utf8)))
    }

    /// Tells whether a signature belongs to a text, comparing in constant time.
    ///
    /// - Parameters:
    ///   - signature: The part after the colon in `Authorization`.
    ///   - secret: The access key secret.
    ///   - stringToSign: The text from ``stringToSign(method:target:headers:)``.
    /// - Returns: `true` only for the exact base64 text of the right signature.
    package static func matches(signature: String, secret: String, stringToSign: String) -> Bool {
        constantTimeEquals(self.signature(secret: secret, stringToSign: stringToSign), signature)
    }

    /// Signs a request as a client.
    ///
    /// - Parameters:
    ///   - method: The HTTP method.
    ///   - target: Path and query exactly as they will be sent.
    ///   - headers: The headers that will be sent, `Date` and `x-mns-version` among them.
    ///   - accessKeyID: The access key id.
    ///   - secret: The access key secret.
    /// - Returns: What goes into the `Authorization` header.
    package static func sign(
        method: String,
        target: String,
        headers: [NameValuePair],
        accessKeyID: String,
        secret: String
    ) -> MNSAuthorization {
        let text = stringToSign(method: method, target: target, headers: headers)
        return .v2(accessKeyID: accessKeyID, signature: signature(secret: secret, stringToSign: text))
    }
}

/// The headers of a queue request by lower-case name, trimmed.
struct MNSHeaderFields {
    static let prefix = "x-mns-"

    private var values: [String: String] = [:]

    init(_ headers: [NameValuePair]) {
        for header in headers {
            let name = ASCII.lowercased(header.name)
            let value = ASCII.trimmed(header.value)
            values[name] = values[name].map { "\($0),\(value)" } ?? value
        }
    }

    func contains(_ name: String) -> Bool {
        values[name] != nil
    }

    func value(_ name: String) -> String {
        values[name] ?? ""
    }

    /// `name:value` and a line feed for each header whose name passes, sorted by name.
    func lines(where isIncluded: (String) -> Bool) -> String {
        values.keys.filter(isIncluded)
            .sorted { CanonicalQuery.precedes($0, $1) ?? false }
            .map { "\($0):\(value($0))\n" }
            .joined()
    }
}
