import Foundation
import Testing
import VODEvents

@Suite("Callback verifier")
struct CallbackVerifierTests {
    private let url = "https://hook.example.com/vod/events"
    private let key = "Abc123xyz"
    private let now = Date(timeIntervalSince1970: 1_767_323_045)
    private let body = Array(Oddities(rawValue: 255).success.utf8)
    private let secret: WebhookSecret

    init() throws {
        secret = try WebhookSecret(key: Array(0..<32))
    }

    @Test("a callback with the plain signature gives its event, without a claim about the body")
    func plainSignature() throws {
        let verifier = try CallbackVerifier(url: url, keys: [key])
        var headers = oldHeaders
        headers["webhook-id"] = "evt_1"
        let callback = try verifier.verify(headers: headers, body: body, now: now)
        #expect(callback.event.status == .success)
        #expect(callback.id == "evt_1")
        #expect(!callback.isBodySigned)
        #expect(try verifier.verify(headers: oldHeaders, body: body, now: now).id == nil)
    }

    @Test("a callback with the webhook signature gives its event, with the body covered")
    func webhookSignature() throws {
        let verifier = try CallbackVerifier(url: url, webhookSecrets: [secret])
        let headers = try newHeaders()
        let callback = try verifier.verify(headers: headers, body: body, now: now)
        #expect(callback.id == "evt_1")
        #expect(callback.isBodySigned)
    }

    @Test("a verifier with keys of both schemes demands both")
    func bothSchemes() throws {
        let verifier = try CallbackVerifier(url: url, keys: [key], webhookSecrets: [secret])
        let new = try newHeaders()
        let both = oldHeaders.merging(new) { $1 }
        #expect(try verifier.verify(headers: both, body: body, now: now).isBodySigned)
        expectUnverified(.signatureMissing) { () throws(CallbackError) in
            try verifier.verify(headers: both.filter { $0.key != "webhook-signature" }, body: body, now: now)
        }
        expectUnverified(.timestampMissing) { () throws(CallbackError) in
            try verifier.verify(headers: new, body: body, now: now)
        }
    }

    @Test("header names in a dictionary may be in any case, but not in two spellings at once")
    func headerCase() throws {
        let verifier = try CallbackVerifier(url: url, keys: [key])
        let lower = Dictionary(uniqueKeysWithValues: oldHeaders.map { ($0.key.lowercased(), $0.value) })
        #expect(throws: Never.self) { try verifier.verify(headers: lower, body: body, now: now) }
        expectUnverified(.timestampMissing) { () throws(CallbackError) in
            try verifier.verify(headers: lower.merging(oldHeaders) { $1 }, body: body, now: now)
        }
    }

    @Test("an unverified body is refused with 401 before it is parsed")
    func unverified() throws {
        let verifier = try CallbackVerifier(url: url, keys: [key])
        let error = #expect(throws: CallbackError.self) {
            try verifier.verify(headers: { _ in nil }, body: Array("not JSON".utf8), now: now)
        }
        #expect(error?.suggestedStatus == 401)
        expectUnverified(.timestampTooOld) { () throws(CallbackError) in
            try verifier.verify(headers: oldHeaders, body: body, now: now.addingTimeInterval(301))
        }
    }

    @Test("a verified body that is no event is refused with 400, one that is too large with 413")
    func invalidEvent() throws {
        let limits = VODEvent.DecodingLimits(maximumBytes: 16)
        let verifier = try CallbackVerifier(url: url, keys: [key], limits: limits)
        let noJSON = #expect(throws: CallbackError.self) {
            try verifier.verify(headers: oldHeaders, body: Data("not JSON".utf8), now: now)
        }
        #expect(noJSON?.suggestedStatus == 400)
        let large = #expect(throws: CallbackError.self) {
            try verifier.verify(headers: oldHeaders, body: body, now: now)
        }
        #expect(large?.suggestedStatus == 413)
        #expect(large?.description == "The event must not have more than 16 bytes")
    }

    @Test("a verifier cannot be made without keys or with an empty one")
    func noKeys() {
        expectRefusal(.noKeys) { () throws(VODSignatureError) in try CallbackVerifier(url: url) }
        expectRefusal(.noKeys) { () throws(VODSignatureError) in try CallbackVerifier(url: url, keys: [""]) }
        expectRefusal(.noKeys) { () throws(VODSignatureError) in
            try CallbackVerifier(url: url, keys: [key, ""], webhookSecrets: [secret])
        }
    }

    private var oldHeaders: [String: String] {
        [
            "X-VOD-TIMESTAMP": "1767323045",
            "X-VOD-SIGNATURE": CallbackSignature.sign(url: url, timestamp: 1_767_323_045, authKey: key),
        ]
    }

    private func newHeaders() throws -> [String: String] {
        [
            "webhook-id": "evt_1",
            "webhook-timestamp": "1767323045",
            "webhook-signature": try WebhookSignature.sign(
                id: "evt_1",
                timestamp: 1_767_323_045,
                body: body,
                secrets: [secret]
            ),
        ]
    }

    private func expectUnverified(
        _ code: VODSignatureError.Code,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws(CallbackError) -> VerifiedCallback
    ) {
        do throws(CallbackError) {
            _ = try body()
            Issue.record("accepted, but expected \(code)", sourceLocation: sourceLocation)
        } catch {
            guard case .unverified(let reason) = error else {
                Issue.record("unexpected \(error)", sourceLocation: sourceLocation)
                return
            }
            #expect(reason.code == code, sourceLocation: sourceLocation)
        }
    }
}
