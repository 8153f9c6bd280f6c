extension XMLReader {
    // MARK: Before and after the root

    /// Skips the mark of UTF-8 and refuses what looks like UTF-16 or UTF-32.
    mutating func skipByteOrderMark() throws(XMLFailure) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            index = 3
        } else if [[0xFE, 0xFF], [0xFF, 0xFE], [0x00, 0x3C], [0x3C, 0x00], [0x00, 0x00]].contains(
            where: { bytes.starts(with: $0) })
        {
            throw failure(.encoding, "The document is not in UTF-8, the only encoding that is accepted")
        }
    }

    /// Reads the declaration if there is one: a version, then perhaps an encoding, then perhaps `standalone`.
    mutating func readDeclaration() throws(XMLFailure) {
        guard hasPrefix("<?xml"), index + 5 < bytes.count, XMLText.isBlank(bytes[index + 5]) else { return }
        index += 5
        var allowed = ["version", "encoding", "standalone"][...]
        while true {
            let separated = skipBlanks()
            if hasPrefix("?>") { break }
            guard index < bytes.count else { throw truncated("the end of the XML declaration") }
            let start = index
            let name = String(decoding: bytes[try readName()], as: UTF8.self)
            guard separated, let position = allowed.firstIndex(of: name), position == 0 || allowed.startIndex > 0 else {
                throw XMLFailure(
                    .malformed, offset: start,
                    "The XML declaration must hold version, then encoding, then standalone, and nothing else")
            }
            allowed = allowed[(position + 1)...]
            try checkDeclaration(name, value: try readDeclarationValue(), offset: start)
        }
        guard allowed.startIndex > 0 else { throw failure(.malformed, "The XML declaration lacks the version") }
        index += 2
    }

    private func checkDeclaration(_ name: String, value: Range<Int>, offset: Int) throws(XMLFailure) {
        let text = String(decoding: bytes[value], as: UTF8.self)
        switch name {
        case "version":
            // A reader of XML 1.0 takes every document that calls itself 1.something as 1.0.
            guard text.hasPrefix("1."), text.utf8.count > 2, text.utf8.dropFirst(2).allSatisfy(ASCIIText.isDigit)
            else { throw XMLFailure(.malformed, offset: offset, "The XML version must be 1.0") }
        case "encoding":
            guard ["utf-8", "utf8"].contains(ASCIIText.lowercased(text)) else {
                throw XMLFailure(
                    .encoding, offset: offset,
                    "The XML declaration says encoding \(shown(value)); only UTF-8 is accepted")
            }
        default:
            guard text == "yes" || text == "no" else {
                throw XMLFailure(.malformed, offset: offset, "standalone must be yes or no")
            }
        }
    }

    private mutating func readDeclarationValue() throws(XMLFailure) -> Range<Int> {
        _ = skipBlanks()
        try expect("=")
        _ = skipBlanks()
        let quote = try readQuote()
        let start = index
        while let byte = peek, byte != quote, byte > 0x20, byte < 0x7F { index += 1 }
        guard index < bytes.count else { throw truncated("the end of the XML declaration") }
        guard peek == quote else { throw failure(.malformed, "A value of the XML declaration is not closed") }
        defer { index += 1 }
        return start..<index
    }

    /// Skips blanks and comments, and refuses every declaration and instruction.
    mutating func skipMiscellany() throws(XMLFailure) {
        while true {
            _ = skipBlanks()
            if hasPrefix("<!--") {
                try skipComment()
            } else if hasPrefix("<!") {
                throw documentType
            } else if hasPrefix("<?") {
                throw processingInstruction
            } else {
                return
            }
        }
    }

    mutating func skipComment() throws(XMLFailure) {
        index += 4
        while index < bytes.count, !hasPrefix("--") { try skipCharacter() }
        guard index + 2 < bytes.count else { throw truncated("the end of a comment") }
        guard bytes[index + 2] == UInt8(ascii: ">") else { throw failure(.malformed, "A comment must not hold --") }
        index += 3
    }

    // MARK: Names, references, characters

    /// Reads a name, which may have one prefix.
    mutating func readName() throws(XMLFailure) -> Range<Int> {
        let start = index
        var partStart = index
        var colons = 0
        while let byte = peek {
            if byte == UInt8(ascii: ":"), index > partStart, colons == 0 {
                index += 1
                colons += 1
                partStart = index
                continue
            }
            let scalar = byte < 0x80 ? (value: UInt32(byte), length: 1) : XMLText.decodeScalar(bytes, at: index)
            guard let scalar else { throw failure(.invalidUTF8, "The document is not UTF-8") }
            let fits = index == partStart ? XMLText.isNameStart(scalar.value) : XMLText.isNamePart(scalar.value)
            guard fits else { break }
            index += scalar.length
        }
        guard index > partStart else {
            throw index < bytes.count ? failure(.malformed, "A name must stand here") : truncated("a name")
        }
        return start..<index
    }

    /// The part of a name after its colon.
    func localPart(of name: Range<Int>) -> Range<Int> {
        guard let colon = bytes[name].firstIndex(of: UInt8(ascii: ":")) else { return name }
        return (colon + 1)..<name.upperBound
    }

    /// Reads a reference to a character or to one of the five predefined entities.
    mutating func readReference() throws(XMLFailure) -> Unicode.Scalar {
        let start = index
        if hasPrefix("&#") { return try readCharacterReference() }
        for (entity, scalar) in Self.entities where hasPrefix(entity) {
            index += entity.utf8CodeUnitCount
            return scalar
        }
        index += 1
        while let byte = peek, byte < 0x80, XMLText.isNamePart(UInt32(byte)) { index += 1 }
        guard index < bytes.count else { throw truncated("the end of a reference") }
        guard bytes[index] == UInt8(ascii: ";"), index > start + 1 else {
            throw XMLFailure(.malformed, offset: start, "A & that is meant as text must be &amp;")
        }
        throw XMLFailure(
            .unknownEntity, offset: start,
            "The entity \(shown((start + 1)..<index)) is not one of amp, lt, gt, quot and apos")
    }

    private static let entities: [(StaticString, Unicode.Scalar)] = [
        ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"),
    ]

    private mutating func readCharacterReference() throws(XMLFailure) -> Unicode.Scalar {
        let start = index
        index += 2
        let base: UInt32 = peek == UInt8(ascii: "x") ? 16 : 10
        if base == 16 { index += 1 }
        let digits = index
        var value: UInt32 = 0
        while let byte = peek, let digit = ASCIIText.hexValue(byte), digit < base {
            value = min(value * base + UInt32(digit), 0x11_0000)
            index += 1
        }
        guard index < bytes.count else { throw truncated("the end of a reference") }
        guard bytes[index] == UInt8(ascii: ";"), index > digits else {
            throw XMLFailure(.malformed, offset: start, "A reference must be digits that end with a semicolon")
        }
        guard XMLText.isAllowed(value), let scalar = Unicode.Scalar(value) else {
            throw XMLFailure(.invalidCharacter, offset: start, "A reference names a character that XML cannot carry")
        }
        index += 1
        return scalar
    }

    /// Steps over one character that XML can carry.
    @inline(__always)
    mutating func skipCharacter() throws(XMLFailure) {
        let byte = bytes[index]
        if byte >= 0x20, byte < 0x80 {
            index += 1
        } else {
            try skipUncommonCharacter()
        }
    }

    private mutating func skipUncommonCharacter() throws(XMLFailure) {
        guard let scalar = XMLText.decodeScalar(bytes, at: index) else {
            throw failure(.invalidUTF8, "The document is not UTF-8")
        }
        guard XMLText.isAllowed(scalar.value) else {
            let code = String(scalar.value, radix: 16, uppercase: true)
            throw failure(.invalidCharacter, "The document holds the character U+\(code), which XML cannot carry")
        }
        index += scalar.length
    }

    // MARK: Bytes

    var peek: UInt8? {
        index < bytes.count ? bytes[index] : nil
    }

    /// Steps over blanks; `true` when there was one.
    mutating func skipBlanks() -> Bool {
        let start = index
        while let byte = peek, XMLText.isBlank(byte) { index += 1 }
        return index > start
    }

    func hasPrefix(_ prefix: StaticString) -> Bool {
        let count = prefix.utf8CodeUnitCount
        guard bytes.count - index >= count else { return false }
        for position in 0..<count where bytes[index + position] != prefix.utf8Start[position] { return false }
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws(XMLFailure) {
        guard index < bytes.count else { throw truncated("a \(character)") }
        guard bytes[index] == UInt8(ascii: character) else {
            throw failure(.malformed, "A \(character) must stand here")
        }
        index += 1
    }

    /// Steps over the quote that opens a value and returns it.
    mutating func readQuote() throws(XMLFailure) -> UInt8 {
        guard let byte = peek else { throw truncated("a value in quotes") }
        guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") else {
            throw failure(.malformed, "A value in quotes must stand here")
        }
        index += 1
        return byte
    }

    // MARK: Failures

    func failure(_ code: XMLFailure.Code, _ detail: String) -> XMLFailure {
        XMLFailure(code, offset: index, detail)
    }

    func truncated(_ expected: String) -> XMLFailure {
        XMLFailure(.truncated, offset: bytes.count, "The document ends before \(expected)")
    }

    var documentType: XMLFailure {
        failure(.documentType, "Document types and other declarations are not accepted")
    }

    var processingInstruction: XMLFailure {
        failure(.processingInstruction, "Processing instructions are not accepted")
    }

    /// A name from the document, cut to a length that fits into a message.
    func shown(_ name: Range<Int>) -> String {
        ASCIIText.excerpt(bytes[name])
    }
}
