import TowlineCore
import TowlineQueue
import TowlineStore

extension StoreSuite {
    static let queueManagementCases: [QueueCase] = [
        QueueCase("a queue is made once, and again only with the same attributes") { trial in
            let queue = QueueTrial.address("new")
            var request = QueueAttributeChanges()
            request.visibilityTimeout = .seconds(77)
            try expectEqual(try await trial.store.createQueue(queue, attributes: request), .created, "the first")
            try expectEqual(try await trial.store.createQueue(queue, attributes: request), .unchanged, "the second")
            try expectEqual(
                try await trial.store.createQueue(queue, attributes: QueueAttributeChanges()), .unchanged,
                "one that names nothing")
            request.delay = .seconds(1)
            let sentence = try await expectRefusal(.queueExists, "another delay") {
                _ = try await trial.store.createQueue(queue, attributes: request)
            }
            try expect(sentence.contains("DelaySeconds"), "the refusal does not name the attribute: \(sentence)")
            var expected = QueueAttributes()
            expected.visibilityTimeout = .seconds(77)
            try expectEqual(try await trial.store.queue(queue).attributes, expected, "attributes")
        },
        QueueCase("a queue with a value out of its range is not made") { trial in
            let queue = QueueTrial.address("new")
            var request = QueueAttributeChanges()
            request.pollingWait = .seconds(60)
            let sentence = try await expectRefusal(.argumentInvalid, "a polling wait of a minute") {
                _ = try await trial.store.createQueue(queue, attributes: request)
            }
            try expectEqual(sentence, "PollingWaitSeconds is 60; allowed are 0 to 30 seconds", "sentence")
            try await expectRefusal(.queueMissing, "reading it") { _ = try await trial.store.queue(queue) }
        },
        QueueCase("attributes are set one by one, and their time is noted") { trial in
            let before = try await trial.store.queue(trial.queue)
            try expectEqual(before.attributes, QueueAttributes(), "defaults")
            try expectEqual(before.createdAt, before.modifiedAt, "times of a new queue")
            trial.advance(by: .seconds(10))
            try await trial.set { changes in
                changes.delay = .seconds(1)
                changes.isLoggingEnabled = true
            }
            try await trial.set { $0.maximumMessageBytes = 2048 }
            try await trial.set { $0.retention = .seconds(600) }
            try await trial.set { $0.pollingWait = .seconds(3) }
            let after = try await trial.store.queue(trial.queue)
            var expected = QueueAttributes()
            expected.delay = .seconds(1)
            expected.isLoggingEnabled = true
            expected.maximumMessageBytes = 2048
            expected.retention = .seconds(600)
            expected.pollingWait = .seconds(3)
            try expectEqual(after.attributes, expected, "attributes")
            try expectEqual(after.createdAt, before.createdAt, "time of making")
            try expect(after.modifiedAt >= before.modifiedAt + .seconds(10), "modified at \(after.modifiedAt)")
            try await expectRefusal(.argumentInvalid, "a retention of a second") {
                try await trial.set { $0.retention = .seconds(1) }
            }
            try expectEqual(try await trial.store.queue(trial.queue).attributes, expected, "after a refusal")
        },
        QueueCase("every call on a queue that is not there says so") { trial in
            let store = trial.store
            let none = QueueTrial.address("none")
            let handle = try await trial.send("m", delay: .seconds(9))[0].handle ?? ""
            let calls: [(String, () async throws -> Void)] = [
                ("attributes", { _ = try await store.queue(none) }),
                ("set", { try await store.setAttributes(QueueAttributeChanges(), of: none) }),
                ("dead letters", { try await store.setDeadLetters(nil, of: none) }),
                ("delete", { try await store.deleteQueue(none) }),
                ("purge", { _ = try await store.purgeQueue(none) }),
                ("send", { _ = try await trial.send("m", to: none) }),
                ("receive", { _ = try await trial.receive(from: none) }),
                ("waiting", { _ = try await store.receive(ReceiveRequest(wait: .seconds(1)), from: none) }),
                ("peek", { _ = try await store.peek(1, in: none) }),
                ("delete message", { _ = try await store.delete([handle], from: none) }),
                ("visibility", { _ = try await store.changeVisibility(of: handle, in: none, to: .seconds(1)) }),
                ("next visible", { _ = try await store.nextVisible(in: none) }),
            ]
            for (name, call) in calls { try await expectRefusal(.queueMissing, name) { try await call() } }
        },
        QueueCase("queues are listed by name, by prefix, page by page, for their account only") { trial in
            let store = trial.store
            let names = ["a", "a-1", "a-2", "b", "B", "aa", "0"]
            for name in names {
                _ = try await store.createQueue(QueueTrial.address(name), attributes: QueueAttributeChanges())
            }
            _ = try await store.createQueue(
                QueueTrial.address("a-3", account: "2"), attributes: QueueAttributeChanges())
            try await trial.send("m", to: QueueTrial.address("a-2"))
            let account = trial.queue.account
            func list(_ prefix: String, _ limit: Int) async throws -> [[String]] {
                var pages: [[String]] = []
                var marker: String?
                repeat {
                    let page = try await store.queues(of: account, prefix: prefix, after: marker, limit: limit)
                    let plain = try await store.queueNames(of: account, prefix: prefix, after: marker, limit: limit)
                    pages.append(page.items.map(\.address.name.description))
                    try expectEqual(plain.items, page.items.map(\.address.name), "the list without attributes")
                    try expectEqual(plain.next, page.next, "its next page")
                    marker = page.next
                } while marker != nil
                return pages
            }
            try expectEqual(try await list("", 1000), [(names + ["orders"]).sorted()], "all")
            try expectEqual(try await list("a", 2), [["a", "a-1"], ["a-2", "aa"]], "by prefix")
            try expectEqual(try await list("a-", 1), [["a-1"], ["a-2"]], "by a longer prefix")
            try expectEqual(try await list("c", 1), [[]], "without any")
            let described = try await store.queues(of: account, prefix: "a-2", after: nil, limit: 1).items
            try expectEqual(described.first?.counts.active, 1, "counters in the list")
            try expectEqual(
                try await store.queues(of: account, prefix: "", after: "zz ' \u{1F600}", limit: 9).items.count, 0,
                "after a marker of no queue")
            for limit in [0, 1001] {
                try await expectRefusal(.argumentInvalid, "a page of \(limit)") {
                    _ = try await store.queues(of: account, prefix: "", after: nil, limit: limit)
                }
            }
        },
        QueueCase("queues of the same name in two accounts have nothing in common") { trial in
            let other = QueueTrial.address("orders", account: "1000000000000002")
            _ = try await trial.store.createQueue(other, attributes: QueueAttributeChanges())
            try await trial.send("mine")
            try await trial.send("theirs", to: other)
            let mine = try await trial.receiveOne()
            try expectEqual(mine.text, "mine", "message")
            try expectEqual(try await trial.delete(mine.handle, from: other), .handleInvalid, "handle elsewhere")
            try expectEqual(try await trial.receiveOne(from: other).text, "theirs", "message of the other")
            try await trial.store.deleteQueue(trial.queue)
            try await trial.expectCounts(0, 1, 0, in: other, "the other's counters")
        },
        QueueCase("a deleted queue is gone with its messages, and its name is free at once") { trial in
            try await trial.send("1", "2", "3")
            try await trial.send("later", delay: .seconds(60))
            let received = try await trial.receiveOne()
            try await trial.store.deleteQueue(trial.queue)
            try await expectRefusal(.queueMissing, "deleting again") { try await trial.store.deleteQueue(trial.queue) }
            _ = try await trial.store.createQueue(trial.queue, attributes: QueueAttributeChanges())
            try await trial.expectCounts(0, 0, 0, "a queue made anew")
            try expectEqual(try await trial.receive().count, 0, "messages")
            try expectEqual(try await trial.delete(received.handle), .messageMissing, "an old handle")
            try await trial.send("new")
            trial.advance(by: .seconds(61))
            try expectEqual(try await trial.receive().map(\.text), ["new"], "messages")
            while try await trial.store.trimQueues(limit: 100) > 0 {}
            try await trial.expectCounts(0, 1, 0, "after the removal of the old messages")
        },
        QueueCase("a purge removes every message and keeps the queue") { trial in
            try await trial.set { $0.visibilityTimeout = .seconds(7) }
            try await trial.send("1", "2", "3")
            try await trial.send("later", delay: .seconds(60))
            let received = try await trial.receiveOne()
            let before = try await trial.store.queue(trial.queue)
            try expectEqual(try await trial.store.purgeQueue(trial.queue), 4, "messages")
            let after = try await trial.store.queue(trial.queue)
            try expectEqual(after.attributes, before.attributes, "attributes")
            try expectEqual(after.createdAt, before.createdAt, "time of making")
            try expectEqual(after.counts, MessageCounts(), "counters")
            try expectEqual(try await trial.delete(received.handle), .messageMissing, "an old handle")
            trial.advance(by: .seconds(61))
            try expectEqual(try await trial.receive().count, 0, "messages later")
            try await trial.send("new")
            try expectEqual(try await trial.receiveOne().nextVisibleAt > after.createdAt, true, "a new message")
            try expectEqual(try await trial.store.purgeQueue(trial.queue), 1, "messages of the second purge")
        },
    ]
}
