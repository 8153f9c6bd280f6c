import TowlineCore
import TowlineStore

extension WriteContext {
    /// Makes new deliveries of an event (``EventStore/redeliver(_:to:)``).
    func redeliver(_ id: EventID, to named: EndpointID?) throws -> [Delivery] {
        let stored = try connection.first(RedeliverySQL.event, .id(id)) { row in
            (seq: row.integer(0), account: AccountID(row.text(1)), app: AppID(row.text(2)))
        }
        guard let stored else { throw StoreError(.notFound, "there is no event \(id)") }
        let targets: [StoredEndpoint]
        if let named {
            let endpoint = try usableEndpoint(named)
            guard endpoint.account == stored.account else {
                throw StoreError(.conflict, "the endpoint \(named) belongs to another account than the event \(id)")
            }
            targets = [endpoint]
        } else {
            targets = try recipients(of: stored.seq, id: id, account: stored.account, app: stored.app)
        }
        let made = try targets.map { try insertDelivery(of: stored.seq, to: $0, origin: .redelivery) }
        return try made.compactMap { id in
            try connection.first(EventSQL.delivery, .id(id)) { try DeliveryRows.delivery($0) }
        }
    }

    /// An endpoint that something may be sent to.
    ///
    /// - Throws: ``StoreError`` with code `notFound`; `conflict` when it was removed.
    func usableEndpoint(_ id: EndpointID) throws -> StoredEndpoint {
        guard let endpoint = try endpoint(id) else { throw StoreError(.notFound, "there is no endpoint \(id)") }
        guard endpoint.removedAt == nil else { throw StoreError(.conflict, "the endpoint \(id) was removed") }
        return endpoint
    }

    /// The endpoints that an event was for; without one, that of the account's configuration, whatever types that
    /// lets through: whoever sends an event again wants it sent.
    private func recipients(
        of event: Int64, id: EventID, account: AccountID, app: AppID
    ) throws -> [StoredEndpoint] {
        let all = try EventMatcher(EventFilter(), connection: connection).endpoints(of: event, except: nil)
        let present = all.filter { !$0.isRemoved }
        guard present.isEmpty else { return try present.map { try endpoint(group: $0.group) } }
        guard all.isEmpty else {
            throw StoreError(.conflict, "every endpoint that the event \(id) was for was removed; name another")
        }
        guard let target = try callback(account: account, app: app)?.target else {
            throw StoreError(
                .conflict, "the event \(id) was for no endpoint and its account has no callback now; name an endpoint")
        }
        return [try callbackEndpoint(account: account, url: target.text)]
    }
}

/// The queries of a redelivery.
private enum RedeliverySQL {
    static let event = SQL("SELECT seq, account_id, app FROM events WHERE id = ?")
}
