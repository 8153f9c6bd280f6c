/// A named value that travels with a message beside its body.
///
/// Wire reference: mns-api 4.1.
package struct MNSProperty: Sendable, Hashable {
    /// What a value is; it is text on the wire in any case.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Any text.
        case string = "STRING"
        /// Decimal text.
        case number = "NUMBER"
        /// `true` or `false`.
        case boolean = "BOOLEAN"
        /// Base64 of bytes.
        case binary = "BINARY"
    }

    /// The name, not empty.
    package var name: String
    /// The value as on the wire; nothing is decoded.
    package var value: String
    /// What the value is.
    package var kind: Kind

    /// Makes a property.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - value: The value as on the wire.
    ///   - kind: What the value is.
    package init(name: String, value: String, kind: Kind = .string) {
        self.name = name
        self.value = value
        self.kind = kind
    }

    /// The two lists of properties that a message may have.
    enum List: String {
        case user = "User"
        case system = "System"

        var element: String { rawValue + "Properties" }
        var entry: String { self == .user ? "PropertyValue" : "SystemPropertyValue" }
    }

    static func read(_ list: List, of message: XMLTree.Element) throws(MNSError) -> [MNSProperty] {
        guard let element = try message.child(list.element) else { return [] }
        var properties: [MNSProperty] = []
        for entry in element.children(named: list.entry) {
            let kind = try entry.text("Type") ?? Kind.string.rawValue
            guard let kind = Kind(rawValue: ASCIIText.trimmed(kind)) else {
                let names = Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw .invalid("Type of \(list.entry) must be one of \(names)")
            }
            properties.append(
                MNSProperty(
                    name: try entry.requiredText("Name"), value: try entry.text("Value") ?? "", kind: kind))
        }
        return properties
    }

    static func write(_ properties: [MNSProperty], as list: List, to writer: inout XMLWriter) {
        guard !properties.isEmpty else { return }
        writer.element(list.element) { writer in
            for property in properties {
                writer.element(list.entry) { writer in
                    writer.element("Name", property.name)
                    writer.element("Value", property.value)
                    writer.element("Type", property.kind.rawValue)
                }
            }
        }
    }
}
