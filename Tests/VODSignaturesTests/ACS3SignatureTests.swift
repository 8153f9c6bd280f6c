import Testing
import VODSignatures

private let secret = "vodRefDocSecret0123456789abcd"
private let accessKeyID = "LTAIvodRefDocKey01"
private let baseNames = [
    "host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version",
]

/// One row of the version 3 vectors in vod-api 9.5.
struct ACS3Vector: Sendable, CustomTestStringConvertible {
    let id: String
    let method: String
    let action: String
    let nonce: String
    var query: [NameValuePair] = []
    var extraHeaders: [NameValuePair] = []
    var body = ""
    let canonicalHash: String
    let signature: String

    var testDescription: String { id }

    var request: ACS3Signature.Request {
        let bodyHash = ACS3Signature.bodyHash(Array(body.utf8))
        return ACS3Signature.Request(
            method: method,
            query: query,
            headers: extraHeaders + [
                ("X-Acs-Version", "2017-03-21"), ("x-acs-signature-nonce", nonce),
                ("x-acs-date", " 2026-01-02T03:04:05Z "), ("x-acs-content-sha256", bodyHash),
                ("x-acs-action", action), ("Host", "vod.cn-shanghai.aliyuncs.com"),
            ],
            bodyHash: bodyHash
        )
    }

    var signedHeaders: [String] {
        (baseNames + extraHeaders.map(\.name)).sorted()
    }

    var authorization: ACS3Authorization {
        ACS3Authorization(credential: accessKeyID, signedHeaders: signedHeaders, signature: signature)
    }
}

private let vectors: [ACS3Vector] = [
    ACS3Vector(
        id: "A, an encoded URL in the query",
        method: "POST",
        action: "UploadMediaByURL",
        nonce: "nonce-0011",
        query: [("UploadURLs", referenceURL)],
        canonicalHash: "3055c61cceeedeecc953c348c4518491b98b1ff2e917706e3f751f284d6ff05a",
        signature: "80ab1a9a4cdf12f0c4e03f7ab3b0d7f30bb7d1b9c57c7f1390da9db03ae4f34e"
    ),
    ACS3Vector(
        id: "B, with the headers that an SDK adds",
        method: "POST",
        action: "UploadMediaByURL",
        nonce: "nonce-0012",
        query: [("UploadURLs", referenceURL), ("SessionId", "sess_1")],
        extraHeaders: [
            ("accept", "application/json"),
            ("user-agent", "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2"),
            ("x-acs-credentials-provider", "static_ak"),
        ],
        canonicalHash: "5e143aeab2ee3f1aa33bc1137312410069ae336f46beb829df5f53f8a3a0daab",
        signature: "3cc141d1b2c8f4186033744547f44121cc54ccac6c2fe74be152ed1c36ddd6c5"
    ),
    ACS3Vector(
        id: "C, by GET",
        method: "GET",
        action: "GetVideoInfo",
        nonce: "nonce-0013",
        query: [("VideoId", referenceVideoID)],
        canonicalHash: "e0de2ea2ce73102cfccc95d2ac57a8cc66a685f9e0ff2a6e49ace28f0cc39e06",
        signature: "338abfcf3d25f78fdafc5b9e6c802a2062bd35f648b0a3edc883cfb3b2c8ce39"
    ),
    ACS3Vector(
        id: "D, parameters in a form body",
        method: "POST",
        action: "UploadMediaByURL",
        nonce: "nonce-0014",
        extraHeaders: [("content-type", "application/x-www-form-urlencoded")],
        body: "SessionId=sess_1&UploadURLs=https%253A%252F%252Fmedia.example.com%252Flesson-01.mp4",
        canonicalHash: "4536e91559b70e1c91ff4c242810ec60412551b5c114615666e2f5ecd74300eb",
        signature: "b95234d149feef2e60db950b0fc0f4a54a3d556f2215b0ceb57474f8918ad6f0"
    ),
    ACS3Vector(
        id: "E, a title with every kind of character",
        method: "POST",
        action: "UpdateVideoInfo",
        nonce: "nonce-0015",
        query: [("VideoId", referenceVideoID), ("Title", referenceTitle)],
        canonicalHash: "09afc50d3ed7474317a41d083fdb58c61c1341d0319400119a54fd3c590e8cd4",
        signature: "8baa22ebcf91d8286f98e78e55840ce37ac898dde6637ca9e4792550e0f177d1"
    ),
    ACS3Vector(
        id: "F, with a security token",
        method: "POST",
        action: "GetURLUploadInfos",
        nonce: "nonce-0016",
        query: [("JobIds", "job1,job2")],
        extraHeaders: [("x-acs-accesskey-id", accessKeyID), ("x-acs-security-token", "STS+token/==")],
        canonicalHash: "5491b590a846cbe9536c815b03c3a84959a7b98851efe33d1494583e1ae4a000",
        signature: "166a4564dfd200bbd2fd11f04dcc01c805bca3bda4f6bbec0a3c1aa11be842bb"
    ),
]

