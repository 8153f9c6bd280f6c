import Testing
import VODSignatures

/// One row of the version 1 vectors in vod-api 9.5.
struct RPCVector: Sendable, CustomTestStringConvertible {
    let id: String
    let method: String
    let parameters: [NameValuePair]
    let signature: String
    var secret = "vodRefDocSecret0123456789abcd"

    var testDescription: String { id }
}

/// The title of the reference vectors that tries every kind of character.
let referenceTitle = "a b*c~d+e/f'(g)!视频"
let referenceURL = "https%3A%2F%2Fmedia.example.com%2Flesson-01.mp4"
let referenceVideoID = "0123456789abcdef0123456789abcdef"

private func legacyParameters(action: String, nonce: String, _ own: [NameValuePair]) -> [NameValuePair] {
    own + [
        ("Format", "JSON"), ("RegionId", "cn-shanghai"), ("SignatureMethod", "HMAC-SHA1"), ("SignatureType", ""),
        ("SignatureVersion", "1.0"), ("Version", "2017-03-21"), ("Action", action), ("SignatureNonce", nonce),
        ("AccessKeyId", "LTAIvodRefDocKey01"), ("Timestamp", "2026-01-02T03:04:05Z"),
    ]
}

private let vectors: [RPCVector] = [
    RPCVector(
        id: "A, query by GET",
        method: "GET",
        parameters: legacyParameters(
            action: "GetVideoInfo",
            nonce: "nonce-0001",
            [("VideoId", referenceVideoID)]
        ),
        signature: "SENHVF/FSzUp0HyV38wJwHyL30o="
    ),
    RPCVector(
        id: "B, an encoded URL in the query",
        method: "POST",
        parameters: legacyParameters(
            action: "UploadMediaByURL",
            nonce: "nonce-0002",
            [("UploadURLs", referenceURL)]
        ),
        signature: "UqaWVcQ//PR5Rjswr68v7Abqb/Q="
    ),
    RPCVector(
        id: "C, parameters in the form body",
        method: "POST",
        parameters: legacyParameters(
            action: "UploadMediaByURL",
            nonce: "nonce-0003",
            [("UploadURLs", referenceURL), ("SessionId", "sess_1")]
        ),
        signature: "0a83nHGpIY1OvEIHFJE72KDXXeQ="
    ),
    RPCVector(
        id: "D, a title with every kind of character",
        method: "POST",
        parameters: legacyParameters(
            action: "UpdateVideoInfo",
            nonce: "nonce-0004",
            [("VideoId", referenceVideoID), ("Title", referenceTitle)]
        ),
        signature: "Tn3MT44Ev2vC24DiiKR/9CNAmXk="
    ),
    RPCVector(
        id: "E, the newer SDK with a security token",
        method: "POST",
        parameters: [
            ("Action", "GetURLUploadInfos"), ("AccessKeyId", "LTAIvodRefDocKey01"), ("Format", "json"),
            ("JobIds", "job1,job2"), ("SecurityToken", "STS+token/=="), ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", "nonce-0005"), ("SignatureVersion", "1.0"), ("Timestamp", "2026-01-02T03:04:05Z"),
            ("Version", "2017-03-21"),
        ],
        signature: "8nJSGciD4CZe6+1dnPW0Z7+4xkk="
    ),
    RPCVector(
        id: "the vendor's printed example",
        method: "GET",
        parameters: [
            ("Timestamp", "2017-10-10T12:02:54Z"), ("Format", "JSON"), ("AccessKeyId", "testAccessKeyId"),
            ("Action", "GetVideoPlayAuth"), ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", "8f8a035d-6496-4268-afd4-67c22837e38d"), ("Version", "2017-03-21"),
            ("SignatureVersion", "1.0"), ("VideoId", "5aed81b74ba84920be578cdfe004af4b"),
        ],
        signature: "Ibgh7y8Vp47LBuAsf5Xhi1SvDss=",
        secret: "testAccessKeySecret"
    ),
]

