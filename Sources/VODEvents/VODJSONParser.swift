/// A JSON reader for bodies from outside: bounded nesting, no duplicate names, trailing commas allowed.
///
/// A comma after the last member or element is allowed since the vendor prints one in a sample; so is a byte order mark
/// at the start. Everything else is JSON by RFC 8259.
struct VODJSONParser {
    private let bytes: [UInt8]
    private let maximumDepth: Int
    private var index = 0

    init(_ bytes: [UInt8], maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    mutating func parseDocument() throws(VODEventError) -> VODJSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        let value = try parseValue(depth: 0)
        skipBlanks()
        guard index == bytes.count else { throw unexpected("the end of the text") }
        return value
    }

    private mutating func parseValue(depth: Int) throws(VODEventError) -> VODJSON {
        skipBlanks()
        switch peek {
        case 0x7B: return .object(try parseMembers(depth: depth + 1))
        case 0x5B: return .array(try parseElements(depth: depth + 1))
        case 0x22: return .string(try parseString())
        case 0x74: return try parseLiteral("true", .bool(true))
        case 0x66: return try parseLiteral("false", .bool(false))
        case 0x6E: return try parseLiteral("null", .null)
        default: return .number(try parseNumber())
        }
    }

    private mutating func parseMembers(depth: Int) throws(VODEventError) -> [VODJSON.Member] {
        try open(depth: depth)
        var members: [VODJSON.Member] = []
        var names = NameSet()
        while true {
            skipBlanks()
            if consume(0x7D) { return members }
            let start = index
            guard peek == 0x22 else { throw unexpected("a name in quotes or }") }
            let name = try parseString()
            guard names.insert(name) else {
                let shown = VODJSON.string(String(name.prefix(64))).jsonText
                throw VODEventError(.duplicateMember, offset: start, "The object has the member \(shown) twice")
            }
            skipBlanks()
            guard consume(0x3A) else { throw unexpected("a colon") }
            members.append(VODJSON.Member(name: name, value: try parseValue(depth: depth)))
            skipBlanks()
            guard consume(0x2C) || peek == 0x7D else { throw unexpected("a comma or }") }
        }
    }

    private mutating func parseElements(depth: Int) throws(VODEventError) -> [VODJSON] {
        try open(depth: depth)
        var elements: [VODJSON] = []
        while true {
            skipBlanks()
            if consume(0x5D) { return elements }
            elements.append(try parseValue(depth: depth))
            skipBlanks()
            guard consume(0x2C) || peek == 0x5D else { throw unexpected("a comma or ]") }
        }
    }

    /// Steps into an object or array, whose recursion is bounded here.
    private mutating func open(depth: Int) throws(VODEventError) {
        guard depth <= maximumDepth else {
            throw VODEventError(
                .tooDeep,
                offset: index,
                "The JSON text is nested more than \(maximumDepth) levels deep"
            )
        }
        index += 1
    }

    private mutating func parseLiteral(_ word: StaticString, _ value: VODJSON) throws(VODEventError) -> VODJSON {
        let end = index + word.utf8CodeUnitCount
        let matches =
            end <= bytes.count
            && word.withUTF8Buffer { bytes[index..<end].elementsEqual($0) }
        guard matches else { throw unexpected("true, false or null") }
        index = end
        return value
    }

    private mutating func parseNumber() throws(VODEventError) -> String {
        let start = index
        _ = consume(0x2D)
        if !consume(0x30) {
            guard consumeDigits() else { throw unexpected("a value") }
        }
        if consume(0x2E) {
            guard consumeDigits() else { throw unexpected("a digit") }
        }
        if consume(0x65) || consume(0x45) {
            if !consume(0x2B) { _ = consume(0x2D) }
            guard consumeDigits() else { throw unexpected("a digit") }
        }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private mutating func parseString() throws(VODEventError) -> String {
        let start = index
        index += 1
        var text: [UInt8] = []
        while true {
            let run = index
            while let byte = peek, byte != 0x22, byte != 0x5C, byte >= 0x20 { index += 1 }
            text.append(contentsOf: bytes[run..<index])
            guard peek == 0x5C else { break }
            try parseEscape(into: &text)
        }
        guard consume(0x22) else { throw unexpected("a closing quote") }
        guard let string = String(validating: text, as: UTF8.self) else {
            throw VODEventError(.notUTF8, offset: start, "A text in the JSON body is not UTF-8")
        }
        return string
    }

    private mutating func parseEscape(into text: inout [UInt8]) throws(VODEventError) {
        index += 1
        switch peek {
        case 0x22, 0x5C, 0x2F: text.append(bytes[index])
        case 0x62: text.append(0x08)
        case 0x66: text.append(0x0C)
        case 0x6E: text.append(0x0A)
        case 0x72: text.append(0x0D)
        case 0x74: text.append(0x09)
        case 0x75:
            index += 1
            text.append(contentsOf: String(try parseEscapedScalar()).utf8)
            return
        default: throw unexpected("an escape sequence")
        }
        index += 1
    }

    /// Reads what follows `\u`: four digits, or a surrogate pair of two escapes.
    private mutating func parseEscapedScalar() throws(VODEventError) -> Unicode.Scalar {
        let start = index
        let first = try parseHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, consume(0x5C), consume(0x75) {
            let second = try parseHexDigits()
            if (0xDC00...0xDFFF).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        throw VODEventError(.notUTF8, offset: start, "The JSON text has half of a surrogate pair")
    }

    private mutating func parseHexDigits() throws(VODEventError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Bytes.hexValue(byte) else { throw unexpected("four hexadecimal digits") }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }

    private var peek: UInt8? {
        index < bytes.count ? bytes[index] : nil
    }

    private mutating func consume(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        index += 1
        return true
    }

    private mutating func consumeDigits() -> Bool {
        let start = index
        while let byte = peek, Bytes.isDigit(byte) { index += 1 }
        return index > start
    }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    private func unexpected(_ expected: StaticString) -> VODEventError {
        VODEventError(.notJSON, offset: index, "The body is not JSON: expected \(expected)")
    }
}

/// The names seen in one object, compared by bytes.
private struct NameSet {
    private struct Name: Hashable {
        let text: String

        static func == (left: Name, right: Name) -> Bool {
            Bytes.areSame(left.text, right.text)
        }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    private var names: Set<Name> = []

    /// Adds a name; `false` when it was there before.
    mutating func insert(_ name: String) -> Bool {
        names.insert(Name(text: name)).inserted
    }
}
