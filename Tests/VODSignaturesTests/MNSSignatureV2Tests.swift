import Testing
import VODSignatures

private let date = "Tue, 01 Jul 2025 08:00:00 GMT"
private let emptyMD5 = "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U="
private let bodyMD5 = "YjRiYTRhNWUyZDk3YzljNjUzODQwY2ZkMjJkMDM5YWI="
private let xmlType = "text/xml;charset=UTF-8"

/// One row of the version 2 vectors in mns-api 2.4.
struct MNSVector: Sendable, CustomTestStringConvertible {
    let id: String
    let method: String
    let target: String
    var headers: [NameValuePair] = []
    let signature: String
    var secret = "SKEXAMPLE"
    var commonHeaders: [NameValuePair] = [("Date", date), ("X-Mns-Version", "2015-06-06")]

    var testDescription: String { id }
    var allHeaders: [NameValuePair] { headers + commonHeaders + [("Host", "1.mns.cn-test.example.com")] }
}

private let vectors: [MNSVector] = [
    MNSVector(
        id: "A, send",
        method: "POST",
        target: "/queues/demo-queue/messages",
        headers: [("content-md5", bodyMD5), ("content-type", xmlType)],
        signature: "8pMqqH6IEyHChP67rxnU0LP3AeA="
    ),
    MNSVector(
        id: "B, receive",
        method: "GET",
        target: "/queues/demo-queue/messages?waitseconds=10",
        signature: "kqdaphjxUHgqB2Ml0gN/gUZZAfQ="
    ),
    MNSVector(
        id: "C, list with options in headers",
        method: "GET",
        target: "/queues",
        headers: [
            ("x-mns-with-meta", "true"), ("X-Mns-Ret-Number", "10"), ("x-mns-prefix", " demo "),
            ("x-mns-marker", "abc"),
        ],
        signature: "JbU/W90DfjoKDckIdR7gH2rXy+Y="
    ),
    MNSVector(
        id: "D1, a receipt handle that is not escaped",
        method: "DELETE",
        target: "/queues/demo-queue/messages?ReceiptHandle=8-abc/DEF+gh==",
        signature: "R54jtsu4/uXyO+4umU0Pareb874="
    ),
    MNSVector(
        id: "D2, an escaped receipt handle",
        method: "DELETE",
        target: "/queues/demo-queue/messages?ReceiptHandle=8-abc%2FDEF%2Bgh%3D%3D",
        headers: [("Content-Md5", emptyMD5), ("Content-Type", "application/xml")],
        signature: "tDagX1Z2CJWvEGDZY86Ux+lHrr4="
    ),
    MNSVector(
        id: "E, change attributes",
        method: "PUT",
        target: "/queues/demo-queue?metaoverride=true",
        headers: [("content-type", xmlType)],
        signature: "7beFK405+Y5JVT2rDgeQo4oIBzw="
    ),
    MNSVector(
        id: "F, batch receive",
        method: "GET",
        target: "/queues/demo-queue/messages?numOfMessages=16&waitseconds=30",
        headers: [("Content-Md5", emptyMD5), ("Content-Type", "application/xml")],
        signature: "KIz5UZTzAwmDnbLMcpWUTvAOknc="
    ),
    MNSVector(
        id: "G, send with a trace id",
        method: "POST",
        target: "/queues/demo-queue/messages",
        headers: [("content-md5", bodyMD5), ("content-type", xmlType), ("x-mns-user-request-id", "req-0001")],
        signature: "UqKheNCZ0PnQrB3s/l7GQHVzPYc="
    ),
    MNSVector(
        id: "H, both date headers",
        method: "GET",
        target: "/queues/demo-queue",
        headers: [("x-mns-date", date)],
        signature: "FAqXjRmTBhhNMuPHC7yctBlArfo="
    ),
    MNSVector(
        id: "I, change the visibility",
        method: "PUT",
        target: "/queues/demo-queue/messages?ReceiptHandle=8-abc&VisibilityTimeout=60",
        signature: "BxN9BaCsXtGji3PoGqFUII+w9I0="
    ),
    MNSVector(
        id: "published by the Node SDK",
        method: "PUT",
        target: "/",
        headers: [("content-md5", "574683b3684e3cff610afa155cc2506d"), ("content-type", "text/xml")],
        signature: "A9zehggaYHHujmuRMxGIDrhWwx8=",
        secret: "ACCESS_KEY_SECRET",
        commonHeaders: [("Date", "Tue, 11 Apr 2017 10:09:19 GMT"), ("x-mns-version", "2015-06-06")]
    ),
    MNSVector(
        id: "published by the Java SDK, one header",
        method: "POST",
        target: "/queues/TestQueue",
        signature: "cAThPWnbphg3hDe3ZHDADTgkgyE=",
        secret: "sk1",
        commonHeaders: [("Date", "Tue, 03 Jun 2025 11:23:48 GMT"), ("x-mns-abcdef", "abcDEF")]
    ),
    MNSVector(
        id: "published by the Java SDK, no header",
        method: "GET",
        target: "/queues/TestQueue",
        signature: "uDJQXbk2xOhH95MDXmgbAGdtyE4=",
        secret: "testSk",
        commonHeaders: [("Date", "Tue, 03 Jun 2025 11:23:48 GMT")]
    ),
    MNSVector(
        id: "published in the documentation",
        method: "GET",
        target: "/MyQueue",
        signature: "uwx3yeWoILzgmvesW0BQSgfM7b8=",
        secret: "TestAccessSecret",
        commonHeaders: [("Date", "Thu, 09 Jul 2015 03:01:34 GMT"), ("x-mns-version", "2015-06-06")]
    ),
]

