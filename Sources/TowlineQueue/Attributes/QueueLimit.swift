/// A value of the queue protocol with its allowed range (mns-api.md 3.1, 4.1, 4.5, 4.6, 4.10).
///
/// Names are those that clients send, so that a refusal tells them what to change.
package struct QueueLimit: Sendable, Hashable {
    /// The name on the wire.
    package let name: String
    /// What is allowed, both ends included.
    package let range: ClosedRange<Int64>
    /// What is counted, for the sentence of a refusal.
    package let unit: String

    private init(_ name: String, _ range: ClosedRange<Int64>, _ unit: String) {
        self.name = name
        self.range = range
        self.unit = unit
    }

    /// How long a message stays unseen after it was sent.
    package static let delay = QueueLimit("DelaySeconds", 0...604_800, "seconds")
    /// How long a body a queue takes.
    package static let maximumMessageSize = QueueLimit("MaximumMessageSize", 1024...65_536, "bytes")
    /// How long a queue keeps a message.
    ///
    /// The newest pages stop at 604,800; older ones and clients go to 1,296,000, and so do we.
    package static let retention = QueueLimit("MessageRetentionPeriod", 60...1_296_000, "seconds")
    /// How long a received message stays hidden.
    package static let visibility = QueueLimit("VisibilityTimeout", 1...43_200, "seconds")
    /// How long a receive waits unless it says otherwise.
    package static let pollingWait = QueueLimit("PollingWaitSeconds", 0...30, "seconds")
    /// How long one receive waits.
    package static let wait = QueueLimit("waitseconds", 0...30, "seconds")
    /// How many messages one receive or peek asks for.
    package static let receiveCount = QueueLimit("numOfMessages", 1...16, "messages")
    /// How many messages or handles one call carries.
    package static let batchCount = QueueLimit("the number of entries", 1...16, "entries")
    /// How many bytes the bodies of one call have together.
    package static let batchSize = QueueLimit("the size of all bodies together", 1...65_536, "bytes")
    /// How urgent a message is, 1 the most; 0 stands for the default.
    package static let priority = QueueLimit("Priority", 0...16, "(1 is the most urgent, 0 stands for 8)")
    /// How many bytes the properties of a message have together, names, types and values.
    package static let properties = QueueLimit("the size of all properties together", 0...65_536, "bytes")
    /// How many queues one page of a list names.
    package static let pageSize = QueueLimit("x-mns-ret-number", 1...1000, "queues")
    /// How often a message is received before it becomes a dead letter.
    package static let maxReceives = QueueLimit("MaxReceiveCount", 1...1000, "receives")

    /// Refuses a value out of the range.
    package func check(_ value: some BinaryInteger) throws(QueueError) {
        guard range.contains(Int64(clamping: value)) else { throw refusal("\(value)") }
    }

    /// Refuses a time out of the range, or one that is not whole seconds.
    package func check(_ value: Duration) throws(QueueError) {
        guard value.components.attoseconds == 0, range.contains(value.components.seconds) else {
            throw refusal(
                value.components.attoseconds == 0 ? "\(value.components.seconds)" : "not a number of whole seconds")
        }
    }

    private func refusal(_ value: String) -> QueueError {
        QueueError(
            .argumentInvalid, "\(name) is \(value); allowed are \(range.lowerBound) to \(range.upperBound) \(unit)")
    }
}
