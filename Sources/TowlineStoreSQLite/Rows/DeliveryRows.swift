import TowlineCore
import TowlineStore

/// How events and deliveries are read: the same columns in every query.
enum DeliveryRows {
    /// Columns of a query over `events e`.
    static let eventColumns = "e.id, e.type, e.account_id, e.app, e.job, e.run, e.body, e.created_at"

    /// Reads ``eventColumns``.
    static func event(_ row: borrowing SQLRow) throws -> Event {
        Event(
            id: try row.id(0), type: try EventType(number: row.int(1)), account: AccountID(row.text(2)),
            app: AppID(row.text(3)), job: try row.id(4), run: row.int(5), body: row.blob(6), createdAt: row.time(7))
    }

    /// Columns of a query over `deliveries d JOIN events e JOIN lanes l`.
    static let columns = "d.id, e.id, e.type, l.key, d.state, d.attempts, d.reason, d.created_at, d.ended_at"

    /// Reads ``columns``.
    static func delivery(_ row: borrowing SQLRow) throws -> Delivery {
        Delivery(
            id: try row.id(0), event: try row.id(1), eventType: try EventType(number: row.int(2)),
            target: .http(url: row.text(3)), state: try DeliveryState(number: row.int(4)), attempts: row.int(5),
            reason: row.optionalText(6), createdAt: row.time(7), endedAt: row.optionalTime(8))
    }

    /// Columns of a query over `delivery_attempts`.
    static let attemptColumns = """
        number, started_at, duration_us, address, http_status, request_head, response_head, response_body, cause
        """

    /// Reads ``attemptColumns``.
    static func attempt(_ row: borrowing SQLRow) -> DeliveryAttempt {
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

extension Duration {
    /// The duration in microseconds, rounded towards zero.
    var wholeMicroseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