@Suite("ACS3 signature, version 3")
struct ACS3SignatureTests {
    @Test("each reference vector is reproduced, its canonical request too, and verified", arguments: vectors)
    func referenceVectors(_ vector: ACS3Vector) throws {
        let canonical = try ACS3Signature.canonicalRequest(vector.request, signedHeaders: vector.signedHeaders)
        let text = ACS3Signature.stringToSign(canonicalRequest: canonical)
        #expect(text == "ACS3-HMAC-SHA256\n" + vector.canonicalHash)
        #expect(ACS3Signature.signature(secret: secret, stringToSign: text) == vector.signature)
        #expect(try ACS3Signature.verify(vector.authorization, request: vector.request, secret: secret))
    }

    @Test("a client signs as the reference does and a server reads what it sent", arguments: vectors)
    func signing(_ vector: ACS3Vector) throws {
        let authorization = try ACS3Signature.sign(
            vector.request,
            accessKeyID: accessKeyID,
            secret: secret,
            signedHeaders: vector.signedHeaders.reversed().map { $0.uppercased() }
        )
        #expect(authorization == vector.authorization)
        #expect(try ACS3Authorization(parsing: authorization.headerValue) == authorization)
    }

    @Test("by default a client signs host, content-type and every x-acs header")
    func defaultSignedHeaders() throws {
        var request = vectors[3].request
        request.headers.append((name: "User-Agent", value: "tests"))
        let authorization = try ACS3Signature.sign(request, accessKeyID: accessKeyID, secret: secret)
        #expect(authorization.signedHeaders == ["content-type"] + baseNames)
        #expect(authorization.signature == vectors[3].signature)
        #expect(authorization.uncovered(among: request.headers.map(\.name)).isEmpty)
    }

    @Test("the canonical request is that of the reference")
    func canonicalRequest() throws {
        let expected = """
            POST
            /
            UploadURLs=https%253A%252F%252Fmedia.example.com%252Flesson-01.mp4
            host:vod.cn-shanghai.aliyuncs.com
            x-acs-action:UploadMediaByURL
            x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            x-acs-date:2026-01-02T03:04:05Z
            x-acs-signature-nonce:nonce-0011
            x-acs-version:2017-03-21

            host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            """
        let vector = vectors[0]
        #expect(try ACS3Signature.canonicalRequest(vector.request, signedHeaders: vector.signedHeaders) == expected)
    }

    @Test("the wire form of the title with plus signs verifies after form decoding")
    func titleAsSentByTheSDK() throws {
        let vector = vectors[4]
        var request = vector.request
        request.query = try FormCoding.decode(
            "VideoId=\(referenceVideoID)&Title=a+b%2Ac~d%2Be%2Ff%27%28g%29%21%E8%A7%86%E9%A2%91"
        )
        #expect(try ACS3Signature.verify(vector.authorization, request: request, secret: secret))
    }

    @Test("a changed method, path, query, header, body or secret makes the signature wrong", arguments: vectors)
    func alterations(_ vector: ACS3Vector) throws {
        func verifies(_ change: (inout ACS3Signature.Request) -> Void) throws -> Bool {
            var request = vector.request
            change(&request)
            return try ACS3Signature.verify(vector.authorization, request: request, secret: secret)
        }
        #expect(try verifies { _ in })
        #expect(try !verifies { $0.method = "PUT" })
        #expect(try !verifies { $0.path = "/x" })
        #expect(try !verifies { $0.query.append((name: "x", value: "")) })
        #expect(try !verifies { $0.bodyHash = ACS3Signature.bodyHash([1]) })
        for index in vector.request.headers.indices {
            #expect(try !verifies { $0.headers[index].value += "x" })
        }
        for index in vector.query.indices {
            #expect(try !verifies { $0.query[index].value += "x" })
        }
        #expect(try !ACS3Signature.verify(vector.authorization, request: vector.request, secret: "other"))
    }

    @Test("a header that is not listed may change")
    func unlistedHeader() throws {
        let vector = vectors[0]
        var request = vector.request
        request.headers.append((name: "user-agent", value: "a proxy"))
        #expect(try ACS3Signature.verify(vector.authorization, request: request, secret: secret))
    }