@Suite("RPC signature, version 1")
struct RPCSignatureTests {
    @Test("each reference vector is reproduced and verified", arguments: vectors)
    func referenceVectors(_ vector: RPCVector) {
        let text = RPCSignature.stringToSign(method: vector.method, parameters: vector.parameters)
        #expect(RPCSignature.signature(secret: vector.secret, stringToSign: text) == vector.signature)
        #expect(
            RPCSignature.verify(
                signature: vector.signature,
                secret: vector.secret,
                method: vector.method,
                parameters: vector.parameters
            )
        )
    }

    @Test("the order of the parameters and the signature among them do not matter")
    func orderAndOwnSignature() {
        let vector = vectors[3]
        let shuffled = [("Signature", vector.signature)] + vector.parameters.reversed()
        #expect(
            RPCSignature.stringToSign(method: "POST", parameters: shuffled)
                == RPCSignature.stringToSign(method: "POST", parameters: vector.parameters)
        )
    }

    @Test("the text to sign is that of the reference")
    func stringToSign() {
        let expected =
            "POST&%2F&AccessKeyId%3DLTAIvodRefDocKey01%26Action%3DUploadMediaByURL%26Format%3DJSON%26RegionId%3Dcn-"
            + "shanghai%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3Dnonce-0002%26SignatureType%3D%26"
            + "SignatureVersion%3D1.0%26Timestamp%3D2026-01-02T03%253A04%253A05Z%26UploadURLs%3Dhttps%25253A%25252F"
            + "%25252Fmedia.example.com%25252Flesson-01.mp4%26Version%3D2017-03-21"
        #expect(RPCSignature.stringToSign(method: "POST", parameters: vectors[1].parameters) == expected)
    }

    @Test("special and multi-byte characters are encoded as the reference shows")
    func encodingInsideStringToSign() {
        let text = RPCSignature.stringToSign(method: "POST", parameters: vectors[3].parameters)
        let part = "Title%3Da%2520b%252Ac~d%252Be%252Ff%2527%2528g%2529%2521%25E8%25A7%2586%25E9%25A2%2591"
        #expect(text.contains(part))
    }

    @Test("a changed parameter, method or secret makes the signature wrong", arguments: vectors)
    func alterations(_ vector: RPCVector) {
        func verifies(_ method: String, _ parameters: [NameValuePair], _ secret: String, _ signature: String) -> Bool {
            RPCSignature.verify(signature: signature, secret: secret, method: method, parameters: parameters)
        }
        for index in vector.parameters.indices {
            var changedValue = vector.parameters
            changedValue[index].value += "x"
            #expect(!verifies(vector.method, changedValue, vector.secret, vector.signature))
            var changedName = vector.parameters
            changedName[index].name += "x"
            #expect(!verifies(vector.method, changedName, vector.secret, vector.signature))
            var removed = vector.parameters
            removed.remove(at: index)
            #expect(!verifies(vector.method, removed, vector.secret, vector.signature))
        }
        #expect(!verifies("PUT", vector.parameters, vector.secret, vector.signature))
        #expect(!verifies(vector.method, vector.parameters, vector.secret + "x", vector.signature))
        #expect(!verifies(vector.method, vector.parameters + [("New", "")], vector.secret, vector.signature))
        #expect(!verifies(vector.method, vector.parameters, vector.secret, ""))
        #expect(!verifies(vector.method, vector.parameters, vector.secret, String(vector.signature.dropLast())))
        #expect(!verifies(vector.method, vector.parameters, vector.secret, vector.signature.lowercased()))
    }

    @Test("names sort by their decoded bytes, capitals before small letters, and keep their empty values")
    func sorting() {
        let text = RPCSignature.stringToSign(
            method: "GET",
            parameters: [("b", ""), ("a.2", "2"), ("B", "1"), ("a", "x"), ("a[1]", "3"), ("é", "4"), ("aa", "")]
        )
        #expect(text == "GET&%2F&B%3D1%26a%3Dx%26a.2%3D2%26a%255B1%255D%3D3%26aa%3D%26b%3D%26%25C3%25A9%3D4")
    }

    @Test("repeated names keep the order in which they came")
    func repeatedNames() {
        let one = RPCSignature.stringToSign(method: "GET", parameters: [("n", "2"), ("a", ""), ("n", "1")])
        #expect(one == "GET&%2F&a%3D%26n%3D2%26n%3D1")
        let other = RPCSignature.stringToSign(method: "GET", parameters: [("n", "1"), ("a", ""), ("n", "2")])
        #expect(one != other)
    }

    @Test("a request without parameters has an empty last part")
    func noParameters() {
        #expect(RPCSignature.stringToSign(method: "GET", parameters: []) == "GET&%2F&")
    }

    @Test("percent-encoding keeps the unreserved characters and nothing else")
    func percentEncoding() {
        #expect(PercentEncoding.encode("AZaz09-_.~") == "AZaz09-_.~")
        #expect(PercentEncoding.encode(" *+/%&=") == "%20%2A%2B%2F%25%26%3D")
        #expect(PercentEncoding.encode("频\u{1F600}\u{0}") == "%E9%A2%91%F0%9F%98%80%00")
        #expect(PercentEncoding.encode("") == "")
    }

    @Test("texts that Swift holds equal but that have other bytes are different parameters")
    func canonicallyEquivalentTexts() {
        let composed = RPCSignature.stringToSign(method: "GET", parameters: [("t", "\u{E9}")])
        let decomposed = RPCSignature.stringToSign(method: "GET", parameters: [("t", "e\u{301}")])
        #expect(composed != decomposed)
    }
}

@Suite("Constant-time comparison")
struct ConstantTimeEqualsTests {
    @Test("equal bytes are equal and any difference is seen")
    func bytes() {
        #expect(constantTimeEquals([UInt8](), [UInt8]()))
        #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
        #expect(!constantTimeEquals([1, 2], [1, 2, 3]))
        for index in 0..<32 {
            var changed = [UInt8](repeating: 7, count: 32)
            changed[index] ^= 0x80
            #expect(!constantTimeEquals([UInt8](repeating: 7, count: 32), changed))
        }
    }

    @Test("texts are compared by bytes")
    func texts() {
        #expect(constantTimeEquals("abc", "abc"))
        #expect(!constantTimeEquals("abc", "abC"))
        #expect(!constantTimeEquals("\u{E9}", "e\u{301}"))
        #expect(!constantTimeEquals("K", "\u{212A}"))
    }
}
