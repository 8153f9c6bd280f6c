package import TowlineCore

/// A message as its sender gives it.
package struct NewMessage: Sendable, Hashable {
    /// The text as on the wire in UTF-8, base64 if the client encoded; never decoded here.
    ///
    /// At least one byte: clients fail on batches with an empty body (mns-api.md 4.6).
    package var body: [UInt8]
    /// How long it stays unseen; nil for the queue's attribute.
    package var delay: Duration?
    /// 1 to 16, 1 the most urgent; 0 and nil for 8 (mns-api.md 4.3).
    package var priority: Int?
    /// Kept and returned; standard queues give it no meaning.
    package var groupID: String?
    package var userProperties: [MessageProperty] = []
    package var systemProperties: [MessageProperty] = []

    /// The priority of messages that name none.
    package static let standardPriority = 8

    /// A message with a body and nothing else.
    package init(body: [UInt8], delay: Duration? = nil, priority: Int? = nil) {
        self.body = body
        self.delay = delay
        self.priority = priority
    }

    /// The priority that counts.
    package var effectivePriority: Int {
        priority.map { $0 == 0 ? Self.standardPriority : $0 } ?? Self.standardPriority
    }

    /// Refuses what no queue takes, whatever its attributes.
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid` that names the element and what is allowed.
    package func validate() throws(QueueError) {
        guard !body.isEmpty else { throw QueueError(.argumentInvalid, "MessageBody is empty; it has 1 byte or more") }
        if let delay { try QueueLimit.delay.check(delay) }
        if let priority { try QueueLimit.priority.check(priority) }
        let properties = (userProperties + systemProperties).reduce(0) { $0 + $1.size }
        try QueueLimit.properties.check(properties + (groupID?.utf8.count ?? 0))
    }

    /// Refuses a body that is longer than a queue takes.
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid`.
    package func validate(for attributes: QueueAttributes) throws(QueueError) {
        guard body.count <= attributes.maximumMessageBytes else {
            throw QueueError(
                .argumentInvalid,
                "MessageBody has \(body.count) bytes; this queue allows 1 to \(attributes.maximumMessageBytes)")
        }
    }

    /// Refuses calls that carry too much: 1 to 16 messages, 64 KiB of bodies together (mns-api.md 4.4).
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid`; nothing of the call is stored.
    package static func validate(batch: [NewMessage]) throws(QueueError) {
        try QueueLimit.batchCount.check(batch.count)
        let size = batch.reduce(0) { $0 + $1.body.count }
        // One message alone is judged by its queue's limit; an empty one by itself.
        if batch.count > 1, size > 0 { try QueueLimit.batchSize.check(size) }
    }
}

/// A message that was stored.
package struct SentMessage: Sendable, Hashable {
    package let id: MessageID
    package let digest: BodyDigest
    /// For a delayed message: lets its sender withdraw it or release it early (mns-api.md 4.3).
    package let handle: String?
    /// When it becomes receivable.
    package let visibleAt: Timestamp

    /// Joins what a sender is told.
    package init(id: MessageID, digest: BodyDigest, handle: String?, visibleAt: Timestamp) {
        self.id = id
        self.digest = digest
        self.handle = handle
        self.visibleAt = visibleAt
    }
}
