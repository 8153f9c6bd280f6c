package import TowlineCore

/// How events and deliveries are read: the same columns in every query.
package enum DeliveryRows {
    /// Columns of a query over `events e`.
    package static let eventColumns = "e.id, e.type, e.account_id, e.app, e.job, e.run, e.body, e.created_at"

    /// Reads ``eventColumns``.
    package static func event(_ row: borrowing some StoredRow & ~Copyable) throws -> Event {
        Event(
            id: try row.id(0), type: try EventType(number: row.int(1)), account: AccountID(row.text(2)),
            app: AppID(row.text(3)), job: try row.id(4), run: row.int(5), body: row.blob(6), createdAt: row.time(7))
    }

    /// What a query for ``columns`` joins to `deliveries d`.
    package static let joins = """
        JOIN events e ON e.seq = d.event JOIN lanes l ON l.id = d.lane_id JOIN endpoints p ON p.group_id = l.group_id
        """

    /// Columns of a query over `deliveries d` and ``joins``.
    package static let columns = """
        d.id, e.id, e.type, p.id, p.url, d.origin, d.replay, d.policy, \
        CASE WHEN d.state = 0 AND p.disabled_at IS NOT NULL THEN 4 ELSE d.state END, \
        d.attempts, d.reason, d.created_at, d.due, d.ended_at
        """

    /// Reads ``columns``.
    package static func delivery(_ row: borrowing some StoredRow & ~Copyable) throws -> Delivery {
        let state = try DeliveryState(number: row.int(8))
        return Delivery(
            id: try row.id(0), event: try row.id(1), eventType: try EventType(number: row.int(2)),
            endpoint: try row.id(3), target: CallbackTarget(text: row.text(4)),
            origin: try origin(row.int(5), replay: try row.optionalID(6)), policy: try policy(row.text(7)),
            state: state, attempts: row.int(9), reason: row.optionalText(10), createdAt: row.time(11),
            dueAt: state == .pending || state == .held ? row.time(12) : nil, endedAt: row.optionalTime(13))
    }

    /// What a delivery owes its existence to, from its columns.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` for an unknown number.
    package static func origin(_ number: Int, replay: ReplayID?) throws -> DeliveryOrigin {
        switch (number, replay) {
        case (0, _): return .event
        case (1, _): return .redelivery
        case (2, let replay?): return .replay(replay)
        default: throw StoreError(.corrupted, "the database holds \(number), which is no origin of a delivery")
        }
    }

    /// The name of a delivery's policy.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` for an unknown name.
    package static func policy(_ text: String) throws -> DeliveryPolicy.Name {
        guard let name = DeliveryPolicy.Name(rawValue: text) else {
            throw StoreError(.corrupted, "the database holds \(text), which is no delivery policy")
        }
        return name
    }

    /// Columns of a query over `delivery_attempts`.
    package static let attemptColumns = """
        number, started_at, duration_us, address, http_status, request_head, response_head, response_body, cause
        """

    /// Reads ``attemptColumns``.
    package static func attempt(_ row: borrowing some StoredRow & ~Copyable) -> DeliveryAttempt {
        var record = DeliveryAttemptRecord()
        record.duration = .microseconds(row.integer(2))
        record.address = row.optionalText(3)
        record.httpStatus = row.optionalInt(4)
        record.requestHead = row.text(5)
        record.responseHead = row.optionalText(6)
        record.responseBody = row.optionalBlob(7)
        record.cause = row.optionalText(8)
        return DeliveryAttempt(number: row.int(0), startedAt: row.time(1), record: record)
    }
}
