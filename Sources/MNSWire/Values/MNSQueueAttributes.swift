/// The attributes of a queue that can be set; what is `nil` is absent from the document.
///
/// The body of CreateQueue and SetQueueAttributes. Wire reference: mns-api 3.1 to 3.3.
package struct MNSQueueAttributes: Sendable, Hashable {
    /// How long a message stays hidden after it was sent, in seconds.
    package var delaySeconds: Int?
    /// The longest message body, in bytes.
    package var maximumMessageSize: Int?
    /// How long a message is kept, in seconds.
    package var messageRetentionPeriod: Int?
    /// How long a received message stays hidden, in seconds.
    package var visibilityTimeout: Int?
    /// How long a receive waits if it does not say so itself, in seconds.
    package var pollingWaitSeconds: Int?
    /// Whether the service logs the queue's requests; kept, without effect here.
    package var loggingEnabled: Bool?

    /// Sets none, some or all attributes.
    ///
    /// - Parameters:
    ///   - delaySeconds: How long a message stays hidden after it was sent.
    ///   - maximumMessageSize: The longest message body in bytes.
    ///   - messageRetentionPeriod: How long a message is kept, in seconds.
    ///   - visibilityTimeout: How long a received message stays hidden, in seconds.
    ///   - pollingWaitSeconds: How long a receive waits, in seconds.
    ///   - loggingEnabled: Whether requests are logged.
    package init(
        delaySeconds: Int? = nil,
        maximumMessageSize: Int? = nil,
        messageRetentionPeriod: Int? = nil,
        visibilityTimeout: Int? = nil,
        pollingWaitSeconds: Int? = nil,
        loggingEnabled: Bool? = nil
    ) {
        self.delaySeconds = delaySeconds
        self.maximumMessageSize = maximumMessageSize
        self.messageRetentionPeriod = messageRetentionPeriod
        self.visibilityTimeout = visibilityTimeout
        self.pollingWaitSeconds = pollingWaitSeconds
        self.loggingEnabled = loggingEnabled
    }

    /// The attributes of a queue that was created without any.
    package static let defaults = MNSQueueAttributes(
        delaySeconds: 0, maximumMessageSize: 65_536, messageRetentionPeriod: 345_600, visibilityTimeout: 30,
        pollingWaitSeconds: 0, loggingEnabled: false)

    /// Adds what is absent here from other attributes.
    ///
    /// - Parameter others: Where absent attributes come from: the defaults, or what a queue has.
    /// - Returns: All attributes that either side has.
    package func filled(from others: MNSQueueAttributes) -> MNSQueueAttributes {
        MNSQueueAttributes(
            delaySeconds: delaySeconds ?? others.delaySeconds,
            maximumMessageSize: maximumMessageSize ?? others.maximumMessageSize,
            messageRetentionPeriod: messageRetentionPeriod ?? others.messageRetentionPeriod,
            visibilityTimeout: visibilityTimeout ?? others.visibilityTimeout,
            pollingWaitSeconds: pollingWaitSeconds ?? others.pollingWaitSeconds,
            loggingEnabled: loggingEnabled ?? others.loggingEnabled)
    }

    /// Checks every attribute that is there.
    ///
    /// - Throws: ``MNSError`` with `InvalidArgument` that names the first one out of its range.
    package func checkRanges() throws(MNSError) {
        try MNSLimits.delaySeconds.check(delaySeconds)
        try MNSLimits.maximumMessageSize.check(maximumMessageSize)
        try MNSLimits.messageRetentionPeriod.check(messageRetentionPeriod)
        try MNSLimits.visibilityTimeout.check(visibilityTimeout)
        try MNSLimits.pollingWaitSeconds.check(pollingWaitSeconds)
    }

    /// Encodes a request.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.request, root: "Queue", content: write)
    }

    /// Decodes a request; ranges are left to ``checkRanges()``.
    ///
    /// - Parameter bytes: The body of the request; an empty one has no attributes.
    /// - Throws: ``MNSError`` with `MalformedXML` or `InvalidArgument`.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        guard !bytes.isEmpty else {
            self.init()
            return
        }
        try self.init(try MNSDocument.root(bytes, named: ["Queue"], limits: .request))
    }

    init(_ element: XMLTree.Element) throws(MNSError) {
        self.init(
            delaySeconds: try element.number(MNSLimits.delaySeconds),
            maximumMessageSize: try element.number(MNSLimits.maximumMessageSize),
            messageRetentionPeriod: try element.number(MNSLimits.messageRetentionPeriod),
            visibilityTimeout: try element.number(MNSLimits.visibilityTimeout),
            pollingWaitSeconds: try element.number(MNSLimits.pollingWaitSeconds),
            loggingEnabled: try Self.loggingEnabled(element))
    }

    private static func loggingEnabled(_ element: XMLTree.Element) throws(MNSError) -> Bool? {
        guard try element.child("LoggingEnabled") != nil else { return nil }
        switch ASCIIText.lowercased(ASCIIText.trimmed(try element.text("LoggingEnabled") ?? "")) {
        case "true": return true
        case "false": return false
        default: throw .invalid("LoggingEnabled must be True or False")
        }
    }

    func write(to writer: inout XMLWriter) {
        writer.element("DelaySeconds", delaySeconds)
        writer.element("MaximumMessageSize", maximumMessageSize)
        writer.element("MessageRetentionPeriod", messageRetentionPeriod)
        writer.element("VisibilityTimeout", visibilityTimeout)
        writer.element("PollingWaitSeconds", pollingWaitSeconds)
        writer.element("LoggingEnabled", loggingEnabled.map { $0 ? "True" : "False" })
    }
}
