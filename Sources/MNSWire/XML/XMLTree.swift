/// A document that was read: elements with their text, without attributes, comments and namespaces.
///
/// The reader takes what the queue protocol needs and refuses the rest, see ``XMLFailure/Code``. Any namespace or none
/// is fine, and of a prefixed name the local part counts. Text comes with references replaced and CDATA joined; line
/// ends stay as they are on the wire (XML would turn a written carriage return into a line feed), since the digest of a
/// message body is defined over the text as sent. Wire reference: mns-api 1.4 and 10.1.
package struct XMLTree: Sendable {
    private let storage: Storage

    /// Reads a document.
    ///
    /// Takes time in proportion to the number of bytes, and a stack that does not depend on the document.
    ///
    /// - Parameters:
    ///   - bytes: The document in UTF-8, with or without byte order mark and declaration.
    ///   - limits: How much to read.
    /// - Throws: ``XMLFailure`` with the first place that is wrong.
    package init(parsing bytes: [UInt8], limits: XMLLimits = .request) throws(XMLFailure) {
        var reader = XMLReader(bytes, limits: limits)
        try reader.readDocument()
        storage = Storage(bytes: bytes, text: reader.text, nodes: reader.nodes)
    }

    /// The outermost element.
    package var root: Element { Element(storage: storage, index: 0) }

    /// One element of a document; keeps the document in memory.
    package struct Element: Sendable {
        fileprivate let storage: Storage
        fileprivate let index: Int

        private var node: Node { storage.nodes[index] }

        /// The name without its prefix.
        package var name: String { String(decoding: storage.bytes[node.name], as: UTF8.self) }

        /// Where the start tag begins, in bytes from the start of the document.
        package var offset: Int { node.offset }

        /// The text of an element without child elements, exactly; empty when there are child elements.
        package var text: String { String(decoding: storage.text[node.text], as: UTF8.self) }

        /// Whether there are child elements.
        package var hasChildren: Bool { node.end > index + 1 }

        /// The child elements in document order.
        package var children: some Sequence<Element> {
            sequence(state: index + 1) { [storage, end = node.end] next in
                guard next < end else { return nil }
                defer { next = storage.nodes[next].end }
                return Element(storage: storage, index: next)
            }
        }

        /// Tells whether the local name is this one, without making a text of it.
        package func isNamed(_ name: String) -> Bool {
            name.utf8.elementsEqual(storage.bytes[node.name])
        }
    }

    /// One element in document order.
    struct Node: Sendable {
        /// The local name, in the bytes of the document.
        var name: Range<Int>
        /// The text, in the buffer of decoded text.
        var text: Range<Int>
        /// Where the start tag begins.
        var offset: Int
        /// One past the last element inside this one.
        var end: Int
    }

    fileprivate final class Storage: Sendable {
        let bytes: [UInt8]
        let text: [UInt8]
        let nodes: [Node]

        init(bytes: [UInt8], text: [UInt8], nodes: [Node]) {
            self.bytes = bytes
            self.text = text
            self.nodes = nodes
        }
    }
}
