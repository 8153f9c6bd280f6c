/// Percent-encoding and -decoding of URL parts.
enum PercentCoding {
    /// Encodes what cannot stand in a request line and leaves the rest as it is.
    ///
    /// A `%` with two hexadecimal digits is kept; any other is encoded.
    static func encode(_ bytes: some Collection<UInt8>) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index != bytes.endIndex {
            let byte = bytes[index]
            index = bytes.index(after: index)
            if mustEncode(byte) || (byte == UInt8(ascii: "%") && !startsWithTwoDigits(bytes[index...])) {
                result.append(UInt8(ascii: "%"))
                result.append(upperHex[Int(byte >> 4)])
                result.append(upperHex[Int(byte & 15)])
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Decodes every `%XX`; a `%` without two hexadecimal digits stays, bytes that are not UTF-8 are replaced.
    static func decode(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = ASCII.hexDigit(bytes[index + 1]), let low = ASCII.hexDigit(bytes[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static let upperHex = Array("0123456789ABCDEF".utf8)

    private static func mustEncode(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, 0x7f...0xff: true
        case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "`"), UInt8(ascii: "{"),
            UInt8(ascii: "}"), UInt8(ascii: "\\"):
            true
        default: false
        }
    }

    private static func startsWithTwoDigits(_ bytes: some Collection<UInt8>) -> Bool {
        let two = bytes.prefix(2)
        return two.count == 2 && two.allSatisfy { ASCII.hexDigit($0) != nil }
    }
}
