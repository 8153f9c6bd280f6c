/// What characters XML 1.0 can carry, and what names are made of.
package enum XMLText {
    /// Finds the first character that no XML 1.0 document can carry, not even as a reference.
    ///
    /// These are the control characters except tab, line feed and carriage return, and U+FFFE and U+FFFF.
    ///
    /// - Parameter text: Any text.
    /// - Returns: The character, or `nil` when the text survives a round trip.
    package static func firstForbiddenCharacter(in text: String) -> Unicode.Scalar? {
        text.unicodeScalars.first { !isAllowed($0.value) }
    }

    /// Whether a code point is a `Char` of XML 1.0.
    static func isAllowed(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x20...0xD7FF, 0x09, 0x0A, 0x0D, 0xE000...0xFFFD, 0x1_0000...0x10_FFFF: true
        default: false
        }
    }

    /// Whether a byte is one of the four blanks of XML.
    static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// Whether a code point may begin a name; the colon is left to the caller.
    static func isNameStart(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x61...0x7A, 0x41...0x5A, 0x5F, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF,
            0x200C...0x200D, 0x2070...0x218F, 0x2C00...0x2FEF, 0x3001...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFFD,
            0x1_0000...0xE_FFFF:
            true
        default: false
        }
    }

    /// Whether a code point may stand inside a name; the colon is left to the caller.
    static func isNamePart(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x30...0x39, 0x2D, 0x2E, 0xB7, 0x300...0x36F, 0x203F...0x2040: true
        default: isNameStart(scalar)
        }
    }

    /// Decodes the scalar that begins at an index, in the shortest form only and without surrogates.
    ///
    /// - Returns: The scalar and its number of bytes, or `nil` when the bytes are not UTF-8.
    static func decodeScalar(_ bytes: [UInt8], at index: Int) -> (value: UInt32, length: Int)? {
        let first = bytes[index]
        let (length, lowest): (Int, UInt32) =
            switch first {
            case 0x00...0x7F: (1, 0)
            case 0xC2...0xDF: (2, 0x80)
            case 0xE0...0xEF: (3, 0x800)
            case 0xF0...0xF4: (4, 0x1_0000)
            default: (0, 0)
            }
        guard length > 0, bytes.count - index >= length else { return nil }
        guard length > 1 else { return (UInt32(first), 1) }
        var value = UInt32(first) & (0x7F >> UInt32(length))
        for position in 1..<length {
            let byte = bytes[index + position]
            guard byte & 0xC0 == 0x80 else { return nil }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        guard value >= lowest, value <= 0x10_FFFF, !(0xD800...0xDFFF).contains(value) else { return nil }
        return (value, length)
    }
}
