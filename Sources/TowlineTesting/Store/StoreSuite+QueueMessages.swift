import TowlineCore
import TowlineQueue
import TowlineStore

extension StoreSuite {
    static let queueMessageCases: [QueueCase] = [
        QueueCase("a message is received as it was sent, with the facts of its first receive") { trial in
            let text = "I am 测试字符串. <&> \u{1F680}"
            let sent = try await trial.send(text)[0]
            try expectEqual(sent.digest.description, BodyDigest(of: Array(text.utf8)).description, "digest of the send")
            try expectEqual(sent.handle, nil, "handle of the send")
            trial.advance(by: .seconds(5))
            let received = try await trial.receiveOne()
            let message = received.message
            try expectEqual(received.text, text, "text")
            try expectEqual(message.id, sent.id, "id")
            try expectEqual(message.digest, sent.digest, "digest")
            try expectEqual(message.priority, 8, "priority")
            try expectEqual(message.dequeueCount, 1, "receives")
            try expectEqual(message.enqueuedAt, sent.visibleAt, "time of sending")
            try expect(message.firstDequeuedAt >= message.enqueuedAt + .seconds(5), "first receive")
            try expectEqual(received.nextVisibleAt, message.firstDequeuedAt + .seconds(30), "next visible time")
            try expectEqual(try await trial.receive().count, 0, "messages for a second receiver")
        },
        QueueCase("messages of one call are stored in its order, each with an identity of its own") { trial in
            let bodies = (0..<16).map { NewMessage(body: Array("\($0)".utf8)) }
            let sent = try await trial.store.send(bodies, to: trial.queue).map { try $0.get() }
            try expectEqual(Set(sent.map(\.id)).count, 16, "identities")
            let received = try await trial.receive(16)
            try expectEqual(received.map(\.text), (0..<16).map { "\($0)" }, "order")
            try expectEqual(received.map(\.message.id), sent.map(\.id), "identities received")
            try expectEqual(Set(received.map(\.handle)).count, 16, "handles")
        },
        QueueCase("of a call with invalid entries the valid ones are stored") { trial in
            try await trial.set { $0.maximumMessageBytes = 1024 }
            let outcomes = try await trial.store.send(
                [
                    NewMessage(body: Array("1".utf8)), NewMessage(body: []),
                    NewMessage(body: [UInt8](repeating: 65, count: 1025)), NewMessage(body: [66], priority: 17),
                    NewMessage(body: [66], delay: .seconds(604_801)),
                    NewMessage(body: [UInt8](repeating: 65, count: 1024)),
                ], to: trial.queue)
            let codes = outcomes.map { outcome -> QueueError.Code? in
                if case .failure(let error) = outcome { error.code } else { nil }
            }
            let refused = QueueError.Code.argumentInvalid
            try expectEqual(codes, [nil, refused, refused, refused, refused, nil], "outcomes")
            try await trial.expectCounts(2, 0, 0, "counters")
            for call in [0, 17] {
                let messages = Array(repeating: NewMessage(body: [65]), count: call)
                try await expectRefusal(.argumentInvalid, "\(call) messages") {
                    _ = try await trial.store.send(messages, to: trial.queue)
                }
            }
            let half = NewMessage(body: [UInt8](repeating: 65, count: 40_000))
            try await expectRefusal(.argumentInvalid, "80,000 bytes") {
                _ = try await trial.store.send([half, half], to: trial.queue)
            }
            try await trial.expectCounts(2, 0, 0, "counters after refusals")
        },
        QueueCase("bodies of every size up to the limit come back whole, also at the second receive") { trial in
            for size in [1, 300, 4000, 5000, 65_536] {
                let body = (0..<size).map { UInt8(97 + $0 % 26) }
                _ = try await trial.store.send([NewMessage(body: body)], to: trial.queue)
                for count in 1...3 {
                    let received = try await trial.receiveOne(visibility: .seconds(1))
                    try expect(received.message.body == body, "a body of \(size) bytes, receive \(count)")
                    try expectEqual(received.message.dequeueCount, count, "receives")
                    trial.advance(by: .seconds(1))
                }
                let last = try await trial.receiveOne()
                try expectEqual(try await trial.delete(last.handle), nil, "delete")
            }
            try await trial.expectCounts(0, 0, 0, "counters")
        },
        QueueCase("the most urgent message comes first, the oldest among equals") { trial in
            try await trial.send("default")
            trial.advance(by: .seconds(1))
            try await trial.send("zero", priority: 0)
            try await trial.send("16", priority: 16)
            try await trial.send("1", priority: 1)
            trial.advance(by: .seconds(1))
            try await trial.send("eight", priority: 8)
            try await trial.send("one", priority: 1)
            let received = try await trial.receive(16)
            try expectEqual(received.map(\.text), ["1", "one", "default", "zero", "eight", "16"], "order")
            try expectEqual(received.map(\.message.priority), [1, 1, 8, 8, 8, 16], "priorities")
        },
        QueueCase("properties and the group come back as they were sent, also from a peek") { trial in
            var message = NewMessage(body: [65])
            message.groupID = "group \" ä"
            message.userProperties = [
                MessageProperty(name: "n", value: "v\n<&>\u{1F600}", type: .string),
                MessageProperty(name: "count", value: "12", type: .number),
                MessageProperty(name: "flag", value: "true", type: .boolean),
                MessageProperty(name: "raw", value: "AAE=", type: .binary),
            ]
            message.systemProperties = [MessageProperty(name: "traceparent", value: "00-1-2-01", type: .string)]
            _ = try await trial.store.send([message], to: trial.queue)
            let peeked = try unwrap(try await trial.store.peek(1, in: trial.queue).first, "nothing to peek at")
            for found in [peeked, try await trial.receiveOne().message] {
                try expectEqual(found.groupID, message.groupID, "group")
                try expectEqual(found.userProperties, message.userProperties, "user properties")
                try expectEqual(found.systemProperties, message.systemProperties, "system properties")
            }
        },
        QueueCase("a peek shows active messages in their order and changes nothing") { trial in
            try await trial.send("late", priority: 9)
            try await trial.send("first", priority: 1)
            try await trial.send("delayed", delay: .seconds(5))
            let peeked = try await trial.store.peek(16, in: trial.queue)
            try expectEqual(peeked.map { String(decoding: $0.body, as: UTF8.self) }, ["first", "late"], "messages")
            for message in peeked {
                try expectEqual(message.dequeueCount, 0, "receives")
                try expectEqual(message.firstDequeuedAt, message.enqueuedAt, "first receive")
            }
            try expectEqual(try await trial.store.peek(1, in: trial.queue).count, 1, "one message")
            try await trial.expectCounts(2, 0, 1, "counters")
            let received = try await trial.receiveOne(visibility: .seconds(5))
            try expectEqual(received.message.id, peeked[0].id, "the first message")
            try expectEqual(try await trial.store.peek(16, in: trial.queue).count, 1, "without the hidden ones")
            trial.advance(by: .seconds(5))
            // Nobody has received meanwhile: the peek itself must see that their time is over.
            let again = try await trial.store.peek(16, in: trial.queue)
            try expectEqual(
                again.map { String(decoding: $0.body, as: UTF8.self) }, ["first", "delayed", "late"], "later")
            try expectEqual(again.first?.dequeueCount, 1, "receives")
            for count in [0, 17] {
                try await expectRefusal(.argumentInvalid, "a peek at \(count)") {
                    _ = try await trial.store.peek(count, in: trial.queue)
                }
            }
        },
        QueueCase("nothing is handed out twice while it is hidden, however many receive at once") { trial in
            for call in 0..<20 {
                let messages = (0..<10).map { NewMessage(body: Array("\(call)-\($0)".utf8)) }
                _ = try await trial.store.send(messages, to: trial.queue)
            }
            let texts = try await withThrowingTaskGroup(of: [String].self) { group in
                for consumer in 0..<16 {
                    group.addTask {
                        var texts: [String] = []
                        while true {
                            let messages = try await trial.receive(1 + consumer % 4)
                            guard !messages.isEmpty else { return texts }
                            texts += messages.map(\.text)
                            let outcomes = try await trial.store.delete(messages.map(\.handle), from: trial.queue)
                            try expect(outcomes.allSatisfy { $0 == nil }, "a delete failed")
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            try expectEqual(texts.count, 200, "messages received")
            try expectEqual(Set(texts).count, 200, "different messages received")
            try await trial.expectCounts(0, 0, 0, "counters")
        },
    ]

    static let queueHandleCases: [QueueCase] = [
        QueueCase("a handle deletes its message once") { trial in
            try await trial.send("m")
            let received = try await trial.receiveOne()
            try expectEqual(try await trial.delete(received.handle), nil, "the first delete")
            try expectEqual(try await trial.delete(received.handle), .messageMissing, "the second delete")
            trial.advance(by: .seconds(31))
            try expectEqual(try await trial.receive().count, 0, "messages")
            try await trial.expectCounts(0, 0, 0, "counters")
        },
        QueueCase("each handle of a call has its own outcome") { trial in
            try await trial.send("1", "2", "3")
            let handles = try await trial.receive().map(\.handle)
            let outcomes = try await trial.store.delete(
                [handles[0], "garbage", handles[0], handles[1]], from: trial.queue)
            try expectEqual(outcomes.map { $0?.code }, [nil, .handleInvalid, .messageMissing, nil], "outcomes")
            try await trial.expectCounts(0, 1, 0, "counters")
            for count in [0, 17] {
                try await expectRefusal(.argumentInvalid, "\(count) handles") {
                    _ = try await trial.store.delete(Array(repeating: handles[2], count: count), from: trial.queue)
                }
            }
        },
        QueueCase("a handle is good until the next visible time, and each receive gives a new one") { trial in
            try await trial.send("m")
            let first = try await trial.receiveOne(visibility: .seconds(10))
            trial.advance(by: .seconds(10))
            try expectEqual(try await trial.delete(first.handle), .messageMissing, "after its time")
            try await expectRefusal(.messageMissing, "a change after its time") {
                _ = try await trial.store.changeVisibility(of: first.handle, in: trial.queue, to: .seconds(1))
            }
            let second = try await trial.receiveOne(visibility: .seconds(10))
            try expect(second.handle != first.handle, "the handle is the same")
            try expectEqual(try await trial.delete(first.handle), .messageMissing, "after the next receive")
            try expectEqual(try await trial.delete(second.handle), nil, "the current one")
        },
        QueueCase("a change of visibility counts from now, does not count as a receive, and gives a new handle") {
            trial in
            try await trial.send("m")
            let received = try await trial.receiveOne(visibility: .seconds(30))
            trial.advance(by: .seconds(20))
            let changed = try await trial.store.changeVisibility(
                of: received.handle, in: trial.queue, to: .seconds(60))
            try expect(changed.handle != received.handle, "the handle is the same")
            try expect(changed.nextVisibleAt >= received.nextVisibleAt + .seconds(50), "next visible time")
            trial.advance(by: .seconds(59))
            try expectEqual(try await trial.receive().count, 0, "messages within its time")
            trial.advance(by: .seconds(1))
            let again = try await trial.receiveOne()
            try expectEqual(again.message.dequeueCount, 2, "receives")
            try expectEqual(try await trial.delete(changed.handle), .messageMissing, "the handle of the change")
        },
        QueueCase("after a change the old handle still deletes until its time, and changes nothing more") { trial in
            try await trial.send("1", "2")
            let received = try await trial.receive(2, visibility: .seconds(30))
            for message in received {
                _ = try await trial.store.changeVisibility(of: message.handle, in: trial.queue, to: .seconds(300))
            }
            try await expectRefusal(.handleInvalid, "a second change by the old handle") {
                _ = try await trial.store.changeVisibility(of: received[0].handle, in: trial.queue, to: .seconds(1))
            }
            try expectEqual(try await trial.delete(received[0].handle), nil, "a delete within its time")
            trial.advance(by: .seconds(30))
            try expectEqual(try await trial.delete(received[1].handle), .messageMissing, "a delete after its time")
            try await trial.expectCounts(0, 1, 0, "counters")
        },
        QueueCase("a handle that was shortened dies with the message's hiding") { trial in
            try await trial.send("m")
            let received = try await trial.receiveOne(visibility: .seconds(300))
            let changed = try await trial.store.changeVisibility(
                of: received.handle, in: trial.queue, to: .seconds(1))
            trial.advance(by: .seconds(1))
            for handle in [received.handle, changed.handle] {
                try expectEqual(try await trial.delete(handle), .messageMissing, "while it is active")
            }
            let next = try await trial.receiveOne()
            try expectEqual(try await trial.delete(received.handle), .messageMissing, "while another has it")
            try expectEqual(try await trial.delete(next.handle), nil, "the current one")
        },
        QueueCase("visibility is changed within its range only, by a handle of this queue") { trial in
            try await trial.send("m")
            let handle = try await trial.receiveOne().handle
            for seconds in [0, -1, 43_201] {
                try await expectRefusal(.argumentInvalid, "\(seconds) s") {
                    _ = try await trial.store.changeVisibility(of: handle, in: trial.queue, to: .seconds(seconds))
                }
            }
            for handle in ["", "garbage", handle + "A", String(handle.dropLast())] {
                try await expectRefusal(.handleInvalid, "the handle \(handle)") {
                    _ = try await trial.store.changeVisibility(of: handle, in: trial.queue, to: .seconds(1))
                }
            }
            let changed = try await trial.store.changeVisibility(of: handle, in: trial.queue, to: .seconds(43_200))
            try expectEqual(try await trial.delete(changed.handle), nil, "delete")
        },
        QueueCase("the handle of a delayed send withdraws the message or releases it early") { trial in
            let sent = try await trial.send("withdrawn", "released", delay: .seconds(600))
            let handles = try sent.map { try unwrap($0.handle, "a delayed send gave no handle") }
            try expectEqual(try await trial.delete(handles[0]), nil, "withdrawal")
            _ = try await trial.store.changeVisibility(of: handles[1], in: trial.queue, to: .seconds(1))
            try await trial.expectCounts(0, 1, 0, "counters")
            try expectEqual(try await trial.receive().count, 0, "messages within the second")
            trial.advance(by: .seconds(1))
            let received = try await trial.receiveOne()
            try expectEqual(received.text, "released", "text")
            try expectEqual(received.message.dequeueCount, 1, "receives")
            trial.advance(by: .seconds(600))
            try expectEqual(try await trial.receive().map(\.text), ["released"], "messages later")
        },
        QueueCase("receives whose answer was lost are given back and do not count") { trial in
            try await trial.send("1", "2")
            let received = try await trial.receive(2)
            try expectEqual(try await trial.delete(received[1].handle), nil, "delete")
            try await trial.store.giveBack(received.map(\.handle) + ["garbage"], to: trial.queue)
            try await trial.expectCounts(1, 0, 0, "counters")
            try expectEqual(try await trial.delete(received[0].handle), .messageMissing, "the old handle")
            let again = try await trial.receiveOne()
            try expectEqual(again.text, "1", "text")
            try expectEqual(again.message.dequeueCount, 1, "receives")
        },
    ]
}
