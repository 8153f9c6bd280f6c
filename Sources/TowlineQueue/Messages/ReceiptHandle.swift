package import TowlineCore

/// What a receipt handle stands for: one receive of one message, or one change of its visibility.
package struct ReceiptHandle: Sendable, Hashable {
    /// The store's number of the message.
    package let message: Int64
    /// ``MessageTiming/receive`` when the handle was made.
    package let receive: Int64
    /// ``MessageTiming/revision`` when the handle was made.
    package let revision: Int
    /// Until when the handle is good: the message's `NextVisibleTime` when it was made.
    package let validUntil: Timestamp

    /// Joins the parts of a handle.
    package init(message: Int64, receive: Int64, revision: Int, validUntil: Timestamp) {
        self.message = message
        self.receive = receive
        self.revision = revision
        self.validUntil = validUntil
    }

    /// The handle of a message as it is now.
    package init(message: Int64, timing: MessageTiming) {
        self.init(
            message: message, receive: timing.receive, revision: timing.revision, validUntil: timing.visibleAt)
    }

    /// What a handle is shown for.
    package enum Use: Sendable, Hashable, CaseIterable {
        /// Also a handle that a change of visibility replaced is good, until the time that it had been given: clients
        /// rely on it, and the documentation does not say otherwise of delete (mns-api.md 4.9).
        case delete
        /// Only the newest handle is good.
        case changeVisibility
    }

    /// Refuses a handle whose time is over, whatever has become of the message.
    ///
    /// - Throws: ``QueueError`` with code `messageMissing`.
    package func validate(at now: Timestamp) throws(QueueError) {
        guard now < validUntil else { throw .noMessage }
    }

    /// Refuses a handle that does not count for its message any more.
    ///
    /// - Parameters:
    ///   - use: What it is shown for.
    ///   - timing: The message with the number of the handle; nil where there is none.
    ///   - now: The moment.
    ///   - attributes: Those of the queue.
    /// - Returns: The message's timing.
    /// - Throws: ``QueueError`` with code `messageMissing` when the handle's or the message's time is over, or somebody
    ///   else has received it since; `handleInvalid` when the handle was replaced.
    @discardableResult
    package func validate(
        for use: Use, of timing: MessageTiming?, at now: Timestamp, in attributes: QueueAttributes
    ) throws(QueueError) -> MessageTiming {
        try validate(at: now)
        guard let timing, timing.receive == receive else { throw .noMessage }
        switch timing.state(at: now, in: attributes) {
        case .delayed, .inactive: break
        case .active, .expired: throw .noMessage
        }
        guard use == .delete || timing.revision == revision else { throw .oldHandle }
        return timing
    }
}
