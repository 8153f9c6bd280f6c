/// The RPC request signature, version 1.0: HMAC-SHA1 over all query and form parameters.
///
/// Signs as a client and verifies as a server. The window for `Timestamp` and the replay check of `SignatureNonce`
/// are the caller's. Wire reference: vod-api 9.2 and 9.3.
package enum RPCSignature {
    /// The parameter that carries the signature and is not part of it.
    package static let parameterName = "Signature"

    /// Builds the text that is signed.
    ///
    /// - Parameters:
    ///   - method: The HTTP method as on the request line, for example `GET`.
    ///   - parameters: Every decoded query and form parameter in any order, those with empty values too. Parameters
    ///     named `Signature` are left out here.
    /// - Returns: ASCII text `METHOD&%2F&…`; this is what a `SignatureDoesNotMatch` answer echoes.
    package static func stringToSign(method: String, parameters: [NameValuePair]) -> String {
        let canonical = CanonicalQuery.bytes(of: parameters.lazy.filter { $0.name != parameterName })
        var output = Array(method.utf8)
        output.reserveCapacity(output.count + 5 + canonical.count * 3 / 2)
        output.append(contentsOf: "&%2F&".utf8)
        canonical.withUnsafeBufferPointer { PercentEncoding.append($0, to: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    /// Signs a text made by ``stringToSign(method:parameters:)``.
    ///
    /// - Parameters:
    ///   - secret: The access key secret, without the `&` that the scheme appends to it.
    ///   - stringToSign: The text to sign.
    /// - Returns: Base64 text of 28 characters, not percent-encoded.
    package static func signature(secret: String, stringToSign: String) -> String {
        ASCII.base64(Digests.hmacSHA1(key: Array(secret.utf8) + [0x26], message: Array(stringToSign.utf8)))
    }

    /// Tells whether a signature belongs to a text, comparing in constant time.
    ///
    /// - Parameters:
    ///   - signature: The decoded `Signature` parameter.
    ///   - secret: The access key secret.
    ///   - stringToSign: The text from ``stringToSign(method:parameters:)``.
    /// - Returns: `true` only for the exact base64 text of the right signature.
    package static func matches(signature: String, secret: String, stringToSign: String) -> Bool {
        constantTimeEquals(self.signature(secret: secret, stringToSign: stringToSign), signature)
    }

    /// Verifies a request in one call.
    ///
    /// - Parameters:
    ///   - signature: The decoded `Signature` parameter.
    ///   - secret: The access key secret.
    ///   - method: The HTTP method as on the request line.
    ///   - parameters: Every decoded query and form parameter; `Signature` may be among them.
    /// - Returns: `true` when the signature covers exactly this method and these parameters.
    package static func verify(
        signature: String,
        secret: String,
        method: String,
        parameters: [NameValuePair]
    ) -> Bool {
        matches(
            signature: signature,
            secret: secret,
            stringToSign: stringToSign(method: method, parameters: parameters)
        )
    }
}
