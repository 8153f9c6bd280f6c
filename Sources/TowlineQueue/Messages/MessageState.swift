package import TowlineCore

/// Where a message is in its life (mns-api.md 4.11); a deleted one has no state.
package enum MessageState: String, Sendable, Hashable, CaseIterable {
    /// Sent with a delay. Left when the delay is over, by a change of visibility, by delete.
    case delayed
    /// Receivable. Left by receive.
    case active
    /// Received, or released early by its sender. Left when its visibility is over, by delete.
    case inactive
    /// Older than its queue keeps messages, in whatever state it was. Left by nothing.
    case expired
}

/// Why a message is not to be seen: what a store writes down; time makes a ``MessageState`` of it.
package enum MessageHiding: Sendable, Hashable, CaseIterable {
    /// It is to be seen.
    case none
    /// Received and neither deleted nor taken back by time.
    case received
    /// Sent with a delay.
    case delayed
}

/// The part of a message that changes: when it can be seen, how often it was received, and which handle counts.
package struct MessageTiming: Sendable, Hashable {
    package let enqueuedAt: Timestamp
    package private(set) var hiding: MessageHiding
    /// Until when ``hiding`` counts.
    package private(set) var visibleAt: Timestamp
    package private(set) var dequeueCount: Int
    /// The time of the first receive; of sending while there was none.
    package private(set) var firstDequeuedAt: Timestamp
    /// The number of the receive, or of the delayed send, whose handles count; any number that is not used twice.
    package private(set) var receive: Int64
    /// How often the visibility was changed since then: each change makes a new handle.
    package private(set) var revision: Int

    /// A message that is sent now.
    package init(sentAt now: Timestamp, delay: Duration, receive: Int64) {
        enqueuedAt = now
        hiding = delay > .zero ? .delayed : .none
        visibleAt = now + max(.zero, delay)
        dequeueCount = 0
        firstDequeuedAt = now
        self.receive = receive
        revision = 0
    }

    /// Joins what a store has kept.
    package init(
        enqueuedAt: Timestamp, hiding: MessageHiding, visibleAt: Timestamp, dequeueCount: Int,
        firstDequeuedAt: Timestamp, receive: Int64, revision: Int
    ) {
        self.enqueuedAt = enqueuedAt
        self.hiding = hiding
        self.visibleAt = visibleAt
        self.dequeueCount = dequeueCount
        self.firstDequeuedAt = firstDequeuedAt
        self.receive = receive
        self.revision = revision
    }

    /// The state at a moment in a queue with some attributes.
    package func state(at now: Timestamp, in attributes: QueueAttributes) -> MessageState {
        if enqueuedAt < attributes.expiryCutoff(at: now) { return .expired }
        if visibleAt <= now { return .active }
        return hiding == .delayed ? .delayed : .inactive
    }

    /// The message is received: hidden for a time, under a new handle.
    package mutating func receive(at now: Timestamp, visibility: Duration, number: Int64) {
        if dequeueCount == 0 { firstDequeuedAt = now }
        dequeueCount += 1
        hiding = .received
        visibleAt = now + visibility
        receive = number
        revision = 0
    }

    /// The visibility is changed: measured from now, under a new handle (mns-api.md 4.10).
    ///
    /// Receives are not counted by it; a delayed message is inactive from then on.
    package mutating func changeVisibility(at now: Timestamp, to visibility: Duration) {
        hiding = .received
        visibleAt = now + visibility
        revision += 1
    }

    /// The hiding is over.
    package mutating func show() { hiding = .none }

    /// The receive is undone: nobody saw the message, so it does not count.
    ///
    /// - Parameters:
    ///   - now: When the message is to be seen again: at once.
    ///   - number: Makes the handles of the receive void.
    package mutating func giveBack(at now: Timestamp, number: Int64) {
        dequeueCount = max(0, dequeueCount - 1)
        if dequeueCount == 0 { firstDequeuedAt = enqueuedAt }
        hiding = .none
        visibleAt = now
        receive = number
        revision = 0
    }
}
