import NIOCore

/// Takes single lines of HTTP/1.1 apart.
enum HTTP1Lexer {
    /// Reads `HTTP/1.x SP status [SP reason]`.
    static func statusLine(
        _ line: ByteBuffer
    ) throws(HTTP1ParseError) -> (minorVersion: Int, status: Int, reason: String) {
        let parsed = line.withUnsafeReadableBytes { bytes in
            Result { () throws(HTTP1ParseError) in try statusLine(of: bytes) }
        }
        return try parsed.get()
    }

    private static func statusLine(
        of bytes: UnsafeRawBufferPointer
    ) throws(HTTP1ParseError) -> (minorVersion: Int, status: Int, reason: String) {
        let isHTTP1 = bytes.count >= 12 && bytes.starts(with: "HTTP/1.".utf8) && bytes[8] == 0x20
        guard isHTTP1, let minor = digit(bytes[7]) else {
            throw .malformed("the response does not begin with an HTTP/1 status line")
        }
        guard let first = digit(bytes[9]), let second = digit(bytes[10]), let third = digit(bytes[11]), first > 0,
            bytes.count == 12 || bytes[12] == 0x20
        else {
            throw .malformed("the status is not a number of three digits")
        }
        let reason = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(13))
        guard reason.allSatisfy(isText) else { throw .malformed("the status line holds control characters") }
        return (minor, first * 100 + second * 10 + third, String(decoding: reason, as: UTF8.self))
    }

    /// Reads `name ":" value`.
    static func field(_ line: ByteBuffer) throws(HTTP1ParseError) -> (String, String) {
        let parsed = line.withUnsafeReadableBytes { bytes in
            Result { () throws(HTTP1ParseError) in try field(of: bytes) }
        }
        return try parsed.get()
    }

    private static func field(of bytes: UnsafeRawBufferPointer) throws(HTTP1ParseError) -> (String, String) {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0, bytes[..<colon].allSatisfy(isToken) else {
            throw .malformed("a header line has no valid field name")
        }
        let name = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[..<colon]), as: UTF8.self)
        return (name, try value(UnsafeRawBufferPointer(rebasing: bytes[(colon + 1)...])))
    }

    /// Whether the line continues the one before it.
    static func isFolded(_ line: ByteBuffer) -> Bool {
        line.getInteger(at: line.readerIndex).map(isBlank) ?? false
    }

    /// Reads a line that is all value, such as a continuation.
    static func fieldValue(_ line: ByteBuffer) throws(HTTP1ParseError) -> String {
        let parsed = line.withUnsafeReadableBytes { bytes in
            Result { () throws(HTTP1ParseError) in try value(bytes) }
        }
        return try parsed.get()
    }

    /// Reads `size [";" extension]` in hexadecimal.
    static func chunkSize(_ line: ByteBuffer) throws(HTTP1ParseError) -> Int64 {
        var size: Int64 = 0
        var digits = 0
        var rest = line.readableBytesView
        while let byte = rest.first, let digit = hexDigit(byte) {
            digits += 1
            guard digits <= 15 else { throw .malformed("a chunk's size is too large") }
            size = size << 4 | Int64(digit)
            rest = rest.dropFirst()
        }
        let afterBlanks = rest.drop(while: isBlank)
        guard digits > 0, afterBlanks.isEmpty || afterBlanks.first == UInt8(ascii: ";"), rest.allSatisfy(isText) else {
            throw .malformed("a chunk's size is not a hexadecimal number")
        }
        return size
    }

    /// Whether a byte may stand in a field name or method (RFC 9110 section 5.6.2).
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Whether a byte may stand in a field value: no control character but the tab.
    static func isText(_ byte: UInt8) -> Bool {
        byte == 0x09 || (byte >= 0x20 && byte != 0x7f)
    }

    /// Whether every byte of a text fulfils a condition.
    static func areAll(_ text: String, _ condition: (UInt8) -> Bool) -> Bool {
        var text = text
        return text.withUTF8 { $0.allSatisfy(condition) }
    }

    /// Whether a name is the expected one, which is in lower case, in any case of its ASCII letters.
    static func isSame(_ name: String, _ expected: StaticString) -> Bool {
        guard name.utf8.count == expected.utf8CodeUnitCount else { return false }
        var name = name
        return name.withUTF8 { bytes in
            expected.withUTF8Buffer { expected in
                zip(bytes, expected).allSatisfy { lowercased($0) == $1 }
            }
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09
    }

    private static func value(_ bytes: UnsafeRawBufferPointer) throws(HTTP1ParseError) -> String {
        guard bytes.allSatisfy(isText) else { throw .malformed("a header value holds control characters") }
        let start = bytes.drop(while: isBlank)
        guard let end = start.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(decoding: UnsafeRawBufferPointer(rebasing: start[...end]), as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> Int? {
        byte >= 0x30 && byte <= 0x39 ? Int(byte - 0x30) : nil
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
