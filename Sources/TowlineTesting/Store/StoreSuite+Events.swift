import TowlineCore
import TowlineStore

extension StoreSuite {
    static let eventCases: [Case] = [
        Case("an event comes with its deliveries in the order of their making") { trial in
            try await trial.setCallback()
            let job = try await trial.finishedJob()
            for event in try await trial.detail(job.id).events {
                let again = try await trial.store.redeliver(event.id, to: nil)
                let detail = try unwrap(try await trial.store.event(event.id), "the event is missing")
                try expectEqual(detail.event, event, "event")
                try expectEqual(detail.deliveries.map(\.origin), [.event, .redelivery], "origins")
                try expectEqual(detail.deliveries.last?.id, again.first?.id, "the later delivery")
            }
            try expect(try await trial.store.event(EventID(rawValue: 1)) == nil, "an unknown event was found")
        },
        Case("pages of events hold every event once, newest first, each with its deliveries") { trial in
            try await trial.setCallback()
            for _ in 0..<7 {
                _ = try await trial.finishedJob()
                trial.advance(by: .milliseconds(5))
            }
            let all = try await trial.events(limit: 100)
            try expectEqual(all.count, 14, "events")
            try expect(all.map(\.event.createdAt).isSorted(by: >=), "the order is not by time")
            for detail in all { try expectEqual(detail.deliveries.map(\.event), [detail.event.id], "deliveries") }
            for limit in [1, 3, 14] {
                try expectEqual(
                    try await trial.events(limit: limit).map(\.event.id), all.map(\.event.id), "pages of \(limit)")
            }
        },
        Case("events are found by type, job, account, application and time") { trial in
            let first = try await trial.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
            trial.advance(by: .seconds(10))
            let second = try await trial.finishedJob()
            trial.advance(by: .seconds(10))
            let call = JobSubmission(
                account: trial.otherAccount, app: AppID("app-2"), requests: [trial.request("b.mp4")])
            let third = try await trial.store.accept(call)[0]
            try await trial.finish(try await trial.claimOne(), .stored(bytes: 1, small: nil))
            let end = try unwrap(try await trial.read(second.id).endedAt, "the second job has not ended")
            func jobs(_ configure: (inout EventFilter) -> Void) async throws -> [JobID] {
                var filter = EventFilter()
                configure(&filter)
                return try await trial.events(filter).map(\.event.job)
            }
            let twice = [second.id, second.id]
            try expectEqual(
                try await jobs { $0.type = .uploadByURLComplete }, [third.id, second.id, first.id], "by type")
            try expectEqual(try await jobs { $0.job = second.id }, twice, "by job")
            try expectEqual(try await jobs { $0.job = JobID(rawValue: 1) }, [], "by an unknown job")
            try expectEqual(try await jobs { $0.account = trial.account }, twice + [first.id], "by account")
            try expectEqual(try await jobs { $0.app = AppID("app-2") }, [third.id, third.id], "by application")
            try expectEqual(try await jobs { $0.since = end }, [third.id, third.id] + twice, "from a moment on")
            try expectEqual(try await jobs { $0.until = end }, [first.id], "before a moment")
            let later = end + .milliseconds(1)
            try expectEqual(try await jobs { ($0.since, $0.until) = (end, later) }, twice, "of one moment")
            try expectEqual(try await jobs { $0.since = later }, [third.id, third.id], "after a moment")
            try expectEqual(try await jobs { $0.until = Timestamp(milliseconds: -1) }, [], "before all time")
            try expectEqual(
                try await jobs { $0.until = Timestamp(milliseconds: .max) }.count, 5, "until the end of time")
            try expectEqual(
                try await jobs { ($0.since, $0.type) = (end, .fileUploadComplete) }, [third.id, second.id],
                "by time and type")
        },
        Case("events are found by the state of the latest delivery for an endpoint") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(4)
            let claims = try await trial.claimDeliveries(3).items
            try await trial.report(claims[0], .delivered)
            try await trial.report(claims[1], .dead(reason: "x"))
            let dead = claims[1].event.id
            func found(_ state: DeliveryState) async throws -> Set<EventID> {
                var filter = EventFilter()
                filter.state = state
                return Set(try await trial.events(filter).map(\.event.id))
            }
            try expectEqual(try await found(.delivered), [claims[0].event.id], "delivered")
            try expectEqual(try await found(.dead), [dead], "dead")
            try expectEqual(try await found(.sending), [claims[2].event.id], "sending")
            try expectEqual(try await found(.pending).count, 1, "pending")
            try expectEqual(try await found(.held), [], "held")

            trial.advance(by: .milliseconds(2))
            _ = try await trial.store.redeliver(dead, to: nil)
            try expectEqual(try await found(.dead), [], "dead, when it is sent again")
            try expect(try await found(.pending).contains(dead), "what is sent again is not pending")
            let endpoint = try await trial.endpoint().id
            _ = try await trial.store.disableEndpoint(endpoint, reason: "maintenance")
            try expectEqual(try await found(.held).count, 2, "held")
            try expectEqual(try await found(.pending), [], "pending at a disabled endpoint")
        },
        Case("events are found by the endpoint that they were for, and by the state there") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let other = try await trial.subscribe("https://other.test/") { $0.eventTypes = [.fileUploadComplete] }
            try await trial.finish(3)
            let own = try await trial.endpoint().id
            var filter = EventFilter()
            filter.endpoint = own
            try expectEqual(
                try await trial.events(filter).map(\.event.type), Array(repeating: .uploadByURLComplete, count: 3),
                "events for the callback")
            filter.endpoint = other.id
            try expectEqual(
                try await trial.events(filter).map(\.event.type), Array(repeating: .fileUploadComplete, count: 3),
                "events for the subscription")
            for claim in try await trial.claimDeliveries().items where claim.endpoint == own {
                try await trial.report(claim, .dead(reason: "x"))
            }
            filter.state = .dead
            try expectEqual(try await trial.events(filter).count, 0, "dead at the subscription")
            filter.endpoint = own
            try expectEqual(try await trial.events(filter, limit: 2).count, 3, "dead at the callback")
            filter.endpoint = EndpointID(rawValue: 1)
            try expectEqual(try await trial.events(filter).count, 0, "at an unknown endpoint")
        },
    ]

    static let deliveryListCases: [Case] = [
        Case("pages of deliveries hold every delivery once, newest first") { trial in
            try await trial.setCallback()
            for _ in 0..<7 {
                _ = try await trial.finishedJob()
                trial.advance(by: .milliseconds(5))
            }
            let all = try await trial.deliveries(limit: 100)
            try expectEqual(Set(all.map(\.id)).count, 14, "deliveries")
            try expect(all.map(\.id).isSorted(by: >), "the order is not by time")
            for limit in [1, 3, 14] {
                try expectEqual(
                    try await trial.deliveries(limit: limit).map(\.id), all.map(\.id), "pages of \(limit)")
            }
        },
        Case("deliveries are found by state, endpoint and event") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let other = try await trial.subscribe("https://other.test/") { $0.eventTypes = [.uploadByURLComplete] }
            try await trial.finish(5)
            let own = try await trial.endpoint().id
            let claims = try await trial.claimDeliveries(100).items
            let mine = claims.filter { $0.endpoint == own }
            try expectEqual(mine.count, 5, "claims")
            try await trial.report(mine[0], .delivered)
            try await trial.report(mine[1], .dead(reason: "x"))
            try await trial.report(mine[2], .dead(reason: "x"))
            try await trial.report(mine[3], .retry(after: .seconds(60)))
            func found(
                _ state: DeliveryState?, at endpoint: EndpointID? = nil, of event: EventID? = nil
            ) async throws -> Set<DeliveryID> {
                let filter = DeliveryFilter(state: state, endpoint: endpoint, event: event)
                let pages = try await trial.deliveries(filter, limit: 2)
                for delivery in pages where state != nil { try expectEqual(delivery.state, state, "state") }
                try expect(pages.map(\.id).isSorted(by: >), "the order is not by time")
                return Set(pages.map(\.id))
            }
            try expectEqual(try await found(.delivered), [mine[0].id], "delivered")
            try expectEqual(try await found(.dead), [mine[1].id, mine[2].id], "dead")
            try expectEqual(try await found(.dead, at: other.id), [], "dead at the other endpoint")
            try expectEqual(try await found(.pending), [mine[3].id], "pending")
            try expectEqual(try await found(.sending, at: own), [mine[4].id], "sending")
            try expectEqual(try await found(.sending).count, 6, "sending to any")
            try expectEqual(try await found(nil, at: own), Set(mine.map(\.id)), "of an endpoint")
            let event = mine[1].event.id
            try expectEqual(try await found(nil, of: event).count, 2, "of an event")
            try expectEqual(try await found(.dead, of: event), [mine[1].id], "dead of an event")
            try expectEqual(try await found(nil, at: own, of: event), [mine[1].id], "of an event and endpoint")
            try expectEqual(try await found(nil, of: EventID(rawValue: 1)), [], "of an unknown event")
            try expectEqual(try await found(nil, at: EndpointID(rawValue: 1)), [], "of an unknown endpoint")

            _ = try await trial.store.disableEndpoint(own, reason: "maintenance")
            try expectEqual(try await found(.held), [mine[3].id], "held")
            try expectEqual(try await found(.held, at: own), [mine[3].id], "held at the endpoint")
            try expectEqual(try await found(.held, at: other.id), [], "held at the other endpoint")
            try expectEqual(try await found(.pending), [], "pending at a disabled endpoint")
        },
        Case("old attempts of ended deliveries are removed, their deliveries stay") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.finish(4)
            let claims = try await trial.claimDeliveries().items
            try await trial.report(claims[0], .dead(reason: "x"))
            for claim in claims.dropFirst() { try await trial.report(claim, .retry(after: .zero)) }
            let open = claims[1].id
            for claim in try await trial.claimDeliveries().items {
                try await trial.report(claim, claim.id == open ? .retry(after: .seconds(30 * 86_400)) : .delivered)
            }

            func trim(_ limit: Int) async throws -> Int {
                try await trial.store.trimDeliveryLog(olderThan: .seconds(7 * 86_400), limit: limit)
            }
            trial.advance(by: .seconds(6 * 86_400))
            try expectEqual(try await trim(100), 0, "removed too early")
            trial.advance(by: .seconds(2 * 86_400))
            try await trial.finish(1)
            let young = try await trial.oneDelivery()
            try await trial.report(young, .delivered)
            try expectEqual(try await trim(3), 3, "removed in the first step")
            try expectEqual(try await trim(100), 2, "removed in the second step")
            try expectEqual(try await trim(100), 0, "removed at the end")
            for id in claims.map(\.id) {
                let detail = try await trial.delivery(id)
                try expectEqual(detail.attempts.count, id == open ? 2 : 0, "rows of attempts")
                try expect(detail.delivery.attempts > 0, "the delivery forgot its attempts")
            }
            try expectEqual(try await trial.delivery(young.id).attempts.count, 1, "attempts of a young delivery")
            trial.advance(by: .seconds(30 * 86_400))
            try await trial.report(try await trial.oneDelivery(), .delivered)
            try expectEqual(try await trim(100), 3 + 1, "removed when the open one has ended and the young one is old")
        },
    ]
}

