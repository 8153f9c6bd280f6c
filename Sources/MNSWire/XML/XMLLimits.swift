/// How much of an XML document from outside is read before it is refused.
///
/// The defaults hold the largest documents of the queue protocol with room to spare: sixteen messages of 64 KiB in their
/// escaped form, or a page of one thousand queues with all attributes.
package struct XMLLimits: Sendable, Hashable {
    /// Most bytes of the whole document; more is refused unread.
    package var totalBytes: Int
    /// Most elements inside each other, the root being the first.
    package var depth: Int
    /// Most elements in the document.
    package var elements: Int
    /// Most attributes of one element, namespace declarations among them.
    package var attributes: Int
    /// Most bytes of text of one element, in UTF-8 after references were replaced.
    package var textBytes: Int

    /// Sets the limits; values below 1 become 1.
    ///
    /// - Parameters:
    ///   - totalBytes: Most bytes of the whole document; default 1 MiB.
    ///   - depth: Most elements inside each other; default 16.
    ///   - elements: Most elements; default 20,000.
    ///   - attributes: Most attributes of one element; default 16.
    ///   - textBytes: Most bytes of text of one element; default 512 KiB.
    package init(
        totalBytes: Int = 1 << 20,
        depth: Int = 16,
        elements: Int = 20_000,
        attributes: Int = 16,
        textBytes: Int = 512 << 10
    ) {
        self.totalBytes = max(totalBytes, 1)
        self.depth = max(depth, 1)
        self.elements = max(elements, 1)
        self.attributes = max(attributes, 1)
        self.textBytes = max(textBytes, 1)
    }

    /// What a server reads of a request: the defaults.
    package static let request = XMLLimits()

    /// What a client reads of an answer: 8 MiB in all, for sixteen received messages may have 64 KiB each.
    package static let answer = XMLLimits(totalBytes: 8 << 20)
}