@Suite("MNS signature, version 2")
struct MNSSignatureV2Tests {
    @Test("each reference vector is reproduced and verified", arguments: vectors)
    func referenceVectors(_ vector: MNSVector) throws {
        let authorization = MNSSignatureV2.sign(
            method: vector.method,
            target: vector.target,
            headers: vector.allHeaders,
            accessKeyID: "AKIDEXAMPLE",
            secret: vector.secret
        )
        #expect(authorization == .v2(accessKeyID: "AKIDEXAMPLE", signature: vector.signature))
        #expect(authorization.headerValue == "MNS AKIDEXAMPLE:\(vector.signature)")
        #expect(try MNSAuthorization(parsing: authorization.headerValue) == authorization)
    }

    @Test("any change of method, target, signed header or secret makes the signature wrong", arguments: vectors)
    func alterations(_ vector: MNSVector) {
        func verifies(_ method: String, _ target: String, _ headers: [NameValuePair], _ secret: String) -> Bool {
            let text = MNSSignatureV2.stringToSign(method: method, target: target, headers: headers)
            return MNSSignatureV2.matches(signature: vector.signature, secret: secret, stringToSign: text)
        }
        let headers = vector.allHeaders
        #expect(verifies(vector.method, vector.target, headers, vector.secret))
        #expect(!verifies("HEAD", vector.target, headers, vector.secret))
        #expect(!verifies(vector.method, vector.target + "x", headers, vector.secret))
        #expect(!verifies(vector.method, vector.target, headers, vector.secret + "x"))
        #expect(!verifies(vector.method, vector.target, headers + [("x-mns-new", "")], vector.secret))
        for index in headers.indices where headers[index].name != "Host" {
            var changed = headers
            changed[index].value += "x"
            #expect(!verifies(vector.method, vector.target, changed, vector.secret))
        }
    }

    @Test("the security token and other headers are not signed")
    func unsignedHeaders() {
        let plain = MNSSignatureV2.stringToSign(method: "GET", target: "/", headers: [("Date", date)])
        let more: [NameValuePair] = [("Date", date), ("security-token", "t"), ("Expect", "100-continue")]
        #expect(MNSSignatureV2.stringToSign(method: "GET", target: "/", headers: more) == plain)
    }

    @Test("x-mns-date stands in the date line when there is no Date")
    func dateFallback() {
        let text = MNSSignatureV2.stringToSign(method: "get", target: "/?a=b", headers: [("X-MNS-Date", date)])
        #expect(text == "GET\n\n\n\(date)\nx-mns-date:\(date)\n/?a=b")
    }

    @Test("the target is signed as sent: escaped and plain handles differ")
    func rawTarget() {
        let plain = MNSSignatureV2.stringToSign(method: "GET", target: "/q?h=a/b", headers: [])
        let escaped = MNSSignatureV2.stringToSign(method: "GET", target: "/q?h=a%2Fb", headers: [])
        #expect(plain != escaped)
    }
}
