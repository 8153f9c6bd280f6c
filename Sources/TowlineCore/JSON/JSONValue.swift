/// A JSON value that keeps the order of members and the text of numbers.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// The digits as they were written.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// Members in the order of the text; names are unique.
    case object([Member])

    /// One name and its value.
    package struct Member: Sendable, Hashable {
        package let name: String
        package let value: JSONValue
        /// Pairs a name with a value.
        package init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// An integer as a number.
    package static func integer(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }

    /// An object from pairs, leaving out those without a value.
    package static func members(_ pairs: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(pairs.compactMap { name, value in value.map { Member(name, $0) } })
    }

    /// The value of the member with exactly this name; nil for other kinds of values.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The value of the first member whose name matches without regard to ASCII case.
    package func member(ignoringCase name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        let wanted = name.lowercased()
        return members.first { $0.name.lowercased() == wanted }?.value
    }

    /// The text of a string, or the digits of a number; nil otherwise.
    package var text: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .null, .bool, .array, .object: nil
        }
    }

    /// The text of a string; nil otherwise.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The elements of an array; nil otherwise.
    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The value as an integer, from a number or a string of digits; nil otherwise.
    package var integerValue: Int64? { text.flatMap { Int64($0) } }
}

extension String? {
    /// The text as a JSON string, or nil where there is none.
    package var json: JSONValue? { map { .string($0) } }
}
