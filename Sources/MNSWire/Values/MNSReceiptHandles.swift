/// The handles of the messages to delete: the body of BatchDeleteMessage.
///
/// Wire reference: mns-api 4.8.
package struct MNSReceiptHandles: Sendable, Hashable {
    /// The handles, in the order of the request.
    package var handles: [String]

    /// Names the messages to delete.
    ///
    /// - Parameter handles: 1 to 16 receipt handles.
    package init(_ handles: [String]) {
        self.handles = handles
    }

    /// Encodes a request.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.request, root: "ReceiptHandles", capacity: handles.count * 128) { writer in
            for handle in handles { writer.element("ReceiptHandle", handle) }
        }
    }

    /// Decodes a request.
    ///
    /// - Parameter bytes: The body of the request.
    /// - Throws: ``MNSError`` with `MissingReceiptHandle` for an empty body (then neither query nor body has a handle),
    ///   `MalformedXML`, or `InvalidArgument` for another number of handles than 1 to 16 or an empty one.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        guard !bytes.isEmpty else { throw MNSError(.missingReceiptHandle) }
        let root = try MNSDocument.root(bytes, named: ["ReceiptHandles"], limits: .request)
        handles = []
        for element in root.children(named: "ReceiptHandle") {
            guard !element.hasChildren, !element.text.isEmpty else {
                throw .invalid("ReceiptHandle \(handles.count + 1) must hold text")
            }
            handles.append(element.text)
        }
        guard (1...MNSLimits.batchEntries).contains(handles.count) else {
            throw .invalid(
                "ReceiptHandles must hold 1 to \(MNSLimits.batchEntries) entries ReceiptHandle, not \(handles.count)")
        }
    }
}

/// The handles of a BatchDeleteMessage whose messages were not deleted; all others were.
///
/// Wire reference: mns-api 4.8.
package struct MNSDeleteFailures: Sendable, Hashable {
    /// One handle and why its message was not deleted.
    package struct Entry: Sendable, Hashable {
        /// The handle, exactly as in the request.
        package var receiptHandle: String
        /// Why.
        package var error: MNSError

        /// Makes an entry.
        ///
        /// - Parameters:
        ///   - receiptHandle: The handle, exactly as in the request.
        ///   - error: Why its message was not deleted.
        package init(receiptHandle: String, error: MNSError) {
            self.receiptHandle = receiptHandle
            self.error = error
        }
    }

    /// The HTTP status of the answer.
    package static let status = 404

    /// The handles that failed, in the order of the request; at least one in an answer.
    package var entries: [Entry]

    /// Lists failures.
    ///
    /// - Parameter entries: The handles that failed, in the order of the request.
    package init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// Encodes an answer with exactly the three elements per entry that clients need.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.answer, root: "Errors", capacity: entries.count * 256) { writer in
            for entry in entries {
                writer.element("Error") { writer in
                    entry.error.writeEntry(to: &writer)
                    writer.element("ReceiptHandle", entry.receiptHandle)
                }
            }
        }
    }

    /// Decodes an answer.
    ///
    /// - Parameter bytes: The body of the answer.
    /// - Throws: ``MNSError`` when the body is something else.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        entries = []
        for element in try MNSDocument.root(bytes, named: ["Errors"], limits: .answer).children(named: "Error") {
            let handle = try element.requiredText("ReceiptHandle")
            let error = try MNSError(entry: element, status: Self.status)
            entries.append(Entry(receiptHandle: handle, error: error ?? MNSError(.internalError)))
        }
    }
}

/// The new handle of a message and how long it is hidden: the answer of ChangeMessageVisibility, with status 200.
///
/// Wire reference: mns-api 4.10.
package struct MNSVisibilityChange: Sendable, Hashable {
    /// The handle to use from now on.
    package var receiptHandle: String
    /// Until when the message is hidden, in Unix milliseconds.
    package var nextVisibleTime: Int64

    /// Makes an answer.
    ///
    /// - Parameters:
    ///   - receiptHandle: The handle to use from now on.
    ///   - nextVisibleTime: Until when the message is hidden, in Unix milliseconds.
    package init(receiptHandle: String, nextVisibleTime: Int64) {
        self.receiptHandle = receiptHandle
        self.nextVisibleTime = nextVisibleTime
    }

    /// Encodes an answer.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.answer, root: "ChangeVisibility") { writer in
            writer.element("ReceiptHandle", receiptHandle)
            writer.element("NextVisibleTime", nextVisibleTime)
        }
    }

    /// Decodes an answer.
    ///
    /// - Parameter bytes: The body of the answer.
    /// - Throws: ``MNSError`` when the body is something else.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        let root = try MNSDocument.root(bytes, named: ["ChangeVisibility"], limits: .answer)
        receiptHandle = try root.requiredText("ReceiptHandle")
        guard let time = try root.count("NextVisibleTime") else { throw .invalid("NextVisibleTime is required") }
        nextVisibleTime = time
    }
}
