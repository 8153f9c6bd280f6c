import Crypto
import VODSignatures

/// An access key of an S3-compatible store.
package struct S3Credentials: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The public part.
    package let accessKeyID: String
    /// The secret part.
    package let secretAccessKey: String
    /// What goes with a key that is valid for a while only.
    package let sessionToken: String?

    /// Joins the parts.
    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    /// The public part alone.
    package var description: String { accessKeyID }
    /// The public part alone.
    package var debugDescription: String { accessKeyID }
    /// A mirror without children.
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Signatures of version 4 for requests to S3: `AWS4-HMAC-SHA256`.
///
/// Pure. The path is encoded once and never normalised, as S3 has it, unlike other services.
struct SigV4: Sendable {
    /// The payload hash that says: the body is not part of the signature.
    static let unsignedPayload = "UNSIGNED-PAYLOAD"
    /// The payload hash of no body.
    static let emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    let credentials: S3Credentials
    let region: String
    var service = "s3"

    /// What of a request is signed.
    struct Request: Sendable {
        var method: String
        /// Percent-encoded, as in the request line.
        var path: String
        /// Names and values, not encoded, in any order.
        var query: [(name: String, value: String)]
        /// Names in lower case, each once, `host` among them.
        var headers: [(name: String, value: String)]
        /// The body's SHA-256 in hexadecimal, or ``SigV4/unsignedPayload``.
        var payloadHash: String
    }

    /// The value of the Authorization field.
    ///
    /// - Parameters:
    ///   - request: What is signed; its fields hold `x-amz-date`.
    ///   - seconds: The time that `x-amz-date` says, in seconds since 1970.
    /// - Returns: The field's value.
    func authorization(for request: Request, at seconds: Int64) -> String {
        let time = UTCTimestamp.compact(seconds)
        let signature = signature(of: Self.canonical(request), time: time)
        return "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope(time)), "
            + "SignedHeaders=\(Self.signedNames(request)), Signature=\(signature)"
    }

    /// The query of a URL that carries its own signature, encoded.
    ///
    /// - Parameters:
    ///   - request: What is signed: its fields must come with whoever uses the URL, so `host` alone as a rule.
    ///   - seconds: When the URL begins to be valid, in seconds since 1970.
    ///   - lifetime: How many seconds it is valid.
    /// - Returns: The query with the signature in it.
    func presignedQuery(for request: Request, at seconds: Int64, lifetime: Int) -> String {
        let time = UTCTimestamp.compact(seconds)
        var request = request
        request.query += [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope(time))"),
            ("X-Amz-Date", time),
            ("X-Amz-Expires", String(lifetime)),
            ("X-Amz-SignedHeaders", Self.signedNames(request)),
        ]
        if let token = credentials.sessionToken { request.query.append(("X-Amz-Security-Token", token)) }
        let signature = signature(of: Self.canonical(request), time: time)
        return Self.canonical(query: request.query) + "&X-Amz-Signature=\(signature)"
    }

    /// The query as it is signed and sent: encoded, sorted by name and then by value.
    static func canonical(query: [(name: String, value: String)]) -> String {
        query.map { (name: S3Encoding.encode($0.name), value: S3Encoding.encode($0.value)) }
            .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
            .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    static func canonical(_ request: Request) -> String {
        let headers = sorted(request).map { "\($0.name):\(trimmed($0.value))\n" }.joined()
        return [
            request.method, request.path, canonical(query: request.query), headers, signedNames(request),
            request.payloadHash,
        ].joined(separator: "\n")
    }

    private func scope(_ time: String) -> String { "\(time.prefix(8))/\(region)/\(service)/aws4_request" }

    private func signature(of canonical: String, time: String) -> String {
        let digest = S3Encoding.hexadecimal(SHA256.hash(data: Array(canonical.utf8)))
        let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope(time))\n\(digest)"
        var key = SymmetricKey(data: Array("AWS4\(credentials.secretAccessKey)".utf8))
        for step in [String(time.prefix(8)), region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(step.utf8), using: key))
        }
        return S3Encoding.hexadecimal(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
    }

    private static func sorted(_ request: Request) -> [(name: String, value: String)] {
        request.headers.sorted { $0.name < $1.name }
    }

    private static func signedNames(_ request: Request) -> String {
        sorted(request).map(\.name).joined(separator: ";")
    }

    /// Without blanks at the ends, and runs of blanks as one.
    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ").joined(separator: " ")
    }
}
