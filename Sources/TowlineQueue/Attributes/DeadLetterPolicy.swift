/// Where messages go that nobody manages to handle; a setting of ours (mns-api.md 4.14: the queue API has none).
package struct DeadLetterPolicy: Sendable, Hashable {
    /// A message that was received this often moves when it would become visible once more.
    package let maxReceives: Int
    /// The queue of the same account that it moves to.
    package let target: QueueName

    /// Joins the parts of a policy as read from a store.
    package init(maxReceives: Int, target: QueueName) {
        self.maxReceives = maxReceives
        self.target = target
    }

    /// Refuses a policy that a queue cannot have.
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid`.
    package func validate(for queue: QueueName) throws(QueueError) {
        try QueueLimit.maxReceives.check(maxReceives)
        guard target != queue else {
            throw QueueError(.argumentInvalid, "the queue \(queue) cannot be its own dead-letter queue")
        }
    }

    /// Whether a message has been received too often to be handed out again.
    package func condemns(dequeueCount: Int) -> Bool { dequeueCount >= maxReceives }

    /// The system properties that tell where a dead letter comes from (names: mns-api.md 4.1; the values are ours).
    package static func properties(from queue: QueueAddress, message: MessageID) -> [MessageProperty] {
        let source = "acs:mns:*:\(queue.account):/queues/\(queue.name)"
        return [
            MessageProperty(name: "DLQMessageType", value: "MaxReceiveCountExceeded", type: .string),
            MessageProperty(name: "DLQSourceArn", value: source, type: .string),
            MessageProperty(name: "DLQOriginMessageId", value: message.description, type: .string),
        ]
    }
}
