import TowlineCore
import TowlineQueue
import TowlineStore

extension Transaction {
    /// Puts a new event into the built-in queue that is its endpoint, within the terminal write of its run, with a
    /// delivery that tells of it.
    ///
    /// Receivers that wait, on every node, are looked after behind the commit. A queue that is missing or does not take the
    /// message makes the delivery dead with that reason: no later attempt would find another queue, and the event can be
    /// sent again. Design: section 5, "the built-in queue".
    ///
    /// - Returns: Whether the event has its delivery. It has none when the endpoint is no built-in queue, or is disabled
    ///   and holds its events: nothing was written then, and the event needs an ordinary delivery.
    /// - Throws: ``PostgresFailure``.
    func putIntoQueue(_ event: NewRows.EventRow, of endpoint: HeldEndpoint) throws -> Bool {
        guard let address = endpoint.stored.queue, !endpoint.stored.isClosed else { return false }
        let verdict = try messageID(of: event.body, into: address)
        let (state, cause): (DeliveryState, String?) =
            switch verdict {
            case .success: (.delivered, nil)
            case .failure(let error): (.dead, "the queue \(address.name) does not have the event: \(error.message)")
            }
        let id = newID(DeliveryID.self)
        rows.deliveries.append(
            .init(
                id: id, event: event.seq, account: endpoint.stored.account, lane: endpoint.stored.lanes.event ?? 0,
                policy: endpoint.stored.options.policy ?? settings.deliveryPolicy, origin: .event, due: now,
                ended: (state, cause)))
        // In the form of what the engine writes about queues.
        var record = DeliveryAttemptRecord()
        record.requestHead = "SendMessage \(CallbackTarget.queue(name: address.name.description).text)"
        record.responseHead = (try? verdict.get()).map { "MessageId: \($0)" }
        record.cause = cause
        rows.deliveryAttempts.append(.init(delivery: id, record: 1, number: 1, startedAt: now, content: record))
        note(cause.map { .observed(cause: $0) } ?? .success, begun: now, at: endpoint)
        return true
    }

    /// Inserts the message; why there is none otherwise.
    private func messageID(of body: [UInt8], into address: QueueAddress) throws -> Result<MessageID, QueueError> {
        guard let queue = try queueForEvent(at: address) else { return .failure(.noQueue(address)) }
        let message = OutgoingMessage(NewMessage(body: settings.eventBodyEncoding.messageBody(of: body)))
        do throws(QueueError) {
            try message.message.validate(for: queue.attributes)
        } catch {
            return .failure(error)
        }
        let id = newID(MessageID.self)
        _ = insert(message, id: id, number: nil, into: queue)
        return .success(id)
    }

    /// The queue that an event is for; made where it is missing, if that is wanted.
    private func queueForEvent(at address: QueueAddress) throws -> StoredQueue? {
        if let queue = try queue(at: address) { return queue }
        guard settings.createMissingQueues else { return nil }
        _ = try createQueue(address, attributes: QueueAttributeChanges())
        return try queue(at: address)
    }
}
