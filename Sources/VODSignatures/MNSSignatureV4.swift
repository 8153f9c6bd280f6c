/// The queue request signature of version 4: HMAC-SHA256 with a key derived from date and region.
///
/// Signs as a client and verifies as a server. The 15-minute window for the date is the caller's. Wire reference:
/// mns-api 2.5.
package enum MNSSignatureV4 {
    /// The constants of the public or of the private cloud.
    package struct Variant: Sendable, Hashable {
        /// The scheme word in `Authorization`.
        package let algorithm: String
        /// What stands before the secret in the first signing key.
        package let keyPrefix: String
        /// The last part of the credential scope.
        package let terminator: String

        /// The constants that the public service uses.
        package static let publicCloud = Variant(
            algorithm: "MNS4-HMAC-SHA256",
            keyPrefix: "aliyun_v4",
            terminator: "aliyun_v4_request"
        )

        /// The constants that private-cloud clients use.
        package static let privateCloud = Variant(
            algorithm: "APSARA-MNS4-HMAC-SHA256",
            keyPrefix: "apsara_v4",
            terminator: "apsara_v4_request"
        )

        init(algorithm: String, keyPrefix: String, terminator: String) {
            self.algorithm = algorithm
            self.keyPrefix = keyPrefix
            self.terminator = terminator
        }

        /// Finds the variant of a scheme word; `nil` for any other word.
        init?(algorithm: String) {
            let known = [Variant.publicCloud, .privateCloud].first { $0.algorithm == algorithm }
            guard let known else { return nil }
            self = known
        }
    }

    /// Who signs, for which day and region.
    package struct Scope: Sendable, Hashable {
        /// The access key id.
        package let accessKeyID: String
        /// The day of the request in UTC, `yyyyMMdd`.
        package let date: String
        /// The region that the client was configured with.
        package let region: String
        /// Which constants apply.
        package let variant: Variant

        /// Names a signer, a day and a region.
        ///
        /// - Parameters:
        ///   - accessKeyID: The access key id.
        ///   - date: The day of the request in UTC, `yyyyMMdd`.
        ///   - region: The region, without slashes.
        ///   - variant: Which constants apply.
        package init(accessKeyID: String, date: String, region: String, variant: Variant = .publicCloud) {
            self.accessKeyID = accessKeyID
            self.date = date
            self.region = region
            self.variant = variant
        }

        /// The scope without the access key id: `<date>/<region>/mns/<terminator>`.
        package var text: String {
            "\(date)/\(region)/mns/\(variant.terminator)"
        }
    }

    /// Builds the text that is signed: three lines and the canonical request, which is not hashed.
    ///
    /// Query names are lower-cased; names and values are encoded from their text on the wire, so an escape that the
    /// client sent is encoded once more. Only `content-type`, `content-md5` and `x-mns-` headers count.
    ///
    /// - Parameters:
    ///   - method: The HTTP method as on the request line.
    ///   - target: Path and query exactly as on the request line.
    ///   - headers: All headers of the request, names in any case.
    ///   - unixSeconds: The time of the request, that of its `Date` header.
    ///   - scope: The scope from the `Authorization` header.
    /// - Returns: The text; a server may echo it to a client whose signature does not match.
    package static func stringToSign(
        method: String,
        target: String,
        headers: [NameValuePair],
        unixSeconds: Int64,
        scope: Scope
    ) -> String {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path: [UInt8] = []
        PercentEncoding.append(String(parts[0]), keepingSlashes: true, to: &path)
        let lines = MNSHeaderFields(headers).lines { name in
            name == "content-type" || name == "content-md5" || name.utf8.starts(with: MNSHeaderFields.prefix.utf8)
        }
        return [
            scope.variant.algorithm,
            UTCTimestamp.compact(unixSeconds),
            scope.text,
            ASCII.uppercased(method),
            String(decoding: path, as: UTF8.self),
            parts.count == 2 ? canonicalQuery(parts[1]) : "",
            lines,
        ].joined(separator: "\n") + "\n"
    }

    /// Signs a text made by ``stringToSign(method:target:headers:unixSeconds:scope:)``.
    ///
    /// - Parameters:
    ///   - secret: The access key secret.
    ///   - scope: The scope that the text names.
    ///   - stringToSign: The text to sign.
    /// - Returns: 64 lower-case hexadecimal digits.
    package static func signature(secret: String, scope: Scope, stringToSign: String) -> String {
        var key = Array(scope.variant.keyPrefix.utf8) + Array(secret.utf8)
        for step in [scope.date, scope.region, "mns", scope.variant.terminator] {
            key = Digests.hmacSHA256(key: key, message: Array(step.utf8))
        }
        return ASCII.hex(Digests.hmacSHA256(key: key, message: Array(stringToSign.utf8)))
    }

    /// Tells whether a signature belongs to a text, comparing in constant time.
    ///
    /// - Parameters:
    ///   - signature: 64 lower-case hexadecimal digits.
    ///   - secret: The access key secret.
    ///   - scope: The scope from the `Authorization` header.
    ///   - stringToSign: The text from ``stringToSign(method:target:headers:unixSeconds:scope:)``.
    /// - Returns: `true` only for the right signature.
    package static func matches(signature: String, secret: String, scope: Scope, stringToSign: String) -> Bool {
        constantTimeEquals(self.signature(secret: secret, scope: scope, stringToSign: stringToSign), signature)
    }

    /// Signs a request as a client.
    ///
    /// - Parameters:
    ///   - method: The HTTP method.
    ///   - target: Path and query exactly as they will be sent.
    ///   - headers: The headers that will be sent.
    ///   - unixSeconds: The time that the `Date` header states.
    ///   - accessKeyID: The access key id.
    ///   - secret: The access key secret.
    ///   - region: The region that the key is derived for.
    /// - Returns: What goes into the `Authorization` header.
    package static func sign(
        method: String,
        target: String,
        headers: [NameValuePair],
        unixSeconds: Int64,
        accessKeyID: String,
        secret: String,
        region: String
    ) -> MNSAuthorization {
        let date = String(UTCTimestamp.compact(unixSeconds).prefix(8))
        let scope = Scope(accessKeyID: accessKeyID, date: date, region: region)
        let text = stringToSign(
            method: method,
            target: target,
            headers: headers,
            unixSeconds: unixSeconds,
            scope: scope
        )
        return .v4(scope, signature: signature(secret: secret, scope: scope, stringToSign: text))
    }

    /// Verifies a request as a server.
    ///
    /// - Parameters:
    ///   - signature: The signature from the `Authorization` header.
    ///   - scope: The scope from the `Authorization` header.
    ///   - secret: The secret of the key that the scope names.
    ///   - method: The HTTP method as on the request line.
    ///   - target: Path and query exactly as on the request line.
    ///   - headers: All headers of the request.
    ///   - unixSeconds: The time of its `Date` header.
    /// - Returns: `false` when the signature differs or the scope is for another day than the request.
    package static func verify(
        signature: String,
        scope: Scope,
        secret: String,
        method: String,
        target: String,
        headers: [NameValuePair],
        unixSeconds: Int64
    ) -> Bool {
        guard UTCTimestamp.compact(unixSeconds).utf8.starts(with: scope.date.utf8) else { return false }
        let text = stringToSign(
            method: method,
            target: target,
            headers: headers,
            unixSeconds: unixSeconds,
            scope: scope
        )
        return matches(signature: signature, secret: secret, scope: scope, stringToSign: text)
    }

    private static func canonicalQuery(_ query: Substring) -> String {
        let pairs = query.split(separator: "&").enumerated().map { offset, piece in
            let parts = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? ASCII.trimmed(parts[1]) : ""
            return (offset: offset, name: ASCII.lowercased(parts[0]), value: value)
        }
        let sorted = pairs.sorted { CanonicalQuery.precedes($0.name, $1.name) ?? ($0.offset < $1.offset) }
        return sorted.map { pair in
            let name = PercentEncoding.encode(pair.name)
            return pair.value.isEmpty ? name : "\(name)=\(PercentEncoding.encode(pair.value))"
        }.joined(separator: "&")
    }
}
