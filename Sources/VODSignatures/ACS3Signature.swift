/// The request signature of version 3: HMAC-SHA256 over a canonical request.
///
/// Signs as a client and verifies as a server. The window for `x-acs-date` and the replay check of
/// `x-acs-signature-nonce` are the caller's. Wire reference: vod-api 9.4.
package enum ACS3Signature {
    /// The parts of an HTTP request that the signature is computed from.
    package struct Request: Sendable {
        /// The HTTP method as on the request line, for example `POST`.
        package var method: String
        /// The path as on the request line, without the query; empty means `/`.
        package var path: String
        /// The query parameters, decoded as a form and in any order.
        package var query: [NameValuePair]
        /// The headers of the request; more than the signed ones may be there, names in any case.
        package var headers: [NameValuePair]
        /// Lower-case hexadecimal SHA-256 of the body that was really received or is sent.
        package var bodyHash: String

        /// Collects the parts of a request.
        ///
        /// - Parameters:
        ///   - method: The HTTP method.
        ///   - path: The path without the query.
        ///   - query: The decoded query parameters; form parameters of the body do not belong here.
        ///   - headers: The headers, `host` included.
        ///   - bodyHash: From ``ACS3Signature/bodyHash(_:)``; the default is that of an empty body.
        package init(
            method: String,
            path: String = "/",
            query: [NameValuePair],
            headers: [NameValuePair],
            bodyHash: String = ACS3Signature.emptyBodyHash
        ) {
            self.method = method
            self.path = path
            self.query = query
            self.headers = headers
            self.bodyHash = bodyHash
        }
    }

    /// The body hash of a request without a body.
    package static let emptyBodyHash = bodyHash([])

    /// Computes the value of `x-acs-content-sha256`.
    ///
    /// - Parameter body: The whole body.
    /// - Returns: 64 lower-case hexadecimal digits.
    package static func bodyHash(_ body: [UInt8]) -> String {
        ASCII.hex(Digests.sha256(body))
    }

    /// Builds the canonical request of six parts joined by line feeds.
    ///
    /// The query is encoded anew from its decoded parameters, so it does not matter how the client escaped it on the
    /// wire. A header that occurs several times contributes its sorted values joined by commas.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - signedHeaders: Names of the headers to include, lower case and sorted.
    /// - Returns: The canonical request; show it to a client whose signature does not match.
    /// - Throws: ``ACS3SignatureError`` when a named header is not in the request.
    package static func canonicalRequest(
        _ request: Request,
        signedHeaders: [String]
    ) throws(ACS3SignatureError) -> String {
        var values: [String: [String]] = [:]
        for header in request.headers {
            values[ASCII.lowercased(header.name), default: []].append(ASCII.trimmed(header.value))
        }
        var lines = ""
        for name in signedHeaders {
            guard let found = values[name] else { throw .missingSignedHeader(name) }
            let joined = found.sorted { CanonicalQuery.precedes($0, $1) ?? false }.joined(separator: ",")
            lines += "\(name):\(joined)\n"
        }
        return [
            request.method,
            request.path.isEmpty ? "/" : request.path,
            String(decoding: CanonicalQuery.bytes(of: request.query), as: UTF8.self),
            lines,
            signedHeaders.joined(separator: ";"),
            request.bodyHash,
        ].joined(separator: "\n")
    }

    /// Builds the text that is signed out of a canonical request.
    ///
    /// - Parameter canonicalRequest: From ``canonicalRequest(_:signedHeaders:)``.
    /// - Returns: The scheme word, a line feed and the hexadecimal SHA-256 of the canonical request.
    package static func stringToSign(canonicalRequest: String) -> String {
        "\(ACS3Authorization.algorithm)\n\(ASCII.hex(Digests.sha256(Array(canonicalRequest.utf8))))"
    }

    /// Signs a text made by ``stringToSign(canonicalRequest:)``.
    ///
    /// - Parameters:
    ///   - secret: The access key secret.
    ///   - stringToSign: The text to sign.
    /// - Returns: 64 lower-case hexadecimal digits.
    package static func signature(secret: String, stringToSign: String) -> String {
        ASCII.hex(Digests.hmacSHA256(key: Array(secret.utf8), message: Array(stringToSign.utf8)))
    }

    /// Tells whether a signature belongs to a text, comparing in constant time.
    ///
    /// - Parameters:
    ///   - signature: 64 lower-case hexadecimal digits, as in ``ACS3Authorization/signature``.
    ///   - secret: The access key secret.
    ///   - stringToSign: The text from ``stringToSign(canonicalRequest:)``.
    /// - Returns: `true` only for the right signature.
    package static func matches(signature: String, secret: String, stringToSign: String) -> Bool {
        constantTimeEquals(self.signature(secret: secret, stringToSign: stringToSign), signature)
    }

    /// Signs a request as a client.
    ///
    /// - Parameters:
    ///   - request: The request with all headers that are to be signed.
    ///   - accessKeyID: The access key id.
    ///   - secret: The access key secret.
    ///   - signedHeaders: Names to sign, in any case and order; by default `host`, `content-type` and every `x-acs-`
    ///     header of the request.
    /// - Returns: What goes into the `Authorization` header.
    /// - Throws: ``ACS3SignatureError`` when a named header is not in the request.
    package static func sign(
        _ request: Request,
        accessKeyID: String,
        secret: String,
        signedHeaders: [String]? = nil
    ) throws(ACS3SignatureError) -> ACS3Authorization {
        let names = signedHeaders ?? request.headers.map { ASCII.lowercased($0.name) }.filter(mustBeSigned)
        let unsigned = ACS3Authorization(credential: accessKeyID, signedHeaders: names, signature: "")
        let canonical = try canonicalRequest(request, signedHeaders: unsigned.signedHeaders)
        let signature = signature(secret: secret, stringToSign: stringToSign(canonicalRequest: canonical))
        return ACS3Authorization(credential: accessKeyID, signedHeaders: names, signature: signature)
    }

    /// Verifies a request as a server, for the headers that its authorization lists.
    ///
    /// - Parameters:
    ///   - authorization: The parsed `Authorization` header; see also ``ACS3Authorization/uncovered(among:)``.
    ///   - request: The request, with the hash of the body as received.
    ///   - secret: The secret of the key that the authorization names.
    /// - Returns: `true` when the signature covers exactly this request.
    /// - Throws: ``ACS3SignatureError`` when a signed header is not in the request.
    package static func verify(
        _ authorization: ACS3Authorization,
        request: Request,
        secret: String
    ) throws(ACS3SignatureError) -> Bool {
        let canonical = try canonicalRequest(request, signedHeaders: authorization.signedHeaders)
        let text = stringToSign(canonicalRequest: canonical)
        return matches(signature: authorization.signature, secret: secret, stringToSign: text)
    }

    /// Whether a lower-case header name is one that official clients always sign.
    static func mustBeSigned(_ name: String) -> Bool {
        name == "host" || name == "content-type" || name.utf8.starts(with: "x-acs-".utf8)
    }
}

/// Why the canonical request of an ACS3 signature could not be built.
package enum ACS3SignatureError: Error, Hashable, CustomStringConvertible {
    /// The authorization lists a header, given in lower case, that the request does not have.
    case missingSignedHeader(String)

    /// One sentence that names the header.
    package var description: String {
        switch self {
        case .missingSignedHeader(let name): "The request lacks the header \(name), which SignedHeaders lists."
        }
    }
}
