/// Byte-level helpers for the ASCII parts of the wire format.
enum ASCIIText {
    static func isDigit(_ byte: UInt8) -> Bool {
        byte >= 0x30 && byte <= 0x39
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20)
    }

    /// The value of a hexadecimal digit in either case, or `nil` for any other byte.
    static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    /// Hexadecimal text of the bytes.
    static func hex(_ bytes: some Sequence<UInt8>, uppercase: Bool) -> String {
        let digits = uppercase ? upperHexDigits : lowerHexDigits
        var text: [UInt8] = []
        text.reserveCapacity(32)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0x0F)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let upperHexDigits = Array("0123456789ABCDEF".utf8)
    private static let lowerHexDigits = Array("0123456789abcdef".utf8)

    /// The beginning of a text from outside, for a message; counted in bytes, for one character may have any number.
    static func excerpt(_ bytes: some Collection<UInt8>, length: Int = 64) -> String {
        String(decoding: bytes.prefix(length), as: UTF8.self)
    }

    /// The text with `A` to `Z` lower-cased and every other byte kept.
    static func lowercased(_ text: some StringProtocol) -> String {
        String(decoding: text.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 + 0x20 : $0 }, as: UTF8.self)
    }

    /// The text without leading and trailing blanks, of which XML and HTTP know four.
    static func trimmed(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        guard let first = bytes.firstIndex(where: { !XMLText.isBlank($0) }),
            let last = bytes.lastIndex(where: { !XMLText.isBlank($0) })
        else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}
