import TowlineCore
import TowlineQueue
import TowlineStore

extension WriteContext {
    /// Puts a new event into the built-in queue that is its endpoint, within the terminal write of its run, with a
    /// delivery that tells of it.
    ///
    /// Receivers that wait get it within the same group. A queue that is missing or does not take the message makes the
    /// delivery dead with that reason: no later attempt would find another queue, and the event can be sent again.
    /// Design: section 5, "the built-in queue".
    ///
    /// - Parameters:
    ///   - event: The event's row.
    ///   - body: The event's bytes.
    ///   - endpoint: Where to.
    /// - Returns: Whether the event has its delivery. It has none when the endpoint is no built-in queue, or is disabled
    ///   and holds its events: nothing was written then, and the event needs an ordinary delivery.
    /// - Throws: SQLite's failure.
    func putIntoQueue(_ event: Int64, body: [UInt8], of endpoint: StoredEndpoint) throws -> Bool {
        guard let address = endpoint.queue, !endpoint.isClosed else { return false }
        let verdict = try messageID(of: body, into: address)
        let (state, cause): (DeliveryState, String?) =
            switch verdict {
            case .success: (.delivered, nil)
            case .failure(let error): (.dead, "the queue \(address.name) does not have the event: \(error.message)")
            }
        let id = newID(DeliveryID.self)
        try connection.run(
            EventQueueSQL.insertDelivery, .id(id), .integer(event), .text(endpoint.account.description),
            .integer(try eventLane(of: endpoint)), .text((endpoint.options.policy ?? deliveryPolicy).rawValue),
            .integer(state.number), .time(now), .integer(DeliveryOrigin.event.number), .text(cause))
        // In the form of what the engine writes about queues.
        try connection.run(
            DeliverySQL.insertRecord, .id(id), .integer(1), .integer(1), .time(now), .integer(0), .null, .null,
            .text("SendMessage \(CallbackTarget.queue(name: address.name.description).text)"),
            .text((try? verdict.get()).map { "MessageId: \($0)" }), .null, .text(cause))
        effects.countDelivery(to: state)
        note(cause.map { .observed(cause: $0) } ?? .success, begun: now, at: endpoint)
        return true
    }

    /// Inserts the message; why there is none otherwise.
    private func messageID(of body: [UInt8], into address: QueueAddress) throws -> Result<MessageID, QueueError> {
        guard let queue = try queueForEvent(at: address) else { return .failure(.noQueue(address)) }
        let message = OutgoingMessage(NewMessage(body: eventBodyEncoding.messageBody(of: body)))
        return try insert(message, into: queue).map(\.id)
    }

    /// The queue that an event is for; made where it is missing, if that is wanted.
    private func queueForEvent(at address: QueueAddress) throws -> StoredQueue? {
        if let queue = try queue(at: address) { return queue }
        guard createsMissingQueues else { return nil }
        _ = try createQueue(address, attributes: QueueAttributeChanges())
        return try queue(at: address)
    }
}

/// The statements about events in queues.
private enum EventQueueSQL {
    static let insertDelivery = SQL(
        """
        INSERT INTO deliveries (
          id, event, account_id, lane_id, policy, state, due, attempts, records, attempt_started_at, created_at, ended_at,
          origin, reason)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, 1, ?7, ?7, ?7, ?8, ?9)
        """)
}
