import TowlineCore
package import TowlineQueue

/// A message that is valid as far as its sender can know, with what can be worked out before the store's turn.
package struct OutgoingMessage: Sendable {
    package let message: NewMessage
    package let digest: BodyDigest
    /// The column `properties`.
    package let properties: String?

    /// Works out what depends on nothing but the message.
    package init(_ message: NewMessage) {
        self.message = message
        digest = BodyDigest(of: message.body)
        properties = MessageProperties(of: message).text
    }
}

/// One message claimed for a receiver, with what its handle is made of.
package struct ClaimedMessage: Sendable {
    package let handle: ReceiptHandle
    package let message: QueueMessage

    /// Joins a message with its handle.
    package init(handle: ReceiptHandle, message: QueueMessage) {
        self.handle = handle
        self.message = message
    }
}

/// The counters of a queue by ``MessageHiding``, as they were written.
package struct StoredCounts: Sendable {
    package var shown = 0
    package var received = 0
    package var delayed = 0

    /// No messages.
    package init() {}

    /// Reads three columns.
    package init(_ row: borrowing some StoredRow & ~Copyable, first: Int) {
        shown = row.int(first)
        received = row.int(first + 1)
        delayed = row.int(first + 2)
    }

    /// All messages that have a row.
    package var total: Int { shown + received + delayed }
}

extension MessageCounts {
    /// What is shown of counters.
    ///
    /// They count by what was written; time has since made some hidden messages visible and let some expire.
    ///
    /// - Parameters:
    ///   - stored: The counters.
    ///   - gone: What of them has expired.
    ///   - shown: What of them is hidden by what was written, but neither expired nor hidden any more.
    package init(stored: StoredCounts, gone: StoredCounts, shown: StoredCounts) {
        self.init(
            active: stored.shown - gone.shown + shown.total, inactive: stored.received - gone.received - shown.received,
            delayed: stored.delayed - gone.delayed - shown.delayed)
    }
}

extension StoredQueue {
    /// The queue as callers see it.
    package func description(counts: MessageCounts) -> QueueDescription {
        QueueDescription(
            address: address, attributes: attributes, deadLetter: deadLetter, createdAt: createdAt,
            modifiedAt: modifiedAt, counts: counts)
    }
}

extension QueueMessage {
    /// The message as the receiver sees it after a receive.
    package func with(_ timing: MessageTiming) -> QueueMessage {
        QueueMessage(
            id: id, body: body, digest: digest, priority: priority, enqueuedAt: enqueuedAt,
            firstDequeuedAt: timing.firstDequeuedAt, dequeueCount: timing.dequeueCount, groupID: groupID,
            userProperties: userProperties, systemProperties: systemProperties)
    }
}

/// Which names a list of queues shows: those from ``from`` to before ``end`` that come after ``after``.
package struct NameRange: Sendable {
    package let after: String
    package let from: String
    package let end: String

    /// Names that begin with a prefix; all of them are ASCII and sort before the character DEL.
    package init(prefix: String, after marker: String?) {
        after = marker ?? ""
        from = prefix
        end = prefix + "\u{7F}"
    }
}
