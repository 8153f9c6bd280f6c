import TowlineCore
import TowlineQueue
import TowlineStore

extension StoreSuite {
    static let eventQueueFallbackCases: [QueueCase] = [
        QueueCase(
            "without its queue an event is dead with that reason, its job ends all the same, and it can be sent again"
        ) {
            trial in
            try await trial.setCallback(into: "missing")
            let job = try await trial.jobs.finishedJob()
            try expectEqual(job.state, .succeeded, "state")
            try expectEqual(try await trial.queues(), ["orders"], "queues")
            try expectEqual(try await trial.jobs.claimDeliveries().items.count, 0, "claims")
            let detail = try await trial.jobs.detail(job.id)
            try expectEqual(detail.deliveries.map(\.state), [.dead, .dead], "deliveries")
            let reason = "the queue missing does not have the event: there is no queue missing"
            try expectEqual(detail.deliveries.map(\.reason), [reason, reason], "reasons")
            _ = try await trial.store.createQueue(QueueTrial.address("missing"), attributes: QueueAttributeChanges())
            let made = try await trial.store.redeliver(detail.events[0].id, to: nil)
            try expectEqual(try await trial.jobs.claimDeliveries().items.map(\.id), made.map(\.id), "sent again")
        },
        QueueCase("a missing queue is made for its first event where that is wanted", { $0.createMissing = true }) {
            trial in
            try await trial.setCallback(into: "New-1")
            let job = try await trial.jobs.finishedJob()
            try expectEqual(job.state, .succeeded, "state")
            let made = QueueTrial.address("New-1")
            let description = try await trial.store.queue(made)
            try expectEqual(description.attributes, QueueAttributes(), "attributes")
            try expectEqual(description.counts, MessageCounts(active: 2), "counters")
            _ = try await trial.jobs.finishedJob()
            try expectEqual(try await trial.receive(from: made).count, 4, "messages")
            try expectEqual(try await trial.queues(), ["New-1", "orders"], "queues")
        },
        QueueCase("a name that no queue can have makes none", { $0.createMissing = true }) { trial in
            try await trial.setCallback(into: "no queue!")
            try expectEqual(try await trial.jobs.finishedJob().state, .stored, "state")
            try expectEqual(try await trial.queues(), ["orders"], "queues")
            let targets = try await trial.jobs.claimDeliveries().items.map(\.target)
            try expectEqual(targets, [.queue(name: "no queue!"), .queue(name: "no queue!")], "targets")
        },
        QueueCase("an event that is too large for its queue is dead with that reason, smaller ones are not") { trial in
            try await trial.setCallback()
            try await trial.set { $0.maximumMessageBytes = 1024 }
            let large = trial.jobs.request { $0.extend = String(repeating: "x", count: 900) }
            let job = try await trial.jobs.accept([large])[0]
            try await trial.jobs.finish(try await trial.jobs.claimOne(), .stored(bytes: 1, small: nil))
            let detail = try await trial.jobs.detail(job.id)
            try expectEqual(detail.job.state, .succeeded, "state")
            try expectEqual(detail.deliveries.map(\.state), [.dead, .dead], "deliveries")
            try expect(detail.deliveries[0].reason?.contains("1024") == true, "the reason names the limit")
            try await trial.expectCounts(0, 0, 0, "counters")
            try expectEqual(try await trial.jobs.finishedJob().state, .succeeded, "state of a smaller one's job")
            try await trial.expectCounts(2, 0, 0, "counters afterwards")
            try expectEqual(try await trial.jobs.claimDeliveries().items.count, 0, "claims")
        },
        QueueCase("events for a queue whose endpoint is disabled are held, and go on when it is enabled") { trial in
            try await trial.setCallback()
            let endpoints = try await trial.jobs.endpoints()
            let endpoint = try unwrap(endpoints.first { $0.target == .queue(name: "orders") }, "no endpoint")
            _ = try await trial.store.disableEndpoint(endpoint.id, reason: "holiday")
            let job = try await trial.jobs.finishedJob()
            try expectEqual(job.state, .succeeded, "state")
            try await trial.expectCounts(0, 0, 0, "counters")
            try expectEqual(try await trial.store.deliveryCounts()[.held], 2, "held")
            _ = try await trial.store.enableEndpoint(endpoint.id)
            try await trial.jobs.tend()
            try expectEqual(try await trial.jobs.claimDeliveries().items.count, 2, "deliveries")
            _ = try await trial.jobs.finishedJob()
            try await trial.expectCounts(2, 0, 0, "counters of what came later")
        },
        QueueCase("an event that its queue does not take is a failure of the endpoint, and one that it takes ends them")
        {
            trial in
            try await trial.setCallback(into: "late")
            let job = try await trial.jobs.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
            let endpoint = try await trial.jobs.detail(job.id).deliveries[0].endpoint
            func failures() async throws -> Int? {
                let detail = try await trial.store.endpoint(endpoint)
                return detail?.endpoint.health.failures
            }
            try expectEqual(try await failures(), 1, "failures")
            _ = try await trial.store.createQueue(QueueTrial.address("late"), attributes: QueueAttributeChanges())
            _ = try await trial.jobs.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
            try expectEqual(try await failures(), 0, "failures afterwards")
        },
    ]

