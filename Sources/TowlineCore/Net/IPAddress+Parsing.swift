extension IPAddress {
    /// Reads an address from its text.
    ///
    /// - Parameter text: A dotted quad such as `192.0.2.1`, or IPv6 text of RFC 4291 section 2.2 such as `2001:db8::1`
    ///   or `::ffff:192.0.2.1`, without brackets, prefix length or zone id; anything else gives `nil`.
    package init?(parsing text: some StringProtocol) {
        let bytes = Array(text.utf8)
        if bytes.contains(UInt8(ascii: ":")) {
            guard let groups = Self.parseGroups(bytes[...]) else { return nil }
            func half(_ part: ArraySlice<UInt16>) -> UInt64 { part.reduce(0) { $0 << 16 | UInt64($1) } }
            self.init(v6High: half(groups[..<4]), low: half(groups[4...]))
        } else {
            guard let v4 = Self.parseDottedQuad(bytes[...]) else { return nil }
            self.init(v4: v4)
        }
    }

    /// Reads four decimal numbers of 0 to 255 without leading zeros.
    static func parseDottedQuad(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var number: UInt32 = 0
            for byte in part {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                number = number * 10 + UInt32(byte - UInt8(ascii: "0"))
            }
            guard number <= 255 else { return nil }
            value = value << 8 | number
        }
        return value
    }

    /// Reads the eight groups of an IPv6 address.
    private static func parseGroups(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
        let colon = UInt8(ascii: ":")
        var gap: Int?
        for index in bytes.indices.dropLast() where bytes[index] == colon && bytes[index + 1] == colon {
            guard gap == nil else { return nil }
            gap = index
        }
        guard let gap else {
            let groups = parseRun(bytes, mayEndInQuad: true)
            return groups?.count == 8 ? groups : nil
        }
        let headBytes = bytes[..<gap]
        let tailBytes = bytes[(gap + 2)...]
        guard let head = headBytes.isEmpty ? [] : parseRun(headBytes, mayEndInQuad: false),
            let tail = tailBytes.isEmpty ? [] : parseRun(tailBytes, mayEndInQuad: true),
            head.count + tail.count <= 7
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    /// Reads groups separated by single colons, the last two of them as a dotted quad where that is allowed.
    private static func parseRun(_ bytes: ArraySlice<UInt8>, mayEndInQuad: Bool) -> [UInt16]? {
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if mayEndInQuad, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let quad = parseDottedQuad(part) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: quad >> 16))
                groups.append(UInt16(truncatingIfNeeded: quad))
                continue
            }
            guard (1...4).contains(part.count) else { return nil }
            var group: UInt16 = 0
            for byte in part {
                guard let digit = ASCII.hexDigit(byte) else { return nil }
                group = group << 4 | UInt16(digit)
            }
            groups.append(group)
        }
        return groups
    }
}
