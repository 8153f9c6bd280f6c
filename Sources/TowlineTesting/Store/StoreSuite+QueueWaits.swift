import TowlineCore
import TowlineQueue
import TowlineStore

extension StoreSuite {
    static let queueWaitCases: [QueueCase] = [
        QueueCase("a receive that waits gets the message that is sent, as any receive would") { trial in
            let receiver = try await trial.wait()
            let sent = try await trial.send("m")[0]
            let received = try unwrap(try await receiver.value.first, "nothing was received")
            try expectEqual(received.message.id, sent.id, "identity")
            try expectEqual(received.message.dequeueCount, 1, "receives")
            try await trial.expectCounts(0, 1, 0, "counters")
            try expectEqual(try await trial.delete(received.handle), nil, "delete")
            try expectEqual(trial.store.waitingReceives, 0, "receives that wait")
        },
        QueueCase("a receive that waits takes what is there at once") { trial in
            try await trial.send("1", "2", "3")
            let received = try await trial.store.receive(
                ReceiveRequest(count: 16, wait: .seconds(30)), from: trial.queue)
            try expectEqual(received.map(\.text), ["1", "2", "3"], "messages")
        },
        QueueCase("a receive waits as long as it says, or as the queue says, and then has nothing") { trial in
            let own = try await trial.wait(atMost: .seconds(2))
            await trial.subject.advanceWaiting(by: .seconds(2))
            try expectEqual(try await own.value.count, 0, "messages")
            try await trial.set { $0.pollingWait = .seconds(3) }
            let queues = try await trial.wait(atMost: nil)
            await trial.subject.advanceWaiting(by: .milliseconds(2999))
            try expectEqual(trial.store.waitingReceives, 1, "receives that wait")
            await trial.subject.advanceWaiting(by: .milliseconds(1))
            try expectEqual(try await queues.value.count, 0, "messages by the queue's attribute")
            try expectEqual(try await trial.receive().count, 0, "messages without a wait")
        },
        QueueCase("those who wait are served in the order of their arrival") { trial in
            var receivers: [Task<[ReceivedMessage], any Error>] = []
            for _ in 0..<20 { receivers.append(try await trial.wait()) }
            for number in 0..<20 { try await trial.send("\(number)") }
            for (number, receiver) in receivers.enumerated() {
                try expectEqual(try await receiver.value.map(\.text), ["\(number)"], "receiver \(number)")
            }
        },
        QueueCase("messages of one call are dealt out to those who wait, each up to its count") { trial in
            let first = try await trial.wait(2)
            let second = try await trial.wait(1)
            let third = try await trial.wait(16)
            let messages = (0..<5).map { NewMessage(body: Array("\($0)".utf8)) }
            _ = try await trial.store.send(messages, to: trial.queue)
            try expectEqual(try await first.value.map(\.text), ["0", "1"], "the first")
            try expectEqual(try await second.value.map(\.text), ["2"], "the second")
            try expectEqual(try await third.value.map(\.text), ["3", "4"], "the third")
        },
        QueueCase("receivers that come back again and again get the same number of messages") { trial in
            let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<5 {
                    group.addTask {
                        defer { arrived.finish() }
                        var count = 0
                        while true {
                            let messages = try await trial.store.receive(
                                ReceiveRequest(wait: .seconds(30)), from: trial.queue)
                            guard let message = messages.first, message.text != "end" else { return count }
                            count += 1
                            arrived.yield()
                        }
                    }
                }
                var arrival = arrivals.makeAsyncIterator()
                for _ in 0..<50 {
                    while trial.store.waitingReceives < 5 { await Task.yield() }
                    try await trial.send("m")
                    // A sender may be answered before the receiver has left the line.
                    _ = await arrival.next()
                }
                while trial.store.waitingReceives < 5 { await Task.yield() }
                try await trial.send("end", "end", "end", "end", "end")
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try expectEqual(counts, [10, 10, 10, 10, 10], "messages of each")
        },
        QueueCase("who does not wait gets nothing that somebody else waits for") { trial in
            let receiver = try await trial.wait()
            async let greedy = withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 { group.addTask { try await trial.receive(1).count } }
                return try await group.reduce(0, +)
            }
            try await trial.send("m")
            try expectEqual(try await receiver.value.map(\.text), ["m"], "the one who waits")
            try expectEqual(try await greedy, 0, "messages of the others")
        },
        QueueCase("a message wakes those who wait when its delay or its hiding is over") { trial in
            try await trial.send("hidden")
            _ = try await trial.receiveOne(visibility: .seconds(5))
            let first = try await trial.wait()
            let second = try await trial.wait()
            try await trial.send("delayed", delay: .seconds(10))
            await trial.subject.advanceWaiting(by: .seconds(4))
            try expectEqual(trial.store.waitingReceives, 2, "receives that wait")
            await trial.subject.advanceWaiting(by: .seconds(1))
            try expectEqual(try await first.value.map(\.text), ["hidden"], "the first")
            try expectEqual(trial.store.waitingReceives, 1, "receives that wait")
            await trial.subject.advanceWaiting(by: .seconds(5))
            try expectEqual(try await second.value.map(\.text), ["delayed"], "the second")
        },
        QueueCase("a shorter visibility wakes those who wait sooner") { trial in
            try await trial.send("m")
            let held = try await trial.receiveOne(visibility: .seconds(25))
            let receiver = try await trial.wait()
            _ = try await trial.store.changeVisibility(of: held.handle, in: trial.queue, to: .seconds(1))
            await trial.subject.advanceWaiting(by: .seconds(1))
            try expectEqual(try await receiver.value.map(\.text), ["m"], "message")
        },
        QueueCase("messages wake only those who wait for their queue") { trial in
            let other = QueueTrial.address("other")
            _ = try await trial.store.createQueue(other, attributes: QueueAttributeChanges())
            let receiver = try await trial.wait()
            let stranger = try await trial.wait(from: other)
            try await trial.send("m")
            try expectEqual(try await receiver.value.map(\.text), ["m"], "message")
            try expectEqual(trial.store.waitingReceives, 1, "receives that wait")
            try await trial.send("n", to: other)
            try expectEqual(try await stranger.value.map(\.text), ["n"], "message of the other queue")
        },
        QueueCase("those who wait for a deleted queue are told, those of a purged one go on") { trial in
            let other = QueueTrial.address("other")
            _ = try await trial.store.createQueue(other, attributes: QueueAttributeChanges())
            let receiver = try await trial.wait()
            let stranger = try await trial.wait(from: other)
            try await trial.store.deleteQueue(trial.queue)
            try await expectRefusal(.queueMissing, "the receive") { _ = try await receiver.value }
            _ = try await trial.store.purgeQueue(other)
            try await trial.send("m", to: other)
            try expectEqual(try await stranger.value.map(\.text), ["m"], "message of the other queue")
        },
        QueueCase("the end of the waits answers everybody, and nobody waits afterwards") { trial in
            let receivers = [try await trial.wait(), try await trial.wait()]
            trial.store.endQueueWaits()
            for receiver in receivers { try expectEqual(try await receiver.value.count, 0, "messages") }
            let late = try await trial.store.receive(ReceiveRequest(wait: .seconds(30)), from: trial.queue)
            try expectEqual(late.count, 0, "messages of one that comes later")
            try await trial.send("m")
            try expectEqual(try await trial.receive().map(\.text), ["m"], "messages without a wait")
        },
    ]

    static let queueCancellationCases: [QueueCase] = [
        QueueCase("a cancelled receive loses no message") { trial in
            let gone = try await trial.wait()
            let there = try await trial.wait()
            gone.cancel()
            do {
                _ = try await gone.value
                throw SuiteFailure("a cancelled receive returned", file: #fileID, line: #line)
            } catch is CancellationError {}
            try await trial.send("m")
            let received = try unwrap(try await there.value.first, "nothing was received")
            try expectEqual(received.message.dequeueCount, 1, "receives")
        },
        QueueCase("whatever is cancelled when, every message is received exactly once") { trial in
            var random = SeededRandom(seed: 7)
            var receivers: [Task<[ReceivedMessage], any Error>] = []
            var total = 0
            for round in 0..<30 {
                for _ in 0..<6 {
                    receivers.append(
                        Task {
                            try await trial.store.receive(
                                ReceiveRequest(count: 2, wait: .seconds(30)), from: trial.queue)
                        })
                }
                let count = Int.random(in: 1...8, using: &random)
                let messages = (0..<count).map { NewMessage(body: Array("\(round)-\($0)".utf8)) }
                total += count
                async let sent = trial.store.send(messages, to: trial.queue)
                for _ in 0..<3 {
                    receivers.randomElement(using: &random)?.cancel()
                    await Task.yield()
                }
                _ = try await sent
            }
            trial.store.endQueueWaits()
            var texts: [String] = []
            var most = 0
            for receiver in receivers {
                guard case .success(let received) = await receiver.result else { continue }
                texts += received.map(\.text)
                most = max(most, received.map(\.message.dequeueCount).max() ?? 0)
            }
            // Messages that were on their way to somebody who had gone are given back behind the cancellation.
            while try await trial.counts().inactive > texts.count { await Task.yield() }
            let rest = try await withThrowingTaskGroup(of: [ReceivedMessage].self) { group in
                for _ in 0..<20 { group.addTask { try await trial.receive() } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            texts += rest.map(\.text)
            most = max(most, rest.map(\.message.dequeueCount).max() ?? 0)
            try expectEqual(texts.count, total, "messages received")
            try expectEqual(Set(texts).count, total, "different messages received")
            try expectEqual(most, 1, "the highest number of receives")
        },
    ]
}
