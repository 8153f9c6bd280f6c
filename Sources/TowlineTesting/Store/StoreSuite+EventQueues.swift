import Foundation
import TowlineCore
import TowlineQueue
import TowlineStore

extension StoreSuite {
    static let eventQueueCases: [QueueCase] = [
        QueueCase("the events of a job are messages as soon as it has ended, and nothing is left to be delivered") {
            trial in
            try await trial.setCallback()
            let job = try await trial.jobs.finishedJob()
            try expectEqual(job.state, .succeeded, "state")
            let events = try await trial.jobs.detail(job.id).events
            try expectEqual(events.count, 2, "events")
            try await trial.expectCounts(2, 0, 0, "counters")
            let messages = try await trial.receive()
            let types = ["FileUploadComplete", "UploadByURLComplete"]
            for (message, type) in zip(messages.map(\.message), types) {
                let event = try unwrap(events.first { $0.type.rawValue == type }, "no \(type)")
                try expectEqual(Data(base64Encoded: Data(message.body)), Data(event.body), "the body of \(type)")
                try expectEqual(message.digest, BodyDigest(of: message.body), "digest")
                try expectEqual(message.priority, 8, "priority")
                try expectEqual(message.dequeueCount, 1, "receives")
            }
            try expectEqual(messages.count, 2, "messages")
            try expect(try await trial.jobs.claimDeliveries().items.isEmpty, "an engine found something to do")
            try expectEqual(try await trial.store.deliveryCounts()[.delivered], 2, "delivered")
            try expectEqual(try await trial.store.deliveryCounts()[.pending] ?? 0, 0, "pending")
            try expectEqual(try await trial.store.jobCounts()[.stored] ?? 0, 0, "stored jobs")
        },
        QueueCase("the delivery of such an event has one line in its log, which names the queue and the message") {
            trial in
            try await trial.setCallback()
            let job = try await trial.jobs.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
            try expectEqual(job.state, .failed, "state")
            let event = try await trial.jobs.detail(job.id).events[0]
            let stored = try unwrap(try await trial.store.event(event.id), "the event is missing")
            try expectEqual(stored.deliveries.count, 1, "deliveries")
            let delivery = stored.deliveries[0]
            try expectEqual(delivery.state, .delivered, "state")
            try expectEqual(delivery.origin, .event, "origin")
            try expectEqual(delivery.target, .queue(name: "orders"), "target")
            try expectEqual(delivery.endedAt, event.createdAt, "end")
            try expectEqual(delivery.dueAt, nil, "next attempt")
            let detail = try unwrap(try await trial.store.delivery(delivery.id), "the delivery is missing")
            try expectEqual(detail.attempts.count, 1, "lines")
            let record = detail.attempts[0].record
            let message = try await trial.receiveOne().message
            try expectEqual(record.requestHead, "SendMessage queue:orders", "the request")
            try expectEqual(record.responseHead, "MessageId: \(message.id)", "the answer")
            try expectEqual(record.cause, nil, "cause")
            let listed = try await trial.store.deliveries(
                matching: DeliveryFilter(state: .delivered), limit: 10
            ).items
            try expectEqual(listed.map(\.id), [delivery.id], "the list of what was delivered")
        },
        QueueCase("events stand in messages as they are where that is wanted", { $0.bodyEncoding = .plain }) { trial in
            try await trial.setCallback()
            let job = try await trial.jobs.finishedJob()
            let events = try await trial.jobs.detail(job.id).events
            let bodies = try await trial.receive().map(\.message.body)
            try expectEqual(Set(bodies), Set(events.map(\.body)), "bodies")
        },
        QueueCase("those who wait get the events of a job, the first the first") { trial in
            try await trial.setCallback()
            let first = try await trial.wait()
            let second = try await trial.wait()
            let job = try await trial.jobs.finishedJob()
            let bodies = try await [first.value, second.value].map { $0.map(\.eventType) }
            try expectEqual(bodies, [["FileUploadComplete"], ["UploadByURLComplete"]], "events")
            try await trial.expectCounts(0, 2, 0, "counters")
            try expectEqual(job.state, .succeeded, "state")
        },
        QueueCase("a request's own queue replaces a configured URL, and a request's URL a configured queue") { trial in
            let own = QueueTrial.address("own")
            _ = try await trial.store.createQueue(own, attributes: QueueAttributeChanges())
            try await trial.jobs.setCallback()
            try await trial.jobs.accept([trial.jobs.request { $0.callback = .queue(name: "own") }])
            try await trial.jobs.finish(try await trial.jobs.claimOne(), .stored(bytes: 1, small: nil))
            try await trial.expectCounts(2, 0, 0, in: own, "counters of the request's queue")
            try expect(try await trial.jobs.claimDeliveries().items.isEmpty, "the configured URL got it, too")
            try await trial.setCallback()
            try await trial.jobs.accept([trial.jobs.request { $0.callback = .http(url: "https://own.test/") }])
            try await trial.jobs.finish(try await trial.jobs.claimOne(), .stored(bytes: 1, small: nil))
            try expectEqual(try await trial.jobs.claimDeliveries().items.count, 2, "deliveries to the request's URL")
            try await trial.expectCounts(0, 0, 0, "counters of the configured queue")
        },
        QueueCase("a subscription's queue gets what its filter lets through, beside the callback") { trial in
            try await trial.jobs.setCallback(events: "UploadByURLComplete")
            let extra = QueueTrial.address("extra")
            _ = try await trial.store.createQueue(extra, attributes: QueueAttributeChanges())
            _ = try await trial.jobs.subscribe("queue:extra") { $0.eventTypes = [.fileUploadComplete] }
            let job = try await trial.jobs.finishedJob()
            try expectEqual(try await trial.receive(from: extra).map(\.eventType), ["FileUploadComplete"], "messages")
            // The account's own callback goes on as ever.
            try expectEqual(job.state, .stored, "state")
            let claim = try unwrap(try await trial.jobs.claimDeliveries().items.first, "no delivery is due")
            try expectEqual(claim.target, .http(url: "https://receiver.test/hook"), "target")
            try await trial.jobs.report(claim, .delivered)
            try expectEqual(try await trial.jobs.read(job.id).state, .succeeded, "state at the end")
        },
        QueueCase("events go into the queue of their own account") { trial in
            let theirs = QueueTrial.address("orders", account: trial.jobs.otherAccount.description)
            _ = try await trial.store.createQueue(theirs, attributes: QueueAttributeChanges())
            try await trial.setCallback(account: trial.jobs.otherAccount)
            try await trial.jobs.accept(1, account: trial.jobs.otherAccount)
            try await trial.jobs.finish(try await trial.jobs.claimOne(), .stored(bytes: 1, small: nil))
            try await trial.expectCounts(0, 0, 0, "counters of the namesake")
            try await trial.expectCounts(2, 0, 0, in: theirs, "counters")
        },
        QueueCase("an event is delayed by its queue's attribute, as what a sender without a delay sends") { trial in
            try await trial.setCallback()
            try await trial.set { $0.delay = .seconds(10) }
            let job = try await trial.jobs.finishedJob()
            try expectEqual(job.state, .succeeded, "state")
            try await trial.expectCounts(0, 0, 2, "counters")
            trial.advance(by: .seconds(10))
            try await trial.expectCounts(2, 0, 0, "counters later")
        },
        QueueCase("a cancelled job's event goes into the queue, and so does that of its next run") { trial in
            try await trial.setCallback()
            let job = try await trial.jobs.accept(1)[0]
            _ = try await trial.store.cancel(
                [job.id], account: nil, onlyPending: true, failure: JobFailure(.cancelled, "cancelled"), nonce: nil)
            try expectEqual(try await trial.receive().map(\.eventType), ["UploadByURLComplete"], "messages")
            _ = try await trial.store.retry(job.id)
            try await trial.jobs.finish(try await trial.jobs.claimOne(), .stored(bytes: 1, small: nil))
            try expectEqual(
                try await trial.receive().map(\.eventType), ["FileUploadComplete", "UploadByURLComplete"],
                "messages of the next run")
            try expectEqual(try await trial.jobs.read(job.id).state, .succeeded, "state")
        },
        QueueCase("an attempt that has lost its lease puts nothing into a queue, and a second report nothing more") {
            trial in
            try await trial.setCallback()
            try await trial.jobs.accept(1)
            let lost = try await trial.jobs.claimOne(lease: .seconds(1))
            trial.advance(by: .seconds(2))
            try expectEqual(try await trial.jobs.finish(lost, .stored(bytes: 1, small: nil)), .leaseLost, "verdict")
            try await trial.expectCounts(0, 0, 0, "counters")
            _ = try await trial.store.reapLeases()
            trial.advance(by: .seconds(60))
            let claim = try await trial.jobs.claimOne()
            try await trial.jobs.finish(claim, .stored(bytes: 1, small: nil))
            try expectEqual(try await trial.jobs.finish(claim, .stored(bytes: 1, small: nil)), .leaseLost, "the second")
            try await trial.expectCounts(2, 0, 0, "counters at the end")
        },
    ]
}

extension QueueTrial {
    /// Sends every event of an account into a queue of this store.
    func setCallback(into name: String = "orders", account: AccountID? = nil) async throws {
        try await setCallback(account: account) { configuration in
            configuration.mnsQueueName = name
            configuration.isOwnQueue = true
        }
    }

    /// Sends every event of an account to a queue of an MNS.
    func setCallback(
        account: AccountID? = nil, configure: (inout CallbackConfiguration) -> Void
    ) async throws {
        var configuration = CallbackConfiguration(account: account ?? queue.account, app: .standard)
        configuration.callbackType = "MNS"
        configuration.mnsEndpoint = "http://127.0.0.1:8787"
        configuration.eventTypeList = "ALL"
        configure(&configuration)
        try await store.setCallback(configuration, nonce: nil)
    }
}

extension ReceivedMessage {
    /// The type of the event in the message; empty when there is none.
    var eventType: String {
        let body = Data(base64Encoded: Data(message.body)).map { [UInt8]($0) } ?? message.body
        return (try? JSONParser.parse(body))?["EventType"]?.string ?? ""
    }
}