extension StoreTrial {
    /// Every event of a list, page by page.
    func events(_ filter: EventFilter = EventFilter(), limit: Int = 10) async throws -> [EventDetail] {
        var before: EventID?
        var events: [EventDetail] = []
        while true {
            let page = try await store.events(matching: filter, before: before, limit: limit)
            try expect(page.items.count <= limit, "a page of \(page.items.count) events")
            events += page.items
            guard let next = page.next else { return events }
            before = try unwrap(EventID(next), "the next page's mark is no event id")
        }
    }

    /// Every delivery of a list, page by page.
    func deliveries(_ filter: DeliveryFilter = DeliveryFilter(), limit: Int = 100) async throws -> [Delivery] {
        var filter = filter
        var deliveries: [Delivery] = []
        while true {
            let page = try await store.deliveries(matching: filter, limit: limit)
            try expect(page.items.count <= limit, "a page of \(page.items.count) deliveries")
            deliveries += page.items
            guard let next = page.next else { return deliveries }
            filter.before = try unwrap(DeliveryID(next), "the next page's mark is no delivery id")
        }
    }
}

extension Array {
    /// Whether every element stands to the next as asked.
    func isSorted(by areInOrder: (Element, Element) -> Bool) -> Bool {
        zip(self, dropFirst()).allSatisfy(areInOrder)
    }
}
