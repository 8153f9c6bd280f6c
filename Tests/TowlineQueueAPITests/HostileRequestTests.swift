import HTTPTypes
import Hummingbird
import NIOCore
import Testing
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@testable import TowlineQueueAPI

@Suite("Queue API: hostile requests and troubles", .timeLimit(.minutes(5)))
struct HostileRequestTests {
    @Test(
        "XML that is made to hurt is refused at its first wrong byte",
        arguments: [
            "<!DOCTYPE m [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><Message><MessageBody>&b;"
                + "</MessageBody></Message>",
            "<!DOCTYPE m [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Message><MessageBody>&x;</MessageBody></Message>",
            "<!DOCTYPE m SYSTEM \"http://127.0.0.1/m.dtd\"><Message/>",
            "<?xml-stylesheet href=\"x\"?><Message/>",
            "<Message><MessageBody>&nbsp;</MessageBody></Message>",
            "<Message><MessageBody>&#0;</MessageBody></Message>",
            "<Message><MessageBody>\u{1}</MessageBody></Message>",
            "<Message><MessageBody>a</Message></MessageBody>",
            "<Message><MessageBody>a</MessageBody></Message><Message/>",
            "<Message a=\"1\" a=\"2\"><MessageBody>a</MessageBody></Message>",
            "<?xml version=\"1.0\" encoding=\"utf-16\"?><Message><MessageBody>a</MessageBody></Message>",
            String(repeating: "<a>", count: 17),
            "<Message>" + String(repeating: "<a/>", count: 20_001) + "</Message>",
            "<Message " + (1...17).map { "a\($0)='1'" }.joined(separator: " ") + "/>",
            "", " ", "{}", "hello",
        ])
    func xml(body: String) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            let answer = try await mns.call("POST", "/queues/orders/messages", body)
            #expect(answer.status == 400)
            #expect(answer.element("Code") == "MalformedXML")
            #expect(answer.body.utf8.count < 1000)
            #expect(try await mns.call("GET", "/queues/orders").element("ActiveMessages") == "0")
        }
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            try await mns.begin(
                "POST", "/queues/orders/messages", nil, headers: [("Content-Length", "47")])
            try await mns.raw.send(
                Array("<Message><MessageBody>".utf8) + [0xC3, 0x28] + Array("</MessageBody></Message>".utf8).prefix(23))
            let answer = try #require(await mns.raw.answer())
            #expect(answer.element("Code") == "MalformedXML")
        }
    }

    @Test("a body over the limit is refused, announced or not", arguments: [true, false])
    func tooLarge(isAnnounced: Bool) async throws {
        let fixture = try await QueueFixture(maxBodyBytes: 100)
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let body = String(repeating: "x", count: 101)
            if isAnnounced {
                try await mns.begin("POST", "/queues/orders/messages", body)
            } else {
                try await mns.begin("POST", "/queues/orders/messages", headers: [("Transfer-Encoding", "chunked")])
                try await mns.raw.send("65\r\n\(body)\r\n0\r\n\r\n")
            }
            let answer = try #require(await mns.raw.answer())
            #expect(answer.status == 400)
            #expect(answer.element("Code") == "InvalidArgument")
            #expect(answer.element("Message") == "The request's body must have at most 100 bytes.")
            #expect(try await mns.call("GET", "/queues").status == 200)
        }
    }

    @Test("without a key nothing is read and nothing is told")
    func unsigned() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let raw = try await RawClient(port: listener.port)
            for target in ["/queues/orders", "/queues/-", "/topics", "/elsewhere"] {
                try await raw.send(Caller.request("PUT", target, [], "<broken"))
                #expect(await raw.answer()?.element("Code") == "MissingAuthorizationHeader")
            }
        }
    }

    @Test("a store that is away is 503, with the vendor's document")
    func storeAway() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            await fixture.test.store.close()
            for (method, target, body) in [
                ("GET", "/queues/orders", nil), ("GET", "/queues/orders/messages?waitseconds=30", nil),
                ("POST", "/queues/orders/messages", "<Message><MessageBody>a</MessageBody></Message>"),
                ("PUT", "/queues/other", "<Queue/>"), ("GET", "/queues", nil),
            ] as [(String, String, String?)] {
                let answer = try await mns.call(method, target, body)
                #expect(answer.status == 503, "\(method) \(target)")
                #expect(answer.element("Code") == "ServiceUnavailable")
                #expect(answer.element("RequestId") == QueueFixture.requestID)
            }
        }
    }

    /// Answers everything that is not for the queues.
    struct Other: HTTPResponder {
        func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
            Response(status: .init(code: 418))
        }
    }

    @Test("on a shared listener, paths and signatures tell the queues' requests apart")
    func shared() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run(SharedListenerResponder(queues: fixture.responder, other: Other())) { listener in
            let mns = try await listener.connect()
            #expect(try await mns.call("GET", "/queues").status == 200)
            #expect(try await mns.call("GET", "/?accountmeta=true").element("Code") == "InvalidRequestURL")
            for (target, status) in [
                ("/queues", 400), ("/queues/a?x", 400), ("/topics", 400), ("/commonbuy/openservice", 400), ("/", 418),
                ("/?Action=GetURLUploadInfos", 418), ("/queuesandmore", 418),
            ] {
                try await mns.raw.send(Caller.request("GET", target, [("Authorization", "ACS3-HMAC-SHA256 x")], nil))
                #expect(await mns.raw.answer()?.status == status, "\(target)")
            }
        }
    }
}
