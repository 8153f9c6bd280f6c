/// What a policy says about one address, with the rule that decided.
package struct AddressVerdict: Hashable, Sendable {
    /// The address that was judged, as it was given.
    package let address: IPAddress
    /// Whether a connection to the address may be made.
    package let allowed: Bool
    /// The short stable name of the rule that decided, such as `public`, `private` or `operator-deny`.
    ///
    /// The names are listed at ``AddressRule``.
    package let rule: String

    /// Makes a verdict.
    package init(address: IPAddress, allowed: Bool, rule: AddressRule) {
        self.address = address
        self.allowed = allowed
        self.rule = rule.rawValue
    }
}

/// The names of the rules that decide about an address; stable, since users and tests read them.
package enum AddressRule: String, CaseIterable, Sendable {
    /// Global unicast that no registry reserves: allowed.
    case `public` = "public"
    /// A block that the operator allows: allowed.
    case operatorAllow = "operator-allow"
    /// A block that the operator denies.
    case operatorDeny = "operator-deny"
    /// An instance metadata or platform service of a cloud; never allowed.
    case metadata
    /// `169.254.0.0/16` and `fe80::/10`; never allowed.
    case linkLocal = "link-local"
    /// `0.0.0.0/8`, which reaches the own host on Linux; never allowed.
    case thisNetwork = "this-network"
    /// `::`, which reaches the own host on Linux; never allowed.
    case unspecified
    /// `224.0.0.0/4` and `ff00::/8`; never allowed.
    case multicast
    /// `255.255.255.255`; never allowed.
    case broadcast
    /// `127.0.0.0/8` and `::1`.
    case loopback
    /// `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`.
    case `private` = "private"
    /// `100.64.0.0/10`, shared by carriers and clouds.
    case sharedCGNAT = "shared-cgnat"
    /// `192.0.0.0/24` and `2001::/23`, assigned to protocols.
    case protocolAssignment = "protocol-assignment"
    /// Documentation blocks of either family.
    case documentation
    /// `198.18.0.0/15` and `2001:2::/48`.
    case benchmarking
    /// Anycast services of the registries: AS112 and AMT.
    case specialPurpose = "special-purpose"
    /// `240.0.0.0/4`, and IPv6 outside `2000::/3` that has no name of its own.
    case reserved
    /// `fc00::/7`.
    case uniqueLocal = "unique-local"
    /// `fec0::/10`, deprecated but still routed inside some networks.
    case siteLocal = "site-local"
    /// `64:ff9b::/96` and `64:ff9b:1::/48`.
    case nat64
    /// `2002::/16` and `192.88.99.0/24`.
    case sixToFour = "6to4"
    /// `2001::/32`.
    case teredo
    /// An interface identifier `0:5efe` or `200:5efe` before an IPv4 address that is not public.
    case isatap
    /// `::/96`, but for `::` and `::1`.
    case ipv4Compatible = "ipv4-compatible"
    /// `::ffff:0:0:0/96`.
    case ipv4Translated = "ipv4-translated"
    /// `100::/64` and `100:0:0:1::/64`.
    case discard
    /// `2001:10::/28` and `2001:20::/28`.
    case orchid
    /// `5f00::/16`, segment identifiers.
    case segmentRouting = "segment-routing"
}
