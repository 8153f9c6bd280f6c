import Testing
import VODSignatures

private let date = "Tue, 01 Jul 2025 08:00:00 GMT"

@Suite("MNS signature, version 4")
struct MNSSignatureV4Tests {
    static let headers: [NameValuePair] = [
        ("Content-Type", "text/xml;charset=UTF-8"), ("x-mns-version", "2015-06-06"), ("Date", date), ("Host", "h"),
    ]

    @Test(
        "each reference vector is reproduced and verified",
        arguments: [
            (
                "POST", "/queues/demo-queue/messages",
                "58387b1a65e4a92fa4dadd50a4d08640687b069378cd8e82b4cf3cc879796862"
            ),
            (
                "GET", "/queues/demo-queue/messages?numOfMessages=16&waitseconds=30",
                "0bfbc733799f974bbfa4cf282774e617be03018f7e6d99c458f44da9b51d07f0"
            ),
            (
                "DELETE", "/queues/demo-queue/messages?ReceiptHandle=8-abc/DEF+gh==",
                "525f7b90e951507f0229ca8587d9b5f64e73283217819e5294e1bd6dfc1a3fb6"
            ),
        ]
    )
    func referenceVectors(_ method: String, _ target: String, _ signature: String) throws {
        let seconds = try #require(UTCTimestamp.parseHTTPDate(date))
        let authorization = MNSSignatureV4.sign(
            method: method,
            target: target,
            headers: Self.headers,
            unixSeconds: seconds,
            accessKeyID: "AKIDEXAMPLE",
            secret: "SKEXAMPLE",
            region: "cn-test"
        )
        let scope = MNSSignatureV4.Scope(accessKeyID: "AKIDEXAMPLE", date: "20250701", region: "cn-test")
        #expect(authorization == .v4(scope, signature: signature))
        let header =
            "MNS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250701/cn-test/mns/aliyun_v4_request,Signature=\(signature)"
        #expect(authorization.headerValue == header)
        #expect(try MNSAuthorization(parsing: header) == authorization)

        func verifies(
            _ target: String,
            headers: [NameValuePair] = Self.headers,
            secret: String = "SKEXAMPLE",
            seconds: Int64
        ) -> Bool {
            MNSSignatureV4.verify(
                signature: signature,
                scope: scope,
                secret: secret,
                method: method,
                target: target,
                headers: headers,
                unixSeconds: seconds
            )
        }
        #expect(verifies(target, seconds: seconds))
        #expect(!verifies(target + "x", seconds: seconds))
        #expect(!verifies(target, seconds: seconds + 1))
        #expect(!verifies(target, seconds: seconds + 86_400))
        #expect(!verifies(target, secret: "other", seconds: seconds))
        #expect(!verifies(target, headers: Self.headers + [("X-Mns-Date", "x")], seconds: seconds))
    }

    @Test("the vectors that the Java SDK publishes are reproduced")
    func publishedVectors() throws {
        let query = MNSSignatureV4.sign(
            method: "POST",
            target: "/queues/TestQueue/?param1=abc&PARAM2=d  ef&PARAM3=[def]#bbb&PARAM4=中文参数",
            headers: [],
            unixSeconds: try #require(UTCTimestamp.parse("2025-06-03T10:52:35Z")),
            accessKeyID: "ak1",
            secret: "sk1",
            region: "region1"
        )
        #expect(
            query.headerValue
                == "MNS4-HMAC-SHA256 Credential=ak1/20250603/region1/mns/aliyun_v4_request,"
                + "Signature=1fc6013f158d4c3aba09570895a2a93c8445c2c5213d82a1463baf602cf0d945"
        )
        let headers = MNSSignatureV4.sign(
            method: "PUT",
            target: "/queues/TestQueue123456",
            headers: [("x-mns-abc", "kkk"), ("X-MNS-Sss", "2015-06-06xFFF"), ("x-kkk-def", "jjj")],
            unixSeconds: try #require(UTCTimestamp.parse("2025-12-03T11:23:48Z")),
            accessKeyID: "akkkkk1111111111",
            secret: "skkkkkkk1111111111",
            region: "region2"
        )
        #expect(
            headers.headerValue
                == "MNS4-HMAC-SHA256 Credential=akkkkk1111111111/20251203/region2/mns/aliyun_v4_request,"
                + "Signature=04f1e5f929b5aaac3af6a54970f591581ecd2aade2562f926c5f2ec5d5c8cfad"
        )
    }

    @Test("query names are lower-cased and sorted, and empty values lose their equals sign")
    func canonicalQuery() {
        let text = MNSSignatureV4.stringToSign(
            method: "get",
            target: "/a b?Zeta=1&empty=&alpha= x%2F &flag",
            headers: [("Date", "d"), ("X-Mns-B", "2"), ("content-md5", "m")],
            unixSeconds: 0,
            scope: MNSSignatureV4.Scope(accessKeyID: "k", date: "19700101", region: "r")
        )
        let expected = """
            MNS4-HMAC-SHA256
            19700101T000000Z
            19700101/r/mns/aliyun_v4_request
            GET
            /a%20b
            alpha=x%252F&empty&flag&zeta=1
            content-md5:m
            x-mns-b:2


            """
        #expect(text == expected)
    }

    @Test("a signature for another day than that of the request is refused, however right it is")
    func scopeOfAnotherDay() {
        func verifies(date: String) -> Bool {
            let scope = MNSSignatureV4.Scope(accessKeyID: "k", date: date, region: "r")
            let text = MNSSignatureV4.stringToSign(
                method: "GET",
                target: "/queues",
                headers: [],
                unixSeconds: 86_400,
                scope: scope
            )
            return MNSSignatureV4.verify(
                signature: MNSSignatureV4.signature(secret: "s", scope: scope, stringToSign: text),
                scope: scope,
                secret: "s",
                method: "GET",
                target: "/queues",
                headers: [],
                unixSeconds: 86_400
            )
        }
        #expect(verifies(date: "19700102"))
        #expect(!verifies(date: "19700101"))
    }

    @Test("private-cloud clients are recognised by their scheme word")
    func privateCloud() throws {
        let hex = String(repeating: "ab", count: 32)
        let text =
            "APSARA-MNS4-HMAC-SHA256 Credential=k/20250701/r/mns/apsara_v4_request, Signature=\(hex.uppercased())"
        let scope = MNSSignatureV4.Scope(accessKeyID: "k", date: "20250701", region: "r", variant: .privateCloud)
        #expect(try MNSAuthorization(parsing: text) == .v4(scope, signature: hex))
        #expect(try MNSAuthorization(parsing: text).accessKeyID == "k")
    }
}
