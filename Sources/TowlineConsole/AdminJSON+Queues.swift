import TowlineCore
import TowlineQueue

/// Queues and their messages.
extension AdminJSON {
    static func queue(_ queue: QueueDescription) -> JSONValue {
        let attributes = queue.attributes
        return .members([
            "name": .string(queue.address.name.description),
            "account": .string(queue.address.account.description),
            "delaySeconds": .integer(attributes.delay.components.seconds),
            "maximumMessageSizeBytes": .integer(attributes.maximumMessageBytes),
            "retentionSeconds": .integer(attributes.retention.components.seconds),
            "visibilityTimeoutSeconds": .integer(attributes.visibilityTimeout.components.seconds),
            "pollingWaitSeconds": .integer(attributes.pollingWait.components.seconds),
            "loggingEnabled": .bool(attributes.isLoggingEnabled),
            "deadLetterQueue": queue.deadLetter.map { .string($0.target.description) },
            "maxReceives": queue.deadLetter.map { .integer($0.maxReceives) },
            "activeMessages": .integer(queue.counts.active),
            "inactiveMessages": .integer(queue.counts.inactive),
            "delayedMessages": .integer(queue.counts.delayed),
            "createdAt": .string(queue.createdAt.description),
            "modifiedAt": .string(queue.modifiedAt.description),
        ])
    }

    static func sent(_ message: SentMessage) -> JSONValue {
        .members([
            "id": .string(message.id.description),
            "bodyMD5": .string(message.digest.description),
            "receiptHandle": message.handle.json,
            "visibleAt": .string(message.visibleAt.description),
        ])
    }

    static func received(_ message: ReceivedMessage) -> JSONValue {
        self.message(message.message).adding([
            "receiptHandle": .string(message.handle),
            "nextVisibleAt": .string(message.nextVisibleAt.description),
        ])
    }

    static func message(_ message: QueueMessage) -> JSONValue {
        let text = String(validating: message.body, as: UTF8.self).flatMap { $0.utf8.contains(0) ? nil : $0 }
        return .members([
            "id": .string(message.id.description),
            "body": text.json,
            "bodyBase64": text == nil ? .string(Base64.text(message.body)) : nil,
            "decodedBody": MessageText.decoded(message.body).map { .string(String(decoding: $0, as: UTF8.self)) },
            "bodyMD5": .string(message.digest.description),
            "priority": .integer(message.priority),
            "dequeueCount": .integer(message.dequeueCount),
            "enqueuedAt": .string(message.enqueuedAt.description),
            "firstDequeuedAt": message.dequeueCount == 0 ? nil : .string(message.firstDequeuedAt.description),
            "groupId": message.groupID.json,
            "userProperties": properties(message.userProperties),
            "systemProperties": properties(message.systemProperties),
        ])
    }

    private static func properties(_ properties: [MessageProperty]) -> JSONValue? {
        guard !properties.isEmpty else { return nil }
        return .array(
            properties.map { property in
                .members([
                    "name": .string(property.name), "value": .string(property.value),
                    "type": .string(property.type.rawValue),
                ])
            })
    }
}
