/// A user or system property of a message; kept and returned as it came (mns-api.md 4.1).
package struct MessageProperty: Sendable, Hashable {
    /// How a receiver reads the value.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case string = "STRING"
        case number = "NUMBER"
        case boolean = "BOOLEAN"
        /// The value is base64.
        case binary = "BINARY"
    }

    package let name: String
    package let value: String
    package let type: Kind

    /// Joins the parts of a property.
    package init(name: String, value: String, type: Kind) {
        self.name = name
        self.value = value
        self.type = type
    }

    /// Bytes that it takes of the limit for properties.
    var size: Int { name.utf8.count + value.utf8.count + type.rawValue.utf8.count }
}