    static let queueDeliveryCases: [QueueCase] = [
        QueueCase("what is sent again into a queue is an ordinary delivery, and so is a replay") { trial in
            try await trial.setCallback()
            let job = try await trial.jobs.finishedJob()
            let event = try await trial.jobs.detail(job.id).events[0]
            let made = try await trial.store.redeliver(event.id, to: nil)
            try expectEqual(made.map(\.target), [.queue(name: "orders")], "targets")
            try expectEqual(made.map(\.state), [.pending], "states")
            try await trial.expectCounts(2, 0, 0, "counters after the redelivery")
            let again = try unwrap(try await trial.jobs.claimDeliveries().items.first, "no delivery is due")
            try expectEqual(again.id, made[0].id, "delivery")
            try expectEqual(again.origin, .redelivery, "origin")
            try expectEqual(again.target, .queue(name: "orders"), "target of the claim")
            try expectEqual(again.event, event, "event")
            try await trial.jobs.report(again, .delivered)

            let replay = try await trial.store.startReplay(ReplayRequest(filter: EventFilter()))
            while try await trial.store.stepReplays() != nil {}
            let claims = try await trial.jobs.claimDeliveries().items
            try expectEqual(claims.map(\.target), [.queue(name: "orders"), .queue(name: "orders")], "targets")
            try expectEqual(claims.map(\.origin), [.replay(replay.id), .replay(replay.id)], "origins")
            for claim in claims { try await trial.jobs.report(claim, .delivered) }
            try expectEqual(try await trial.store.replay(replay.id)?.delivered, 2, "delivered by the replay")
            try await trial.expectCounts(2, 0, 0, "counters, which only an engine changes")
        },
        QueueCase("an event that was for nobody can be sent into the queue that is configured now") { trial in
            let job = try await trial.jobs.finishedJob()
            try await trial.setCallback()
            let event = try await trial.jobs.detail(job.id).events[0]
            let made = try await trial.store.redeliver(event.id, to: nil)
            try expectEqual(made.map(\.target), [.queue(name: "orders")], "targets")
            try expectEqual(try await trial.jobs.claimDeliveries().items.map(\.id), made.map(\.id), "claims")
        },
        QueueCase("queues of another MNS get their events from an engine, whatever queues are here") { trial in
            let endpoint = "https://1000.mns.cn-shanghai.example.com"
            try await trial.setCallback { configuration in
                configuration.mnsEndpoint = endpoint
                configuration.mnsQueueName = "orders"
            }
            let job = try await trial.jobs.finishedJob()
            try expectEqual(job.state, .stored, "state")
            try await trial.expectCounts(0, 0, 0, "counters of the namesake")
            let claims = try await trial.jobs.claimDeliveries().items
            let target = CallbackTarget.remoteQueue(endpoint: endpoint, name: "orders")
            try expectEqual(claims.map(\.target), [target, target], "targets")
            for claim in claims { try await trial.jobs.report(claim, .delivered) }
            try expectEqual(try await trial.jobs.read(job.id).state, .succeeded, "state at the end")
        },
    ]
}

extension QueueTrial {
    /// The names of the queues of the account.
    func queues() async throws -> [String] {
        try await store.queueNames(of: queue.account, prefix: "", after: nil, limit: 100).items.map(\.description)
    }
}
