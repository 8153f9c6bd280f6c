import HTTPTypes
import Hummingbird
import MNSWire
import NIOCore
import Testing
import TowlineCore
import TowlineStore
import VODSignatures

@testable import TowlineQueueAPI

@Suite("Queue API: signatures", .timeLimit(.minutes(5)))
struct SignatureTests {
    /// One row of the reference's table (mns-api.md 2.4).
    struct Vector: Sendable, CustomTestStringConvertible {
        let name: String
        let method: String
        let target: String
        var digest: String?
        var type: String?
        var more: [(String, String)] = []
        let signature: String
        var body = ""
        var testDescription: String { name }
    }

    static let date = "Tue, 01 Jul 2025 08:00:00 GMT"
    static let emptyDigest = "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U="
    static let xml = "text/xml;charset=UTF-8"
    static let bodyA =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Message xmlns=\"http://mns.aliyuncs.com/doc/v1/\">"
        + "<MessageBody>aGVsbG8gbW5z</MessageBody><DelaySeconds>0</DelaySeconds><Priority>8</Priority></Message>"
    static let digestA = "YjRiYTRhNWUyZDk3YzljNjUzODQwY2ZkMjJkMDM5YWI="

    static let rows: [Vector] = [
        Vector(
            name: "A", method: "POST", target: "/queues/demo-queue/messages", digest: digestA, type: xml,
            signature: "8pMqqH6IEyHChP67rxnU0LP3AeA=", body: bodyA),
        Vector(
            name: "B", method: "GET", target: "/queues/demo-queue/messages?waitseconds=10",
            signature: "kqdaphjxUHgqB2Ml0gN/gUZZAfQ="),
        Vector(
            name: "C", method: "GET", target: "/queues",
            more: [
                ("X-MNS-With-Meta", "true"), ("x-mns-marker", "abc"), ("x-mns-ret-number", "10"),
                ("x-mns-prefix", "demo"),
            ], signature: "JbU/W90DfjoKDckIdR7gH2rXy+Y="),
        Vector(
            name: "D1", method: "DELETE", target: "/queues/demo-queue/messages?ReceiptHandle=8-abc/DEF+gh==",
            signature: "R54jtsu4/uXyO+4umU0Pareb874="),
        Vector(
            name: "D2", method: "DELETE", target: "/queues/demo-queue/messages?ReceiptHandle=8-abc%2FDEF%2Bgh%3D%3D",
            digest: emptyDigest, type: "application/xml", signature: "tDagX1Z2CJWvEGDZY86Ux+lHrr4="),
        Vector(
            name: "E", method: "PUT", target: "/queues/demo-queue?metaoverride=true", type: xml,
            signature: "7beFK405+Y5JVT2rDgeQo4oIBzw="),
        Vector(
            name: "F", method: "GET", target: "/queues/demo-queue/messages?numOfMessages=16&waitseconds=30",
            digest: emptyDigest, type: "application/xml", signature: "KIz5UZTzAwmDnbLMcpWUTvAOknc="),
        Vector(
            name: "G", method: "POST", target: "/queues/demo-queue/messages", digest: digestA, type: xml,
            more: [("x-mns-user-request-id", "req-0001")], signature: "UqKheNCZ0PnQrB3s/l7GQHVzPYc=", body: bodyA),
        Vector(
            name: "H", method: "GET", target: "/queues/demo-queue", more: [("x-mns-date", date)],
            signature: "FAqXjRmTBhhNMuPHC7yctBlArfo="),
        Vector(
            name: "I", method: "PUT", target: "/queues/demo-queue/messages?ReceiptHandle=8-abc&VisibilityTimeout=60",
            signature: "BxN9BaCsXtGji3PoGqFUII+w9I0="),
    ]

    @Test("the reference's requests are taken, byte by byte", arguments: SignatureTests.rows)
    func vectors(vector: Vector) async throws {
        var headers = [("Date", Self.date), ("x-mns-version", "2015-06-06")] + vector.more
        if let digest = vector.digest { headers.append(("Content-MD5", digest)) }
        if let type = vector.type { headers.append(("Content-Type", type)) }
        let fixture = try await QueueFixture()
        try await fixture.run { [headers] in
            let raw = try await RawClient(port: $0.port)
            for (signature, isRight) in [(vector.signature, true), ("AAAA" + vector.signature.dropFirst(4), false)] {
                let authorization = [("Authorization", "MNS AKIDEXAMPLE:\(signature)")]
                try await raw.send(
                    Caller.request(vector.method, vector.target, headers + authorization, vector.body))
                let answer = try #require(await raw.answer())
                #expect((answer.element("Code") != "SignatureDoesNotMatch") == isRight)
                #expect((answer.status == 403) == !isRight)
            }
        }
    }

