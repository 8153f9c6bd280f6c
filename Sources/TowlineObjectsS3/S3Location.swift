package import TowlineCore

/// Where objects are in an S3-compatible store, as `objects.url` says it.
///
/// The form is `s3://BUCKET/PREFIX?KEY=VALUE&…`, the values percent-encoded where they hold `&`, `%` or `+`. Keys:
///
/// - `endpoint`: the server's URL, without a path; `https://s3.REGION.amazonaws.com` unless set.
/// - `region`: what signatures name; `us-east-1` unless set.
/// - `path-style`: `true` for `ENDPOINT/BUCKET/KEY`, `false` for `BUCKET.ENDPOINT/KEY`. Unless set, true where the
///   endpoint is an address or a name without a dot, or where the bucket's name has a dot.
/// - `sse`: `AES256` or `aws:kms`, the encryption at rest to ask for.
/// - `sse-kms-key-id`: the key of `aws:kms`.
/// - `storage-class`: a word such as `STANDARD_IA`.
/// - `checksum`: `md5` or `sha256`, what each body is checked with on arrival; `md5` unless set.
package struct S3Location: Sendable, Hashable {
    /// What the store encrypts with.
    package enum Encryption: Sendable, Hashable {
        /// What the bucket says.
        case bucketDefault
        /// Keys of the store.
        case storeKeys
        /// A key of the key service; the account's own where none is named.
        case keyService(keyID: String?)
    }

    /// What each body is checked with on arrival.
    package enum Checksum: String, Sendable, Hashable {
        /// `Content-MD5`, which every store knows.
        case md5
        /// `x-amz-content-sha256`, for stores that refuse MD5 or unsigned bodies.
        case sha256
    }

    /// The bucket's name.
    package let bucket: String
    /// What every key begins with: empty, or ending in a slash.
    package let prefix: String
    /// The server, without a path.
    package let endpoint: HTTPURL
    /// What signatures name.
    package let region: String
    /// Whether the bucket is the first segment of the path, not a label of the host.
    package let isPathStyle: Bool
    /// What the store encrypts with.
    package let encryption: Encryption
    /// The class to store in, or nil for the bucket's own.
    package let storageClass: String?
    /// What each body is checked with.
    package let checksum: Checksum

    /// Reads a location.
    ///
    /// - Throws: ``S3LocationError``, which names what is wrong and what is allowed.
    package init(parsing text: String) throws(S3LocationError) {
        guard text.hasPrefix("s3://") else { throw S3LocationError("it must begin with s3://") }
        let parts = text.dropFirst(5).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = (parts.first ?? "").split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var query = try S3LocationQuery(parts.count > 1 ? String(parts[1]) : "")
        bucket = String(path.first ?? "")
        try Self.check(bucket: bucket)
        prefix = try Self.prefix(path.count > 1 ? path[1] : "")
        region =
            try query.take("region", "1 to 64 lower-case letters, digits and hyphens", Self.isRegion) ?? "us-east-1"
        endpoint = try Self.endpoint(query.take("endpoint") ?? "https://s3.\(region).amazonaws.com")
        let style = try query.take("path-style", "true or false") { $0 == "true" || $0 == "false" }
        isPathStyle = style.map { $0 == "true" } ?? Self.needsPathStyle(bucket, at: endpoint)
        let sse = try query.take("sse", "AES256 or aws:kms") { $0 == "AES256" || $0 == "aws:kms" }
        let keyID = try query.take("sse-kms-key-id", "1 to 2048 visible ASCII characters", Self.isVisible)
        guard keyID == nil || sse == "aws:kms" else {
            throw S3LocationError("sse-kms-key-id goes with sse=aws:kms only")
        }
        encryption = sse == nil ? .bucketDefault : sse == "AES256" ? .storeKeys : .keyService(keyID: keyID)
        storageClass = try query.take("storage-class", "upper-case letters, digits and underscores", Self.isWord)
        let digest = try query.take("checksum", "md5 or sha256") { Checksum(rawValue: $0) != nil }
        checksum = digest.flatMap { Checksum(rawValue: $0) } ?? .md5
        try query.finish()
        if !isPathStyle, case .address = endpoint.host {
            throw S3LocationError("path-style must be true where the endpoint is an address")
        }
    }

    /// The full key of an object.
    package func key(_ key: ObjectKey) -> String { prefix + key.description }

    private static func prefix(_ path: Substring) throws(S3LocationError) -> String {
        var path = path
        while path.hasSuffix("/") { path.removeLast() }
        guard !path.isEmpty else { return "" }
        let isPlain = path.utf8.allSatisfy { S3Encoding.isUnreserved($0) || $0 == UInt8(ascii: "/") }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard isPlain, path.utf8.count <= 512, !segments.contains(where: { ["", ".", ".."].contains($0) }) else {
            throw S3LocationError(
                "the prefix takes up to 512 letters, digits, dots, hyphens, underscores and tildes, with single slashes "
                    + "between segments that are not . or ..")
        }
        return path + "/"
    }

    private static func endpoint(_ text: String) throws(S3LocationError) -> HTTPURL {
        let url: HTTPURL
        do {
            url = try HTTPURL(parsing: text)
        } catch {
            throw S3LocationError("endpoint is no URL: \(error)")
        }
        guard url.path == "/", url.query == nil, url.credentials == nil else {
            throw S3LocationError("endpoint takes scheme, host and port only, such as https://s3.example.com:9000")
        }
        return url
    }

    private static func check(bucket: String) throws(S3LocationError) {
        let labels = bucket.split(separator: ".", omittingEmptySubsequences: false)
        let isPlain = bucket.utf8.allSatisfy {
            isLowercaseOrDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
        let areEnclosed = labels.allSatisfy { !$0.isEmpty && !$0.hasPrefix("-") && !$0.hasSuffix("-") }
        guard (3...63).contains(bucket.utf8.count), isPlain, areEnclosed else {
            throw S3LocationError(
                "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at both "
                    + "ends of each part between dots")
        }
    }

    private static func needsPathStyle(_ bucket: String, at endpoint: HTTPURL) -> Bool {
        switch endpoint.host {
        case .address: true
        case .name(let name): bucket.contains(".") || !name.contains(".")
        }
    }

    private static func isLowercaseOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isRegion(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isLowercaseOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    private static func isVisible(_ text: String) -> Bool {
        (1...2048).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private static func isWord(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 == UInt8(ascii: "_")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
    }
}

extension S3Location: CustomStringConvertible {
    /// Bucket, prefix and server, for sentences.
    package var description: String { "s3://\(bucket)/\(prefix) at \(endpoint.origin)" }
}

/// Why a text is no location.
package struct S3LocationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what is allowed, to follow a colon.
    package let description: String

    init(_ description: String) { self.description = description }
}

/// The keys behind the question mark; each is taken once, and none may be left.
private struct S3LocationQuery {
    private static let known = [
        "endpoint", "region", "path-style", "sse", "sse-kms-key-id", "storage-class", "checksum",
    ]

    private var values: [String: String] = [:]

    init(_ text: String) throws(S3LocationError) {
        for field in text.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard Self.known.contains(name) else {
                throw S3LocationError("there is no key '\(name)'; there are \(Self.known.joined(separator: ", "))")
            }
            guard parts.count == 2, let value = S3Encoding.decode(String(parts[1])), !value.isEmpty else {
                throw S3LocationError("\(name) needs a value, percent-encoded where it holds & or %")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw S3LocationError("\(name) is there twice")
            }
        }
    }

    mutating func take(_ name: String) -> String? { values.removeValue(forKey: name) }

    mutating func take(
        _ name: String, _ allowed: String, _ isAllowed: (String) -> Bool
    ) throws(S3LocationError) -> String? {
        guard let value = take(name) else { return nil }
        guard isAllowed(value) else { throw S3LocationError("\(name) takes \(allowed), not '\(value)'") }
        return value
    }

    func finish() throws(S3LocationError) {
        if let name = values.keys.first { throw S3LocationError("\(name) means nothing here") }
    }
}
