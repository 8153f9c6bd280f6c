import TowlineCore
import TowlineQueue
import TowlineStore

extension StoreSuite {
    static let deadLetterCases: [QueueCase] = [
        QueueCase("a message that was received too often moves, as old as it is, and tells where it comes from") {
            trial in
            let dead = try await trial.deadLetters(after: 2)
            var message = NewMessage(body: Array("poison".utf8), priority: 3)
            message.userProperties = [MessageProperty(name: "n", value: "v", type: .string)]
            let sent = try await trial.store.send([message], to: trial.queue)[0].get()
            for count in 1...2 {
                try expectEqual(try await trial.receiveOne().message.dequeueCount, count, "receives")
                trial.advance(by: .seconds(30))
            }
            try await trial.expectCounts(1, 0, 0, "counters before anybody looks")
            try expectEqual(try await trial.receive().count, 0, "messages of the third receive")
            try await trial.expectCounts(0, 0, 0, "counters of the source")
            try await trial.expectCounts(1, 0, 0, in: dead, "counters of the target")
            let letter = try await trial.receiveOne(from: dead).message
            try expectEqual(String(decoding: letter.body, as: UTF8.self), "poison", "text")
            try expectEqual(letter.digest, sent.digest, "digest")
            try expectEqual(letter.priority, 3, "priority")
            try expectEqual(letter.dequeueCount, 1, "receives in the target")
            try expectEqual(letter.enqueuedAt, sent.visibleAt, "time of sending")
            try expectEqual(letter.userProperties, message.userProperties, "user properties")
            try expect(letter.id != sent.id, "the letter has the identity of the message")
            let origin = letter.systemProperties.first { $0.name == "DLQOriginMessageId" }
            try expectEqual(origin?.value, sent.id.description, "the origin's identity")
            let source = letter.systemProperties.first { $0.name == "DLQSourceArn" }
            try expect(source?.value.hasSuffix(":/queues/orders") == true, "the source: \(source?.value ?? "none")")
        },
        QueueCase("the upkeep moves dead letters, too, and those who wait for them get them") { trial in
            let dead = try await trial.deadLetters(after: 1)
            try await trial.send("poison")
            _ = try await trial.receiveOne()
            let receiver = try await trial.wait(from: dead)
            trial.advance(by: .seconds(30))
            while try await trial.store.trimQueues(limit: 100) > 0 {}
            try expectEqual(try await receiver.value.map(\.text), ["poison"], "letter")
        },
        QueueCase("a lower limit counts for messages that are already visible") { trial in
            try await trial.send("poison", "good")
            _ = try await trial.receive(1)
            trial.advance(by: .seconds(30))
            try expectEqual(try await trial.receive(1, visibility: .seconds(1)).map(\.text), ["poison"], "message")
            trial.advance(by: .seconds(1))
            while try await trial.store.trimQueues(limit: 100) > 0 {}
            let dead = try await trial.deadLetters(after: 2)
            try expectEqual(try await trial.receive(16).map(\.text), ["good"], "messages")
            try expectEqual(try await trial.receive(16, from: dead).map(\.text), ["poison"], "letters")
        },
        QueueCase("many dead letters in the way do not hide the message behind them") { trial in
            for number in 0..<160 { try await trial.send("\(number)", priority: 1) }
            for _ in 0..<10 { _ = try await trial.receive(16, visibility: .seconds(1)) }
            try await trial.send("behind", priority: 2)
            trial.advance(by: .seconds(1))
            while try await trial.store.trimQueues(limit: 100) > 0 {}
            let dead = try await trial.deadLetters(after: 1)
            try expectEqual(try await trial.receive(16).map(\.text), ["behind"], "messages")
            try await trial.expectCounts(160, 0, 0, in: dead, "letters")
        },
        QueueCase("without its target a message stays, and age goes on in the target") { trial in
            let dead = try await trial.deadLetters(after: 1)
            try await trial.set(dead) { $0.retention = .seconds(90) }
            try await trial.send("poison")
            _ = try await trial.receiveOne()
            try await trial.store.deleteQueue(dead)
            trial.advance(by: .seconds(30))
            try expectEqual(try await trial.receiveOne().message.dequeueCount, 2, "receives without a target")
            _ = try await trial.store.createQueue(dead, attributes: QueueAttributeChanges())
            try await trial.set(dead) { $0.retention = .seconds(90) }
            trial.advance(by: .seconds(30))
            try expectEqual(try await trial.receive().count, 0, "messages with a target")
            try await trial.expectCounts(1, 0, 0, in: dead, "letters")
            trial.advance(by: .seconds(31))
            try await trial.expectCounts(0, 0, 0, in: dead, "letters that were sent more than 90 s ago")
        },
        QueueCase("a policy is shown, checked and taken away") { trial in
            let dead = try await trial.deadLetters(after: 3)
            let policy = DeadLetterPolicy(maxReceives: 3, target: dead.name)
            try expectEqual(try await trial.store.queue(trial.queue).deadLetter, policy, "policy")
            for wrong in [
                DeadLetterPolicy(maxReceives: 0, target: dead.name),
                DeadLetterPolicy(maxReceives: 3, target: trial.queue.name),
            ] {
                try await expectRefusal(.argumentInvalid, "\(wrong)") {
                    try await trial.store.setDeadLetters(wrong, of: trial.queue)
                }
            }
            try await expectRefusal(.queueMissing, "a target that is not there") {
                try await trial.store.setDeadLetters(
                    DeadLetterPolicy(maxReceives: 3, target: QueueName(stored: "none")), of: trial.queue)
            }
            try await trial.set { $0.delay = .zero }
            try expectEqual(try await trial.store.queue(trial.queue).deadLetter, policy, "policy after other settings")
            _ = try await trial.store.purgeQueue(trial.queue)
            try expectEqual(try await trial.store.queue(trial.queue).deadLetter, policy, "policy after a purge")
            try await trial.store.setDeadLetters(nil, of: trial.queue)
            try expectEqual(try await trial.store.queue(trial.queue).deadLetter, nil, "policy at the end")
        },
    ]

