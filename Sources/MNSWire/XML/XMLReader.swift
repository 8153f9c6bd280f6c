/// One pass over an XML document: a loop over tags and text with an explicit, bounded list of open elements.
struct XMLReader {
    let bytes: [UInt8]
    let limits: XMLLimits
    var index = 0

    /// The elements so far, in document order.
    private(set) var nodes: [XMLTree.Node] = []
    /// The decoded text of all elements without children.
    private(set) var text: [UInt8] = []

    private var open: [OpenElement] = []
    private var attributeNames: [Range<Int>] = []

    /// An element whose end tag has not come yet.
    private struct OpenElement {
        let node: Int
        /// The name as written, with its prefix.
        let name: Range<Int>
        /// Where its text begins in ``text``, or the text after its latest child.
        var textStart: Int
        var hasChildren = false
    }

    init(_ bytes: [UInt8], limits: XMLLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func readDocument() throws(XMLFailure) {
        guard bytes.count <= limits.totalBytes else {
            throw XMLFailure(.tooLarge, offset: 0, "The document is longer than \(limits.totalBytes) bytes")
        }
        try skipByteOrderMark()
        try readDeclaration()
        try skipMiscellany()
        guard index < bytes.count else { throw failure(.truncated, "There is no element") }
        guard bytes[index] == UInt8(ascii: "<") else { throw failure(.malformed, "Text stands outside of the root") }
        try readStartTag()
        while let element = open.last {
            try readText(of: element)
            guard index + 1 < bytes.count else { throw truncated("the end tag of \(shown(element.name))") }
            switch bytes[index + 1] {
            case UInt8(ascii: "/"): try readEndTag(of: element)
            case UInt8(ascii: "!"): try readCommentOrCDATA()
            case UInt8(ascii: "?"): throw processingInstruction
            default: try readStartTag()
            }
        }
        try skipMiscellany()
        guard index == bytes.count else {
            throw failure(.trailingContent, "Something follows the root element")
        }
    }

    // MARK: Tags

    private mutating func readStartTag() throws(XMLFailure) {
        let start = index
        guard open.count < limits.depth else {
            throw failure(.tooDeep, "Elements are nested more than \(limits.depth) levels deep")
        }
        guard nodes.count < limits.elements else {
            throw failure(.tooManyElements, "There are more than \(limits.elements) elements")
        }
        index += 1
        let name = try readName()
        let isEmpty = try readAttributes()
        if let parent = open.indices.last {
            try dropBlankText(of: open[parent], before: start)
            open[parent].hasChildren = true
        }
        let node = XMLTree.Node(
            name: localPart(of: name), text: text.count..<text.count, offset: start, end: nodes.count + 1)
        nodes.append(node)
        if !isEmpty {
            open.append(OpenElement(node: nodes.count - 1, name: name, textStart: text.count))
        }
    }

    /// Reads attributes up to the end of the tag; `true` for the tag of an empty element.
    private mutating func readAttributes() throws(XMLFailure) -> Bool {
        attributeNames.removeAll(keepingCapacity: true)
        while true {
            let separated = skipBlanks()
            switch peek {
            case UInt8(ascii: ">"):
                index += 1
                return false
            case UInt8(ascii: "/"):
                index += 1
                try expect(">")
                return true
            case nil: throw truncated("the end of a tag")
            default:
                guard separated else { throw failure(.malformed, "A tag must end with > or a blank must follow here") }
                try readAttribute()
            }
        }
    }

    private mutating func readAttribute() throws(XMLFailure) {
        guard attributeNames.count < limits.attributes else {
            throw failure(.tooManyAttributes, "An element has more than \(limits.attributes) attributes")
        }
        let start = index
        let name = try readName()
        if attributeNames.contains(where: { $0.count == name.count && bytes[$0] == bytes[name] }) {
            throw XMLFailure(
                .duplicateAttribute, offset: start, "The attribute \(shown(name)) occurs twice in one element")
        }
        attributeNames.append(name)
        _ = skipBlanks()
        try expect("=")
        _ = skipBlanks()
        let quote = try readQuote()
        while let byte = peek, byte != quote {
            switch byte {
            case UInt8(ascii: "<"): throw failure(.malformed, "An attribute's value holds a <, which must be &lt;")
            case UInt8(ascii: "&"): _ = try readReference()
            default: try skipCharacter()
            }
        }
        guard peek == quote else { throw truncated("the end of an attribute's value") }
        index += 1
    }

    private mutating func readEndTag(of element: OpenElement) throws(XMLFailure) {
        let start = index
        index += 2
        let name = try readName()
        guard bytes[name] == bytes[element.name] else {
            throw XMLFailure(
                .unbalanced, offset: start,
                "The end tag of \(shown(name)) stands where that of \(shown(element.name)) must")
        }
        _ = skipBlanks()
        try expect(">")
        if element.hasChildren {
            try dropBlankText(of: element, before: start)
        } else {
            nodes[element.node].text = element.textStart..<text.count
        }
        nodes[element.node].end = nodes.count
        open.removeLast()
        if let parent = open.indices.last { open[parent].textStart = text.count }
    }

    // MARK: Text

    /// Reads text and references up to the next `<`, or to the end.
    private mutating func readText(of element: OpenElement) throws(XMLFailure) {
        while let byte = peek, byte != UInt8(ascii: "<") {
            if byte == UInt8(ascii: "&") {
                append(try readReference())
            } else {
                let start = index
                try skipText()
                text.append(contentsOf: bytes[start..<index])
            }
            try checkTextLength(of: element)
        }
    }

    /// Steps over characters up to the next `<` or `&`.
    private mutating func skipText() throws(XMLFailure) {
        while true {
            skipPlainText()
            guard let byte = peek, byte != UInt8(ascii: "<"), byte != UInt8(ascii: "&") else { return }
            if byte == UInt8(ascii: "]"), hasPrefix("]]>") {
                throw failure(.malformed, "Text holds ]]>, of which the last character must be &gt;")
            }
            try skipCharacter()
        }
    }

    /// Steps over the ASCII characters that mean nothing but themselves, which most bodies consist of.
    private mutating func skipPlainText() {
        let start = index
        index = bytes.withUnsafeBufferPointer { bytes in
            var index = start
            while index < bytes.count, Self.isPlain(bytes[index]) { index += 1 }
            return index
        }
    }

    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "<") && byte != UInt8(ascii: "&")
            && byte != UInt8(ascii: "]")
    }

    private mutating func readCommentOrCDATA() throws(XMLFailure) {
        if hasPrefix("<!--") {
            try skipComment()
            return
        }
        guard let element = open.last, hasPrefix("<![CDATA[") else { throw documentType }
        index += 9
        let start = index
        while index < bytes.count, !hasPrefix("]]>") { try skipCharacter() }
        guard index < bytes.count else { throw truncated("the end of a CDATA section") }
        text.append(contentsOf: bytes[start..<index])
        index += 3
        try checkTextLength(of: element)
    }

    private func checkTextLength(of element: OpenElement) throws(XMLFailure) {
        guard text.count - element.textStart <= limits.textBytes else {
            throw failure(.textTooLong, "The text of \(shown(element.name)) is longer than \(limits.textBytes) bytes")
        }
    }

    /// Forgets the text before, between and after child elements, which may be blank only.
    private mutating func dropBlankText(of element: OpenElement, before tag: Int) throws(XMLFailure) {
        guard text[element.textStart...].allSatisfy(XMLText.isBlank) else {
            throw XMLFailure(
                .mixedContent, offset: tag,
                "\(shown(element.name)) holds text beside elements; a < that is meant as text must be &lt;")
        }
        text.removeSubrange(element.textStart...)
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        text.append(contentsOf: scalar.utf8)
    }
}
