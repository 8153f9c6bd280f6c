package import TowlineCore
package import TowlineStore

extension SQLiteStore {
    package func claimDeliveries(_ request: DeliveryClaimRequest) async throws -> Claims<ClaimedDelivery> {
        try await write(.delivery, cost: min(request.limit, 32)) { try $0.claimDeliveries(request) }
    }

    package func recordDeliveries(_ reports: [DeliveryReport]) async throws -> [LeaseVerdict] {
        guard !reports.isEmpty else { return [] }
        return try await write(.delivery, cost: reports.count) { try $0.recordDeliveries(reports) }
    }

    package func delivery(_ id: DeliveryID) async throws -> DeliveryDetail? {
        try await read { connection in
            guard
                let delivery = try connection.first(
                    EventSQL.delivery, .id(id), read: { try DeliveryRows.delivery($0) }),
                let event = try connection.first(
                    EventSQL.byID, .id(delivery.event), read: { try DeliveryRows.event($0) })
            else { return nil }
            return DeliveryDetail(
                delivery: delivery, event: event,
                attempts: try connection.all(EventSQL.attempts, .id(id)) { DeliveryRows.attempt($0) })
        }
    }

    package func deliveryCounts() async throws -> [DeliveryState: Int] {
        var counts: [DeliveryState: Int] = try await counts(from: 8)
        counts[.held] = try await heldDeliveries()
        return counts
    }
}

/// The queries about events and deliveries.
enum EventSQL {
    static let byID = SQL("SELECT \(DeliveryRows.eventColumns) FROM events e WHERE e.id = ?")
    static let delivery = SQL(
        """
        SELECT \(DeliveryRows.columns) FROM deliveries d \(DeliveryRows.joins) WHERE d.id = ?
        """)
    static let attempts = SQL(
        "SELECT \(DeliveryRows.attemptColumns) FROM delivery_attempts WHERE delivery = ? ORDER BY record")
}
