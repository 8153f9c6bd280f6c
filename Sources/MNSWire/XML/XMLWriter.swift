/// Writes the documents of the queue protocol: one namespace, no prefixes, no attributes, no empty elements.
///
/// Writing cannot fail. Text is escaped so that every reader gives it back exactly: `&`, `<` and `>`, and a carriage
/// return as `&#13;`, which a reader would otherwise turn into a line feed. A character that XML 1.0 cannot carry is
/// written as U+FFFD: an answer must not fail for good because of one stored message, and `MessageBodyMD5` then shows
/// that the body is not what was stored. Bodies that come in as XML never hold one; who stores or sends other text
/// checks it with ``XMLText/firstForbiddenCharacter(in:)`` first. Wire reference: mns-api 1.4 and 8.
package struct XMLWriter {
    /// Which side writes.
    package enum Side: Sendable, Hashable {
        /// A server's answer: declaration without encoding, namespace without slash, the only one that all clients read.
        case answer
        /// A client's request: declaration with encoding, namespace with slash, as documented.
        case request

        /// The namespace.
        package var namespace: String {
            switch self {
            case .answer: "http://mns.aliyuncs.com/doc/v1"
            case .request: "http://mns.aliyuncs.com/doc/v1/"
            }
        }

        fileprivate var declaration: String {
            switch self {
            case .answer: "<?xml version=\"1.0\"?>\n"
            case .request: "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
            }
        }
    }

    private var bytes: [UInt8] = []

    private init() {}

    /// Writes a document.
    ///
    /// - Parameters:
    ///   - side: Who writes it.
    ///   - root: The name of the root element.
    ///   - capacity: About how many bytes of text will be written.
    ///   - content: Writes what is inside the root.
    /// - Returns: The document in UTF-8.
    package static func document(
        _ side: Side,
        root: String,
        capacity: Int = 0,
        content: (inout XMLWriter) -> Void
    ) -> [UInt8] {
        var writer = XMLWriter()
        writer.bytes.reserveCapacity(capacity + capacity / 8 + 512)
        writer.raw(side.declaration)
        writer.raw("<\(root) xmlns=\"\(side.namespace)\">")
        content(&writer)
        writer.closeTag(root)
        return writer.bytes
    }

    /// Writes an element that holds elements.
    ///
    /// - Parameters:
    ///   - name: The name of the element.
    ///   - content: Writes what is inside.
    package mutating func element(_ name: String, content: (inout XMLWriter) -> Void) {
        openTag(name)
        content(&self)
        closeTag(name)
    }

    /// Writes an element with text, or nothing when there is none.
    ///
    /// - Parameters:
    ///   - name: The name of the element.
    ///   - text: The text; `nil` and the empty text leave the element out.
    package mutating func element(_ name: String, _ text: String?) {
        guard let text, !text.isEmpty else { return }
        openTag(name)
        escape(text)
        closeTag(name)
    }

    /// Writes an element with a number, or nothing when there is none.
    ///
    /// - Parameters:
    ///   - name: The name of the element.
    ///   - number: The number.
    package mutating func element(_ name: String, _ number: (some BinaryInteger)?) {
        element(name, number.map { String($0) })
    }

    private mutating func openTag(_ name: String) {
        raw("<")
        raw(name)
        raw(">")
    }

    private mutating func closeTag(_ name: String) {
        raw("</")
        raw(name)
        raw(">")
    }

    private mutating func raw(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func escape(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            var start = 0
            var index = 0
            while index < utf8.count {
                guard !Self.isPlain(utf8[index]), let (replacement, length) = Self.replacement(utf8, at: index) else {
                    index += 1
                    continue
                }
                bytes.append(contentsOf: utf8[start..<index])
                replacement.withUTF8Buffer { bytes.append(contentsOf: $0) }
                index += length
                start = index
            }
            bytes.append(contentsOf: utf8[start...])
        }
    }

    /// Whether a byte stands as it is for certain.
    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "&") && byte != UInt8(ascii: "<") && byte != UInt8(ascii: ">")
            && byte != 0xEF
    }

    /// What is written instead of the character at an index, with its number of bytes; `nil` when it stands as it is.
    private static func replacement(_ utf8: UnsafeBufferPointer<UInt8>, at index: Int) -> (StaticString, Int)? {
        switch utf8[index] {
        case UInt8(ascii: "&"): ("&amp;", 1)
        case UInt8(ascii: "<"): ("&lt;", 1)
        case UInt8(ascii: ">"): ("&gt;", 1)
        case 0x0D: ("&#13;", 1)
        case 0x00..<0x09, 0x0B, 0x0C, 0x0E..<0x20: ("\u{FFFD}", 1)
        // U+FFFE and U+FFFF are EF BF BE and EF BF BF.
        case 0xEF where utf8[index + 1] == 0xBF && utf8[index + 2] >= 0xBE: ("\u{FFFD}", 3)
        default: nil
        }
    }
}
