package import TowlineCore

/// Makes URLs that let whoever has them read one object for a while.
///
/// Pure: nothing is called, and nothing says whether the object exists.
package struct S3Presigner: Sendable {
    /// The longest time that a store accepts, in seconds: seven days.
    package static let longestLifetime = 604_800

    private let location: S3Location
    private let signer: SigV4

    /// A maker of URLs.
    package init(location: S3Location, credentials: S3Credentials) {
        self.location = location
        signer = SigV4(credentials: credentials, region: location.region)
    }

    /// A URL for GET.
    ///
    /// - Parameters:
    ///   - key: The object.
    ///   - now: When it begins to be valid.
    ///   - lifetime: How many seconds it is valid; brought into 1 to 604,800.
    ///   - fileName: What a browser is told to save it as, or nil for nothing.
    /// - Returns: The URL; it is a secret until it has run out.
    /// - Throws: `HTTPURLError` when the URL would be too long.
    package func url(
        for key: ObjectKey, at now: Timestamp, lifetime: Int, fileName: String? = nil
    ) throws(HTTPURLError) -> HTTPURL {
        let plain = try location.url(of: location.key(key), query: "")
        var query: [(name: String, value: String)] = []
        if let fileName {
            // RFC 8187: what is no plain letter is encoded, so that no name ends the field.
            query.append(
                ("response-content-disposition", "attachment; filename*=UTF-8''\(S3Encoding.encode(fileName))"))
        }
        let request = SigV4.Request(
            method: "GET", path: plain.path, query: query, headers: [("host", plain.hostHeader)],
            payloadHash: SigV4.unsignedPayload)
        let seconds = now.milliseconds / 1000
        let signed = signer.presignedQuery(
            for: request, at: seconds, lifetime: min(max(lifetime, 1), Self.longestLifetime))
        return try location.url(of: location.key(key), query: signed)
    }
}
