import MNSWire
import TowlineCore
import TowlineQueue

/// The values of the queues in the words of the wire, and back.

extension QueueAttributeChanges {
    /// What a request names.
    init(_ attributes: MNSQueueAttributes) {
        self.init()
        delay = attributes.delaySeconds.map { .seconds($0) }
        maximumMessageBytes = attributes.maximumMessageSize
        retention = attributes.messageRetentionPeriod.map { .seconds($0) }
        visibilityTimeout = attributes.visibilityTimeout.map { .seconds($0) }
        pollingWait = attributes.pollingWaitSeconds.map { .seconds($0) }
        isLoggingEnabled = attributes.loggingEnabled
    }
}

extension MNSQueueDescription {
    /// A queue as GetQueueAttributes shows it: times in whole seconds.
    init(_ queue: QueueDescription) {
        let attributes = queue.attributes
        self.init(
            name: queue.address.name.description,
            attributes: MNSQueueAttributes(
                delaySeconds: Int(attributes.delay.components.seconds),
                maximumMessageSize: attributes.maximumMessageBytes,
                messageRetentionPeriod: Int(attributes.retention.components.seconds),
                visibilityTimeout: Int(attributes.visibilityTimeout.components.seconds),
                pollingWaitSeconds: Int(attributes.pollingWait.components.seconds),
                loggingEnabled: attributes.isLoggingEnabled),
            createTime: queue.createdAt.milliseconds / 1000, lastModifyTime: queue.modifiedAt.milliseconds / 1000,
            activeMessages: Int64(queue.counts.active), inactiveMessages: Int64(queue.counts.inactive),
            delayMessages: Int64(queue.counts.delayed))
    }
}

extension NewMessage {
    /// A message as its sender wrote it; ranges are the queue's affair.
    init(_ message: MNSOutgoingMessage) {
        self.init(
            body: Array(message.body.utf8), delay: message.delaySeconds.map { .seconds($0) },
            priority: message.priority)
        groupID = message.groupID
        userProperties = message.userProperties.map { MessageProperty($0) }
        systemProperties = message.systemProperties.map { MessageProperty($0) }
    }
}

extension MNSSendReceipt {
    /// What a sender is told.
    init(_ sent: SentMessage, groupID: String?) {
        self.init(
            messageID: sent.id.description, bodyMD5: sent.digest.description, receiptHandle: sent.handle,
            groupID: groupID)
    }
}

extension MNSMessage {
    /// A message as peekers see it.
    init(_ message: QueueMessage) {
        self.init(
            messageID: message.id.description, body: String(decoding: message.body, as: UTF8.self),
            bodyMD5: message.digest.description, enqueueTime: message.enqueuedAt.milliseconds,
            firstDequeueTime: message.firstDequeuedAt.milliseconds, dequeueCount: Int64(message.dequeueCount),
            priority: message.priority, groupID: message.groupID,
            userProperties: message.userProperties.map { MNSProperty($0) },
            systemProperties: message.systemProperties.map { MNSProperty($0) })
    }

    /// A message as its receiver gets it.
    init(_ received: ReceivedMessage) {
        self.init(received.message)
        receiptHandle = received.handle
        nextVisibleTime = received.nextVisibleAt.milliseconds
    }
}

extension MessageProperty {
    init(_ property: MNSProperty) {
        self.init(
            name: property.name, value: property.value, type: Kind(rawValue: property.kind.rawValue) ?? .string)
    }
}

extension MNSProperty {
    init(_ property: MessageProperty) {
        self.init(
            name: property.name, value: property.value, kind: Kind(rawValue: property.type.rawValue) ?? .string)
    }
}

extension MNSError {
    /// A refusal of the queues in the vendor's words.
    init(_ error: QueueError) {
        let code: MNSErrorCode =
            switch error.code {
            case .queueMissing: .queueNotExist
            case .queueExists: .queueAlreadyExist
            case .messageMissing: .messageNotExist
            case .handleInvalid: .receiptHandleError
            case .argumentInvalid: .invalidArgument
            case .nameInvalid: .invalidQueueName
            case .nameLength: .queueNameLengthError
            default: .internalError
            }
        self.init(code, error.message.prefix(1).uppercased() + error.message.dropFirst() + ".")
    }
}
