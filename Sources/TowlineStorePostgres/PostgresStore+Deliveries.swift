import Synchronization
package import TowlineCore
package import TowlineStore

extension PostgresStore {
    package func claimDeliveries(_ request: DeliveryClaimRequest) async throws -> Claims<ClaimedDelivery> {
        try await claim(limit: request.limit) { try $0.claimDeliveries(request, limit: $1, waits: $2) }
    }

    package func recordDeliveries(_ reports: [DeliveryReport]) async throws -> [LeaseVerdict] {
        guard !reports.isEmpty else { return [] }
        return try await batches.deliveries.perform(reports, cost: reports.count)
    }

    package func delivery(_ id: DeliveryID) async throws -> DeliveryDetail? {
        try await read { connection in
            let delivery = connection.add(EventSQL.deliveries, .ids([id]))
            let event = connection.add(EventSQL.ofDelivery, .id(id))
            let attempts = connection.add(EventSQL.attempts, .id(id))
            try connection.flush()
            guard let delivery = try delivery.result().first({ try DeliveryRows.delivery($0) }),
                let event = try event.result().first({ try DeliveryRows.event($0) })
            else { return nil }
            return DeliveryDetail(
                delivery: delivery, event: event, attempts: try attempts.result().map { DeliveryRows.attempt($0) })
        }
    }

    package func deliveries(matching filter: DeliveryFilter, limit: Int) async throws -> Page<Delivery> {
        try await read { try DeliveryPage(filter, limit: max(1, limit), connection: $0).read() }
    }

    package func deliveryCounts() async throws -> [DeliveryState: Int] {
        var counts: [DeliveryState: Int] = try await counts(from: 8)
        counts[.held] = try await read { try $0.first(EventSQL.held) { $0.int(0) } ?? 0 }
        return counts
    }

    package func trimDeliveryLog(olderThan age: Duration, limit: Int) async throws -> Int {
        var removed = 0
        var steps = 10
        while removed < limit, steps > 0 {
            steps -= 1
            let start = trimmed.withLock { $0 } ?? DeliveryID(rawValue: 0)
            let left = min(limit - removed, 2000)
            let step = try await write { transaction in
                let end = DeliveryID.first(at: transaction.now - age)
                return try transaction.trimDeliveryLog(after: start, before: end, limit: left)
            }
            removed += step.removed
            trimmed.withLock { $0 = step.cursor }
            if step.cursor == nil { break }
        }
        return removed
    }
}

extension Transaction {
    /// Removes attempts of ended deliveries between two: the log is trimmed where it begins.
    ///
    /// - Returns: The number of rows that were removed, and the last delivery with which nothing is left to do; nil at the
    ///   end.
    func trimDeliveryLog(
        after start: DeliveryID, before end: DeliveryID, limit: Int
    ) throws -> (removed: Int, cursor: DeliveryID?) {
        let scanned = 2000
        let looked = try connection.all(
            EventSQL.oldAttempts, .id(start), .id(end), .integer(scanned)
        ) { row in
            (delivery: try row.id(0, as: DeliveryID.self), record: row.integer(1), isOver: row.isTrue(2))
        }
        let rows = looked.filter(\.isOver).prefix(limit)
        if !rows.isEmpty {
            connection.add(
                EventSQL.removeAttempts, .ids(rows.map(\.delivery)), .integers(rows.map(\.record)))
        }
        guard looked.count == scanned || looked.filter(\.isOver).count > rows.count else { return (rows.count, nil) }
        // What follows the last one may be more of the same delivery.
        let last = (looked.filter(\.isOver).count > rows.count ? rows.last : looked.last)?.delivery ?? start
        let before = looked.last { $0.delivery < last }?.delivery
        return (rows.count, before ?? (rows.isEmpty ? last : start))
    }
}

/// The queries about events and deliveries.
enum EventSQL {
    static let ofDelivery = SQL(
        """
        SELECT \(DeliveryRows.eventColumns) FROM deliveries d JOIN events e ON e.seq = d.event WHERE d.id = $1
        """)
    static let deliveries = SQL(
        """
        SELECT \(DeliveryRows.columns) FROM deliveries d \(DeliveryRows.joins)
        WHERE d.id = ANY($1::uuid[]) ORDER BY d.id DESC
        """)
    static let attempts = SQL(
        "SELECT \(DeliveryRows.attemptColumns) FROM delivery_attempts WHERE delivery = $1 ORDER BY record")
    static let held = SQL(
        """
        SELECT coalesce(sum(h.count), 0)::bigint FROM (
          SELECT group_id FROM endpoints WHERE disabled_at IS NOT NULL AND removed_at IS NULL
          ORDER BY disabled_at LIMIT 1000) p
        CROSS JOIN LATERAL (SELECT count(*) FROM (
          SELECT 1 FROM lanes l JOIN deliveries d ON d.lane_id = l.id AND d.state = 0
          WHERE l.group_id = p.group_id AND l.kind = 1 LIMIT 100000) w) h
        """)
    static let oldAttempts = SQL(
        """
        SELECT a.delivery, a.record, d.state IN (2, 3) FROM (
          SELECT delivery, record FROM delivery_attempts WHERE delivery > $1 AND delivery < $2
          ORDER BY delivery, record LIMIT $3) a
        JOIN deliveries d ON d.id = a.delivery ORDER BY a.delivery, a.record
        """)
    static let removeAttempts = SQL(
        """
        DELETE FROM delivery_attempts a USING unnest($1::uuid[], $2::bigint[]) v (delivery, record)
        WHERE a.delivery = v.delivery AND a.record = v.record
        """)
}
