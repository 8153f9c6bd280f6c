package import TowlineCore
package import TowlineQueue

/// A queue as the store keeps it, without its counters.
package struct StoredQueue: Sendable {
    /// Its number, under which its messages are kept.
    package let id: Int64
    package let address: QueueAddress
    package let attributes: QueueAttributes
    package let deadLetter: DeadLetterPolicy?
    package let createdAt: Timestamp
    package let modifiedAt: Timestamp
}

/// How queues are read and written: the same columns in every query.
package enum QueueRows {
    /// Columns of a query over `queues`.
    package static let columns = """
        id, account_id, name, delay, maximum_bytes, retention, visibility, polling_wait, logging, dead_letters_to,
          max_receives, created_at, modified_at
        """

    /// The first column after ``columns``.
    package static let end = 13

    /// Reads ``columns``.
    package static func read(_ row: borrowing some StoredRow & ~Copyable) -> StoredQueue {
        var attributes = QueueAttributes()
        attributes.delay = .seconds(row.integer(3))
        attributes.maximumMessageBytes = row.int(4)
        attributes.retention = .seconds(row.integer(5))
        attributes.visibilityTimeout = .seconds(row.integer(6))
        attributes.pollingWait = .seconds(row.integer(7))
        attributes.isLoggingEnabled = row.integer(8) != 0
        let target = row.optionalText(9).map { QueueName(stored: $0) }
        return StoredQueue(
            id: row.integer(0),
            address: QueueAddress(account: AccountID(row.text(1)), name: QueueName(stored: row.text(2))),
            attributes: attributes,
            deadLetter: target.map { DeadLetterPolicy(maxReceives: row.int(10), target: $0) },
            createdAt: row.time(11), modifiedAt: row.time(12))
    }
}

/// A message with what the store needs to act on it.
package struct StoredMessage: Sendable {
    /// Its number.
    package let number: Int64
    package let timing: MessageTiming
    package let message: QueueMessage

    /// Joins the parts of a stored message.
    package init(number: Int64, timing: MessageTiming, message: QueueMessage) {
        self.number = number
        self.timing = timing
        self.message = message
    }
}

/// How messages are read and written: the same columns in every query.
package enum MessageRows {
    /// Columns of a query over `queue_messages`.
    package static let timingColumns = """
        id, hiding, visible_at, dequeue_count, first_dequeued_at, receive, revision, enqueued_at
        """

    /// Columns of a query over `queue_messages` that begin with ``timingColumns``.
    package static let columns = "\(timingColumns), priority, message_id, digest, properties, body"

    /// Reads ``timingColumns``.
    package static func timing(_ row: borrowing some StoredRow & ~Copyable) throws -> MessageTiming {
        MessageTiming(
            enqueuedAt: row.time(7), hiding: try MessageHiding(number: row.int(1)), visibleAt: row.time(2),
            dequeueCount: row.int(3), firstDequeuedAt: row.time(4), receive: row.integer(5), revision: row.int(6))
    }

    /// Reads ``columns``.
    package static func read(_ row: borrowing some StoredRow & ~Copyable) throws -> StoredMessage {
        let timing = try timing(row)
        let properties = MessageProperties(text: row.optionalText(11))
        return StoredMessage(
            number: row.integer(0), timing: timing,
            message: QueueMessage(
                id: try row.id(9), body: row.blob(12), digest: BodyDigest(stored: row.blob(10)), priority: row.int(8),
                enqueuedAt: timing.enqueuedAt, firstDequeuedAt: timing.firstDequeuedAt,
                dequeueCount: timing.dequeueCount, groupID: properties.groupID, userProperties: properties.user,
                systemProperties: properties.system))
    }
}

/// What a message carries beside its body: the column `properties`, NULL where there is nothing.
package struct MessageProperties: Sendable {
    package var groupID: String?
    package var user: [MessageProperty] = []
    package var system: [MessageProperty] = []

    /// The properties of a message that is sent.
    package init(of message: NewMessage) {
        groupID = message.groupID
        user = message.userProperties
        system = message.systemProperties
    }

    /// Reads the column; what cannot be read must not keep a message from being received.
    package init(text: String?) {
        guard let text, let json = try? JSONParser.parse(text.utf8) else { return }
        groupID = json["group"]?.string
        user = Self.properties(json["user"])
        system = Self.properties(json["system"])
    }

    /// What to write into the column.
    package var text: String? {
        guard groupID != nil || !user.isEmpty || !system.isEmpty else { return nil }
        return JSONValue.members([
            "group": groupID.json, "user": user.isEmpty ? nil : Self.json(user),
            "system": system.isEmpty ? nil : Self.json(system),
        ]).compactText
    }

    private static func properties(_ json: JSONValue?) -> [MessageProperty] {
        (json?.elements ?? []).compactMap { element in
            guard let parts = element.elements?.compactMap(\.string), parts.count == 3,
                let type = MessageProperty.Kind(rawValue: parts[1])
            else { return nil }
            return MessageProperty(name: parts[0], value: parts[2], type: type)
        }
    }

    private static func json(_ properties: [MessageProperty]) -> JSONValue {
        .array(properties.map { .array([.string($0.name), .string($0.type.rawValue), .string($0.value)]) })
    }
}

extension MessageHiding: StoredAsNumber {
    package var number: Int {
        switch self {
        case .none: 0
        case .received: 1
        case .delayed: 2
        }
    }
}
