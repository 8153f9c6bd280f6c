/// The percent-encoding that all request signatures share.
///
/// Unreserved are `A`–`Z`, `a`–`z`, `0`–`9`, `-`, `_`, `.` and `~`; every other byte of the UTF-8 text becomes `%XX` in
/// upper case, so a space is `%20` and `*` is `%2A`. Wire reference: vod-api 9.3 step 2.
package enum PercentEncoding {
    /// Percent-encodes a text.
    ///
    /// - Parameter text: Any text; it is encoded byte by byte, so an already encoded text is encoded once more.
    /// - Returns: ASCII text, at most three times as long as the input in bytes.
    package static func encode(_ text: String) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count + 16)
        append(text, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    static func append(_ text: String, keepingSlashes: Bool = false, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { append($0, keepingSlashes: keepingSlashes, to: &output) }
    }

    static func append(_ bytes: UnsafeBufferPointer<UInt8>, keepingSlashes: Bool = false, to output: inout [UInt8]) {
        for byte in bytes {
            if isUnreserved(byte) || (keepingSlashes && byte == 0x2F) {
                output.append(byte)
            } else {
                output.append(0x25)
                output.append(ASCII.upperHexDigits[Int(byte >> 4)])
                output.append(ASCII.upperHexDigits[Int(byte & 0x0F)])
            }
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }
}
