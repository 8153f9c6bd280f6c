/// Decides which addresses an outgoing connection may go to.
///
/// The order is: addresses that are closed for good, the operator's denials, the operator's allowances, the built-in
/// table of the IANA special-purpose registries (as of 2025). An IPv4 address that is wrapped into IPv6 is taken out
/// and has to pass as well; an IPv4-mapped address is judged as the IPv4 address that it is. In IPv6 only global
/// unicast, `2000::/3`, can be public.
package struct AddressPolicy: Hashable, Sendable {
    /// Blocks that the operator opens beside what is public.
    package let allow: [CIDR]
    /// Blocks that the operator closes; a denial beats every allowance.
    package let deny: [CIDR]

    /// Makes a policy over the built-in one.
    ///
    /// - Parameters:
    ///   - allow: Blocks to open. Link-local, metadata, multicast and unspecified addresses stay closed all the same.
    ///   - deny: Blocks to close.
    package init(allow: [CIDR] = [], deny: [CIDR] = []) {
        self.allow = allow
        self.deny = deny
    }

    /// Public addresses only: the policy of production.
    package static let standard = AddressPolicy()

    /// The policy of the stand-in: public, loopback and private addresses.
    ///
    /// - Parameters:
    ///   - allow: Blocks to open in addition.
    ///   - deny: Blocks to close.
    /// - Returns: The policy; what is closed for good stays closed.
    package static func development(allow: [CIDR] = [], deny: [CIDR] = []) -> AddressPolicy {
        AddressPolicy(allow: developmentBlocks + allow, deny: deny)
    }

    private static let developmentBlocks: [CIDR] = [
        CIDR(IPAddress(v4: 0x7f00_0000), prefixLength: 8),
        CIDR(IPAddress(v4: 0x0a00_0000), prefixLength: 8),
        CIDR(IPAddress(v4: 0xac10_0000), prefixLength: 12),
        CIDR(IPAddress(v4: 0xc0a8_0000), prefixLength: 16),
        CIDR(IPAddress(v4: 0x6440_0000), prefixLength: 10),
        CIDR(IPAddress(v6High: 0, low: 1), prefixLength: 128),
        CIDR(IPAddress(v6High: 0xfc00 << 48, low: 0), prefixLength: 7),
    ]

    /// Judges one address.
    package func judge(_ address: IPAddress) -> AddressVerdict {
        let rule = rule(for: address.unmapped)
        return AddressVerdict(address: address, allowed: rule == .public || rule == .operatorAllow, rule: rule)
    }

    /// Judges every answer for one name.
    ///
    /// - Parameter addresses: All answers; one that is not allowed refuses the name.
    /// - Returns: The first refusal, or the first answer's verdict when all are allowed, or `nil` for no answers.
    package func judge(all addresses: some Collection<IPAddress>) -> AddressVerdict? {
        var first: AddressVerdict?
        for address in addresses {
            let verdict = judge(address)
            if !verdict.allowed { return verdict }
            if first == nil { first = verdict }
        }
        return first
    }

    /// Judges an address that is not IPv4-mapped.
    private func rule(for address: IPAddress) -> AddressRule {
        let range = SpecialRanges.classify(address)
        if range.isClosedForGood { return range.rule }
        if deny.contains(where: { $0.contains(address) }) { return .operatorDeny }
        let isAllowed = allow.contains { $0.contains(address) }
        for inner in range.innerAddresses {
            let innerRule = rule(for: inner)
            if innerRule == .public || innerRule == .operatorAllow { continue }
            if innerRule == .operatorDeny { return .operatorDeny }
            return range.rule == .public ? .isatap : range.rule
        }
        return isAllowed ? .operatorAllow : range.rule
    }
}
