/// The special-purpose address ranges of both families, after the IANA registries (as of 2025).
enum SpecialRanges {
    /// What the tables say about one address.
    struct Classification {
        /// The rule of the range; `public` when none matches.
        let rule: AddressRule
        /// Whether no setting can open the address.
        let isClosedForGood: Bool
        /// IPv4 addresses that the address carries inside and that must pass as well.
        let innerAddresses: [IPAddress]

        init(_ rule: AddressRule, inner: [UInt32] = []) {
            self.rule = rule
            switch rule {
            case .metadata, .linkLocal, .thisNetwork, .unspecified, .multicast, .broadcast: isClosedForGood = true
            default: isClosedForGood = false
            }
            innerAddresses = inner.map { IPAddress(v4: $0) }
        }
    }

    /// Looks an address up; an IPv4-mapped address must have been unmapped before.
    static func classify(_ address: IPAddress) -> Classification {
        if let v4 = address.v4Value { return Classification(ruleV4(v4)) }
        return classifyV6(high: address.high, low: address.low)
    }

    // MARK: IPv4

    private static func ruleV4(_ address: UInt32) -> AddressRule {
        if metadataV4.contains(address) { return .metadata }
        for range in rangesV4 where address & range.mask == range.network { return range.rule }
        return .public
    }

    private struct RangeV4 {
        let network: UInt32
        let mask: UInt32
        let rule: AddressRule

        init(_ network: UInt32, _ length: UInt32, _ rule: AddressRule) {
            self.network = network
            self.mask = UInt32.max << (32 - length)
            self.rule = rule
        }
    }

    /// Services of clouds that answer to whoever runs on their machines.
    private static let metadataV4: Set<UInt32> = [
        0xa9fe_a9fe,  // 169.254.169.254: most clouds
        0xa9fe_a9fd,  // 169.254.169.253: name server of one of them
        0xa9fe_a9fb,  // 169.254.169.251
        0xa9fe_a97b,  // 169.254.169.123: time service
        0xa9fe_aa02,  // 169.254.170.2: credentials of containers
        0xa9fe_aa17,  // 169.254.170.23: credentials of pods
        0xa9fe_0017,  // 169.254.0.23
        0xa9fe_2a2a,  // 169.254.42.42
        0xa83f_8110,  // 168.63.129.16, in a public range
        0x6464_64c8,  // 100.100.100.200, in the carriers' range
        0x6460_0060,  // 100.96.0.96, there too
        0x6450_5050,  // 100.80.80.80, there too
        0xc000_00c0,  // 192.0.0.192, in the protocols' range
    ]

    private static let rangesV4: [RangeV4] = [
        RangeV4(0x0000_0000, 8, .thisNetwork),
        RangeV4(0x0a00_0000, 8, .private),
        RangeV4(0x6440_0000, 10, .sharedCGNAT),
        RangeV4(0x7f00_0000, 8, .loopback),
        RangeV4(0xa9fe_0000, 16, .linkLocal),
        RangeV4(0xac10_0000, 12, .private),
        RangeV4(0xc000_0000, 24, .protocolAssignment),
        RangeV4(0xc000_0200, 24, .documentation),
        RangeV4(0xc01f_c400, 24, .specialPurpose),  // 192.31.196.0/24, AS112
        RangeV4(0xc034_c100, 24, .specialPurpose),  // 192.52.193.0/24, AMT
        RangeV4(0xc058_6300, 24, .sixToFour),  // 192.88.99.0/24, relay anycast
        RangeV4(0xc0a8_0000, 16, .private),
        RangeV4(0xc0af_3000, 24, .specialPurpose),  // 192.175.48.0/24, AS112
        RangeV4(0xc612_0000, 15, .benchmarking),
        RangeV4(0xc633_6400, 24, .documentation),
        RangeV4(0xcb00_7100, 24, .documentation),
        RangeV4(0xe000_0000, 4, .multicast),
        RangeV4(0xffff_ffff, 32, .broadcast),
        RangeV4(0xf000_0000, 4, .reserved),
    ]

    // MARK: IPv6

    private struct RangeV6 {
        let high: UInt64
        let length: UInt64
        let rule: AddressRule

        /// A range of at most 64 fixed bits.
        init(_ high: UInt64, _ length: UInt64, _ rule: AddressRule) {
            self.high = high
            self.length = length
            self.rule = rule
        }

        func contains(_ address: UInt64) -> Bool {
            address >> (64 - length) == high >> (64 - length)
        }
    }

