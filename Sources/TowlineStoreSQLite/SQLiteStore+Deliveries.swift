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

    package func event(_ id: EventID) async throws -> Event? {
        try await read { try $0.first(EventSQL.byID, .id(id)) { try DeliveryRows.event($0) } }
    }

    package func delivery(_ id: DeliveryID) async throws -> (delivery: Delivery, attempts: [DeliveryAttempt])? {
        try await read { connection in
            guard
                let delivery = try connection.first(EventSQL.delivery, .id(id), read: { try DeliveryRows.delivery($0) })
            else { return nil }
            return (delivery, try connection.all(EventSQL.attempts, .id(id)) { DeliveryRows.attempt($0) })
        }
    }

    package func deliveryCounts() async throws -> [DeliveryState: Int] {
        try await counts(from: 8)
    }
}

/// The queries about events and deliveries.
enum EventSQL {
    static let byID = SQL("SELECT \(DeliveryRows.eventColumns) FROM events e WHERE e.id = ?")
    static let delivery = SQL(
        """
        SELECT \(DeliveryRows.columns)
        FROM deliveries d JOIN events e ON e.seq = d.event JOIN lanes l ON l.id = d.lane_id WHERE d.id = ?
        """)
    static let attempts = SQL(
        "SELECT \(DeliveryRows.attemptColumns) FROM delivery_attempts WHERE delivery = ? ORDER BY record")
}
