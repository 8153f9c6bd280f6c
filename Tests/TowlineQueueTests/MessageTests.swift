import Testing
import TowlineCore
import TowlineQueue

private let start = Timestamp(milliseconds: 1_900_000_000_000)
private let attributes: QueueAttributes = {
    var attributes = QueueAttributes()
    attributes.retention = .seconds(600)
    return attributes
}()

@Suite("messages")
struct MessageTests {
    @Test(
        "the digest is the upper-case MD5 of the text as on the wire",
        arguments: [
            ("hello mns", "0C91FF67AF5B07A61C82F0DD90CAEFC3"),
            ("aGVsbG8gbW5z", "EBBEC0919BC91E033E46295ED9BAE435"),
            (
                "YToyOntzOjI6ImlkIjtpOjEwNTgyODc4O3M6MTA6ImVycm9yQ291bnQiO2k6MDt9",
                "3AED23FB70BD99FA907F5212F50DF7B9"
            ),
            ("I am 测试字符串.", "9D75198CAA17528AB23790C1861987AF"),
        ])
    func digests(text: String, digest: String) {
        #expect(BodyDigest(of: Array(text.utf8)).description == digest)
    }

    @Test("a message id is 32 upper-case hexadecimal digits that begin with the time")
    func identity() {
        var random = SystemRandomNumberGenerator()
        let id = MessageID(at: start, using: &random)
        #expect(id.description.count == 32)
        #expect(id.description.allSatisfy { "0123456789ABCDEF".contains($0) })
        #expect(Int64(id.description.prefix(12), radix: 16) == start.milliseconds)
    }

    @Test(
        "smaller numbers are more urgent, 0 and none stand for 8",
        arguments: [(Int?.none, 8), (0, 8), (1, 1), (16, 16)])
    func priorities(given: Int?, effective: Int) throws {
        let message = NewMessage(body: [1], priority: given)
        try message.validate()
        #expect(message.effectivePriority == effective)
    }

    @Test("what no queue takes is refused with the element's name")
    func refusals() throws {
        func refusal(_ message: NewMessage) -> String? {
            do {
                try message.validate()
                return nil
            } catch {
                return error.message
            }
        }
        #expect(refusal(NewMessage(body: []))?.contains("MessageBody") == true)
        #expect(refusal(NewMessage(body: [1], priority: 17))?.contains("Priority is 17; allowed are 0 to 16") == true)
        #expect(refusal(NewMessage(body: [1], priority: -1))?.contains("Priority") == true)
        #expect(refusal(NewMessage(body: [1], delay: .seconds(604_801)))?.contains("DelaySeconds") == true)
        #expect(refusal(NewMessage(body: [1], delay: .seconds(604_800))) == nil)
        var stuffed = NewMessage(body: [1])
        let value = String(repeating: "v", count: 65_536)
        stuffed.userProperties = [MessageProperty(name: "n", value: value, type: .string)]
        #expect(refusal(stuffed)?.contains("properties") == true)
    }

    @Test("a body is as long as its queue allows, a batch as long as the wire allows")
    func sizes() throws {
        var small = QueueAttributes()
        small.maximumMessageBytes = 1024
        try NewMessage(body: [UInt8](repeating: 65, count: 1024)).validate(for: small)
        let error = #expect(throws: QueueError.self) {
            try NewMessage(body: [UInt8](repeating: 65, count: 1025)).validate(for: small)
        }
        #expect(error?.message == "MessageBody has 1025 bytes; this queue allows 1 to 1024")