    @Test("the text that is signed is the library's", arguments: SignatureTests.rows)
    func text(vector: Vector) throws {
        var pairs: [NameValuePair] = [("date", Self.date), ("X-Mns-Version", "2015-06-06")]
        pairs += vector.more.map { (name: $0.0, value: $0.1) }
        pairs += [("x-mns-twice", "one"), ("X-Mns-Twice", "two"), ("host", "h"), ("security-token", "t")]
        if let digest = vector.digest { pairs.append(("CONTENT-MD5", digest)) }
        if let type = vector.type { pairs.append(("content-type", type)) }
        let head = try Self.head(vector.method, vector.target, pairs)
        #expect(
            String(decoding: head.stringToSignV2, as: UTF8.self)
                == MNSSignatureV2.stringToSign(method: vector.method, target: vector.target, headers: pairs))
        let scope = MNSSignatureV4.Scope(accessKeyID: "k", date: "20250701", region: "r")
        #expect(
            head.stringToSignV4(unixSeconds: 1_751_356_800, scope: scope)
                == MNSSignatureV4.stringToSign(
                    method: vector.method, target: vector.target, headers: pairs, unixSeconds: 1_751_356_800,
                    scope: scope))
    }

    @Test("keys that are kept ready sign as the library does, also after a change of the secret")
    func cachedKeys() {
        let keys = SigningKeys()
        for secret in ["one", "two", "two", String(repeating: "s", count: 100), ""] {
            let key = AccessKey(id: "k", secret: secret, account: .standard)
            #expect(
                keys.signatureV2(of: Array("text".utf8), by: key)
                    == MNSSignatureV2.signature(secret: secret, stringToSign: "text"))
            for day in 10..<40 {
                let scope = MNSSignatureV4.Scope(
                    accessKeyID: "k", date: "202507\(day)", region: "r",
                    variant: day % 2 == 0 ? .publicCloud : .privateCloud)
                #expect(
                    keys.signatureV4(of: "text", by: key, scope: scope)
                        == MNSSignatureV4.signature(secret: secret, scope: scope, stringToSign: "text"))
            }
        }
    }

    @Test(
        "version 4 is taken from either cloud, and refused when wrong or of another day",
        arguments: ["MNS4-HMAC-SHA256", "APSARA-MNS4-HMAC-SHA256"])
    func version4(scheme: String) async throws {
        let fixture = try await QueueFixture()
        let terminator = scheme == "MNS4-HMAC-SHA256" ? "aliyun_v4_request" : "apsara_v4_request"
        let target = "/queues/demo-queue/messages?numOfMessages=16&waitseconds=0"
        let headers = [("Date", Self.date), ("x-mns-version", "2015-06-06"), ("content-type", Self.xml)]
        try await fixture.run { listener in
            let mns = try await listener.connect()
            for (day, secret, code) in [
                ("20250701", QueueFixture.secret, "QueueNotExist"), ("20250701", "wrong", "SignatureDoesNotMatch"),
                ("20250702", QueueFixture.secret, "SignatureDoesNotMatch"),
            ] {
                let parsed = try MNSAuthorization(
                    parsing: "\(scheme) Credential=AKIDEXAMPLE/\(day)/cn-test/mns/\(terminator),Signature="
                        + String(repeating: "0", count: 64))
                guard case .v4(let scope, _) = parsed else { throw CancellationError() }
                let text = MNSSignatureV4.stringToSign(
                    method: "GET", target: target, headers: headers.map { (name: $0.0, value: $0.1) },
                    unixSeconds: 1_751_356_800, scope: scope)
                let signature = MNSSignatureV4.signature(secret: secret, scope: scope, stringToSign: text)
                let authorization = MNSAuthorization.v4(scope, signature: signature).headerValue
                try await mns.raw.send(
                    Caller.request("GET", target, headers + [("Authorization", authorization)], nil))
                #expect(await mns.raw.answer()?.element("Code") == code)
            }
        }
    }

    @Test("the reference's request of version 4 is taken")
    func version4Vector() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let raw = try await RawClient(port: listener.port)
            try await raw.send(
                Caller.request(
                    "DELETE", "/queues/demo-queue/messages?ReceiptHandle=8-abc/DEF+gh==",
                    [
                        ("date", Self.date), ("x-mns-version", "2015-06-06"), ("content-type", Self.xml),
                        ("security-token", "not signed"),
                        (
                            "authorization",
                            "MNS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250701/cn-test/mns/aliyun_v4_request,Signature="
                                + "525f7b90e951507f0229ca8587d9b5f64e73283217819e5294e1bd6dfc1a3fb6"
                        ),
                    ], ""))
            #expect(await raw.answer()?.element("Code") == "QueueNotExist")
        }
    }

    @Test(
        "what is missing or wrong in the head is told apart",
        arguments: [
            ("Authorization", nil, 400, "MissingAuthorizationHeader"),
            ("Authorization", "AWS AKIDEXAMPLE:abc", 400, "InvalidAuthorizationHeader"),
            ("Authorization", "MNS AKIDEXAMPLE", 400, "InvalidAuthorizationHeader"),
            ("Authorization", "MNS4-HMAC-SHA256 Credential=a/b", 400, "InvalidAuthorizationHeader"),
            ("Authorization", "MNS NOBODY:abcdefghijklmnopqrstuvwxyz0=", 403, "InvalidAccessKeyId"),
            ("Authorization", "MNS REVOKED:abcdefghijklmnopqrstuvwxyz0=", 403, "InvalidAccessKeyId"),
            ("Authorization", "MNS AKIDEXAMPLE:abcdefghijklmnopqrstuvwxyz0=", 403, "SignatureDoesNotMatch"),
            ("Date", nil, 400, "MissingDateHeader"),
            ("Date", "yesterday", 400, "InvalidDateHeader"),
            ("Date", "Di, 01 Jul 2025 08:00:00 GMT", 400, "InvalidDateHeader"),
            ("Date", "Tue, 01 Jul 2025 08:15:01 GMT", 408, "TimeExpired"),
            ("Date", "Tue, 01 Jul 2025 07:44:59 GMT", 408, "TimeExpired"),
            ("x-mns-version", nil, 400, "MissingVersionHeader"),
            ("x-mns-version", "2014-01-01", 400, "InvalidArgument"),
        ] as [(String, String?, Int, String)])
    func head(name: String, value: String?, status: Int, code: String) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let raw = try await RawClient(port: listener.port)
            var headers = [("Date", Self.date), ("x-mns-version", "2015-06-06")]
            let signed = MNSSignatureV2.sign(
                method: "GET", target: "/queues", headers: headers.map { (name: $0.0, value: $0.1) },
                accessKeyID: QueueFixture.keyID, secret: QueueFixture.secret)
            headers.append(("Authorization", signed.headerValue))
            headers.removeAll { $0.0 == name }
            if let value { headers.append((name, value)) }
            try await raw.send(Caller.request("GET", "/queues", headers, nil))
            let answer = try #require(await raw.answer())
            #expect(answer.status == status)
            #expect(answer.element("Code") == code)
        }
    }

    @Test("a date within 15 minutes is taken", arguments: [-900, 900])
    func window(seconds: Int64) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let date = UTCTimestamp.httpDate(1_751_356_800 + seconds)
            #expect(try await mns.call("GET", "/queues", headers: [("Date", date)]).status == 200)
            #expect(try await mns.call("GET", "/queues", headers: [("x-mns-date", date)]).status == 200)
        }
    }

    @Test("a mismatch says what was signed, and not with what")
    func mismatch() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let answer = try await mns.call("GET", "/queues?a=1&b=2", secret: "wrong")
            #expect(answer.status == 403)
            #expect(
                answer.element("Message")?.hasSuffix(
                    "GET\n\n\n\(Self.date)\nx-mns-version:2015-06-06\n/queues?a=1&amp;b=2") == true)
            #expect(!answer.body.contains(QueueFixture.secret))
        }
    }

    @Test(
        "a digest of the body counts in both forms",
        arguments: [
            ("NWQ0MTQwMmFiYzRiMmE3NmI5NzE5ZDkxMTAxN2M1OTI=", false), ("XUFAKrxLKna5cZ2REBfFkg==", false),
            ("YjRiYTRhNWUyZDk3YzljNjUzODQwY2ZkMjJkMDM5YWI=", true),
            ("tLpKXi2XycZThAz9ItA5qw==", true),
        ])
    func digests(digest: String, isRight: Bool) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let answer = try await mns.call(
                "POST", "/queues/orders/messages", Self.bodyA, headers: [("Content-MD5", digest)])
            #expect(answer.element("Code") == (isRight ? "QueueNotExist" : "InvalidDegist"))
            #expect(answer.status == (isRight ? 404 : 400))
        }
    }

    private static func head(_ method: String, _ target: String, _ pairs: [NameValuePair]) throws -> MNSRequestHead {
        var fields = HTTPFields()
        for pair in pairs { fields.append(HTTPField(name: try #require(HTTPField.Name(pair.name)), value: pair.value)) }
        let request = HTTPRequest(
            method: try #require(HTTPRequest.Method(method)), scheme: nil, authority: nil, path: target,
            headerFields: fields)
        return MNSRequestHead(Request(head: request, body: RequestBody(buffer: ByteBuffer())))
    }
}
