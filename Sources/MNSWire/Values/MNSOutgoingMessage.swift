/// A message on its way into a queue.
///
/// Wire reference: mns-api 4.1 and 4.3.
package struct MNSOutgoingMessage: Sendable, Hashable {
    /// The text of `MessageBody`, exactly as on the wire: not decoded, not trimmed, not empty.
    package var body: String
    /// How long the message stays hidden at first, in seconds; `nil` for the queue's own delay.
    package var delaySeconds: Int?
    /// How urgent it is, 1 to 16; `nil` for ``MNSLimits/defaultPriority``.
    package var priority: Int?
    /// The group within which a FIFO queue keeps the order; here it is kept and given back.
    package var groupID: String?
    /// Properties of the sender's own.
    package var userProperties: [MNSProperty]
    /// Properties with a meaning to the service, such as `traceparent`.
    package var systemProperties: [MNSProperty]

    /// Makes a message.
    ///
    /// - Parameters:
    ///   - body: The text of `MessageBody`.
    ///   - delaySeconds: How long it stays hidden at first.
    ///   - priority: How urgent it is.
    ///   - groupID: Its group.
    ///   - userProperties: Properties of the sender's own.
    ///   - systemProperties: Properties with a meaning to the service.
    package init(
        body: String,
        delaySeconds: Int? = nil,
        priority: Int? = nil,
        groupID: String? = nil,
        userProperties: [MNSProperty] = [],
        systemProperties: [MNSProperty] = []
    ) {
        self.body = body
        self.delaySeconds = delaySeconds
        self.priority = priority
        self.groupID = groupID
        self.userProperties = userProperties
        self.systemProperties = systemProperties
    }

    /// Checks delay and priority; the size of the body is the queue's affair.
    ///
    /// - Throws: ``MNSError`` with `InvalidArgument` that names the first one out of its range.
    package func checkRanges() throws(MNSError) {
        try MNSLimits.delaySeconds.check(delaySeconds)
        try MNSLimits.priority.check(priority)
    }

    /// Encodes the request of SendMessage.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.request, root: "Message", capacity: body.utf8.count, content: write)
    }

    init(_ element: XMLTree.Element) throws(MNSError) {
        // One official client always sends a priority, and 0 when its user set none.
        let priority = try element.number(MNSLimits.priority)
        self.init(
            body: try element.requiredText("MessageBody"),
            delaySeconds: try element.number(MNSLimits.delaySeconds),
            priority: priority == 0 ? nil : priority,
            groupID: try element.text("MessageGroupId"),
            userProperties: try MNSProperty.read(.user, of: element),
            systemProperties: try MNSProperty.read(.system, of: element))
    }

    func write(to writer: inout XMLWriter) {
        writer.element("MessageBody", body)
        writer.element("DelaySeconds", delaySeconds)
        writer.element("Priority", priority)
        writer.element("MessageGroupId", groupID)
        MNSProperty.write(userProperties, as: .user, to: &writer)
        MNSProperty.write(systemProperties, as: .system, to: &writer)
    }
}

/// The body of a POST to a queue's messages, of which the root tells one message from a batch.
///
/// Wire reference: mns-api 4.3 and 4.4.
package enum MNSSendRequest: Sendable, Hashable {
    /// SendMessage, to be answered with ``MNSSendReceipt``.
    case single(MNSOutgoingMessage)
    /// BatchSendMessage with 1 to 16 messages, to be answered with ``MNSBatchSendAnswer`` in the same order.
    case batch([MNSOutgoingMessage])

    /// The messages, in the order of the request.
    package var messages: [MNSOutgoingMessage] {
        switch self {
        case .single(let message): [message]
        case .batch(let messages): messages
        }
    }

    /// Encodes a request.
    package func encoded() -> [UInt8] {
        switch self {
        case .single(let message): message.encoded()
        case .batch(let messages):
            XMLWriter.document(
                .request, root: "Messages", capacity: messages.reduce(0) { $0 + $1.body.utf8.count + 256 }
            ) { writer in
                for message in messages { writer.element("Message", content: message.write) }
            }
        }
    }

    /// Decodes a request; ranges are left to ``MNSOutgoingMessage/checkRanges()`` and sizes to the queue.
    ///
    /// - Parameter bytes: The body of the request.
    /// - Throws: ``MNSError`` with `MalformedXML` or `InvalidArgument`; of a batch it names the entry, counted from 1.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        let root = try MNSDocument.root(bytes, named: ["Message", "Messages"], limits: .request)
        guard root.isNamed("Messages") else {
            self = .single(try MNSOutgoingMessage(root))
            return
        }
        let entries = root.children(named: "Message")
        guard (1...MNSLimits.batchEntries).contains(entries.count) else {
            throw .invalid("Messages must hold 1 to \(MNSLimits.batchEntries) entries Message, not \(entries.count)")
        }
        var messages: [MNSOutgoingMessage] = []
        for (position, entry) in entries.enumerated() {
            do throws(MNSError) {
                messages.append(try MNSOutgoingMessage(entry))
            } catch {
                throw error.inEntry("Message \(position + 1)")
            }
        }
        self = .batch(messages)
    }
}
