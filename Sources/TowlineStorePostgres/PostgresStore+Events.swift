package import TowlineCore
package import TowlineStore

extension PostgresStore {
    package func event(_ id: EventID) async throws -> EventDetail? {
        try await read { connection in
            guard let seq = try connection.first(EventPageSQL.seqOf, .id(id), read: { $0.integer(0) }) else {
                return nil
            }
            return try EventPageSQL.details([seq], from: connection).first
        }
    }

    package func events(
        matching filter: EventFilter, before: EventID?, limit: Int
    ) async throws -> Page<EventDetail> {
        try await read { try EventPage(filter: filter, before: before, limit: max(1, limit)).read(from: $0) }
    }

    package func redeliver(_ event: EventID, to endpoint: EndpointID?) async throws -> [Delivery] {
        try await write { try $0.redeliver(event, to: endpoint) }
    }
}

extension Transaction {
    /// Makes new deliveries of an event (``EventStore/redeliver(_:to:)``).
    func redeliver(_ id: EventID, to named: EndpointID?) throws -> [Delivery] {
        let stored = try connection.first(RedeliverySQL.event, .id(id)) { row in
            (seq: row.integer(0), account: AccountID(row.text(1)), app: AppID(row.text(2)))
        }
        guard let stored else { throw StoreError(.notFound, "there is no event \(id)") }
        let targets: [HeldEndpoint]
        if let named {
            let endpoint = try usable(named)
            guard endpoint.stored.account == stored.account else {
                throw StoreError(.conflict, "the endpoint \(named) belongs to another account than the event \(id)")
            }
            targets = [endpoint]
        } else {
            targets = try recipients(of: stored.seq, id: id, account: stored.account, app: stored.app)
        }
        for target in targets { try ensureResendLane(of: target) }
        let made = targets.map { addDelivery(of: stored.seq, to: $0, origin: .redelivery) }
        try writeRows()
        let deliveries = try connection.all(EventSQL.deliveries, .ids(made)) { try DeliveryRows.delivery($0) }
        return made.compactMap { id in deliveries.first { $0.id == id } }
    }

    /// The endpoints that an event was for; without one, that of the account's configuration, whatever types that
    /// lets through: whoever sends an event again wants it sent.
    private func recipients(
        of event: Int64, id: EventID, account: AccountID, app: AppID
    ) throws -> [HeldEndpoint] {
        let scan = EventScan(EventFilter())
        let all = try scan.receivers(of: event, in: connection)
        let groups = all.filter { !$0.isRemoved }.map(\.group)
        guard groups.isEmpty else {
            let found = connection.add(DeliverySQL.lockEndpoints, .integers(groups))
            try connection.flush()
            try addEndpoints(found)
            return try groups.map { try endpoints.endpoint(group: $0) }
        }
        guard all.isEmpty else {
            throw StoreError(.conflict, "every endpoint that the event \(id) was for was removed; name another")
        }
        let configuration = try connection.first(
            CallbackSQL.find, .text(account.description), .text(app.description)
        ) { try CallbackRows.configuration($0, secretBox: settings.secretBox) }
        guard let target = configuration?.target else {
            throw StoreError(
                .conflict, "the event \(id) was for no endpoint and its account has no callback now; name an endpoint")
        }
        try makeCallbackEndpoints([CallbackKey(account: account, url: target.text)])
        guard let endpoint = endpoints.callback(account: account, url: target.text) else {
            throw StoreError(.corrupted, "the database lacks the endpoint of a callback")
        }
        return [endpoint]
    }
}

/// The queries of a redelivery.
private enum RedeliverySQL {
    static let event = SQL("SELECT seq, account_id, app FROM events WHERE id = $1")
}
