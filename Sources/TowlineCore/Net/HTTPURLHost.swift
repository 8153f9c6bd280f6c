/// Reads the host of a URL.
enum HTTPURLHost {
    /// Most bytes of a host name and of one of its labels (RFC 1035 section 2.3.4).
    private static let maximumName = 253
    private static let maximumLabel = 63

    /// Reads a name or a dotted quad.
    static func parse(_ bytes: ArraySlice<UInt8>) throws(HTTPURLError) -> HTTPURL.Host {
        guard !bytes.isEmpty else { throw HTTPURLError(.emptyHost, "The URL has no host.") }
        guard bytes.allSatisfy({ $0 < 0x80 }) else {
            throw HTTPURLError(
                .nonASCIIHost,
                "The host holds characters outside ASCII; write it as punycode (xn--…)."
            )
        }
        let dot = UInt8(ascii: ".")
        let hasTrailingDot = bytes.last == dot
        let name = (hasTrailingDot ? bytes.dropLast() : bytes).map { ASCII.lowercased($0) }
        guard !name.isEmpty else { throw HTTPURLError(.emptyHost, "The URL has no host.") }
        let labels = name[...].split(separator: dot, omittingEmptySubsequences: false)
        try check(labels, of: name)
        if let last = labels.last, isNumeric(last) {
            guard !hasTrailingDot, let v4 = IPAddress.parseDottedQuad(name[...]) else {
                throw HTTPURLError(
                    .numericHost,
                    "The host ends in a number but is not an IPv4 address of four decimal numbers from 0 to 255 "
                        + "without leading zeros."
                )
            }
            return .address(IPAddress(v4: v4))
        }
        return .name(String(decoding: name, as: UTF8.self))
    }

    /// Reads what stands between brackets.
    static func parseBracketed(_ bytes: ArraySlice<UInt8>) throws(HTTPURLError) -> HTTPURL.Host {
        guard !bytes.contains(UInt8(ascii: "%")) else {
            throw HTTPURLError(.zone, "The IPv6 address has a zone id; zones are not allowed.")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let address = IPAddress(parsing: text), address.family == .v6 else {
            throw HTTPURLError(.ipv6, "Between the brackets must stand an IPv6 address, such as [2001:db8::1].")
        }
        return .address(address)
    }

    private static func check(_ labels: [ArraySlice<UInt8>], of name: [UInt8]) throws(HTTPURLError) {
        guard name.count <= maximumName else {
            throw HTTPURLError(.host, "The host is longer than \(maximumName) bytes.")
        }
        for label in labels {
            guard (1...maximumLabel).contains(label.count) else {
                throw HTTPURLError(.host, "Between the dots of the host must stand 1 to \(maximumLabel) characters.")
            }
            guard label.allSatisfy({ isHostCharacter($0) }), label.first != UInt8(ascii: "-"),
                label.last != UInt8(ascii: "-")
            else {
                throw HTTPURLError(
                    .host,
                    "The host may hold letters, digits, dots, underscores and inner hyphens only."
                )
            }
        }
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Whether some resolver would read the label as a number: decimal, octal or hexadecimal.
    private static func isNumeric(_ label: ArraySlice<UInt8>) -> Bool {
        if label.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) { return true }
        return label.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")])
            && label.dropFirst(2).allSatisfy { ASCII.hexDigit($0) != nil }
    }
}
