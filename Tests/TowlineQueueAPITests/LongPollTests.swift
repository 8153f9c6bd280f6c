import Hummingbird
import Testing
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@testable import TowlineQueueAPI

@Suite("Queue API: long polls", .timeLimit(.minutes(5)))
struct LongPollTests {
    @Test(
        "a waiting receive gets the message that is sent meanwhile, and its connection goes on",
        arguments: ["", "&numOfMessages=16"])
    func wakes(query: String) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let (mns, waiting) = (try await listener.connect(), try await listener.connect())
            try await mns.create("orders")
            for round in 1...3 {
                try await waiting.begin("GET", "/queues/orders/messages?waitseconds=30\(query)")
                await fixture.waitForReceives(1)
                try await mns.send("m\(round)", to: "orders")
                let answer = try #require(await waiting.raw.answer())
                #expect(answer.status == 200)
                #expect(answer.element("MessageBody") == "m\(round)")
                #expect(answer["Connection"] == nil)
            }
        }
    }

    @Test("who came first is served first")
    func order() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            var waiting: [Caller] = []
            for number in 1...5 {
                waiting.append(try await listener.connect())
                try await waiting[number - 1].begin("GET", "/queues/orders/messages?waitseconds=30")
                await fixture.waitForReceives(number)
            }
            for number in 1...5 { try await mns.send("m\(number)", to: "orders") }
            for number in 1...5 {
                #expect(await waiting[number - 1].raw.answer()?.element("MessageBody") == "m\(number)")
            }
        }
    }

    @Test("a receive that names no wait waits as long as the queue says, and no longer")
    func queueWait() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders", "<PollingWaitSeconds>10</PollingWaitSeconds>")
            try await mns.begin("GET", "/queues/orders/messages")
            await fixture.waitForReceives(1)
            await fixture.advance(by: .seconds(10))
            let answer = try #require(await mns.raw.answer())
            #expect(answer.status == 404)
            #expect(answer.element("Code") == "MessageNotExist")
            let atOnce = try await mns.call("GET", "/queues/orders/messages?waitseconds=0")
            #expect(atOnce.element("Code") == "MessageNotExist")
        }
    }

    @Test("a message that becomes visible again wakes who waits")
    func visibleAgain() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders", "<VisibilityTimeout>5</VisibilityTimeout>")
            try await mns.send("a", to: "orders")
            _ = try await mns.receive(from: "orders")
            try await mns.begin("GET", "/queues/orders/messages?waitseconds=30")
            await fixture.waitForReceives(1)
            await fixture.advance(by: .seconds(5))
            #expect(await mns.raw.answer()?.element("DequeueCount") == "2")
        }
    }

    @Test("a client that goes away while it waits takes no message")
    func goneWhileWaiting() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let (mns, gone) = (try await listener.connect(), try await listener.connect())
            try await mns.create("orders")
            try await gone.begin("GET", "/queues/orders/messages?waitseconds=30")
            await fixture.waitForReceives(1)
            try await gone.raw.close()
            await fixture.waitForReceives(0)
            try await mns.send("a", to: "orders")
            let answer = try await mns.call("GET", "/queues/orders/messages")
            #expect(answer.element("DequeueCount") == "1")
        }
    }

    /// Closes the connection of one request, before it is answered or when its answer is not written yet.
    struct Closing: HTTPResponder {
        let responder: MNSResponder
        let isBefore: Bool

        func respond(to request: Request, context: MNSContext) async throws -> Response {
            let isMeant = request.head.path?.contains("waitseconds") == true
            if isMeant, isBefore { try await context.channel.close() }
            let response = try await responder.respond(to: request, context: context)
            if isMeant, !isBefore { try await context.channel.close() }
            return response
        }
    }

    @Test(
        "messages whose answer could not be written are given back and do not count as received",
        arguments: [true, false], ["waitseconds=0", "waitseconds=30", "waitseconds=0&numOfMessages=16"])
    func goneBeforeAnswer(isBefore: Bool, query: String) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run(Closing(responder: fixture.responder, isBefore: isBefore)) { listener in
            let (mns, gone) = (try await listener.connect(), try await listener.connect())
            try await mns.create("orders", "<PollingWaitSeconds>30</PollingWaitSeconds>")
            try await mns.send("a", to: "orders")
            try await gone.begin("GET", "/queues/orders/messages?\(query)")
            #expect(await gone.raw.answer() == nil)
            let answer = try await mns.call("GET", "/queues/orders/messages")
            #expect(answer.status == 200)
            #expect(answer.element("DequeueCount") == "1")
            #expect(answer.element("FirstDequeueTime") == answer.element("EnqueueTime"))
        }
    }

    @Test("waits end with the listener, and nobody waits from then on")
    func shutdown() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            var waiting: [Caller] = []
            for _ in 0..<100 {
                let caller = try await listener.connect()
                try await caller.begin("GET", "/queues/orders/messages?waitseconds=30")
                waiting.append(caller)
            }
            await fixture.waitForReceives(100)
            fixture.test.store.endQueueWaits()
            for caller in waiting { #expect(await caller.raw.answer()?.element("Code") == "MessageNotExist") }
            let late = try await mns.call("GET", "/queues/orders/messages?waitseconds=30")
            #expect(late.element("Code") == "MessageNotExist")
        }
    }

    @Test("more waiting receives than are allowed are answered at once")
    func tooMany() async throws {
        let fixture = try await QueueFixture(waitingLimit: 1)
        try await fixture.run { listener in
            let (mns, waiting) = (try await listener.connect(), try await listener.connect())
            try await mns.create("orders")
            try await waiting.begin("GET", "/queues/orders/messages?waitseconds=30")
            await fixture.waitForReceives(1)
            let answer = try await mns.call("GET", "/queues/orders/messages?waitseconds=30")
            #expect(answer.status == 404)
            #expect(answer.element("Code") == "MessageNotExist")
        }
    }

    @Test("who waits on a queue that is deleted is told so")
    func deleted() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let (mns, waiting) = (try await listener.connect(), try await listener.connect())
            try await mns.create("orders")
            try await waiting.begin("GET", "/queues/orders/messages?waitseconds=30")
            await fixture.waitForReceives(1)
            #expect(try await mns.call("DELETE", "/queues/orders").status == 204)
            #expect(await waiting.raw.answer()?.element("Code") == "QueueNotExist")
        }
    }
}
