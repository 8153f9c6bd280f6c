/// A message out of a queue: received, with a handle, or peeked at, without.
///
/// The answers of ReceiveMessage and PeekMessage, and the entries of their batch forms. Wire reference: mns-api 4.1 and
/// 4.5 to 4.7.
package struct MNSMessage: Sendable, Hashable {
    /// The message's id.
    package var messageID: String
    /// The text of `MessageBody`, exactly as it was sent.
    package var body: String
    /// The digest of the body as ``MNSDigest/ofMessageBody(_:)`` makes it; empty when an answer lacks it.
    package var bodyMD5: String
    /// What deletes the message or changes its visibility; `nil` for a peek.
    package var receiptHandle: String?
    /// When it was sent, in Unix milliseconds.
    package var enqueueTime: Int64
    /// When it was received first, in Unix milliseconds; the time it was sent when it never was.
    package var firstDequeueTime: Int64
    /// Until when it is hidden from others, in Unix milliseconds; `nil` for a peek.
    package var nextVisibleTime: Int64?
    /// How often it was received, this time included.
    package var dequeueCount: Int64
    /// How urgent it is, 1 to 16.
    package var priority: Int
    /// The group that the sender gave.
    package var groupID: String?
    /// Properties of the sender's own.
    package var userProperties: [MNSProperty]
    /// Properties with a meaning to the service.
    package var systemProperties: [MNSProperty]

    /// Makes a message.
    ///
    /// - Parameters:
    ///   - messageID: The message's id.
    ///   - body: The text of `MessageBody`.
    ///   - bodyMD5: The digest of the body; `nil` to calculate it.
    ///   - receiptHandle: The handle; `nil` for a peek.
    ///   - enqueueTime: When it was sent, in Unix milliseconds.
    ///   - firstDequeueTime: When it was received first, in Unix milliseconds.
    ///   - nextVisibleTime: Until when it is hidden, in Unix milliseconds; `nil` for a peek.
    ///   - dequeueCount: How often it was received.
    ///   - priority: How urgent it is.
    ///   - groupID: The group that the sender gave.
    ///   - userProperties: Properties of the sender's own.
    ///   - systemProperties: Properties with a meaning to the service.
    package init(
        messageID: String,
        body: String,
        bodyMD5: String? = nil,
        receiptHandle: String? = nil,
        enqueueTime: Int64,
        firstDequeueTime: Int64,
        nextVisibleTime: Int64? = nil,
        dequeueCount: Int64,
        priority: Int = MNSLimits.defaultPriority,
        groupID: String? = nil,
        userProperties: [MNSProperty] = [],
        systemProperties: [MNSProperty] = []
    ) {
        self.messageID = messageID
        self.body = body
        self.bodyMD5 = bodyMD5 ?? MNSDigest.ofMessageBody(body)
        self.receiptHandle = receiptHandle
        self.enqueueTime = enqueueTime
        self.firstDequeueTime = firstDequeueTime
        self.nextVisibleTime = nextVisibleTime
        self.dequeueCount = dequeueCount
        self.priority = priority
        self.groupID = groupID
        self.userProperties = userProperties
        self.systemProperties = systemProperties
    }

    /// Encodes the answer of ReceiveMessage or PeekMessage.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.answer, root: "Message", capacity: body.utf8.count, content: write)
    }

    /// Decodes the answer of ReceiveMessage or PeekMessage; times and counts that it lacks are 0.
    ///
    /// - Parameter bytes: The body of the answer.
    /// - Throws: ``MNSError`` when the body is something else.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        try self.init(try MNSDocument.root(bytes, named: ["Message"], limits: .answer))
    }

    /// Encodes the answer of BatchReceiveMessage or BatchPeekMessage.
    ///
    /// - Parameter messages: At least one; an empty receive is answered with `MessageNotExist`.
    /// - Returns: The document.
    package static func encoded(batch messages: [MNSMessage]) -> [UInt8] {
        XMLWriter.document(
            .answer, root: "Messages", capacity: messages.reduce(0) { $0 + $1.body.utf8.count + 512 }
        ) { writer in
            for message in messages { writer.element("Message", content: message.write) }
        }
    }

    /// Decodes the answer of BatchReceiveMessage or BatchPeekMessage.
    ///
    /// - Parameter bytes: The body of the answer.
    /// - Returns: The messages in the server's order.
    /// - Throws: ``MNSError`` when the body is something else.
    package static func decoded(batch bytes: [UInt8]) throws(MNSError) -> [MNSMessage] {
        var messages: [MNSMessage] = []
        for element in try MNSDocument.root(bytes, named: ["Messages"], limits: .answer).children(named: "Message") {
            messages.append(try MNSMessage(element))
        }
        return messages
    }

    init(_ element: XMLTree.Element) throws(MNSError) {
        self.init(
            messageID: try element.requiredText("MessageId"),
            body: try element.requiredText("MessageBody"),
            bodyMD5: try element.text("MessageBodyMD5") ?? "",
            receiptHandle: try element.text("ReceiptHandle"),
            enqueueTime: try element.count("EnqueueTime") ?? 0,
            firstDequeueTime: try element.count("FirstDequeueTime") ?? 0,
            nextVisibleTime: try element.count("NextVisibleTime"),
            dequeueCount: try element.count("DequeueCount") ?? 0,
            priority: try element.number(MNSLimits.priority) ?? MNSLimits.defaultPriority,
            groupID: try element.text("MessageGroupId"),
            userProperties: try MNSProperty.read(.user, of: element),
            systemProperties: try MNSProperty.read(.system, of: element))
    }

    private func write(to writer: inout XMLWriter) {
        writer.element("MessageId", messageID)
        writer.element("ReceiptHandle", receiptHandle)
        writer.element("MessageBodyMD5", bodyMD5)
        writer.element("MessageBody", body)
        writer.element("EnqueueTime", enqueueTime)
        writer.element("NextVisibleTime", nextVisibleTime)
        writer.element("FirstDequeueTime", firstDequeueTime)
        writer.element("DequeueCount", dequeueCount)
        writer.element("Priority", priority)
        writer.element("MessageGroupId", groupID)
        MNSProperty.write(userProperties, as: .user, to: &writer)
        MNSProperty.write(systemProperties, as: .system, to: &writer)
    }
}
