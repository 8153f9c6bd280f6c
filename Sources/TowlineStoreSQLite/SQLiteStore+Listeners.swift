package import TowlineCore
package import TowlineStore

extension SQLiteStore {
    /// Events that one read looks at for a listener of one account.
    private static let listenerStep = 2000

    package func openListener(
        _ name: String, account: AccountID?, start: ListenerStart
    ) async throws -> EventListener {
        try await write(.accept) { try $0.openListener(name, account: account, start: start) }
    }

    package func listeners() async throws -> [EventListener] {
        try await read { connection in
            try connection.all(ListenerSQL.all) { try StoredListener($0).listener }
        }
    }

    package func events(for listener: String, limit: Int) async throws -> [Event] {
        let limit = max(1, limit)
        var found: (events: [Event], isAtEnd: Bool, seenAt: Timestamp)
        repeat {
            found = try await read { [places] in try Self.following(listener, limit: limit, places: places, in: $0) }
            try Task.checkCancellation()
        } while found.events.isEmpty && !found.isAtEnd
        if clock.now() - found.seenAt >= WriteContext.listenerSeenEvery {
            try await write(.bulk) { try $0.noteSeen(listener) }
        }
        return found.events
    }

    package func acknowledge(_ event: EventID, by listener: String) async throws {
        try await write(.delivery) { try $0.acknowledge(event, by: listener) }
    }

    package func removeListener(_ name: String) async throws {
        try await write(.accept) { try $0.connection.run(ListenerSQL.remove, .text(name)) }
        places.forget(name)
    }

    /// The next events of a listener, as far as one read goes.
    private static func following(
        _ name: String, limit: Int, places: ListenerPlaces, in connection: SQLConnection
    ) throws -> (events: [Event], isAtEnd: Bool, seenAt: Timestamp) {
        guard let stored = try connection.first(ListenerSQL.byName, .text(name), read: { try StoredListener($0) })
        else {
            throw ListenerSQL.unknown(name)
        }
        let account = stored.listener.account?.description
        var events: [Event] = []
        var passed: Int64?
        var looked = 0
        try connection.each(ListenerSQL.following, .integer(places.start(of: stored))) { row in
            looked += 1
            if account == nil || row.text(2) == account {
                events.append(try DeliveryRows.event(row))
            } else if events.isEmpty {
                passed = row.integer(8)
            }
            return events.count < limit && looked < listenerStep
        }
        if let passed { places.pass(stored, upTo: passed) }
        return (events, looked < listenerStep, stored.listener.seenAt)
    }
}
