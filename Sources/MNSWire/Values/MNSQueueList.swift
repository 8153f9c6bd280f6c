/// One page of queues: the answer of ListQueue.
///
/// Wire reference: mns-api 3.5.
package struct MNSQueueList: Sendable, Hashable {
    /// One queue of the page.
    package struct Entry: Sendable, Hashable {
        /// The queue's address: `scheme://host/queues/name`, five pieces between slashes.
        package var url: String
        /// The queue's name.
        package var name: String
        /// Everything about it, when the request asked for it.
        package var description: MNSQueueDescription?

        /// Names a queue.
        ///
        /// - Parameters:
        ///   - url: The queue's address.
        ///   - name: The queue's name.
        ///   - description: Everything about it, for a request with `x-mns-with-meta`.
        package init(url: String, name: String, description: MNSQueueDescription? = nil) {
            self.url = url
            self.name = name
            self.description = description
        }
    }

    /// The queues, in the server's order.
    package var entries: [Entry]
    /// What the next request has to send as `x-mns-marker`; `nil` on the last page.
    package var nextMarker: String?

    /// Makes a page.
    ///
    /// - Parameters:
    ///   - entries: The queues.
    ///   - nextMarker: Where the next page begins; `nil` or empty when there is none.
    package init(entries: [Entry], nextMarker: String? = nil) {
        self.entries = entries
        self.nextMarker = nextMarker
    }

    /// Encodes an answer: `NextMarker` only when there is more.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.answer, root: "Queues", capacity: entries.count * 128) { writer in
            for entry in entries {
                writer.element("Queue") { writer in
                    writer.element("QueueURL", entry.url)
                    if let description = entry.description {
                        description.write(to: &writer)
                    } else {
                        writer.element("QueueName", entry.name)
                    }
                }
            }
            writer.element("NextMarker", nextMarker)
        }
    }

    /// Decodes an answer; a queue without a name has the last piece of its address.
    ///
    /// - Parameter bytes: The body of the answer.
    /// - Throws: ``MNSError`` when the body is something else.
    package init(decoding bytes: [UInt8]) throws(MNSError) {
        let root = try MNSDocument.root(bytes, named: ["Queues"], limits: .answer)
        entries = []
        for queue in root.children(named: "Queue") {
            let url = try queue.requiredText("QueueURL")
            let name = try queue.text("QueueName")
            let hasMetadata = try queue.child("CreateTime") != nil
            entries.append(
                Entry(
                    url: url, name: name ?? url.split(separator: "/").last.map { String($0) } ?? url,
                    description: hasMetadata && name != nil ? try MNSQueueDescription(queue) : nil))
        }
        nextMarker = try root.text("NextMarker")
    }
}
