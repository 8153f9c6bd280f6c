/// What the sender of a message learns about it: the answer of SendMessage, with status 201.
///
/// Wire reference: mns-api 4.3.
package struct MNSSendReceipt: Sendable, Hashable {
    /// The message's id.
    package var messageID: String
    /// The digest of the body as ``MNSDigest/ofMessageBody(_:)`` makes it.
    package var bodyMD5: String
    /// A handle for a message with a delay, good at once; `nil` for others.
    package var receiptHandle: String?
    /// The group that the sender gave.
    package var groupID: String?

    /// Makes a receipt.
    ///
    /// - Parameters:
    ///   - messageID: The message's id.
    ///   - bodyMD5: The digest of its body.
    ///   - receiptHandle: A handle, for a message with a delay.
    ///   - groupID: The group that the sender gave.
    package init(messageID: String, bodyMD5: String, receiptHandle: String? = nil, groupID: String? = nil) {
        self.messageID = messageID
        self.bodyMD5 = bodyMD5
        self.receiptHandle = receiptHandle
        self.groupID = groupID
    }

    /// Encodes an answer.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.answer, root: "Message") { write(to: &$0) }
    }

    /// Decodes an answer.
    ///
    /// - Parameter bytes: The body of the answer.
    /// - Throws: ``MNSError`` when the body is something else.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        try self.init(try MNSDocument.root(bytes, named: ["Message"], limits: .answer))
    }

    init(_ element: XMLTree.Element) throws(MNSError) {
        self.init(
            messageID: try element.requiredText("MessageId"), bodyMD5: try element.requiredText("MessageBodyMD5"),
            receiptHandle: try element.text("ReceiptHandle"), groupID: try element.text("MessageGroupId"))
    }

    func write(to writer: inout XMLWriter, onlyRequired: Bool = false) {
        writer.element("MessageId", messageID)
        writer.element("MessageBodyMD5", bodyMD5)
        guard !onlyRequired else { return }
        writer.element("ReceiptHandle", receiptHandle)
        writer.element("MessageGroupId", groupID)
    }
}

/// What became of each message of a batch, in the order of the request: the answer of BatchSendMessage.
///
/// Wire reference: mns-api 4.4.
package struct MNSBatchSendAnswer: Sendable, Hashable {
    /// What became of one message.
    package enum Entry: Sendable, Hashable {
        /// It is stored.
        case stored(MNSSendReceipt)
        /// It is not stored.
        case failed(MNSError)
    }

    /// One entry per message of the request, in its order.
    package var entries: [Entry]

    /// Makes an answer.
    ///
    /// - Parameter entries: One per message of the request, in its order.
    package init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// Whether a message was not stored.
    package var hasFailures: Bool {
        entries.contains { entry in
            if case .failed = entry { true } else { false }
        }
    }

    /// The HTTP status to answer with: 201 when all are stored, else 500.
    package var status: Int { hasFailures ? 500 : 201 }

    /// Encodes an answer; if anything failed, every entry has exactly its two elements, as clients need it.
    package func encoded() -> [UInt8] {
        let hasFailures = hasFailures
        return XMLWriter.document(.answer, root: "Messages", capacity: entries.count * 256) { writer in
            for entry in entries {
                writer.element("Message") { writer in
                    switch entry {
                    case .stored(let receipt): receipt.write(to: &writer, onlyRequired: hasFailures)
                    case .failed(let error): error.writeEntry(to: &writer)
                    }
                }
            }
        }
    }

    /// Decodes an answer of either form.
    ///
    /// - Parameters:
    ///   - bytes: The body of the answer.
    ///   - status: Its HTTP status.
    /// - Throws: ``MNSError`` when the body is something else.
    package init(decoding bytes: [UInt8], status: Int) throws(MNSError) {
        let root = try MNSDocument.root(bytes, named: ["Messages"], limits: .answer)
        entries = []
        for message in root.children(named: "Message") {
            if let error = try MNSError(entry: message, status: status) {
                entries.append(.failed(error))
            } else {
                entries.append(.stored(try MNSSendReceipt(message)))
            }
        }
    }
}

/// The form of an error in a batch: `ErrorCode` and `ErrorMessage`.
extension MNSError {
    init?(entry: XMLTree.Element, status: Int) throws(MNSError) {
        guard let code = try entry.text("ErrorCode") else { return nil }
        self.init(MNSErrorCode(named: code, status: status), try entry.text("ErrorMessage"))
    }

    func writeEntry(to writer: inout XMLWriter) {
        writer.element("ErrorCode", code.name)
        writer.element("ErrorMessage", message.isEmpty ? code.name : message)
    }
}
