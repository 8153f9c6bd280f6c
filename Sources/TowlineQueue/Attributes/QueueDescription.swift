package import TowlineCore

/// How many messages of a queue are in each state; expired ones are in none.
package struct MessageCounts: Sendable, Hashable {
    /// Receivable now.
    package var active: Int
    /// Received, hidden until their visibility timeout is over.
    package var inactive: Int
    /// Sent with a delay that is not over.
    package var delayed: Int

    /// Joins counts.
    package init(active: Int = 0, inactive: Int = 0, delayed: Int = 0) {
        self.active = active
        self.inactive = inactive
        self.delayed = delayed
    }
}

/// A queue as it is now.
package struct QueueDescription: Sendable, Hashable {
    package let address: QueueAddress
    package let attributes: QueueAttributes
    /// Nil while messages may be received any number of times.
    package let deadLetter: DeadLetterPolicy?
    package let createdAt: Timestamp
    /// When an attribute was last set.
    package let modifiedAt: Timestamp
    /// True at the moment of the call.
    package let counts: MessageCounts

    /// Joins the parts of a description.
    package init(
        address: QueueAddress, attributes: QueueAttributes, deadLetter: DeadLetterPolicy?,
        createdAt: Timestamp, modifiedAt: Timestamp, counts: MessageCounts
    ) {
        self.address = address
        self.attributes = attributes
        self.deadLetter = deadLetter
        self.createdAt = createdAt
        self.modifiedAt = modifiedAt
        self.counts = counts
    }
}
