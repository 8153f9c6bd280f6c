/// Opens a document and checks what its root is.
enum MNSDocument {
    /// Reads a document whose root has one of the names.
    ///
    /// - Throws: ``MNSError`` with `MalformedXML`, or `InvalidArgument` for another root.
    static func root(
        _ bytes: [UInt8],
        named names: [String],
        limits: XMLLimits
    ) throws(MNSError) -> XMLTree.Element {
        let root: XMLTree.Element
        do throws(XMLFailure) {
            root = try XMLTree(parsing: bytes, limits: limits).root
        } catch {
            throw .malformed(error)
        }
        guard names.contains(where: root.isNamed) else {
            let shown = ASCIIText.excerpt(root.name.utf8)
            throw .invalid("The root element must be \(names.joined(separator: " or ")), not \(shown)")
        }
        return root
    }
}

/// Values by name. Unknown elements are ignored; a known one that occurs twice is refused, since two readers could
/// disagree about it.
extension XMLTree.Element {
    /// The child of a name, or `nil`.
    func child(_ name: String) throws(MNSError) -> XMLTree.Element? {
        var found: XMLTree.Element?
        for child in children where child.isNamed(name) {
            guard found == nil else { throw .invalid("\(name) must not occur twice") }
            found = child
        }
        return found
    }

    /// The children, all of one name, in document order; others are ignored.
    func children(named name: String) -> [XMLTree.Element] {
        children.filter { $0.isNamed(name) }
    }

    /// The exact text of a child; `nil` when the child is absent or empty.
    func text(_ name: String) throws(MNSError) -> String? {
        guard let child = try child(name) else { return nil }
        guard !child.hasChildren else { throw .invalid("\(name) must hold text, not elements") }
        let text = child.text
        return text.isEmpty ? nil : text
    }

    /// The exact text of a child that must be there.
    func requiredText(_ name: String) throws(MNSError) -> String {
        guard let text = try text(name) else { throw .invalid("\(name) is required and must not be empty") }
        return text
    }

    /// The number in a child; `nil` when the child is absent.
    func number(_ number: MNSNumber) throws(MNSError) -> Int? {
        guard try child(number.name) != nil else { return nil }
        return try number.parse(try text(number.name) ?? "")
    }

    /// The number in a child without a range, such as a time or a count; `nil` when the child is absent or empty.
    func count(_ name: String) throws(MNSError) -> Int64? {
        guard let text = try text(name) else { return nil }
        guard let value = Int64(ASCIIText.trimmed(text)) else { throw .invalid("\(name) must be a whole number") }
        return value
    }
}