    /// Metadata services at unique-local addresses.
    private static let metadataV6: [(high: UInt64, low: UInt64)] = [
        (0xfd20_00ce_0000_0000, 0x0254),  // fd20:ce::254
        (0xfd00_0042_0000_0000, 0x0042),  // fd00:42::42
        (0xfd00_00c1_0000_0000, 0xa9fe_a9fe),  // fd00:c1::a9fe:a9fe
        (0xfd00_0100_0000_0000, 0x0100_0200),  // fd00:100::100:200
        (0xfd00_a9fe_a9fe_0000, 0x0001),  // fd00:a9fe:a9fe::1
    ]

    private static let rangesV6: [RangeV6] = [
        RangeV6(0x0100_0000_0000_0000, 64, .discard),
        RangeV6(0x0100_0000_0000_0001, 64, .discard),
        RangeV6(0x2001_0002_0000_0000, 48, .benchmarking),
        RangeV6(0x2001_0003_0000_0000, 32, .specialPurpose),  // AMT
        RangeV6(0x2001_0004_0112_0000, 48, .specialPurpose),  // AS112
        RangeV6(0x2001_0010_0000_0000, 28, .orchid),
        RangeV6(0x2001_0020_0000_0000, 28, .orchid),
        RangeV6(0x2001_0000_0000_0000, 23, .protocolAssignment),
        RangeV6(0x2001_0db8_0000_0000, 32, .documentation),
        RangeV6(0x2620_004f_8000_0000, 48, .specialPurpose),  // AS112
        RangeV6(0x3fff_0000_0000_0000, 20, .documentation),
        RangeV6(0x5f00_0000_0000_0000, 16, .segmentRouting),
        RangeV6(0xfd00_0ec2_0000_0000, 32, .metadata),  // fd00:ec2::254 and its neighbours
        RangeV6(0xfc00_0000_0000_0000, 7, .uniqueLocal),
        RangeV6(0xfe80_0000_0000_0000, 10, .linkLocal),
        RangeV6(0xfec0_0000_0000_0000, 10, .siteLocal),
        RangeV6(0xff00_0000_0000_0000, 8, .multicast),
    ]

    private static func classifyV6(high: UInt64, low: UInt64) -> Classification {
        if high == 0, low == 0 { return Classification(.unspecified) }
        if high == 0, low == 1 { return Classification(.loopback) }
        if metadataV6.contains(where: { $0.high == high && $0.low == low }) { return Classification(.metadata) }
        if let wrapped = wrappedV4(high: high, low: low) { return wrapped }
        for range in rangesV6 where range.contains(high) { return Classification(range.rule) }
        guard high >> 61 == 0b001 else { return Classification(.reserved) }
        // ISATAP works below any prefix: fe80::5efe:a.b.c.d was caught above, a global one carries its IPv4 inside.
        let interface = low >> 32
        if interface == 0x0000_5efe || interface == 0x0200_5efe {
            return Classification(.public, inner: [UInt32(truncatingIfNeeded: low)])
        }
        return Classification(.public)
    }

    /// The wrappings that have a range of their own.
    private static func wrappedV4(high: UInt64, low: UInt64) -> Classification? {
        let last = UInt32(truncatingIfNeeded: low)
        if high == 0, low >> 32 == 0 { return Classification(.ipv4Compatible, inner: [last]) }
        if high == 0, low >> 32 == 0xffff_0000 { return Classification(.ipv4Translated, inner: [last]) }
        if high == 0x0064_ff9b_0000_0000, low >> 32 == 0 { return Classification(.nat64, inner: [last]) }
        if high >> 16 == 0x0064_ff9b_0001 {
            // RFC 6052 section 2.2: behind a prefix of 48 bits the IPv4 address straddles bits 64 to 71; networks
            // also use /96 below it. Whatever is set in either place must pass.
            let straddling =
                UInt32(truncatingIfNeeded: high & 0xffff) << 16
                | UInt32(truncatingIfNeeded: low >> 40 & 0xffff)
            let carried = [straddling, last].filter { $0 != 0 }
            return Classification(.nat64, inner: carried.isEmpty ? [0] : carried)
        }
        if high >> 48 == 0x2002 {
            return Classification(.sixToFour, inner: [UInt32(truncatingIfNeeded: high >> 16)])
        }
        if high >> 32 == 0x2001_0000 {
            return Classification(.teredo, inner: [UInt32(truncatingIfNeeded: high), ~last])
        }
        return nil
    }
}
