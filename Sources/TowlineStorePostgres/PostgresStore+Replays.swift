package import TowlineCore
package import TowlineStore

extension PostgresStore {
    /// Replays of which one call does a step.
    private static let replaysAtOnce = 64
    /// Events that one read of a count looks at.
    private static let countStep = 2000

    package func countReplay(_ request: ReplayRequest) async throws -> (events: Int, deliveries: Int) {
        let range = try await read { connection in
            try ReplayPlan(request, connection: connection).verify()
            return try EventRange(request.filter, in: connection)
        }
        var cursor = range.after
        var count = (events: 0, deliveries: 0)
        while cursor < range.last {
            try Task.checkCancellation()
            let start = cursor
            let found = try await read { connection in
                let pass = try ReplayPlan(request, connection: connection).pass(
                    after: start, upTo: range.last, events: Self.countStep, deliveries: .max, connection: connection)
                return (cursor: pass.cursor, events: pass.events.count, deliveries: pass.deliveries)
            }
            cursor = found.cursor
            count.events += found.events
            count.deliveries += found.deliveries
        }
        return count
    }

    package func startReplay(_ request: ReplayRequest) async throws -> Replay {
        try await write { try $0.startReplay(request) }
    }

    package func replay(_ id: ReplayID) async throws -> Replay? {
        try await read { try $0.first(ReplaySQL.byID, .id(id)) { try ReplayRows.replay($0) } }
    }

    package func replays(limit: Int) async throws -> [Replay] {
        try await read { try $0.all(ReplaySQL.latest, .integer(max(1, limit))) { try ReplayRows.replay($0) } }
    }

    package func cancelReplay(_ id: ReplayID) async throws -> Replay {
        try await write { try $0.cancelReplay(id) }
    }

    package func stepReplays() async throws -> Duration? {
        let offset = configuration.clockOffset().wholeMilliseconds
        let due = try await read { connection in
            try connection.all(ReplaySQL.due, .integer(offset), .integer(Self.replaysAtOnce)) {
                try $0.id(0, as: ReplayID.self)
            }
        }
        var failure: (any Error)?
        for id in due {
            do {
                try await write { try $0.stepReplay(id) }
            } catch {
                // One that cannot be read must not hold up the others.
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return try await read { [self] connection in
            let now = try now(connection)
            let next = try connection.first(ReplaySQL.next) { $0.optionalTime(0) } ?? nil
            return next.map { max(.zero, $0 - now) }
        }
    }
}
