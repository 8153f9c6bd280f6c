import TowlineCore
import TowlineStore

extension StoreSuite {
    static let replayCases: [Case] = [
        Case("a replay makes one delivery for each event and endpoint, of the same event and bytes") { trial in
            try await trial.setCallback()
            let other = try await trial.subscribe("https://other.test/") { $0.eventTypes = [.fileUploadComplete] }
            try await trial.finish(5)
            let before = try await trial.deliverAll()
            try expectEqual(before.count, 15, "deliveries before")
            var replay = try await trial.store.startReplay(ReplayRequest(filter: EventFilter()))
            try expectEqual(replay.state, .running, "state")
            try expectEqual(replay.eventsInRange, 10, "events in range")
            try expectEqual(replay.eventsSeen, 0, "events seen")
            try await trial.finish(1)
            replay = try await trial.run(replay.id)
            try expectEqual(replay.state, .done, "state at the end")
            try expect(replay.endedAt != nil, "no end")
            try expectEqual(replay.eventsSeen, 10, "events seen at the end")
            try expectEqual(replay.created, 15, "made")
            let made = try await trial.deliveries(DeliveryFilter(replay: replay.id), limit: 4)
            try expectEqual(
                Set(made.map(\.pair)), Set(before.map { EventAndEndpoint($0.event.id, $0.endpoint) }), "pairs")
            try expectEqual(made.count, 15, "deliveries of the replay")
            let known = Dictionary(before.map { ($0.event.id, $0.event) }, uniquingKeysWith: { first, _ in first })
            for claim in try await trial.deliverAll() where claim.origin == .replay(replay.id) {
                try expectEqual(claim.event, known[claim.event.id], "event with its bytes")
                try expectEqual(claim.attempt, 1, "attempt")
            }
            replay = try unwrap(try await trial.store.replay(replay.id), "the replay is missing")
            try expectEqual(replay.delivered, 15, "delivered")
            try expectEqual(replay.dead, 0, "dead")
            try expectEqual(
                try await trial.deliveries(DeliveryFilter(endpoint: other.id, replay: replay.id)).count, 5,
                "deliveries of the replay to one endpoint")
            try expectEqual(try await trial.store.stepReplays(), nil, "next step")
        },
        Case("a dry count is what the replay then makes, whatever is asked for") { trial in
            try await trial.replayScene()
            for (name, request) in try await trial.replayRequests() {
                let count = try await trial.store.countReplay(request)
                let started = try await trial.store.startReplay(request)
                let replay = try await trial.run(started.id)
                let made = try await trial.deliveries(DeliveryFilter(replay: replay.id))
                try expectEqual(replay.created, count.deliveries, "deliveries by \(name)")
                try expectEqual(made.count, count.deliveries, "rows by \(name)")
                try expectEqual(Set(made.map(\.event)).count, count.events, "events by \(name)")
                try expectEqual(Set(made.map(\.pair)).count, made.count, "pairs by \(name)")
                try expect(count.deliveries > 0, "nothing is found by \(name)")
                try expectEqual(replay.request, request, "request by \(name)")
                try expectEqual(replay.eventsSeen, replay.eventsInRange, "events seen by \(name)")
                _ = try await trial.deliverAll()
            }
        },
        Case("a replay takes each endpoint by the state of the latest delivery there") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let other = try await trial.subscribe("https://other.test/") { $0.eventTypes = [.uploadByURLComplete] }
            try await trial.finish(3)
            let own = try await trial.endpoint().id
            for claim in try await trial.claimDeliveries().items {
                try await trial.report(claim, claim.endpoint == own ? .dead(reason: "x") : .delivered)
            }
            var filter = EventFilter()
            filter.state = .dead
            let request = ReplayRequest(filter: filter)
            let replay = try await trial.run(try await trial.store.startReplay(request).id)
            let made = try await trial.deliveries(DeliveryFilter(replay: replay.id))
            try expectEqual(made.map(\.endpoint), [own, own, own], "endpoints")
            trial.advance(by: .milliseconds(2))
            _ = try await trial.deliverAll()
            try expectEqual(try await trial.store.countReplay(request).deliveries, 0, "dead after success")
            filter.state = .delivered
            filter.endpoint = other.id
            let count = try await trial.store.countReplay(ReplayRequest(filter: filter))
            try expectEqual(count.deliveries, 3, "delivered to the other")
        },
        Case("a replay to another endpoint takes every event of its account, also such that were for none") { trial in
            try await trial.finish(3)
            try await trial.finish(2, account: trial.otherAccount)
            let target = try await trial.subscribe("https://target.test/")
            let request = ReplayRequest(filter: EventFilter(), destination: target.id)
            try expectEqual(try await trial.store.countReplay(request).deliveries, 6, "count")
            let replay = try await trial.run(try await trial.store.startReplay(request).id)
            try expectEqual(replay.created, 6, "made")
            try expectEqual(replay.eventsSeen, 10, "events seen")
            let claims = try await trial.deliverAll()
            try expectEqual(Set(claims.map(\.event.account)), [trial.account], "accounts")
            try expectEqual(Set(claims.map(\.endpoint)), [target.id], "endpoints")
            try expectEqual(Set(claims.map(\.event.id)).count, 6, "events")
            var filter = EventFilter()
            filter.state = .dead
            let dead = ReplayRequest(filter: filter, destination: target.id)
            try expectEqual(try await trial.store.countReplay(dead).deliveries, 0, "dead ones")
        },
        Case("what is not there cannot be replayed to, read or cancelled") { trial in
            func request(_ id: EndpointID) -> ReplayRequest { ReplayRequest(filter: EventFilter(), destination: id) }
            let unknown = request(EndpointID(rawValue: 1))
            try await expectError(.notFound, "an unknown destination") {
                _ = try await trial.store.startReplay(unknown)
            }
            try await expectError(.notFound, "a count for an unknown destination") {
                _ = try await trial.store.countReplay(unknown)
            }
            let gone = try await trial.subscribe("https://gone.test/")
            try await trial.store.removeSubscription(gone.id)
            try await expectError(.conflict, "a removed destination") {
                _ = try await trial.store.startReplay(request(gone.id))
            }
            try expect(try await trial.store.replay(ReplayID(rawValue: 1)) == nil, "an unknown replay was found")
            try await expectError(.notFound, "an unknown replay") {
                _ = try await trial.store.cancelReplay(ReplayID(rawValue: 1))
            }
            try expectEqual(try await trial.store.stepReplays(), nil, "next step without replays")
            try expect(try await trial.store.replays(limit: 10).isEmpty, "a refused replay is listed")
        },
        Case("endpoints that were removed are passed over") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let gone = try await trial.subscribe("https://gone.test/")
            try await trial.finish(2)
            _ = try await trial.deliverAll()
            try await trial.store.removeSubscription(gone.id)
            let replay = try await trial.store.startReplay(ReplayRequest(filter: EventFilter()))
            try expectEqual(try await trial.run(replay.id).created, 2, "made")
        },
        Case("replays are listed newest first and announced") { trial in
            var expected: [ReplayID] = []
            for _ in 0..<3 {
                try await trial.expectSignal(.upkeepDue) {
                    let replay = try await trial.store.startReplay(ReplayRequest(filter: EventFilter()))
                    expected.insert(replay.id, at: 0)
                }
                trial.advance(by: .milliseconds(5))
            }
            try expectEqual(try await trial.store.replays(limit: 10).map(\.id), expected, "replays")
            try expectEqual(try await trial.store.replays(limit: 2).map(\.id), Array(expected.prefix(2)), "the latest")
            try await trial.expectSignal(.upkeepDue) { _ = try await trial.run(expected[0]) }
            try expectEqual(
                try await trial.store.replays(limit: 10).map(\.state), [.done, .done, .done], "states at the end")
        },
    ]

    static let replayPaceCases: [Case] = [
        Case("new events of an endpoint are claimed while a replay of thousands waits") { trial in
            try await trial.finish(1000)
            let target = try await trial.subscribe("https://target.test/")
            let request = ReplayRequest(filter: EventFilter(), destination: target.id)
            let replay = try await trial.run(try await trial.store.startReplay(request).id)
            try expectEqual(replay.created, 2000, "made")
            let running = try await trial.claimDeliveries(4, perEndpoint: 4).items
            try expectEqual(running.count, 4, "claims")
            try await trial.finish(1)
            var new = 0
            for claim in running {
                try await trial.report(claim, .delivered)
                for next in try await trial.claimDeliveries(1, perEndpoint: 4).items where next.origin == .event {
                    new += 1
                }
            }
            try expectEqual(new, 2, "new events among the next four")
        },
        Case("a replay of many events goes in bounded steps") { trial in
            try await trial.finish(300)
            let target = try await trial.subscribe("https://target.test/")
            let request = ReplayRequest(filter: EventFilter(), destination: target.id)
            let id = try await trial.store.startReplay(request).id
            var steps = 0
            var created = 0
            while let wait = try await trial.store.stepReplays() {
                try expectEqual(wait, .zero, "wait for the next step")
                let replay = try unwrap(try await trial.store.replay(id), "the replay is missing")
                try expect(replay.created - created <= 128, "\(replay.created - created) deliveries in one step")
                created = replay.created
                steps += 1
                try expect(steps < 100, "a replay does not come to its end")
            }
            try expect(steps >= 4, "600 deliveries were made in \(steps) steps and the last")
            try expectEqual(try await trial.store.replay(id)?.created, 600, "made")
        },
        Case("a step makes the deliveries of an event all or none, however many endpoints there are") { trial in
            for number in 0..<150 { _ = try await trial.subscribe("https://r\(number).test/") }
            _ = try await trial.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
            _ = try await trial.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
            let id = try await trial.store.startReplay(ReplayRequest(filter: EventFilter())).id
            try expect(try await trial.store.stepReplays() != nil, "two events were one step")
            try expectEqual(try await trial.store.replay(id)?.created, 150, "made by the first step")
            try expectEqual(try await trial.run(id).created, 300, "made")
        },
        Case("a replay keeps to its rate, evenly") { trial in
            try await trial.finish(15)
            for perSecond in [2, 20] {
                let target = try await trial.subscribe("https://r\(perSecond).test/")
                let request = ReplayRequest(filter: EventFilter(), destination: target.id, perSecond: perSecond)
                try await trial.checkRate(request, perSecond: perSecond)
            }
            // From here on each event has two endpoints.
            try await trial.checkRate(ReplayRequest(filter: EventFilter(), perSecond: 2), perSecond: 2)
        },
        Case("a replay leaves its endpoint's health alone and is held where that is disabled") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(12)
            _ = try await trial.deliverAll()
            let healthy = try await trial.endpoint().health
            let first = try await trial.run(try await trial.store.startReplay(ReplayRequest(filter: EventFilter())).id)
            for claim in try await trial.claimDeliveries().items {
                try await trial.report(claim, .retry(after: .zero), signal: .failure(cause: "500"))
            }
            try expectEqual(try await trial.endpoint().health, healthy, "health after failures")
            for claim in try await trial.claimDeliveries().items {
                try await trial.report(claim, .dead(reason: "x"), signal: .slowDown(cause: "503", pause: nil))
            }
            try expectEqual(try await trial.endpoint().health, healthy, "health after the end")
            try expectEqual(try await trial.store.replay(first.id)?.dead, 12, "dead")
            let jobs = try await trial.store.jobCounts()
            try expectEqual(jobs[.succeeded], 12, "jobs, which nothing changed")

            _ = try await trial.store.disableEndpoint(try await trial.endpoint().id, reason: "maintenance")
            let second = try await trial.run(try await trial.store.startReplay(ReplayRequest(filter: EventFilter())).id)
            let held = try await trial.deliveries(DeliveryFilter(replay: second.id))
            try expectEqual(held.map(\.state), Array(repeating: .held, count: 12), "states")
            try expect(try await trial.claimDeliveries().items.isEmpty, "claimed at a disabled endpoint")
        },
    ]

    static let replayCancelCases: [Case] = [
        Case("a cancelled replay makes no more, and what was not tried ends as dead") { trial in
            try await trial.finish(300)
            let target = try await trial.subscribe("https://target.test/")
            let request = ReplayRequest(filter: EventFilter(), destination: target.id)
            let id = try await trial.store.startReplay(request).id
            for _ in 0..<2 { _ = try await trial.store.stepReplays() }
            let created = try unwrap(try await trial.store.replay(id), "the replay is missing").created
            try expect(created > 4 && created < 600, "\(created) deliveries in two steps")
            let claims = try await trial.claimDeliveries(3).items
            try await trial.report(claims[0], .delivered)
            try await trial.report(claims[1], .retry(after: .seconds(60)))
            try await trial.finish(1)

            try await trial.expectSignal(.upkeepDue) {
                let replay = try await trial.store.cancelReplay(id)
                try expectEqual(replay.state, .cancelling, "state")
                try expectEqual(replay.endedAt, nil, "end")
            }
            try expectEqual(try await trial.store.cancelReplay(id).state, .cancelling, "state when cancelled twice")
            let replay = try await trial.run(id)
            try expectEqual(replay.state, .cancelled, "state at the end")
            try expect(replay.endedAt != nil, "no end")
            try expectEqual(replay.created, created, "made")
            try expectEqual(replay.delivered, 1, "delivered")
            try expectEqual(replay.dead, created - 3, "dead")
            let dead = try await trial.deliveries(DeliveryFilter(state: .dead, replay: id))
            try expectEqual(dead.count, created - 3, "dead deliveries")
            try expectEqual(Set(dead.map(\.reason)), ["the replay was cancelled"], "reasons")
            try expectEqual(try await trial.store.deliveryCounts()[.dead], created - 3, "dead in the counts")

            try await trial.report(claims[2], .delivered)
            trial.advance(by: .seconds(61))
            let rest = try await trial.deliverAll()
            try expectEqual(rest.filter { $0.origin == .event }.count, 2, "new events")
            try expectEqual(rest.filter { $0.origin != .event }.map(\.id), [claims[1].id], "what had been tried")
            try expectEqual(try await trial.store.replay(id)?.delivered, 3, "delivered in the end")
            try await expectError(.conflict, "cancelling what was cancelled") {
                _ = try await trial.store.cancelReplay(id)
            }
        },
        Case("a replay that waits for its rate is cancelled at once") { trial in
            try await trial.finish(2)
            let target = try await trial.subscribe("https://target.test/")
            let request = ReplayRequest(filter: EventFilter(), destination: target.id, perSecond: 1)
            let id = try await trial.store.startReplay(request).id
            _ = try await trial.store.stepReplays()
            _ = try await trial.store.cancelReplay(id)
            _ = try await trial.store.stepReplays()
            try expectEqual(try await trial.store.replay(id)?.state, .cancelled, "state")
            try expectEqual(try await trial.store.stepReplays(), nil, "next step")
            try expect(try await trial.claimDeliveries().items.isEmpty, "a cancelled delivery was claimed")
        },
        Case("a replay that has ended cannot be cancelled") { trial in
            let id = try await trial.store.startReplay(ReplayRequest(filter: EventFilter())).id
            try expectEqual(try await trial.run(id).state, .done, "state of a replay of nothing")
            try await expectError(.conflict, "cancelling what has ended") {
                _ = try await trial.store.cancelReplay(id)
            }
        },
    ]
}
