import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@testable import TowlineConsole

@Suite("Admin API: messages", .timeLimit(.minutes(5)))
struct MessageRouteTests {
    @Test("messages are sent, seen, received by priority and deleted, their bodies as they came")
    func life() async throws {
        try await AdminFixture().run { admin in
            _ = try await admin.put("/queues/orders")
            let sent = try await admin.post("/queues/orders/messages", #"{"body":"grün <&> \"x\"\n"}"#)
            #expect(sent.status == 200, "\(sent.text)")
            #expect(sent.string("id").count == 32)
            #expect(sent["receiptHandle"] == nil)
            let urgent = try await admin.post("/queues/orders/messages", #"{"bodyBase64":"eyJhIjoxfQ==","priority":1}"#)
            _ = try await admin.post("/queues/orders/messages", #"{"body":"eyJhIjoxfQ=="}"#)
            let late = try await admin.post("/queues/orders/messages", #"{"body":"late","delaySeconds":9}"#)
            #expect(late.string("receiptHandle").hasPrefix("1-"))
            #expect(try await admin.get("/queues/orders")["delayedMessages"]?.integerValue == 1)

            let seen = try await admin.post("/queues/orders/peek", #"{"count":16}"#)["messages"]?.elements ?? []
            #expect(seen.map { $0["body"]?.string } == [#"{"a":1}"#, "grün <&> \"x\"\n", "eyJhIjoxfQ=="])
            #expect(seen.map { $0["decodedBody"]?.string } == [nil, nil, #"{"a":1}"#])
            #expect(seen.allSatisfy { $0["receiptHandle"] == nil && $0["firstDequeuedAt"] == nil })

            let first = try await admin.receive("orders")
            #expect(first.map { $0["id"]?.string } == [urgent.string("id")])
            #expect(first[0]["priority"]?.integerValue == 1)
            #expect(first[0]["dequeueCount"]?.integerValue == 1)
            #expect(first[0]["bodyMD5"]?.string == urgent.string("bodyMD5"))
            let rest = try await admin.receive("orders", #"{"count":16,"visibilityTimeoutSeconds":600}"#)
            #expect(rest.count == 2)
            #expect(try await admin.receive("orders").isEmpty)

            let handles = (first + rest).map { $0["receiptHandle"]?.string ?? "" }
            let deleted = try await admin.post(
                "/queues/orders/delete", #"{"receiptHandles":["\#(handles.joined(separator: "\",\""))"]}"#)
            #expect(deleted.text == #"{"deleted":3,"failed":[]}"#)
            let again = try await admin.post(
                "/queues/orders/delete", #"{"receiptHandles":["\#(handles[0])","nonsense"]}"#)
            #expect(again["deleted"]?.integerValue == 0)
            let failed = again["failed"]?.elements ?? []
            #expect(failed.map { $0["code"]?.string } == ["messageMissing", "handleInvalid"])
            #expect(failed.last?["receiptHandle"]?.string == "nonsense")
            #expect(try await admin.get("/queues/orders")["inactiveMessages"]?.integerValue == 0)
        }
    }

    @Test("a body that the queue does not take is refused by the field's name, one of 64 KiB goes through")
    func sizes() async throws {
        try await AdminFixture().run { admin in
            _ = try await admin.put("/queues/orders", #"{"maximumMessageSizeBytes":1024}"#)
            let long = String(repeating: "a", count: 1025)
            let refused = try await admin.post("/queues/orders/messages", #"{"body":"\#(long)"}"#)
            #expect(refused.status == 400)
            #expect(refused.message.hasPrefix("body has 1025 bytes; this queue allows 1 to 1024"), "\(refused.text)")
            _ = try await admin.put("/queues/orders", #"{"maximumMessageSizeBytes":null}"#)
            let escaped = String(repeating: #"\u000a"#, count: 65_536)
            #expect(try await admin.post("/queues/orders/messages", #"{"body":"\#(escaped)"}"#).status == 200)
            #expect(try await admin.receive("orders").first?["body"]?.string?.utf8.count == 65_536)
        }
    }

    @Test("a wait ends with the message that is sent meanwhile")
    func wakes() async throws {
        let fixture = try await AdminFixture()
        try await fixture.run { admin in
            _ = try await admin.put("/queues/orders")
            async let answer = admin.post("/queues/orders/receive", #"{"waitSeconds":30}"#)
            try await fixture.untilWaiting(1)
            _ = try await admin.post("/queues/orders/messages", #"{"body":"a"}"#)
            let woken = try await answer
            #expect(woken["messages"]?.elements?.first?["body"]?.string == "a")
            #expect(woken.headers[.connection] == "close")
        }
    }

    @Test("waits end with the server's shutdown, two hundred at once, and with the queue")
    func shutdown() async throws {
        let fixture = try await AdminFixture()
        try await fixture.run { admin in
            _ = try await admin.put("/queues/short")
            async let gone = admin.post("/queues/short/receive", #"{"waitSeconds":30}"#)
            try await fixture.untilWaiting(1)
            _ = try await admin.delete("/queues/short")
            let told = try await gone
            #expect(told.status == 404)

            _ = try await admin.put("/queues/orders", #"{"pollingWaitSeconds":30}"#)
            let ended = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<200 { group.addTask { try await admin.post("/queues/orders/receive").text } }
                try await fixture.untilWaiting(200)
                fixture.shutdown.fire()
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(ended == [#"{"messages":[]}"#])
            #expect(fixture.store.waitingReceives == 0)
        }
    }

    @Test("who goes away while waiting takes no message")
    func goesAway() async throws {
        let fixture = try await AdminFixture()
        try await fixture.run { admin in
            _ = try await admin.put("/queues/orders")
            let waiting = Task { try await admin.post("/queues/orders/receive", #"{"waitSeconds":30}"#) }
            try await fixture.untilWaiting(1)
            waiting.cancel()
            _ = await waiting.result
            #expect(fixture.store.waitingReceives == 0)
            _ = try await admin.post("/queues/orders/messages", #"{"body":"a"}"#)
            #expect(try await admin.receive("orders").first?["dequeueCount"]?.integerValue == 1)
        }
    }

    @Test("an answer that cannot be written is told to its route, one that can is not")
    func lostAnswer() async throws {
        let lost = Mutex(0)
        let answer = AdminAnswer(json: .object([]), onLoss: { lost.withLock { $0 += 1 } })
        await #expect(throws: ChannelError.self) { try await answer.response.body.write(BrokenWriter()) }
        #expect(lost.withLock { $0 } == 1)
        try await answer.response.body.write(IdleWriter())
        #expect(lost.withLock { $0 } == 1)
    }

    @Test("a released message is active again at once and was not received")
    func release() async throws {
        try await AdminFixture().run { admin in
            _ = try await admin.put("/queues/orders")
            _ = try await admin.post("/queues/orders/messages", #"{"body":"a"}"#)
            for _ in 0..<2 {
                let message = try #require(try await admin.receive("orders").first)
                #expect(message["dequeueCount"]?.integerValue == 1)
                let handle = message["receiptHandle"]?.string ?? ""
                let released = try await admin.post(
                    "/queues/orders/release", #"{"receiptHandles":["\#(handle)","stale"]}"#)
                #expect(released.text == "{}")
            }
        }
    }

    // MARK: Composing

    @Test("the event in a message is composed under its own id, another message under one made of its own")
    func request() async throws {
        let fixture = try await AdminFixture()
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackType = "MNS"
        configuration.mnsEndpoint = "http://127.0.0.1:8787"
        configuration.mnsQueueName = "events"
        configuration.isOwnQueue = true
        configuration.eventTypeList = "ALL"
        configuration.authSwitch = "on"
        configuration.authKey = "Abc123xyz"
        try await fixture.run { [configuration] admin in
            _ = try await admin.put("/queues/events")
            try await fixture.store.setCallback(configuration, nonce: nil)
            let event = try await fixture.makeEvent()
            let message = try #require(try await admin.receive("events").first)
            let (id, body) = (message["id"]?.string ?? "", message["body"]?.string ?? "")
            #expect(message["decodedBody"]?.string?.contains("UploadByURLComplete") == true)

            func compose(_ id: String, _ body: String, _ url: String?) async throws -> AdminFixture.Answer {
                let json = JSONValue.members(["messageId": .string(id), "body": .string(body), "url": url.json])
                return try await admin.post("/queues/events/request", json.compactText)
            }
            func header(_ answer: AdminFixture.Answer, _ name: String) -> String? {
                answer["headers"]?.elements?.first { $0.elements?.first?.string == name }?.elements?.last?.string
            }
            let known = try await compose(id, body, "http://127.0.0.1:9/x")
            #expect(known.status == 200, "\(known.text)")
            #expect(header(known, "x-event") == event.description)
            #expect(header(known, "x-url") == "http://127.0.0.1:9/x")
            #expect(header(known, "x-key") == "Abc123xyz")
            #expect(known.string("url") == "http://127.0.0.1:9/x")
            // The bytes of the event, not those of the message.
            #expect(known.string("body") == body)
            let plain = try await compose(id, message["decodedBody"]?.string ?? "", "http://127.0.0.1:9/x")
            #expect(header(plain, "x-event") == event.description)

            let foreign = try await compose(id, "hello there", "http://127.0.0.1:9/x")
            #expect(header(foreign, "x-event") == "evt_" + id.lowercased())
            #expect(foreign.string("body") == "aGVsbG8gdGhlcmU=")
            let without = try await compose(id, body, nil)
            #expect(without.status == 400)
            #expect(without.message.hasPrefix("url is needed"))
            let ownID = try await admin.get("/events/\(event)/request")
            #expect(ownID.message.hasPrefix("url is needed"), "a queue's name is no URL to sign")
        }
    }
}

/// Writes nothing, as to a connection that is gone.
private struct BrokenWriter: ResponseBodyWriter {
    func write(_ buffer: ByteBuffer) async throws { throw ChannelError.ioOnClosedChannel }
    func finish(_ headers: HTTPFields?) async throws { throw ChannelError.ioOnClosedChannel }
}

/// Takes everything.
private struct IdleWriter: ResponseBodyWriter {
    func write(_ buffer: ByteBuffer) async throws {}
    func finish(_ headers: HTTPFields?) async throws {}
}

extension AdminFixture {
    /// Returns when so many receives wait.
    func untilWaiting(_ count: Int) async throws {
        while store.waitingReceives < count {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}

extension AdminFixture.Caller {
    func put(_ path: String, _ body: String = "") async throws -> AdminFixture.Answer {
        try await send(.put, path, body)
    }

    /// The messages of one receive that does not wait.
    func receive(_ queue: String, _ body: String = "") async throws -> [JSONValue] {
        try await post("/queues/\(queue)/receive", body)["messages"]?.elements ?? []
    }
}
