import Foundation
import Testing
import VODEvents

private let sendTime: Int64 = 1_767_323_045
private let key = "Abc123xyz"
private let url = "https://hook.example.com/vod/events"
private let signature = "4d3aaa81695ec402eaa6db22ff85fc11"
private let now = Date(timeIntervalSince1970: 1_767_323_050)

@Suite("Callback signature")
struct CallbackSignatureTests {
    @Test(
        "each reference vector is reproduced and verified",
        arguments: [
            (url, sendTime, key, signature),
            ("https://hook.example.com/vod/events/", sendTime, key, "04f4e39ea9c402bc1a874a2aaafe7b58"),
            ("http://hook.example.com:8080/vod?env=dev&v=1", sendTime, key, "2ec42f4a052caf8262a817da2d82e942"),
            ("https://hook.example.com/回调", sendTime, key, "e8876764a535b3b1466f6d468752603e"),
            ("https://www.example.com/your/callback", 1_519_375_990, "test123", "c72b60894140fa98920f1279219b7ed4"),
            ("https://www.example.com/your/callback", 1_519_375_990, "Test123", "c587b80d2d0ede300e8967937da7219b"),
        ])
    func referenceVectors(_ url: String, _ timestamp: Int64, _ key: String, _ signature: String) throws {
        #expect(CallbackSignature.sign(url: url, timestamp: timestamp, authKey: key) == signature)
        try CallbackSignature.verify(
            url: url,
            timestampHeader: String(timestamp),
            signatureHeader: signature,
            keys: [key],
            now: Date(timeIntervalSince1970: TimeInterval(timestamp))
        )
    }

    @Test("the signature may come in capitals and with blanks around it")
    func tolerance() throws {
        try verify(timestamp: " 1767323045 ", signature: " \(signature.uppercased())\t")
    }

    @Test("during a rotation each key is accepted and named")
    func rotation() throws {
        #expect(try verify(keys: ["New1", key]) == 1)
        #expect(try verify(keys: [key, "Old1"]) == 0)
    }

    @Test("the replay window is closed on both sides and its edges belong to it")
    func window() throws {
        try verify(now: Date(timeIntervalSince1970: TimeInterval(sendTime + 300)))
        try verify(now: Date(timeIntervalSince1970: TimeInterval(sendTime - 300)))
        expectRefusal(.timestampTooOld) { () throws(VODSignatureError) in
            try verify(now: Date(timeIntervalSince1970: Double(sendTime) + 300.5))
        }
        expectRefusal(.timestampTooNew) { () throws(VODSignatureError) in
            try verify(now: Date(timeIntervalSince1970: Double(sendTime) - 300.5))
        }
        expectRefusal(.timestampTooOld) { () throws(VODSignatureError) in
            try verify(now: now, tolerance: .seconds(4))
        }
        expectRefusal(.timestampTooOld) { () throws(VODSignatureError) in
            try verify(now: Date(timeIntervalSince1970: .nan))
        }
    }

    @Test(
        "a missing or malformed header is named",
        arguments: [
            (nil, signature, .timestampMissing),
            ("", signature, .timestampMalformed),
            ("soon", signature, .timestampMalformed),
            ("-1767323045", signature, .timestampMalformed),
            ("1767323045.0", signature, .timestampMalformed),
            ("1767323045000", signature, .timestampMalformed),
            ("176732304500", signature, .timestampTooNew),
            ("0", signature, .timestampTooOld),
            ("1767323045", nil, .signatureMissing),
            ("1767323045", "", .signatureMalformed),
            ("1767323045", String(signature.dropLast()), .signatureMalformed),
            ("1767323045", signature.dropLast() + "g", .signatureMalformed),
            ("1767323045", signature.dropLast() + "2", .signatureMismatch),
            ("1767323046", signature, .signatureMismatch),
        ] as [(String?, String?, VODSignatureError.Code)])
    func refusedHeaders(_ timestamp: String?, _ signature: String?, _ code: VODSignatureError.Code) {
        expectRefusal(code) { () throws(VODSignatureError) in try verify(timestamp: timestamp, signature: signature) }
    }

    @Test("another URL, even by a trailing slash, another key or no key is refused")
    func otherURLAndKeys() {
        expectRefusal(.signatureMismatch) { () throws(VODSignatureError) in try verify(url: url + "/") }
        expectRefusal(.signatureMismatch) { () throws(VODSignatureError) in try verify(keys: ["abc123xyz"]) }
        expectRefusal(.noKeys) { () throws(VODSignatureError) in try verify(keys: []) }
        expectRefusal(.noKeys) { () throws(VODSignatureError) in try verify(keys: [key, ""]) }
    }

    @discardableResult
    private func verify(
        url: String = url,
        timestamp: String? = "1767323045",
        signature: String? = signature,
        keys: [String] = [key],
        now: Date = now,
        tolerance: Duration = .seconds(300)
    ) throws(VODSignatureError) -> Int {
        try CallbackSignature.verify(
            url: url,
            timestampHeader: timestamp,
            signatureHeader: signature,
            keys: keys,
            now: now,
            tolerance: tolerance
        )
    }
}

/// Expects a refusal with a code whose label is fixed and whose sentence is there.
func expectRefusal<Value>(
    _ code: VODSignatureError.Code,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws(VODSignatureError) -> Value
) {
    do throws(VODSignatureError) {
        _ = try body()
        Issue.record("accepted, but expected \(code)", sourceLocation: sourceLocation)
    } catch {
        #expect(error.code == code, sourceLocation: sourceLocation)
        #expect(!error.description.isEmpty, sourceLocation: sourceLocation)
    }
}
