/// What a caller says a file must be; a file that is anything else fails its job.
package struct ExpectedContent: Sendable, Hashable {
    /// The exact size in bytes.
    package var bytes: Int64?
    /// The CRC-64 as OSS computes it.
    package var crc64: UInt64?
    /// 64 hexadecimal digits in lower case.
    package var sha256: String?
    /// 32 hexadecimal digits in lower case.
    package var md5: String?

    /// No expectation.
    package init() {}

    /// Whether nothing is expected.
    package var isEmpty: Bool { self == ExpectedContent() }

    /// The form in which stores keep it; nil when nothing is expected.
    package var json: JSONValue? {
        guard !isEmpty else { return nil }
        return .members([
            "bytes": bytes.map { .integer($0) },
            "crc64": crc64.map { .string(String($0)) },
            "sha256": sha256.map { .string($0) },
            "md5": md5.map { .string($0) },
        ])
    }

    /// Reads the form that ``json`` writes; what is missing stays empty.
    package init(json: JSONValue?) {
        bytes = json?["bytes"]?.integerValue
        crc64 = json?["crc64"]?.string.flatMap { UInt64($0) }
        sha256 = json?["sha256"]?.string
        md5 = json?["md5"]?.string
    }

    /// Judges a size that a source announces.
    ///
    /// - Parameter found: The size in bytes.
    /// - Returns: Why the job fails; nil when it may be right.
    package func judge(bytes found: Int64) -> JobFailure? {
        guard let bytes, bytes != found else { return nil }
        return JobFailure(.contentMismatch, "the file has \(found) bytes; \(bytes) were expected")
    }

    /// Judges a whole file.
    ///
    /// - Parameters:
    ///   - bytes: Its size.
    ///   - digests: Its digests, those that are expected among them.
    /// - Returns: Why the job fails; nil when it is what was expected.
    package func judge(bytes: Int64, digests: ContentDigests) -> JobFailure? {
        if let failure = judge(bytes: bytes) { return failure }
        if let crc64, crc64 != digests.crc64 { return Self.mismatch("CRC-64", digests.crc64, crc64) }
        if let sha256, sha256 != digests.sha256 { return Self.mismatch("SHA-256", digests.sha256 ?? "unknown", sha256) }
        if let md5, md5 != digests.md5 { return Self.mismatch("MD5", digests.md5 ?? "unknown", md5) }
        return nil
    }

    private static func mismatch(_ name: String, _ found: some Sendable, _ expected: some Sendable) -> JobFailure {
        JobFailure(.contentMismatch, "the file's \(name) is \(found); \(expected) was expected")
    }
}

/// The digests of a whole file.
package struct ContentDigests: Sendable, Hashable {
    /// The CRC-64 as OSS computes it.
    package var crc64: UInt64
    /// 64 hexadecimal digits in lower case, where it was asked for.
    package var sha256: String?
    /// 32 hexadecimal digits in lower case, where it was asked for.
    package var md5: String?

    /// Joins digests.
    package init(crc64: UInt64, sha256: String? = nil, md5: String? = nil) {
        self.crc64 = crc64
        self.sha256 = sha256
        self.md5 = md5
    }
}
