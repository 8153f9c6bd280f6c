import TowlineCore
import TowlineQueue
import TowlineStore

extension StoreSuite {
    static let queueTimeCases: [QueueCase] = [
        QueueCase("a received message is hidden for the queue's visibility timeout, then active again") { trial in
            try await trial.set { $0.visibilityTimeout = .seconds(12) }
            try await trial.send("m")
            let first = try await trial.receiveOne()
            try await trial.expectCounts(0, 1, 0, "counters while it is hidden")
            trial.advance(by: .seconds(11))
            try expectEqual(try await trial.receive().count, 0, "messages within its time")
            trial.advance(by: .seconds(1))
            try await trial.expectCounts(1, 0, 0, "counters afterwards")
            let second = try await trial.receiveOne()
            try expectEqual(second.message.dequeueCount, 2, "receives")
            try expectEqual(second.message.firstDequeuedAt, first.message.firstDequeuedAt, "first receive")
            try expectEqual(second.message.enqueuedAt, first.message.enqueuedAt, "time of sending")
            try expectEqual(second.message.id, first.message.id, "identity")
        },
        QueueCase("a message is delayed by the queue's attribute unless its sender says otherwise") { trial in
            try await trial.set { $0.delay = .seconds(10) }
            let delayed = try await trial.send("queue's")[0]
            try await trial.send("own", delay: .seconds(20))
            let immediate = try await trial.send("none", delay: .zero)[0]
            try expectEqual(immediate.handle, nil, "handle of a message without delay")
            try expect(delayed.handle != nil, "no handle of a delayed message")
            try await trial.expectCounts(1, 0, 2, "counters")
            try expectEqual(try await trial.receive().map(\.text), ["none"], "messages at once")
            trial.advance(by: .seconds(10))
            try await trial.expectCounts(1, 1, 1, "counters after the shorter delay")
            let received = try await trial.receiveOne()
            try expectEqual(received.text, "queue's", "message")
            try expectEqual(received.message.enqueuedAt, delayed.visibleAt - .seconds(10), "time of sending")
            trial.advance(by: .seconds(10))
            try expectEqual(try await trial.receive().map(\.text), ["own"], "messages after the longer delay")
        },
        QueueCase("expired messages are gone in whatever state they were") { trial in
            try await trial.set { changes in
                changes.retention = .seconds(60)
                changes.visibilityTimeout = .seconds(600)
            }
            try await trial.send("received")
            let received = try await trial.receiveOne()
            try await trial.send("delayed", delay: .seconds(600))
            try await trial.send("active")
            try await trial.send("urgent", priority: 1)
            try await trial.expectCounts(2, 1, 1, "counters before")
            trial.advance(by: .milliseconds(60_001))
            try await trial.expectCounts(0, 0, 0, "counters afterwards")
            try expectEqual(try await trial.receive().count, 0, "messages")
            try expectEqual(try await trial.store.peek(16, in: trial.queue).count, 0, "messages for a peek")
            try expectEqual(try await trial.delete(received.handle), .messageMissing, "its handle")
            try await trial.send("new", priority: 16)
            try expectEqual(try await trial.receive().map(\.text), ["new"], "a new message")
            trial.advance(by: .seconds(600))
            try expectEqual(try await trial.receive().count, 0, "messages much later")
            try await trial.expectCounts(0, 0, 0, "counters much later")
        },
        QueueCase("living messages are found behind any number of expired ones of every priority") { trial in
            try await trial.set { $0.retention = .seconds(60) }
            for number in 0..<160 { try await trial.send("old \(number)", priority: 1 + number % 16) }
            for number in 0..<40 { try await trial.send("hidden \(number)", delay: .seconds(30 + number)) }
            trial.advance(by: .seconds(50))
            try await trial.send("later", priority: 16)
            try await trial.send("sooner", priority: 5)
            try await trial.send("waits", delay: .seconds(12))
            trial.advance(by: .seconds(11))
            try expectEqual(
                try await trial.store.peek(16, in: trial.queue).map { String(decoding: $0.body, as: UTF8.self) },
                ["sooner", "later"], "peek")
            try await trial.expectCounts(2, 0, 1, "counters")
            try expectEqual(try await trial.receive(16).map(\.text), ["sooner", "later"], "messages")
            trial.advance(by: .seconds(1))
            try expectEqual(try await trial.receive(16).map(\.text), ["waits"], "the delayed message")
            try await trial.expectCounts(0, 3, 0, "counters at the end")
        },
        QueueCase("a new retention counts for messages that are already there") { trial in
            try await trial.set { $0.retention = .seconds(60) }
            try await trial.send("m")
            trial.advance(by: .seconds(50))
            try await trial.set { $0.retention = .seconds(200) }
            trial.advance(by: .seconds(50))
            try await trial.expectCounts(1, 0, 0, "counters with the longer one")
            try expectEqual(try await trial.store.peek(1, in: trial.queue).count, 1, "messages with the longer one")
            try await trial.set { $0.retention = .seconds(60) }
            try await trial.expectCounts(0, 0, 0, "counters with the shorter one")
            try expectEqual(try await trial.receive().count, 0, "messages with the shorter one")
        },
        QueueCase("the time until the next hidden message can be seen is known") { trial in
            try expectEqual(try await trial.store.nextVisible(in: trial.queue), nil, "in an empty queue")
            try await trial.send("m")
            try expectEqual(try await trial.store.nextVisible(in: trial.queue), nil, "without hidden messages")
            try await trial.send("later", delay: .seconds(50))
            _ = try await trial.receiveOne(visibility: .seconds(20))
            let first = try unwrap(try await trial.store.nextVisible(in: trial.queue), "no time")
            try expect(first > .seconds(19) && first <= .seconds(20), "\(first) instead of 20 s")
            trial.advance(by: .seconds(20))
            try expectEqual(try await trial.store.nextVisible(in: trial.queue), .zero, "after its time")
            _ = try await trial.receiveOne(visibility: .seconds(600))
            let second = try unwrap(try await trial.store.nextVisible(in: trial.queue), "no time")
            try expect(second > .seconds(29) && second <= .seconds(30), "\(second) instead of 30 s")
        },
    ]

