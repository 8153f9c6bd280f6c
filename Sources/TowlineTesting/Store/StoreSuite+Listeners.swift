import TowlineCore
import TowlineStore

extension StoreSuite {
    static let listenerCases: [Case] = [
        Case("a listener gets the same events again until it acknowledges them") { trial in
            try await trial.finish(3)
            let opened = try await trial.store.openListener("l", account: nil, start: .beginning)
            try expectEqual(opened.acknowledged, nil, "acknowledged")
            let all = try await trial.store.events(for: "l", limit: 100)
            try expectEqual(
                Set(all.map(\.id)), Set(try await trial.events().map(\.event.id)), "events from the beginning")
            let first = try await trial.store.events(for: "l", limit: 2)
            try expectEqual(first, Array(all.prefix(2)), "the first events")
            try expectEqual(try await trial.store.events(for: "l", limit: 2), first, "events without acknowledgement")
            try await trial.store.acknowledge(first[1].id, by: "l")
            let rest = try await trial.store.events(for: "l", limit: 100)
            try expectEqual(rest, Array(all.dropFirst(2)), "events after the acknowledged one")
            try expectEqual(try await trial.store.listeners().map(\.acknowledged), [first[1].id], "place")
            try await trial.store.acknowledge(first[0].id, by: "l")
            try expectEqual(try await trial.store.events(for: "l", limit: 100), rest, "a place never moves back")
            try await trial.store.acknowledge(try unwrap(all.last, "no event").id, by: "l")
            try expectEqual(try await trial.store.events(for: "l", limit: 100), [], "events at the end")
            try await trial.expectSignal(.eventsAdded) { try await trial.finish(1) }
            try expectEqual(try await trial.store.events(for: "l", limit: 100).count, 2, "new events")
        },
        Case("a listener begins now, at the beginning or after an event, and keeps its place when it is opened again") {
            trial in
            try await trial.finish(2)
            _ = try await trial.store.openListener("all", account: nil, start: .beginning)
            let all = try await trial.store.events(for: "all", limit: 100)
            let now = try await trial.store.openListener("now", account: nil, start: .now)
            try expectEqual(now.acknowledged, all.last?.id, "place of one that begins now")
            let after = try await trial.store.openListener("after", account: nil, start: .after(all[1].id))
            try expectEqual(after.acknowledged, all[1].id, "place of one that begins after an event")
            try expectEqual(try await trial.store.events(for: "now", limit: 100), [], "events from now on")
            try expectEqual(
                try await trial.store.events(for: "after", limit: 100), Array(all.dropFirst(2)), "events after one")
            try await trial.finish(1)
            try expectEqual(try await trial.store.events(for: "now", limit: 100).count, 2, "new events")
            let again = try await trial.store.openListener("now", account: trial.account, start: .beginning)
            try expectEqual(again.acknowledged, now.acknowledged, "place when it is opened again")
            try expectEqual(again.account, nil, "account when it is opened again")
            try expectEqual(try await trial.store.listeners().map(\.name), ["after", "all", "now"], "names")
            try await expectError(.notFound, "after an unknown event") {
                _ = try await trial.store.openListener("x", account: nil, start: .after(EventID(rawValue: 1)))
            }
        },
        Case("in a store without events a listener begins with the first") { trial in
            for (name, start) in [("now", ListenerStart.now), ("beginning", .beginning)] {
                _ = try await trial.store.openListener(name, account: nil, start: start)
                try expectEqual(try await trial.store.events(for: name, limit: 100), [], "events")
            }
            try await trial.finish(1)
            for name in ["now", "beginning"] {
                try expectEqual(try await trial.store.events(for: name, limit: 100).count, 2, "events")
            }
        },
        Case("a listener of an account gets no other account's events") { trial in
            _ = try await trial.store.openListener("l", account: trial.account, start: .beginning)
            try await trial.finish(5, account: trial.otherAccount)
            try expectEqual(try await trial.store.events(for: "l", limit: 1), [], "events of others")
            try await trial.finish(1)
            try await trial.finish(5, account: trial.otherAccount)
            try await trial.finish(1)
            for _ in 0..<2 {
                let events = try await trial.store.events(for: "l", limit: 100)
                try expectEqual(events.map(\.account), Array(repeating: trial.account, count: 4), "accounts")
                let first = try await trial.store.events(for: "l", limit: 1)
                try expectEqual(first, Array(events.prefix(1)), "the first event")
            }
            let first = try await trial.store.events(for: "l", limit: 1)[0]
            try await trial.store.acknowledge(first.id, by: "l")
            try expectEqual(try await trial.store.events(for: "l", limit: 100).count, 3, "events after the first")
            try await trial.store.removeListener("l")
            _ = try await trial.store.openListener("l", account: trial.account, start: .beginning)
            try expectEqual(try await trial.store.events(for: "l", limit: 100).count, 4, "events for one made anew")
        },
        Case("a listener's calls are noted, at most once a minute while it acknowledges nothing new") { trial in
            try await trial.finish(1)
            let opened = try await trial.store.openListener("l", account: nil, start: .beginning)
            try expectEqual(opened.seenAt, opened.createdAt, "time of the first call")
            let events = try await trial.store.events(for: "l", limit: 10)
            try expectEqual(try await trial.seen(), opened.seenAt, "time after a call")
            trial.advance(by: .seconds(61))
            _ = try await trial.store.events(for: "l", limit: 10)
            let second = try await trial.seen()
            try expect(second >= opened.seenAt + .seconds(61), "a call after a minute is not noted")
            trial.advance(by: .seconds(1))
            try await trial.store.acknowledge(events[0].id, by: "l")
            let third = try await trial.seen()
            try expect(third >= second + .seconds(1), "an acknowledgement is not noted")
            trial.advance(by: .seconds(1))
            try await trial.store.acknowledge(events[0].id, by: "l")
            try expectEqual(try await trial.seen(), third, "time after the same acknowledgement")
            trial.advance(by: .seconds(61))
            try await trial.store.acknowledge(events[0].id, by: "l")
            try expect(try await trial.seen() > third, "the same acknowledgement after a minute is not noted")
        },
        Case("an unknown listener gets nothing, and forgetting one is fine") { trial in
            try await trial.finish(1)
            let event = try await trial.events()[0].event.id
            try await expectError(.notFound, "events for an unknown listener") {
                _ = try await trial.store.events(for: "l", limit: 1)
            }
            try await expectError(.notFound, "acknowledged by an unknown listener") {
                try await trial.store.acknowledge(event, by: "l")
            }
            _ = try await trial.store.openListener("l", account: nil, start: .beginning)
            try await expectError(.notFound, "an unknown event") {
                try await trial.store.acknowledge(EventID(rawValue: 1), by: "l")
            }
            try await trial.store.removeListener("l")
            try await trial.store.removeListener("l")
            try expect(try await trial.store.listeners().isEmpty, "a listener is left")
            try await expectError(.notFound, "events for a listener that was removed") {
                _ = try await trial.store.events(for: "l", limit: 1)
            }
        },
    ]
}

extension StoreTrial {
    /// When the only listener was last seen.
    fileprivate func seen() async throws -> Timestamp {
        let listeners = try await store.listeners()
        return try unwrap(listeners.first, "there is no listener").seenAt
    }
}