    @Test("a listed header that is missing is named")
    func missingListedHeader() {
        var request = vectors[0].request
        request.headers.removeAll { $0.name == "x-acs-date" }
        #expect(throws: ACS3SignatureError.missingSignedHeader("x-acs-date")) {
            try ACS3Signature.verify(vectors[0].authorization, request: request, secret: secret)
        }
    }

    @Test("a repeated header contributes its sorted values joined by commas")
    func repeatedHeader() throws {
        let request = ACS3Signature.Request(
            method: "GET",
            path: "",
            query: [],
            headers: [("X-Acs-Tag", " b "), ("x-acs-tag", "a")]
        )
        let canonical = try ACS3Signature.canonicalRequest(request, signedHeaders: ["x-acs-tag"])
        #expect(canonical == "GET\n/\n\nx-acs-tag:a,b\n\nx-acs-tag\n\(ACS3Signature.emptyBodyHash)")
    }

    @Test("headers that decide the meaning of a request but are not signed are named")
    func uncoveredHeaders() {
        let authorization = ACS3Authorization(
            credential: "id",
            signedHeaders: ["host", "x-acs-date"],
            signature: vectors[0].signature
        )
        let names = ["Host", "X-Acs-Date", "X-Acs-Action", "User-Agent", "Content-Type", "Content-Length"]
        #expect(authorization.uncovered(among: names) == ["x-acs-action", "content-type"])
    }
}

@Suite("ACS3 authorization header")
struct ACS3AuthorizationTests {
    private static let hex = String(repeating: "0a", count: 32)

    @Test("blanks after commas, an upper-case digest and unknown components are tolerated")
    func tolerance() throws {
        let parsed = try ACS3Authorization(
            parsing:
                " ACS3-HMAC-SHA256  Credential=id , SignedHeaders=X-Acs-Date;host, New=1,"
                + " Signature=\(Self.hex.uppercased()) "
        )
        #expect(parsed.credential == "id")
        #expect(parsed.signedHeaders == ["host", "x-acs-date"])
        #expect(parsed.signature == Self.hex)
    }

    @Test("the scheme word alone makes a request one of version 3")
    func scheme() {
        #expect(ACS3Authorization.isPresent(in: "ACS3-HMAC-SHA256 Credential=id"))
        #expect(ACS3Authorization.isPresent(in: "ACS3-HMAC-SHA256"))
        #expect(!ACS3Authorization.isPresent(in: "MNS id:signature"))
        #expect(!ACS3Authorization.isPresent(in: ""))
    }

    @Test(
        "a malformed header names what is wrong",
        arguments: [
            ("", .unknownAlgorithm),
            ("ACS3-HMAC-SHA256", .unknownAlgorithm),
            ("ACS3-RSA-SHA256 Credential=a", .unknownAlgorithm),
            ("ACS3-HMAC-SHA256x Credential=a", .unknownAlgorithm),
            ("ACS3-HMAC-SHA256 SignedHeaders=host,Signature=\(hex)", .missing("Credential")),
            ("ACS3-HMAC-SHA256 Credential=a,Signature=\(hex)", .missing("SignedHeaders")),
            ("ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host", .missing("Signature")),
            ("ACS3-HMAC-SHA256 Credential=,SignedHeaders=host,Signature=\(hex)", .malformed("Credential")),
            ("ACS3-HMAC-SHA256 Credential=a b,SignedHeaders=host,Signature=\(hex)", .malformed("Credential")),
            ("ACS3-HMAC-SHA256 Credential=a,SignedHeaders=,Signature=\(hex)", .malformed("SignedHeaders")),
            ("ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host;,Signature=\(hex)", .malformed("SignedHeaders")),
            ("ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host;HOST,Signature=\(hex)", .malformed("SignedHeaders")),
            ("ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=0a", .malformed("Signature")),
            ("ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=\(hex.dropLast())g", .malformed("Signature")),
            ("ACS3-HMAC-SHA256 Credential=a,Credential=b,SignedHeaders=host,Signature=\(hex)", .repeated("Credential")),
            ("ACS3-HMAC-SHA256 Credential=a,,SignedHeaders=host,Signature=\(hex)", .malformed("")),
            ("ACS3-HMAC-SHA256 Credential=a,nonsense,SignedHeaders=host", .malformed("nonsense")),
        ] as [(String, ACS3AuthorizationError)]
    )
    func malformed(_ value: String, _ error: ACS3AuthorizationError) {
        #expect(throws: error) { try ACS3Authorization(parsing: value) }
        #expect(!error.description.isEmpty)
    }
}
