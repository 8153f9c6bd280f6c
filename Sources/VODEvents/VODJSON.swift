/// A JSON value as it came in the body of an event.
///
/// Nothing is lost: members keep their order and their names, trailing blanks included, and numbers keep their text.
public enum VODJSON: Sendable, Hashable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number by its text, for example `1048576` or `1.5e3`.
    case number(String)
    /// A text, unescaped and not trimmed.
    case string(String)
    /// Values in order.
    case array([VODJSON])
    /// Members in order; no name occurs twice.
    case object([Member])

    /// One member of an object.
    public struct Member: Sendable, Hashable {
        /// The name exactly as received, possibly with trailing blanks.
        public let name: String
        /// The value.
        public let value: VODJSON

        /// Makes a member.
        ///
        /// - Parameters:
        ///   - name: The name.
        ///   - value: The value.
        public init(name: String, value: VODJSON) {
            self.name = name
            self.value = value
        }
    }

    /// Looks up a member of an object.
    ///
    /// A member of exactly this name wins; otherwise the first one whose name is the same without surrounding blanks,
    /// since the vendor's samples pad some names (`"SourceURL "`).
    ///
    /// - Parameter name: The name without blanks around it; case counts.
    /// - Returns: The value, or `nil` when there is no such member or this is not an object.
    public subscript(name: String) -> VODJSON? {
        let exact = members.first { Bytes.areSame($0.name, name) }
        return (exact ?? members.first { Bytes.areSame(Bytes.trimmed($0.name), name) })?.value
    }

    /// The members of an object in order; empty for any other value.
    public var members: [Member] {
        if case .object(let members) = self { members } else { [] }
    }

    /// The elements of an array in order; empty for any other value.
    public var elements: [VODJSON] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// The text without surrounding blanks; for numbers and booleans their JSON text; `nil` for any other value.
    public var text: String? {
        switch self {
        case .string(let text): Bytes.trimmed(text)
        case .number(let text): text
        case .bool(let value): value ? "true" : "false"
        case .null, .array, .object: nil
        }
    }

    /// A whole number, given as a JSON number or as text with blanks around it.
    ///
    /// `nil` for fractions, for values outside of `Int64` and for anything else. `1.0` and `1e3` are whole numbers.
    public var integer: Int64? {
        guard let text, !isBool else { return nil }
        if let integer = Int64(text) { return integer }
        guard let number = double, number.rounded() == number, abs(number) < 9_007_199_254_740_992 else { return nil }
        return Int64(number)
    }

    /// A number, given as a JSON number or as text with blanks around it; `nil` for anything else and for infinities.
    public var double: Double? {
        guard let text, !isBool, text.utf8.allSatisfy(Self.isPartOfNumber), let number = Double(text), number.isFinite
        else { return nil }
        return number
    }

    /// Keeps out what `Double` reads beyond decimal numbers: hexadecimal ones and words.
    private static func isPartOfNumber(_ byte: UInt8) -> Bool {
        Bytes.isDigit(byte) || "+-.eE".utf8.contains(byte)
    }

    private var isBool: Bool {
        if case .bool = self { true } else { false }
    }

    /// This value as compact JSON text: no blanks, members in order.
    public var jsonText: String {
        var output = ""
        write(to: &output)
        return output
    }

    private func write(to output: inout String) {
        switch self {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .number(let text): output += text
        case .string(let text): Self.write(text, to: &output)
        case .array(let elements):
            output += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { output += "," }
                element.write(to: &output)
            }
            output += "]"
        case .object(let members):
            output += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { output += "," }
                Self.write(member.name, to: &output)
                output += ":"
                member.value.write(to: &output)
            }
            output += "}"
        }
    }

    private static func write(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: output += "\\\""
            case 0x5C: output += "\\\\"
            case 0x0A: output += "\\n"
            case 0x0D: output += "\\r"
            case 0x09: output += "\\t"
            case 0..<0x20: output += "\\u00" + Bytes.hex([UInt8(scalar.value)])
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}
