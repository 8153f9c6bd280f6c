/// All that a queue tells about itself: the answer of GetQueueAttributes.
///
/// Wire reference: mns-api 3.1 and 3.4.
package struct MNSQueueDescription: Sendable, Hashable {
    /// The queue's name.
    package var name: String
    /// What was set; what is `nil` is written with its default.
    package var attributes: MNSQueueAttributes
    /// When the queue was created, in Unix seconds.
    package var createTime: Int64
    /// When its attributes were changed last, in Unix seconds.
    package var lastModifyTime: Int64
    /// How many messages can be received.
    package var activeMessages: Int64
    /// How many messages are hidden since somebody received them.
    package var inactiveMessages: Int64
    /// How many messages are hidden since they were sent with a delay.
    package var delayMessages: Int64

    /// Describes a queue.
    ///
    /// - Parameters:
    ///   - name: The queue's name.
    ///   - attributes: What was set.
    ///   - createTime: When it was created, in Unix seconds.
    ///   - lastModifyTime: When its attributes were changed last, in Unix seconds.
    ///   - activeMessages: How many messages can be received.
    ///   - inactiveMessages: How many messages somebody works on.
    ///   - delayMessages: How many messages wait for their delay.
    package init(
        name: String,
        attributes: MNSQueueAttributes = .defaults,
        createTime: Int64,
        lastModifyTime: Int64,
        activeMessages: Int64 = 0,
        inactiveMessages: Int64 = 0,
        delayMessages: Int64 = 0
    ) {
        self.name = name
        self.attributes = attributes
        self.createTime = createTime
        self.lastModifyTime = lastModifyTime
        self.activeMessages = activeMessages
        self.inactiveMessages = inactiveMessages
        self.delayMessages = delayMessages
    }

    /// Encodes an answer; all twelve elements are there, as clients need them.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.answer, root: "Queue", content: write)
    }

    /// Decodes an answer; times and counts that it lacks are 0.
    ///
    /// - Parameter bytes: The body of the answer.
    /// - Throws: ``MNSError`` when the body is something else.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        try self.init(try MNSDocument.root(bytes, named: ["Queue"], limits: .answer))
    }

    init(_ element: XMLTree.Element) throws(MNSError) {
        self.init(
            name: try element.requiredText("QueueName"),
            attributes: try MNSQueueAttributes(element),
            createTime: try element.count("CreateTime") ?? 0,
            lastModifyTime: try element.count("LastModifyTime") ?? 0,
            activeMessages: try element.count("ActiveMessages") ?? 0,
            inactiveMessages: try element.count("InactiveMessages") ?? 0,
            delayMessages: try element.count("DelayMessages") ?? 0)
    }

    func write(to writer: inout XMLWriter) {
        writer.element("QueueName", name)
        writer.element("CreateTime", createTime)
        writer.element("LastModifyTime", lastModifyTime)
        attributes.filled(from: .defaults).write(to: &writer)
        writer.element("ActiveMessages", activeMessages)
        writer.element("InactiveMessages", inactiveMessages)
        writer.element("DelayMessages", delayMessages)
    }
}
