import Foundation
import NIOCore
import Testing
import TowlineCore
import TowlineOutbound
import TowlineStore
import TowlineTesting
import VODEvents

@testable import TowlineDelivery

@Suite("The headers of a callback")
struct EventRequestComposerTests {
    private static let url = "http://hook.example.com:8080/vod?env=dev&v=1"
    private static let seconds: Int64 = 1_767_323_045
    private let event = TestDelivery.event()
    private let secrets = [WebhookSecret.random(), WebhookSecret.random()]
    private let now = Date(timeIntervalSince1970: TimeInterval(Self.seconds))

    private func headers(_ signing: DeliverySigning, url: String = Self.url) throws -> [EventHeader] {
        try EventRequestComposer.headers(of: event, to: url, signing: signing, at: Self.seconds)
    }

    private func dictionary(_ headers: [EventHeader]) -> [String: String] {
        Dictionary(uniqueKeysWithValues: headers.map { ($0.name, $0.value) })
    }

    @Test("without keys there are id and time and no signature")
    func unsigned() throws {
        let headers = try headers(DeliverySigning())
        #expect(headers.map(\.name) == ["Content-Type", "webhook-id", "webhook-timestamp"])
        #expect(headers.map(\.value) == ["application/json", event.id.description, "1767323045"])
    }

    @Test("the pair signs the URL byte for byte")
    func pair() throws {
        let vectors = [
            Self.url: "2ec42f4a052caf8262a817da2d82e942",
            "https://hook.example.com/vod/events": "4d3aaa81695ec402eaa6db22ff85fc11",
            "https://hook.example.com/vod/events/": "04f4e39ea9c402bc1a874a2aaafe7b58",
            "https://hook.example.com/回调": "e8876764a535b3b1466f6d468752603e",
        ]
        for (url, signature) in vectors {
            let headers = try headers(DeliverySigning(authKey: "Abc123xyz"), url: url)
            #expect(headers.suffix(2).map(\.name) == ["X-VOD-TIMESTAMP", "X-VOD-SIGNATURE"])
            #expect(headers.suffix(2).map(\.value) == ["1767323045", signature])
        }
    }

    @Test("with two secrets there are two signatures, the newest first, and a receiver with either is content")
    func twoSecrets() throws {
        let headers = dictionary(try headers(DeliverySigning(webhookSecrets: secrets.map(\.text))))
        let signatures = headers["webhook-signature"]?.split(separator: " ") ?? []
        #expect(signatures.count == 2)
        for (secret, signature) in zip(secrets, signatures) {
            let alone = try WebhookSignature.sign(
                id: event.id.description, timestamp: Self.seconds, body: event.body, secrets: [secret])
            #expect(String(signature) == alone)
            let verifier = try CallbackVerifier(url: Self.url, webhookSecrets: [secret])
            #expect(try verifier.verify(headers: headers, body: event.body, now: now).id == event.id.description)
        }
    }

    @Test("a composed request passes the receiver's verifier with both schemes, and not outside its window")
    func verified() throws {
        let signing = DeliverySigning(authKey: "Abc123xyz", webhookSecrets: secrets.map(\.text))
        let headers = dictionary(try headers(signing))
        let verifier = try CallbackVerifier(
            url: Self.url, keys: ["newkey1", "Abc123xyz"], webhookSecrets: [secrets[1]], tolerance: .seconds(300))
        let callback = try verifier.verify(headers: headers, body: event.body, now: now)
        #expect(callback.isBodySigned)
        #expect(callback.event.status == .success)
        #expect(throws: CallbackError.self) {
            try verifier.verify(headers: headers, body: event.body, now: now.addingTimeInterval(301))
        }
        #expect(throws: CallbackError.self) {
            try verifier.verify(headers: headers, body: event.body, now: now.addingTimeInterval(-301))
        }
    }

    @Test("a flipped body byte passes the old signature and fails the new one")
    func flipped() throws {
        let signing = DeliverySigning(authKey: "Abc123xyz", webhookSecrets: secrets.map(\.text))
        let headers = dictionary(try headers(signing))
        let old = try CallbackVerifier(url: Self.url, keys: ["Abc123xyz"])
        let new = try CallbackVerifier(url: Self.url, webhookSecrets: secrets)
        var body = event.body
        // Within a text, so that it stays an event.
        let index = try #require(body.firstIndex(of: UInt8(ascii: "U")))
        body[index] ^= 0x20
        #expect(throws: Never.self) { try old.verify(headers: headers, body: body, now: now) }
        #expect(throws: CallbackError.self) { try new.verify(headers: headers, body: body, now: now) }
    }

    @Test("a secret that is none fails instead of leaving the signature out")
    func badSecret() {
        #expect(throws: VODSignatureError.self) { try headers(DeliverySigning(webhookSecrets: ["whsec_x"])) }
    }

    @Test("what arrives at a receiver passes its verifier, and the log shows what was sent without the secrets")
    func endToEnd() async throws {
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(headers: [("Set-Cookie", "session=1"), ("X-Request", "r-1")])
        }
        let client = TestDelivery.client()
        let url = "http://user:pass@127.0.0.1:\(origin.port)/vod?token=abc"
        let signing = DeliverySigning(authKey: "Abc123xyz", webhookSecrets: secrets.map(\.text))
        let report = await TestDelivery.runner(OutboundEventSender(client: client)).run(
            TestDelivery.claim(url, signing: signing))
        #expect(report.next == .delivered)
        let request = try #require(origin.record.requests.first)
        let verifier = try CallbackVerifier(url: url, keys: ["Abc123xyz"], webhookSecrets: [secrets[1]])
        let callback = try verifier.verify(
            headers: { request.header($0) }, body: Array(request.body.readableBytesView), now: now)
        #expect(callback.isBodySigned)
        #expect(
            report.record.requestHead == """
                POST /vod?token=… HTTP/1.1
                Host: 127.0.0.1:\(origin.port)
                Content-Type: application/json
                webhook-id: \(event.id)
                webhook-timestamp: 1767323045
                webhook-signature: (masked)
                X-VOD-TIMESTAMP: 1767323045
                X-VOD-SIGNATURE: (masked)
                User-Agent: Towline
                Accept: */*
                Accept-Encoding: identity
                Authorization: (masked)
                Content-Length: \(event.body.count)
                """)
        let sentNames = request.head.split(separator: "\r\n").map { $0.prefix { $0 != ":" } }.dropFirst()
        let loggedNames = report.record.requestHead.split(separator: "\n").map { $0.prefix { $0 != ":" } }.dropFirst()
        #expect(Array(sentNames) == Array(loggedNames))
        #expect(report.record.responseHead == "Set-Cookie: (masked)\nX-Request: r-1\nContent-Length: 0")
        #expect(report.record.address == "127.0.0.1")
        #expect(report.record.httpStatus == 200)
        await client.shutdown()
        await origin.stop()
    }
}
