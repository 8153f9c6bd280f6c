import Foundation
import Testing
import VODEvents

private let body = Array(#"{"EventType":"E","Size":1}"#.utf8)
private let now = Date(timeIntervalSince1970: 1_767_323_045)

@Suite("Webhook signature")
struct WebhookSignatureTests {
    private let first: WebhookSecret
    private let second: WebhookSecret

    init() throws {
        first = try WebhookSecret(key: Array(0..<32))
        second = try WebhookSecret(key: Array(32..<64))
    }

    @Test("the example that the scheme's reference libraries share is reproduced and verified")
    func referenceVector() throws {
        let secret = try WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let payload = Data(#"{"test": 2432232314}"#.utf8)
        let header = try WebhookSignature.sign(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: payload,
            secrets: [secret]
        )
        #expect(header == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        try WebhookSignature.verify(
            idHeader: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestampHeader: "1614265330",
            signatureHeader: header,
            body: payload,
            secrets: [secret],
            now: Date(timeIntervalSince1970: 1_614_265_330)
        )
    }

    @Test("a vector computed by other means is reproduced")
    func computedVector() throws {
        let header = try WebhookSignature.sign(
            id: "msg_1",
            timestamp: 1_767_323_045,
            body: Array(#"{"a":1}"#.utf8),
            secrets: [first]
        )
        #expect(header == "v1,1N/1I7DzV1cMIsGnYWhBTOQ7x+x8mXB4mJypKTenMH0=")
    }

    @Test("a flipped byte anywhere in the body passes the callback signature and fails this one")
    func bodyIsCovered() throws {
        let url = "https://hook.example.com/vod/events"
        let old = CallbackSignature.sign(url: url, timestamp: 1_767_323_045, authKey: "Abc123xyz")
        let new = try sign([first])
        for index in body.indices {
            var flipped = body
            flipped[index] ^= 1
            try CallbackSignature.verify(
                url: url,
                timestampHeader: "1767323045",
                signatureHeader: old,
                keys: ["Abc123xyz"],
                now: now
            )
            expectRefusal(.signatureMismatch) { () throws(VODSignatureError) in
                try verify(signature: new, body: flipped)
            }
        }
    }

    @Test("id and time are covered too")
    func idAndTimeAreCovered() throws {
        let header = try sign([first])
        expectRefusal(.signatureMismatch) { () throws(VODSignatureError) in
            try verify(id: "msg_2", signature: header)
        }
        expectRefusal(.signatureMismatch) { () throws(VODSignatureError) in
            try verify(timestamp: "1767323046", signature: header)
        }
    }

    @Test("several signatures and several secrets overlap during a rotation")
    func rotation() throws {
        let both = try sign([second, first])
        #expect(both.split(separator: " ").count == 2)
        #expect(try verify(signature: both, secrets: [first]) == 0)
        #expect(try verify(signature: both, secrets: [second]) == 0)
        #expect(try verify(signature: try sign([first]), secrets: [second, first]) == 1)
        expectRefusal(.signatureMismatch) { () throws(VODSignatureError) in
            try verify(signature: try sign([first]), secrets: [second])
        }
    }

    @Test("signatures of other versions in the header are skipped")
    func otherVersions() throws {
        let header = try sign([first])
        try verify(signature: "v1a,AAAA v2,zzz \(header) nonsense")
        expectRefusal(.signatureMalformed) { () throws(VODSignatureError) in
            try verify(signature: header.replacingOccurrences(of: "v1,", with: "v2,"))
        }
    }

    @Test("the replay window is closed on both sides and its edges belong to it")
    func window() throws {
        let header = try sign([first])
        for offset in [-300.0, 300.0] {
            try verify(signature: header, now: now.addingTimeInterval(offset))
        }
        expectRefusal(.timestampTooOld) { () throws(VODSignatureError) in
            try verify(signature: header, now: now.addingTimeInterval(301))
        }
        expectRefusal(.timestampTooNew) { () throws(VODSignatureError) in
            try verify(signature: header, now: now.addingTimeInterval(-301))
        }
    }

    @Test(
        "a missing or malformed header is named",
        arguments: [
            (nil, "1767323045", "v1,x", .idMissing),
            ("", "1767323045", "v1,x", .idMalformed),
            ("a.5", "1767323045", "v1,x", .idMalformed),
            ("a b", "1767323045", "v1,x", .idMalformed),
            ("ä", "1767323045", "v1,x", .idMalformed),
            (String(repeating: "a", count: 257), "1767323045", "v1,x", .idMalformed),
            ("msg_1", nil, "v1,x", .timestampMissing),
            ("msg_1", "now", "v1,x", .timestampMalformed),
            ("msg_1", "1767323045", nil, .signatureMissing),
            ("msg_1", "1767323045", "", .signatureMalformed),
            ("msg_1", "1767323045", "v1,", .signatureMalformed),
            ("msg_1", "1767323045", "v1,AAAA", .signatureMalformed),
            ("msg_1", "1767323045", "v1,####", .signatureMalformed),
            ("msg_1", "1767323045", "v1," + Data(count: 32).base64EncodedString(), .signatureMismatch),
        ] as [(String?, String?, String?, VODSignatureError.Code)])
    func refusedHeaders(_ id: String?, _ timestamp: String?, _ signature: String?, _ code: VODSignatureError.Code) {
        expectRefusal(code) { () throws(VODSignatureError) in
            try verify(id: id, timestamp: timestamp, signature: signature)
        }
    }

    @Test("nothing is signed or accepted without secrets, nor with an id that holds a dot")
    func noSecrets() {
        expectRefusal(.noKeys) { () throws(VODSignatureError) in try sign([]) }
        expectRefusal(.noKeys) { () throws(VODSignatureError) in try verify(signature: "v1,x", secrets: []) }
        expectRefusal(.idMalformed) { () throws(VODSignatureError) in
            try WebhookSignature.sign(id: "a.b", timestamp: 1, body: body, secrets: [first])
        }
    }

    @Test(
        "a secret keeps its text form and refuses others",
        arguments: [
            "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_####", "whsec_AAAA",
            "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_" + Data(count: 23).base64EncodedString(), "whsec_" + Data(count: 65).base64EncodedString(),
        ])
    func secrets(_ malformed: String) throws {
        expectRefusal(.secretMalformed) { () throws(VODSignatureError) in try WebhookSecret(malformed) }
        #expect(try WebhookSecret(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").text.hasSuffix("LaSw"))
        let random = WebhookSecret.random()
        #expect(try WebhookSecret(random.text).text == random.text)
        #expect(random.text != WebhookSecret.random().text)
    }

    @Test("printing or dumping a secret does not show it")
    func secretsStayHidden() {
        var dumped = ""
        dump(first, to: &dumped)
        #expect("\(first) \(String(reflecting: first))" == "whsec_*** whsec_***")
        #expect(!dumped.contains("AAEC") && !dumped.contains("31"))
    }

    private func sign(_ secrets: [WebhookSecret]) throws(VODSignatureError) -> String {
        try WebhookSignature.sign(id: "msg_1", timestamp: 1_767_323_045, body: body, secrets: secrets)
    }

    @discardableResult
    private func verify(
        id: String? = "msg_1",
        timestamp: String? = "1767323045",
        signature: String?,
        body: [UInt8] = body,
        secrets: [WebhookSecret]? = nil,
        now: Date = now
    ) throws(VODSignatureError) -> Int {
        try WebhookSignature.verify(
            idHeader: id,
            timestampHeader: timestamp,
            signatureHeader: signature,
            body: body,
            secrets: secrets ?? [first],
            now: now
        )
    }
}