    static let queueCountCases: [QueueCase] = [
        QueueCase("counters equal a recount after any operations, whatever the time") { trial in
            for seed in 1...4 {
                let queue = QueueTrial.address("random-\(seed)")
                _ = try await trial.store.createQueue(queue, attributes: QueueAttributeChanges())
                var model = QueueModel(queue: queue, seed: UInt64(seed))
                try await model.run(trial, steps: 250)
            }
        }
    ]
}

/// What a queue should hold, kept beside it by the rules of `TowlineQueue` alone.
///
/// Times are whole minutes, retentions half a minute more, so that a clock that runs on a little changes nothing.
private struct QueueModel {
    private struct Known {
        let id: MessageID
        var timing: MessageTiming
        var handle: String?
    }

    private let queue: QueueAddress
    private var random: SeededRandom
    private var now = Timestamp(milliseconds: 0)
    private var attributes = QueueAttributes()
    private var messages: [Known] = []

    init(queue: QueueAddress, seed: UInt64) {
        self.queue = queue
        random = SeededRandom(seed: seed)
    }

    /// Does random things to the queue and compares after each.
    mutating func run(_ trial: QueueTrial, steps: Int) async throws {
        try await trial.set(queue) { $0.retention = .seconds(1830) }
        attributes.retention = .seconds(1830)
        for step in 0..<steps {
            let action = Int.random(in: 0..<20, using: &random)
            switch action {
            case 0..<6: try await send(trial)
            case 6..<11: try await receive(trial)
            case 11..<14: try await delete(trial)
            case 14..<16: try await changeVisibility(trial)
            case 16: try await setRetention(trial)
            case 17: _ = try await trial.store.trimQueues(limit: 3)
            default: advance(trial)
            }
            let counts = try await trial.counts(queue)
            try expectEqual(counts, recount(), "seed and step \(queue.name) \(step), action \(action)")
        }
        while try await trial.store.trimQueues(limit: 100) > 0 {}
        try expectEqual(try await trial.counts(queue), recount(), "at the end of \(queue.name)")
    }

