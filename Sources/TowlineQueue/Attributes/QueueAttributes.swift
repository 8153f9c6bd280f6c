package import TowlineCore

/// What an operator or a client can set on a queue (mns-api.md 3.1).
package struct QueueAttributes: Sendable, Hashable {
    /// How long a message stays unseen after it was sent, unless its sender says otherwise.
    package var delay: Duration = .zero
    /// The longest body, in bytes of UTF-8 as sent.
    package var maximumMessageBytes = 65_536
    /// How long a message is kept, whatever its state; counts for the messages that are already there, too.
    package var retention: Duration = .seconds(345_600)
    /// How long a received message stays hidden.
    package var visibilityTimeout: Duration = .seconds(30)
    /// How long a receive waits unless it says otherwise.
    package var pollingWait: Duration = .zero
    /// Stored and shown; Towline keeps no log of queue operations for callers.
    package var isLoggingEnabled = false

    /// The defaults.
    package init() {}

    /// The moment that divides the living from the expired: what was enqueued before it is gone.
    package func expiryCutoff(at now: Timestamp) -> Timestamp { now - retention }
}

/// Some attributes of a queue, as a create or set request names them; nil for what it leaves out.
package struct QueueAttributeChanges: Sendable, Hashable {
    package var delay: Duration?
    package var maximumMessageBytes: Int?
    package var retention: Duration?
    package var visibilityTimeout: Duration?
    package var pollingWait: Duration?
    package var isLoggingEnabled: Bool?

    /// No change.
    package init() {}

    /// Names every attribute of a queue.
    package init(_ attributes: QueueAttributes) {
        delay = attributes.delay
        maximumMessageBytes = attributes.maximumMessageBytes
        retention = attributes.retention
        visibilityTimeout = attributes.visibilityTimeout
        pollingWait = attributes.pollingWait
        isLoggingEnabled = attributes.isLoggingEnabled
    }

    /// Refuses values out of their ranges.
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid` that names the attribute and its range.
    package func validate() throws(QueueError) {
        if let delay { try QueueLimit.delay.check(delay) }
        if let maximumMessageBytes { try QueueLimit.maximumMessageSize.check(maximumMessageBytes) }
        if let retention { try QueueLimit.retention.check(retention) }
        if let visibilityTimeout { try QueueLimit.visibility.check(visibilityTimeout) }
        if let pollingWait { try QueueLimit.pollingWait.check(pollingWait) }
    }

    /// The attributes after the change; what the request leaves out stays (mns-api.md 3.3).
    package func applied(to attributes: QueueAttributes) -> QueueAttributes {
        var result = attributes
        if let delay { result.delay = delay }
        if let maximumMessageBytes { result.maximumMessageBytes = maximumMessageBytes }
        if let retention { result.retention = retention }
        if let visibilityTimeout { result.visibilityTimeout = visibilityTimeout }
        if let pollingWait { result.pollingWait = pollingWait }
        if let isLoggingEnabled { result.isLoggingEnabled = isLoggingEnabled }
        return result
    }

    /// The wire names of the attributes that the request names with another value than a queue has.
    package func differences(from attributes: QueueAttributes) -> [String] {
        var names: [String] = []
        if let delay, delay != attributes.delay { names.append(QueueLimit.delay.name) }
        if let maximumMessageBytes, maximumMessageBytes != attributes.maximumMessageBytes {
            names.append(QueueLimit.maximumMessageSize.name)
        }
        if let retention, retention != attributes.retention { names.append(QueueLimit.retention.name) }
        if let visibilityTimeout, visibilityTimeout != attributes.visibilityTimeout {
            names.append(QueueLimit.visibility.name)
        }
        if let pollingWait, pollingWait != attributes.pollingWait { names.append(QueueLimit.pollingWait.name) }
        if let isLoggingEnabled, isLoggingEnabled != attributes.isLoggingEnabled { names.append("LoggingEnabled") }
        return names
    }
}

/// What became of a request to create a queue.
package enum QueueCreation: Sendable, Hashable {
    /// The queue is new.
    case created
    /// A queue with these attributes was there before.
    case unchanged

    /// Decides about a valid request (mns-api.md 3.2): what it leaves out is no difference.
    ///
    /// - Parameters:
    ///   - name: The queue's name.
    ///   - request: The attributes that the request names.
    ///   - existing: The attributes of the queue of this name; nil where there is none.
    /// - Throws: ``QueueError`` with code `queueExists` that names the attributes that differ.
    package init(
        of name: QueueName, request: QueueAttributeChanges, existing: QueueAttributes?
    ) throws(QueueError) {
        guard let existing else {
            self = .created
            return
        }
        let differences = request.differences(from: existing)
        guard differences.isEmpty else {
            let names = differences.joined(separator: ", ")
            throw QueueError(.queueExists, "the queue \(name) exists with other attributes: \(names)")
        }
        self = .unchanged
    }
}