    static let queueUpkeepCases: [QueueCase] = [
        QueueCase("expired messages and those of deleted queues are removed in bounded steps") { trial in
            let doomed = QueueTrial.address("doomed")
            _ = try await trial.store.createQueue(doomed, attributes: QueueAttributeChanges())
            for _ in 0..<5 {
                let batch = Array(repeating: NewMessage(body: [65]), count: 10)
                _ = try await trial.store.send(batch, to: trial.queue)
                _ = try await trial.store.send(batch, to: doomed)
            }
            try expectEqual(try await trial.store.trimQueues(limit: 100), 0, "removed without a reason")
            try await trial.store.deleteQueue(doomed)
            try expectEqual(try await trial.store.trimQueues(limit: 20), 20, "the first step")
            try expectEqual(try await trial.store.trimQueues(limit: 100), 30, "the second step")
            try await trial.set { $0.retention = .seconds(60) }
            trial.advance(by: .seconds(61))
            try expectEqual(try await trial.store.trimQueues(limit: 30), 30, "the third step")
            try expectEqual(try await trial.store.trimQueues(limit: 30), 20, "the fourth step")
            try expectEqual(try await trial.store.trimQueues(limit: 30), 0, "the fifth step")
            try await trial.expectCounts(0, 0, 0, "counters")
        },
        QueueCase("the upkeep comes to every queue, however many there are") { trial in
            for number in 0..<150 {
                let queue = QueueTrial.address("q-\(number)")
                _ = try await trial.store.createQueue(queue, attributes: QueueAttributeChanges())
                try await trial.set(queue) { $0.retention = .seconds(60) }
                try await trial.send("m", to: queue)
            }
            trial.advance(by: .seconds(61))
            try expectEqual(try await trial.store.trimQueues(limit: 1000), 150, "messages removed")
            try expectEqual(try await trial.store.trimQueues(limit: 1000), 0, "messages left")
        },
        QueueCase("what the upkeep makes visible reaches those who wait") { trial in
            try await trial.send("m", delay: .seconds(10))
            let receiver = try await trial.wait()
            trial.advance(by: .seconds(10))
            _ = try await trial.store.trimQueues(limit: 100)
            try expectEqual(try await receiver.value.map(\.text), ["m"], "message")
        },
    ]
}

extension QueueTrial {
    /// Lets messages move to a queue of their own after a number of receives.
    fileprivate func deadLetters(after maxReceives: Int) async throws -> QueueAddress {
        let dead = QueueTrial.address("dead")
        _ = try await store.createQueue(dead, attributes: QueueAttributeChanges())
        try await store.setDeadLetters(DeadLetterPolicy(maxReceives: maxReceives, target: dead.name), of: queue)
        return dead
    }
}