    private func recount() -> MessageCounts {
        var counts = MessageCounts()
        for message in messages {
            switch message.timing.state(at: now, in: attributes) {
            case .active: counts.active += 1
            case .inactive: counts.inactive += 1
            case .delayed: counts.delayed += 1
            case .expired: break
            }
        }
        return counts
    }

    private func state(of index: Int) -> MessageState { messages[index].timing.state(at: now, in: attributes) }

    private mutating func send(_ trial: QueueTrial) async throws {
        let delays = (0..<Int.random(in: 1...5, using: &random)).map { _ in
            Duration.seconds(60 * max(0, Int.random(in: -3...8, using: &random)))
        }
        let new = delays.map { delay in
            NewMessage(body: [65], delay: delay, priority: Int.random(in: 1...16, using: &random))
        }
        let sent = try await trial.store.send(new, to: queue).map { try $0.get() }
        for (delay, sent) in zip(delays, sent) {
            messages.append(
                Known(
                    id: sent.id, timing: MessageTiming(sentAt: now, delay: delay, receive: 0), handle: sent.handle))
        }
    }

    private mutating func receive(_ trial: QueueTrial) async throws {
        let count = Int.random(in: 1...8, using: &random)
        let visibility = Duration.seconds(60 * Int.random(in: 1...6, using: &random))
        let active = messages.indices.filter { state(of: $0) == .active }.count
        let received = try await trial.receive(count, from: queue, visibility: visibility)
        try expectEqual(received.count, min(count, active), "messages received from \(queue.name)")
        for message in received {
            let found = messages.firstIndex { $0.id == message.message.id }
            let index = try unwrap(found, "a message that nobody has sent")
            try expectEqual(state(of: index), .active, "state of a message that was received")
            messages[index].timing.receive(at: now, visibility: visibility, number: 0)
            messages[index].handle = message.handle
            try expectEqual(message.message.dequeueCount, messages[index].timing.dequeueCount, "receives")
        }
    }

    private mutating func delete(_ trial: QueueTrial) async throws {
        guard let index = messages.indices.randomElement(using: &random), let handle = messages[index].handle else {
            return
        }
        let isHidden = [.inactive, .delayed].contains(state(of: index))
        let code = try await trial.delete(handle, from: queue)
        try expectEqual(code, isHidden ? nil : .messageMissing, "a delete of a message that is \(state(of: index))")
        if isHidden { messages.remove(at: index) }
    }

    private mutating func changeVisibility(_ trial: QueueTrial) async throws {
        guard let index = messages.indices.randomElement(using: &random), let handle = messages[index].handle,
            [.inactive, .delayed].contains(state(of: index))
        else { return }
        let visibility = Duration.seconds(60 * Int.random(in: 1...6, using: &random))
        messages[index].handle = try await trial.store.changeVisibility(of: handle, in: queue, to: visibility).handle
        messages[index].timing.changeVisibility(at: now, to: visibility)
    }

    private mutating func setRetention(_ trial: QueueTrial) async throws {
        // What has been removed does not come back: a message that expired once is forgotten here, and removed there.
        while try await trial.store.trimQueues(limit: 100) > 0 {}
        messages.removeAll { $0.timing.state(at: now, in: attributes) == .expired }
        attributes.retention = .seconds(60 * Int.random(in: 5...40, using: &random) + 30)
        let retention = attributes.retention
        try await trial.set(queue) { $0.retention = retention }
    }

    private mutating func advance(_ trial: QueueTrial) {
        let duration = Duration.seconds(60 * Int.random(in: 1...5, using: &random))
        trial.advance(by: duration)
        now = now + duration
    }
}

/// A generator that gives the same numbers for the same seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    /// A generator for a seed.
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