        let one = NewMessage(body: [65])
        try NewMessage.validate(batch: Array(repeating: one, count: 16))
        #expect(throws: QueueError.self) { try NewMessage.validate(batch: []) }
        #expect(throws: QueueError.self) { try NewMessage.validate(batch: Array(repeating: one, count: 17)) }
        let half = NewMessage(body: [UInt8](repeating: 65, count: 32_768))
        try NewMessage.validate(batch: [half, half])
        #expect(throws: QueueError.self) { try NewMessage.validate(batch: [half, half, one]) }
    }

    @Test("a receive asks for 1 to 16 messages, waits up to 30 s and hides for 1 to 43200 s")
    func receives() throws {
        for request in [
            ReceiveRequest(count: 1), ReceiveRequest(count: 16, wait: .seconds(30), visibility: .seconds(43_200)),
            ReceiveRequest(wait: .zero, visibility: .seconds(1)),
        ] { try request.validate() }
        for request in [
            ReceiveRequest(count: 0), ReceiveRequest(count: 17), ReceiveRequest(wait: .seconds(31)),
            ReceiveRequest(wait: .seconds(-1)), ReceiveRequest(visibility: .zero),
            ReceiveRequest(visibility: .seconds(43_201)),
        ] { #expect(throws: QueueError.self) { try request.validate() } }
    }
}

@Suite("the life of a message by the clock")
struct MessageTimingTests {
    @Test("a message without delay is active until its retention is over")
    func active() {
        let timing = MessageTiming(sentAt: start, delay: .zero, receive: 1)
        #expect(timing.state(at: start, in: attributes) == .active)
        #expect(timing.state(at: start + .seconds(600), in: attributes) == .active)
        #expect(timing.state(at: start + .milliseconds(600_001), in: attributes) == .expired)
        var longer = attributes
        longer.retention = .seconds(601)
        #expect(timing.state(at: start + .milliseconds(600_001), in: longer) == .active)
    }

    @Test("a delayed message is delayed, then active, and may expire before it was ever seen")
    func delayed() {
        let timing = MessageTiming(sentAt: start, delay: .seconds(60), receive: 1)
        #expect(timing.state(at: start, in: attributes) == .delayed)
        #expect(timing.state(at: start + .milliseconds(59_999), in: attributes) == .delayed)
        #expect(timing.state(at: start + .seconds(60), in: attributes) == .active)
        let late = MessageTiming(sentAt: start, delay: .seconds(6000), receive: 1)
        #expect(late.state(at: start + .seconds(601), in: attributes) == .expired)
    }

    @Test("a receive counts, hides, and keeps the time of the first")
    func received() {
        var timing = MessageTiming(sentAt: start, delay: .zero, receive: 1)
        #expect(timing.firstDequeuedAt == start)
        let first = start + .seconds(5)
        timing.receive(at: first, visibility: .seconds(30), number: 2)
        #expect(timing.dequeueCount == 1)
        #expect(timing.firstDequeuedAt == first)
        #expect(timing.visibleAt == first + .seconds(30))
        #expect(timing.state(at: first, in: attributes) == .inactive)
        #expect(timing.state(at: first + .seconds(30), in: attributes) == .active)
        timing.show()
        timing.receive(at: first + .seconds(40), visibility: .seconds(30), number: 3)
        #expect(timing.dequeueCount == 2)
        #expect(timing.firstDequeuedAt == first)
    }

    @Test("a change of visibility is measured from now, does not count, and makes a delayed message inactive")
    func changed() {
        var timing = MessageTiming(sentAt: start, delay: .seconds(60), receive: 1)
        let now = start + .seconds(10)
        timing.changeVisibility(at: now, to: .seconds(1))
        #expect(timing.state(at: now, in: attributes) == .inactive)
        #expect(timing.state(at: now + .seconds(1), in: attributes) == .active)
        #expect(timing.dequeueCount == 0)
        #expect(timing.revision == 1)
    }

    @Test("a receive that nobody saw is undone")
    func givenBack() {
        var timing = MessageTiming(sentAt: start, delay: .zero, receive: 1)
        timing.receive(at: start + .seconds(1), visibility: .seconds(30), number: 2)
        timing.giveBack(at: start + .seconds(2), number: 3)
        #expect(timing.dequeueCount == 0)
        #expect(timing.firstDequeuedAt == start)
        #expect(timing.state(at: start + .seconds(2), in: attributes) == .active)
        timing.receive(at: start + .seconds(3), visibility: .seconds(30), number: 4)
        timing.show()
        timing.receive(at: start + .seconds(40), visibility: .seconds(30), number: 5)
        timing.giveBack(at: start + .seconds(41), number: 6)
        #expect(timing.dequeueCount == 1)
        #expect(timing.firstDequeuedAt == start + .seconds(3))
    }
}
