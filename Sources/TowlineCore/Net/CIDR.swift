/// A block of addresses that share their first bits, such as `10.0.0.0/8` or `2001:db8::/32`.
package struct CIDR: Hashable, Sendable {
    /// The first address of the block.
    package let network: IPAddress
    /// How many leading bits are fixed: 0 to 32 for IPv4, 0 to 128 for IPv6.
    package let prefixLength: Int

    /// Makes a block from constants of the program.
    ///
    /// Bits after the prefix are cleared.
    ///
    /// - Parameters:
    ///   - address: An address inside the block.
    ///   - prefixLength: How many leading bits are fixed; clamped to what the family has.
    package init(_ address: IPAddress, prefixLength: Int) {
        let bits = address.family == .v4 ? 32 : 128
        self.prefixLength = min(max(prefixLength, 0), bits)
        self.network = address.masked(to: self.prefixLength)
    }

    /// Reads a block from its text.
    ///
    /// - Parameter text: `ADDRESS/LENGTH`, or an address alone for a block of one.
    /// - Throws: ``CIDRError``, which names what is allowed.
    package init(parsing text: String) throws(CIDRError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress(parsing: $0) }) else {
            throw CIDRError(text: text, reason: "the part before the slash is no IPv4 or IPv6 address")
        }
        guard address.unmapped == address else {
            throw CIDRError(text: text, reason: "write an IPv4-mapped address as IPv4")
        }
        let bits = address.family == .v4 ? 32 : 128
        var length = bits
        if parts.count == 2 {
            let digits = parts[1]
            let isPlain = (1...3).contains(digits.utf8.count) && digits.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
            guard isPlain, digits == "0" || !digits.hasPrefix("0"), let number = Int(digits), number <= bits else {
                throw CIDRError(text: text, reason: "the prefix length must be a number from 0 to \(bits)")
            }
            length = number
        }
        self.init(address, prefixLength: length)
        guard network == address else {
            throw CIDRError(text: text, reason: "bits are set after the prefix; write \(self)")
        }
    }

    /// Whether an address lies in the block; an IPv4 address never lies in an IPv6 block, nor the other way round.
    package func contains(_ address: IPAddress) -> Bool {
        address.family == network.family && address.masked(to: prefixLength) == network
    }
}

extension CIDR: CustomStringConvertible {
    /// The canonical text, always with the prefix length.
    package var description: String { "\(network)/\(prefixLength)" }
}

/// Says why a text is no block of addresses and what is allowed.
package struct CIDRError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text that was given.
    package let text: String
    /// What is wrong with it.
    package let reason: String

    /// One sentence with the text, the reason and examples of what is allowed.
    package var description: String {
        "'\(text)' is not a block of addresses: \(reason). Allowed: an address with a prefix length, "
            + "such as 10.0.0.0/8 or fd00::/8, or an address alone, such as 192.168.1.10."
    }
}

extension IPAddress {
    /// The address with every bit after the first `length` cleared.
    func masked(to length: Int) -> IPAddress {
        func mask(_ bits: Int, of width: Int) -> UInt64 {
            bits <= 0 ? 0 : (UInt64.max << UInt64(max(0, width - bits)))
        }
        if let v4 = v4Value {
            return IPAddress(v4: v4 & UInt32(truncatingIfNeeded: mask(length, of: 32)))
        }
        return IPAddress(v6High: high & mask(min(length, 64), of: 64), low: low & mask(length - 64, of: 64))
    }
}
