import Testing
import TowlineCore

@Suite("address policy")
struct AddressPolicyTests {
    private func address(_ text: String) throws -> IPAddress {
        try #require(IPAddress(parsing: text))
    }

    private func policy(allow: [String] = [], deny: [String] = []) throws -> AddressPolicy {
        AddressPolicy(allow: try allow.map { try CIDR(parsing: $0) }, deny: try deny.map { try CIDR(parsing: $0) })
    }

    @Test(
        "link-local, metadata, multicast and unspecified addresses stay closed whatever is allowed",
        arguments: [
            "169.254.169.254", "169.254.1.1", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254", "::ffff:169.254.169.254", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
            "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254", "2001:0:808:808:0:0:5601:5601",
            "2606:4700::5efe:169.254.169.254",
        ]
    )
    func closedForGood(text: String) throws {
        let open = try policy(allow: ["0.0.0.0/0", "::/0"])
        #expect(try !open.judge(address(text)).allowed)
    }

    @Test("an allowed block opens what the table closes, also inside a mapped address")
    func allow() throws {
        let policy = try policy(allow: ["10.1.0.0/16", "127.0.0.1"])
        #expect(try policy.judge(address("10.1.2.3")).rule == "operator-allow")
        #expect(try policy.judge(address("::ffff:10.1.2.3")).allowed)
        #expect(try policy.judge(address("127.0.0.1")).allowed)
        #expect(try policy.judge(address("10.2.0.1")).rule == "private")
        #expect(try policy.judge(address("127.0.0.2")).rule == "loopback")
        #expect(try policy.judge(address("8.8.8.8")).rule == "public")
    }

    @Test("a wrapping can be opened only together with what is inside")
    func allowWrapping() throws {
        let nat64 = try policy(allow: ["64:ff9b::/96"])
        #expect(try nat64.judge(address("64:ff9b::8.8.8.8")).rule == "operator-allow")
        #expect(try nat64.judge(address("64:ff9b::10.0.0.1")).rule == "nat64")
        let both = try policy(allow: ["64:ff9b::/96", "10.0.0.0/8"])
        #expect(try both.judge(address("64:ff9b::10.0.0.1")).allowed)
        #expect(try policy(allow: ["10.0.0.0/8"]).judge(address("64:ff9b::10.0.0.1")).rule == "nat64")
        let local = try policy(allow: ["64:ff9b:1::/48"])
        #expect(try local.judge(address("64:ff9b:1::8.8.8.8")).allowed)
        #expect(try !local.judge(address("64:ff9b:1::127.0.0.1")).allowed)
        #expect(try !local.judge(address("64:ff9b:1:7f00:0:100::")).allowed)
    }

    @Test("a denial beats an allowance and what is public, also inside a wrapping")
    func deny() throws {
        let policy = try policy(allow: ["10.0.0.0/8"], deny: ["10.0.0.0/16", "8.8.8.0/24", "2606:4700::/32"])
        #expect(try policy.judge(address("10.0.1.1")).rule == "operator-deny")
        #expect(try policy.judge(address("10.1.1.1")).rule == "operator-allow")
        #expect(try policy.judge(address("8.8.8.8")).rule == "operator-deny")
        #expect(try policy.judge(address("::ffff:8.8.8.8")).rule == "operator-deny")
        #expect(try policy.judge(address("2a00:1450::5efe:8.8.8.8")).rule == "operator-deny")
        #expect(try policy.judge(address("2606:4700::1")).rule == "operator-deny")
        #expect(try policy.judge(address("2606:4701::1")).rule == "public")
    }

    @Test("one answer that is not allowed refuses the name")
    func allAnswers() throws {
        let good = try address("8.8.8.8")
        let inner = try address("10.0.0.1")
        let policy = AddressPolicy.standard
        #expect(policy.judge(all: [good])?.allowed == true)
        #expect(policy.judge(all: [good, inner])?.address == inner)
        #expect(policy.judge(all: [inner, good])?.rule == "private")
        #expect(policy.judge(all: [] as [IPAddress]) == nil)
    }

    @Test(
        "the policy of the stand-in opens loopback and private addresses and nothing else",
        arguments: [
            ("127.0.0.1", true), ("::1", true), ("10.0.0.1", true), ("172.16.0.1", true), ("192.168.1.1", true),
            ("100.64.0.1", true), ("fd12::1", true), ("8.8.8.8", true), ("100.100.100.200", false),
            ("fd00:ec2::254", false), ("fd00:100::100:200", false), ("fd00:a9fe:a9fe::1", false),
            ("100.96.0.96", false), ("100.80.80.80", false),
            ("169.254.169.254", false), ("fe80::1", false), ("0.0.0.0", false), ("192.0.2.1", false),
            ("240.0.0.1", false),
            ("fec0::1", false), ("2002:7f00:1::", false),
        ]
    )
    func development(text: String, allowed: Bool) throws {
        #expect(try AddressPolicy.development().judge(address(text)).allowed == allowed)
    }

    @Test("settings narrow and widen the policy of the stand-in")
    func developmentWithSettings() throws {
        let policy = AddressPolicy.development(
            allow: [try CIDR(parsing: "192.0.2.0/24")],
            deny: [try CIDR(parsing: "127.0.0.0/8")]
        )
        #expect(try policy.judge(address("192.0.2.1")).allowed)
        #expect(try policy.judge(address("127.0.0.1")).rule == "operator-deny")
    }

    @Test("only global unicast can be public in IPv6", arguments: 0...255)
    func globalUnicastOnly(firstByte: Int) throws {
        let address = IPAddress(v6High: UInt64(firstByte) << 56 | 0x00a1_0000_0000_0000, low: 0x1234)
        let isGlobal = (0x20...0x3f).contains(firstByte)
        #expect(AddressPolicy.standard.judge(address).allowed == isGlobal)
    }
}
