/// One IPv4 or IPv6 address as a value, without a zone.
///
/// Text is read strictly: four decimal numbers without leading zeros for IPv4, RFC 4291 section 2.2 for IPv6. Every
/// other spelling that some resolvers accept (octal, hexadecimal, short forms, zone ids) is no address here.
package struct IPAddress: Hashable, Sendable {
    /// The two address families.
    package enum Family: String, Hashable, Sendable {
        /// IPv4, four bytes.
        case v4
        /// IPv6, sixteen bytes.
        case v6
    }

    /// The family that the bytes belong to.
    package let family: Family
    /// The first eight bytes of an IPv6 address in network order; zero for IPv4.
    package let high: UInt64
    /// The last eight bytes of an IPv6 address in network order; for IPv4 the address itself.
    package let low: UInt64

    private init(family: Family, high: UInt64, low: UInt64) {
        self.family = family
        self.high = high
        self.low = low
    }

    /// Makes an IPv4 address from its number in host order.
    ///
    /// - Parameter v4: The address, so that `0x7f00_0001` is `127.0.0.1`.
    package init(v4: UInt32) {
        self.init(family: .v4, high: 0, low: UInt64(v4))
    }

    /// Makes an IPv6 address from its two halves in host order.
    ///
    /// - Parameters:
    ///   - high: The first eight bytes.
    ///   - low: The last eight bytes.
    package init(v6High high: UInt64, low: UInt64) {
        self.init(family: .v6, high: high, low: low)
    }

    /// Makes an address from its bytes in network order.
    ///
    /// - Parameter bytes: Four bytes for IPv4 or sixteen for IPv6; any other count gives `nil`.
    package init?(bytes: some Collection<UInt8>) {
        func number(_ part: some Sequence<UInt8>) -> UInt64 {
            part.reduce(0) { $0 << 8 | UInt64($1) }
        }
        switch bytes.count {
        case 4: self.init(family: .v4, high: 0, low: number(bytes))
        case 16: self.init(family: .v6, high: number(bytes.prefix(8)), low: number(bytes.dropFirst(8)))
        default: return nil
        }
    }

    /// The bytes in network order: four for IPv4, sixteen for IPv6.
    package var bytes: [UInt8] {
        func bytes(of number: UInt64, count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: number >> UInt64((count - 1 - $0) * 8)) }
        }
        return family == .v4 ? bytes(of: low, count: 4) : bytes(of: high, count: 8) + bytes(of: low, count: 8)
    }

    /// The IPv4 address in host order, or `nil` for IPv6.
    package var v4Value: UInt32? {
        family == .v4 ? UInt32(truncatingIfNeeded: low) : nil
    }

    /// The IPv4 address inside an IPv4-mapped IPv6 address (`::ffff:0:0/96`), or the address itself.
    ///
    /// Both name the same peer, so this is what is judged and what a socket connects to.
    package var unmapped: IPAddress {
        guard family == .v6, high == 0, low >> 32 == 0xffff else { return self }
        return IPAddress(v4: UInt32(truncatingIfNeeded: low))
    }

    /// The eight groups of an IPv6 address; empty for IPv4.
    private var groups: [UInt16] {
        guard family == .v6 else { return [] }
        return [high, low].flatMap { half in
            [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: half >> UInt64($0)) }
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The canonical text: a dotted quad, or RFC 5952 with IPv4-mapped addresses as `::ffff:a.b.c.d`.
    package var description: String {
        if let v4 = v4Value {
            return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
        }
        if unmapped.family == .v4 { return "::ffff:\(unmapped)" }
        let groups = self.groups
        let zeros = Self.longestZeroRun(in: groups)
        func text(_ part: some Sequence<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard zeros.count > 1 else { return text(groups) }
        return text(groups[..<zeros.lowerBound]) + "::" + text(groups[zeros.upperBound...])
    }

    /// The first of the longest runs of zero groups.
    private static func longestZeroRun(in groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...groups.count {
            if index < groups.count, groups[index] == 0 { continue }
            if index - start > best.count { best = start..<index }
            start = index + 1
        }
        return best
    }
}
