package import TowlineCore

/// A message as receivers and peekers see it.
package struct QueueMessage: Sendable, Hashable {
    package let id: MessageID
    /// The text as it was sent, in UTF-8.
    package let body: [UInt8]
    package let digest: BodyDigest
    /// 1 to 16, 1 the most urgent.
    package let priority: Int
    package let enqueuedAt: Timestamp
    /// The time of the first receive; of sending while there was none.
    package let firstDequeuedAt: Timestamp
    /// Receives so far, this one included.
    package let dequeueCount: Int
    package let groupID: String?
    package let userProperties: [MessageProperty]
    package let systemProperties: [MessageProperty]

    /// Joins the parts of a message.
    package init(
        id: MessageID, body: [UInt8], digest: BodyDigest, priority: Int, enqueuedAt: Timestamp,
        firstDequeuedAt: Timestamp, dequeueCount: Int, groupID: String? = nil, userProperties: [MessageProperty] = [],
        systemProperties: [MessageProperty] = []
    ) {
        self.id = id
        self.body = body
        self.digest = digest
        self.priority = priority
        self.enqueuedAt = enqueuedAt
        self.firstDequeuedAt = firstDequeuedAt
        self.dequeueCount = dequeueCount
        self.groupID = groupID
        self.userProperties = userProperties
        self.systemProperties = systemProperties
    }
}

/// A message that one receive got, hidden from the others until its time is over.
package struct ReceivedMessage: Sendable, Hashable {
    package let message: QueueMessage
    /// The proof of this receive; letters, digits, `-` and `_`.
    package let handle: String
    /// Until when it is hidden and the handle is good.
    package let nextVisibleAt: Timestamp

    /// Joins a message with the proof of its receive.
    package init(message: QueueMessage, handle: String, nextVisibleAt: Timestamp) {
        self.message = message
        self.handle = handle
        self.nextVisibleAt = nextVisibleAt
    }
}

/// What a change of visibility gives.
package struct ChangedVisibility: Sendable, Hashable {
    /// The handle from now on.
    package let handle: String
    package let nextVisibleAt: Timestamp

    /// Joins the parts of an answer.
    package init(handle: String, nextVisibleAt: Timestamp) {
        self.handle = handle
        self.nextVisibleAt = nextVisibleAt
    }
}
