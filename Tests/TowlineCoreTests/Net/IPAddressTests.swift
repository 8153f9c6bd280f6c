import Testing
import TowlineCore

@Suite("addresses")
struct IPAddressTests {
    @Test(
        "a valid text is read and written canonically",
        arguments: [
            ("0.0.0.0", "0.0.0.0"), ("192.0.2.1", "192.0.2.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
            ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:1", "::1"), ("2001:DB8::A", "2001:db8::a"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
            ("1::3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::ffff:c000:201", "::ffff:192.0.2.1"),
            ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"), ("::192.0.2.1", "::c000:201"),
            ("1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"), ("fe80::0001", "fe80::1"),
        ]
    )
    func valid(text: String, canonical: String) throws {
        let address = try #require(IPAddress(parsing: text))
        #expect(address.description == canonical)
        #expect(IPAddress(parsing: canonical) == address)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(
        "any other text is no address",
        arguments: [
            "", ".", "1", "1.2", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4",
            "1.2.3.",
            "0x1.2.3.4", "1.2.3.-4", "+1.2.3.4", "１.2.3.4", ":", ":::", "1:", ":1", "1:2", "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1::2::3", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "::1%lo", "[::1]", "::1/128",
            "::1.2.3",
            "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::ffff:01.2.3.4", "1:::2", "fe80::1%25eth0",
        ]
    )
    func invalid(text: String) {
        #expect(IPAddress(parsing: text) == nil)
    }

    @Test("an IPv4-mapped address is the IPv4 address inside it")
    func unmapped() throws {
        #expect(try #require(IPAddress(parsing: "::ffff:10.0.0.1")).unmapped == IPAddress(v4: 0x0a00_0001))
        let plain = try #require(IPAddress(parsing: "2001:db8::1"))
        #expect(plain.unmapped == plain)
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
    }

    @Test(
        "a block holds exactly its addresses",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false), ("192.168.1.10", "192.168.1.10", true),
            ("192.168.1.10", "192.168.1.11", false),
            ("fd00::/8", "fdff::1", true), ("fd00::/8", "fc00::1", false),
            ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
            ("2001:db8::/65", "2001:db8::8000:0:0:1", false), ("::/0", "ffff::", true), ("::1", "::1", true),
            ("::/0", "1.2.3.4", false), ("10.0.0.0/31", "10.0.0.1", true), ("10.0.0.0/31", "10.0.0.2", false),
        ]
    )
    func block(text: String, address: String, isInside: Bool) throws {
        let block = try CIDR(parsing: text)
        #expect(try block.contains(#require(IPAddress(parsing: address))) == isInside)
        #expect(try CIDR(parsing: block.description) == block)
    }

    @Test(
        "a wrong block is refused with what is allowed",
        arguments: [
            ("10.0.0.1/8", "10.0.0.0/8"), ("10.0.0.0/33", "0 to 32"), ("::/129", "0 to 128"), ("10.0.0.0/", "0 to 32"),
            ("10.0.0.0/08", "0 to 32"), ("10.0.0.0/-1", "0 to 32"), ("10.0.0/8", "no IPv4 or IPv6"),
            ("example.com", "no IPv4 or IPv6"), ("", "no IPv4 or IPv6"),
            ("::ffff:10.0.0.0/104", "write an IPv4-mapped"),
            ("10.0.0.0/8/8", "0 to 32"), ("fe80::1%eth0/64", "no IPv4 or IPv6"), ("fd00::1/8", "fd00::/8"),
        ]
    )
    func wrongBlock(text: String, hint: String) {
        let error = #expect(throws: CIDRError.self) { try CIDR(parsing: text) }
        #expect(error?.description.contains(hint) == true)
        #expect(error?.description.contains("Allowed:") == true)
    }
}
