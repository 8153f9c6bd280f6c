/// URLs that try to reach an inner address or to make two parsers disagree, with what must become of each.
enum HostileURLs {
    /// What stops the URLs of a group.
    enum Barrier: Sendable, Hashable {
        /// The parser, with this code.
        case parser(String)
        /// The standard address policy, with this rule, for the address or for what the name resolves to.
        case policy(String)
        /// Nothing: the URL is odd, but its host is the public one that both a person and the parser see.
        case nothing(host: String)
    }

    /// URLs that the same barrier stops.
    struct Group: Sendable {
        let barrier: Barrier
        let urls: [String]
    }

    /// One URL with its barrier.
    struct Entry: Sendable, CustomStringConvertible {
        let url: String
        let barrier: Barrier
        var description: String { url.debugDescription }
    }

    /// What names resolve to while the table is judged; any other name resolves to a public address.
    static let names: [String: String] = [
        "localhost": "127.0.0.1",
        "localhost.localdomain": "127.0.0.1",
        "ip6-localhost": "::1",
        "127.0.0.1.nip.test": "127.0.0.1",
        "10.0.0.1.nip.test": "10.0.0.1",
        "metadata.google.internal": "169.254.169.254",
        "metadata": "169.254.169.254",
        "metadata.goog": "169.254.169.254",
        "instance-data": "169.254.169.254",
        "metadata.tencentyun.com": "169.254.0.23",
        "kubernetes.default.svc": "10.96.0.1",
        "kubernetes.default.svc.cluster.local": "10.96.0.1",
        "host.docker.internal": "192.168.65.2",
        "redis": "172.17.0.3",
        "xn--lcalhost-n2a.test": "127.0.0.1",
    ]

    static let all: [Entry] = groups.flatMap { group in
        group.urls.map { Entry(url: $0, barrier: group.barrier) }
    }

    private static let groups: [Group] =
        schemes + characters + authorities + hosts + numericHosts + bracketedHosts + ipv4Ranges + metadata
        + ipv6Ranges + wrappings + names_ + harmless

    private static let schemes = [
        Group(
            barrier: .parser("scheme"),
            urls: [
                "ftp://example.com/a", "file:///etc/passwd", "file://localhost/etc/passwd",
                "gopher://127.0.0.1:6379/_x",
                "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
                "https+unix://%2Frun%2Fx.sock/", "unix://example.com/", "data:text/plain,hello", "javascript:alert(1)",
                "dict://127.0.0.1:11211/stats", "ldap://127.0.0.1/", "tftp://127.0.0.1/x", "jar:http://example.com!/",
                "netdoc:///etc/passwd", "ws://example.com/", "wss://example.com/", "blob:http://example.com/1",
                "view-source:http://example.com/", "//example.com/a", "/etc/passwd", "example.com/a",
                "example.com:80/a",
                "http:example.com", "http:/example.com", "http:", "http", "https:example.com/", "httpx://example.com/",
                "http s://example.com/", "h\u{200b}ttp://example.com/", "ｈｔｔｐ://example.com/", "http：//example.com/",
                "url:http://example.com/", "feed://example.com/", "http2://example.com/", "HTTP:/\u{200b}/example.com/",
                "about:blank", "mailto:a@example.com", "ssh://example.com/", "sftp://example.com/a", "php://input",
                "expect://id", "phar://a.phar", "rtsp://example.com/a", "smb://10.0.0.1/share",
            ]
        ),
        Group(barrier: .parser("length"), urls: [""]),
    ]

    private static let characters = [
        Group(
            barrier: .parser("character"),
            urls: [
                " http://example.com/", "http://example.com/ ", "\thttp://example.com/", "http://example.com/\n",
                "http://exam\tple.com/", "http://exam\nple.com/", "http://exam\rple.com/", "http://127.0.0.1\t/",
                "http://example.com/\r\nHost: 127.0.0.1", "http://example.com/a\0b", "http://example.com\0.evil.test/",
                "http://example.com/?q=\r\nX-Injected: 1", "http://example.com/\u{7f}", "http:// example.com/",
                "http://example .com/", "http://127.0.0.1 .example.com/", "http://exa\u{1}mple.com/",
                "\u{0}http://example.com/", "http://example.com:80 /", "http://user name@example.com/", " ", "\n",
                "http://example.com/\u{b}", "http://example.com/\u{c}", "ht\ntp://example.com/",
                "java\tscript:alert(1)",
            ]
        ),
        Group(
            barrier: .parser("backslash"),
            urls: [
                "http:\\\\127.0.0.1\\", "http://example.com\\@127.0.0.1/", "http://127.0.0.1\\@example.com/",
                "http://example.com\\.evil.test/", "http:/\\127.0.0.1/", "http://example.com/\\..\\admin",
                "http://example.com\\", "https:\\/\\/example.com/", "http://a\\b/", "\\\\127.0.0.1\\share",
            ]
        ),
    ]

    private static let authorities = [
        Group(
            barrier: .parser("empty-host"),
            urls: [
                "http://", "https://", "http:///", "http:///etc/passwd", "http://?q=1", "http://#x", "http://:80/",
                "http://user@/", "http://user:pass@:80/", "http://./", "http:////127.0.0.1/", "http://user@?a",
            ]
        ),
        Group(
            barrier: .parser("user-info"),
            urls: [
                "http://@127.0.0.1/", "http://:@127.0.0.1/", "http://:pass@example.com/", "http://a@b@127.0.0.1/",
                "http://example.com@@127.0.0.1/", "http://us[er@example.com/", "http://us\u{e9}r@example.com/",
                "http://a%0d%0ab@example.com/", "http://a%00@example.com/", "http://u%3ax:y@example.com/",
                "http://a|b@example.com/", "http://{x}@example.com/", "http://\"a\"@example.com/",
                "http://user:pa[ss@example.com/", "http://<x>@example.com/", "http://a^b@example.com/",
            ]
        ),
        Group(
            barrier: .parser("port"),
            urls: [
                "http://example.com:0/", "http://example.com:65536/", "http://example.com:99999/",
                "http://example.com:-1/", "http://example.com:+80/", "http://example.com:8o/",
                "http://example.com:0x50/", "http://example.com:080/", "http://example.com:00080/",
                "http://example.com:999999999999/", "http://example.com:80:80/", "http://example.com:80,443/",
                "http://example.com[::1]/",
                "http://example.com:８０/", "http://127.0.0.1:80:example.com/", "http://::1/", "http://fe80::1/",
                "http://example.com:1e3/", "http://[2001:470::1]:0/", "http://[2001:470::1]:70000/",
                "http://example.com:80%00/", "http://2001:db8::1:80/", "http://example.com:65535.0/",
            ]
        ),
        // Two readers could take a different part for the host; the parser takes the one after the last at sign.
        Group(
            barrier: .policy("loopback"),
            urls: [
                "http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1/", "http://example.com%40@127.0.0.1/",
                "http://user:pass@127.0.0.1/", "http://example.com%2f@127.0.0.1/", "http://example.com;@127.0.0.1/",
                "http://example.com%23@127.0.0.1/", "http://a:b:c@127.0.0.1/", "HTTP://EXAMPLE.COM@127.0.0.1/",
                "http://example.com,@127.0.0.1/", "http://example.com&@127.0.0.1/", "http://x:127.0.0.2@127.0.0.1/",
            ]
        ),
    ]

    private static let hosts = [
        Group(
            barrier: .parser("host"),
            urls: [
                "http://example..com/", "http://.example.com/", "http://example.com../", "http://exa%6dple.com/",
                "http://%31%32%37.0.0.1/", "http://127%2e0%2e0%2e1/", "http://localhost%2e/", "http://localhost../",
                "http://127.0.0.1%2f@example.com%2f/", "http://example.com%00/",
                "http://exam;ple.com/", "http://exam,ple.com/", "http://exam'ple.com/", "http://exam\"ple.com/",
                "http://<example.com>/", "http://{example.com}/", "http://example.com|127.0.0.1/", "http://$host/",
                "http://`id`.example.com/", "http://(example.com)/", "http://example.com&127.0.0.1/",
                "http://example.com=127.0.0.1/", "http://*.example.com/", "http://-example.com/",
                "http://example-.com/", "http://example.com%20/", "http://%6c%6f%63alhost/", "http://exam!ple.com/",
                "http://127.0.0.1%00.example.com/", "http://example.com~/", "http://a+b.example.com/",
                "http://\(String(repeating: "a", count: 64)).example.com/",
                "http://\(String(repeating: "a.", count: 127))com/", "http://^example.com/",
                "http://127.0.0.1]/", "http://1.2.3.4[5]/",
            ]
        ),
        Group(
            barrier: .parser("non-ascii-host"),
            urls: [
                "http://ex\u{e4}mple.com/", "http://m\u{fc}nchen.de/", "http://127\u{3002}0\u{3002}0\u{3002}1/",
                "http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1/", "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
                "http://127.0.0.\u{661}/", "http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/",
                "http://localho\u{17f}t/", "http://\u{24db}ocalhost/", "http://local\u{ad}host/",
                "http://local\u{200b}host/", "http://local\u{200d}host/", "http://\u{202e}moc.elpmaxe/",
                "http://example.com\u{2044}.127.0.0.1/",
                "http://example\u{2024}com/", "http://example.c\u{43e}m/", "http://\u{1f4a9}.example.com/",
                "http://example.com\u{ff0f}127.0.0.1/", "http://127.0.0.1\u{ff03}.example.com/",
                "http://example.com\u{2215}path/", "http://\u{feff}example.com/", "http://ⓔⓧⓐⓜⓟⓛⓔ.com/",
                "http://127.0.0.1\u{a0}/", "http://example\u{ff61}com/", "http://\u{212a}ube.example.com/",
                "http://\u{ff1a}\u{ff1a}1/",
            ]
        ),
    ]

    private static let numericHosts = [
        Group(
            barrier: .parser("numeric-host"),
            urls: [
                "http://2130706433/", "http://0/", "http://1/", "http://127.1/", "http://127.0.1/", "http://10.1/",
                "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0x7f.1/", "http://0X7F.0X0.0X0.0X1/",
                "http://0177.0.0.1/", "http://0177.0.0.01/", "http://017700000001/", "http://127.0.0.01/",
                "http://127.0.0.001/", "http://127.00.0.1/", "http://0127.0.0.1/", "http://00.0.0.0/",
                "http://127.0.0.1./", "http://10.0.0.1./", "http://127.0.0.256/", "http://256.256.256.256/",
                "http://1.2.3.4.5/", "http://1.1.1.1.1/", "http://127.0.0.0x1/", "http://0x/", "http://example.0x/",
                "http://example.com.0x7f/", "http://example.1/", "http://foo.127/", "http://4294967296/",
                "http://3232235777/", "http://0xc0a80101/", "http://0xA9FEA9FE/", "http://2852039166/",
                "http://0251.0376.0251.0376/", "http://0251.254.169.254/", "http://169.254.43518/",
                "http://169.16689662/", "http://425.510.425.510/", "http://0xa9.0xfe.0xa9.0xfe/",
                "http://025177524776/", "http://1.2.3/", "http://1.2/", "http://1.2.3.4.0x5/", "http://0.0/",
                "http://127.0.0.1.1/", "http://99999999999999999999/", "http://127.0.0.1_.1/", "http://1.1.1.0256/",
                "http://00000000177.0.0.1/", "http://127.0.0.1:80@127.1/", "http://user@0x7f.1/", "http://8.8.8.08/",
                "http://0x8.0x8.0x8.0x8/", "http://134744072/", "http://8.8.8.8./", "http://1.0x1.1.1/",
            ]
        )
    ]

    private static let bracketedHosts = [
        Group(
            barrier: .parser("ipv6"),
            urls: [
                "http://[www.example.com]/", "http://[127.0.0.1]/", "http://[]/", "http://[::1/", "http://[::1]x/",
                "http://[::1].example.com:80/", "http://[1::2::3]/", "http://[:::1]/",
                "http://[12345::1]/", "http://[1:2:3:4:5:6:7:8:9]/", "http://[1:2:3:4:5:6:7]/", "http://[v1.fe80::a]/",
                "http://[::ffff:127.1]/", "http://[::ffff:0177.0.0.1]/", "http://[::ffff:0x7f000001]/",
                "http://[::g]/", "http://[::1.2.3.4.5]/", "http://[1:2:3:4:5:6:7::8:9]/", "http://[ffff]/",
                "http://[::127.0.0.1:1]/", "http://[::ffff:127.0.0.256]/", "http://[2130706433]/",
                "http://[::1].80/", "http://[[::1]]/", "http://[::1]]/",
                "http://[\u{ff1a}\u{ff1a}1]/", "http://[2001:470:0:0:0:0:0:0:1::]/", "http://[1.2.3.4::]/",
                "http://[::ffff:1.2.3.4|96]/",
            ]
        ),
        Group(
            barrier: .parser("zone"),
            urls: [
                "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1%25lo]/", "http://[::1%lo]/",
                "http://[2001:470::1%251]/", "http://[2001:470::1%1]/", "http://[fe80::1%]/", "http://[fe80%3a%3a1]/",
                "http://[::ffff:127.0.0.1%25lo]/",
            ]
        ),
    ]

    private static let ipv4Ranges = [
        Group(
            barrier: .policy("loopback"),
            urls: [
                "http://127.0.0.1/", "https://127.0.0.1/", "http://127.0.0.1:8080/", "http://127.255.255.254/",
                "http://127.127.127.127/", "http://127.0.0.0/", "http://127.0.0.53/", "HTTP://127.0.0.1/",
                "http://127.0.0.1:65535/", "http://127.0.0.1?q", "http://127.0.0.1#@example.com/",
                "http://127.0.0.1/%2e%2e/", "http://127.0.0.1?@example.com/", "http://127.0.0.1:/",
            ]
        ),
        Group(
            barrier: .policy("private"),
            urls: [
                "http://10.0.0.1/", "http://10.255.255.255/", "http://172.16.0.1/", "http://172.31.255.255/",
                "http://192.168.0.1/", "http://192.168.255.255/", "http://172.20.10.5/x",
            ]
        ),
        Group(
            barrier: .policy("this-network"),
            urls: ["http://0.0.0.0/", "http://0.0.0.0:8080/", "http://0.1.2.3/", "http://0.255.255.255/"]
        ),
        Group(
            barrier: .policy("shared-cgnat"),
            urls: ["http://100.64.0.1/", "http://100.127.255.255/", "http://100.100.2.136/"]
        ),
        Group(
            barrier: .policy("protocol-assignment"),
            urls: ["http://192.0.0.1/", "http://192.0.0.8/", "http://192.0.0.170/", "http://192.0.0.255/"]
        ),
        Group(
            barrier: .policy("documentation"),
            urls: ["http://192.0.2.1/", "http://198.51.100.7/", "http://203.0.113.255/"]
        ),
        Group(barrier: .policy("benchmarking"), urls: ["http://198.18.0.1/", "http://198.19.255.255/"]),
        Group(barrier: .policy("multicast"), urls: ["http://224.0.0.1/", "http://239.255.255.250/"]),
        Group(barrier: .policy("reserved"), urls: ["http://240.0.0.1/", "http://255.255.255.254/"]),
        Group(barrier: .policy("broadcast"), urls: ["http://255.255.255.255/"]),
        Group(barrier: .policy("6to4"), urls: ["http://192.88.99.1/"]),
        Group(
            barrier: .policy("special-purpose"),
            urls: ["http://192.31.196.1/", "http://192.52.193.1/", "http://192.175.48.1/"]
        ),
        Group(barrier: .policy("link-local"), urls: ["http://169.254.0.1/", "http://169.254.255.255/"]),
    ]

    private static let metadata = [
        Group(
            barrier: .policy("metadata"),
            urls: [
                "http://169.254.169.254/latest/meta-data/", "http://169.254.169.254/computeMetadata/v1/",
                "http://169.254.169.254/metadata/instance?api-version=2021-02-01",
                "http://169.254.170.2/v2/credentials",
                "http://169.254.170.23/v1/credentials", "http://169.254.169.253/", "http://169.254.169.123/",
                "http://169.254.0.23/latest/", "http://169.254.42.42/conf", "http://168.63.129.16/machine",
                "http://100.100.100.200/latest/meta-data/", "http://192.0.0.192/opc/v1/instance/",
                "http://[fd00:ec2::254]/latest/meta-data/", "http://[fd00:ec2::23]/v1/credentials",
                "http://[fd00:ec2::253]/", "http://[fd20:ce::254]/", "http://[fd00:42::42]/",
                "http://[fd00:c1::a9fe:a9fe]/",
                "http://[fd00:100::100:200]/latest/meta-data/", "http://[fd00:a9fe:a9fe::1]/v1/token",
                "http://100.96.0.96/latest/", "http://100.80.80.80/meta-data/", "http://[::ffff:100.96.0.96]/",
                "http://metadata.tencentyun.com/latest/meta-data/", "http://[::ffff:169.254.169.254]/",
                "http://[::ffff:a9fe:a9fe]/",
                "http://[::ffff:168.63.129.16]/", "http://[::ffff:100.100.100.200]/",
                "http://metadata.google.internal/",
                "http://metadata/", "http://metadata.goog/", "http://METADATA.google.internal./",
                "http://instance-data/latest/", "http://user@169.254.169.254/", "https://169.254.169.254:443/",
            ]
        )
    ]

    private static let ipv6Ranges = [
        Group(
            barrier: .policy("loopback"),
            urls: ["http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[0000::0001]/", "https://[::1]:8443/"]
        ),
        Group(
            barrier: .policy("unspecified"), urls: ["http://[::]/", "http://[0:0:0:0:0:0:0:0]/", "http://[::0]:80/"]),
        Group(
            barrier: .policy("link-local"),
            urls: ["http://[fe80::1]/", "http://[febf::1]/", "http://[fe80::5efe:8.8.8.8]/", "http://[FE80::A]/"]
        ),
        Group(barrier: .policy("site-local"), urls: ["http://[fec0::1]/", "http://[feff::1]/"]),
        Group(
            barrier: .policy("unique-local"),
            urls: ["http://[fc00::1]/", "http://[fd12:3456:789a::1]/", "http://[fdff::]/"]
        ),
        Group(barrier: .policy("multicast"), urls: ["http://[ff02::1]/", "http://[ff0e::1]/", "http://[ff00::]/"]),
        Group(barrier: .policy("documentation"), urls: ["http://[2001:db8::1]/", "http://[3fff::1]/"]),
        Group(barrier: .policy("discard"), urls: ["http://[100::1]/", "http://[100:0:0:1::5]/"]),
        Group(barrier: .policy("benchmarking"), urls: ["http://[2001:2::1]/"]),
        Group(
            barrier: .policy("orchid"), urls: ["http://[2001:10::1]/", "http://[2001:20::1]/", "http://[2001:2f::1]/"]),
        Group(
            barrier: .policy("protocol-assignment"),
            urls: ["http://[2001:1::1]/", "http://[2001:30::1]/", "http://[2001:1ff::1]/"]
        ),
        Group(
            barrier: .policy("special-purpose"),
            urls: ["http://[2001:3::1]/", "http://[2001:4:112::1]/", "http://[2620:4f:8000::1]/"]
        ),
        Group(barrier: .policy("segment-routing"), urls: ["http://[5f00::1]/"]),
        Group(
            barrier: .policy("reserved"),
            urls: [
                "http://[200::1]/", "http://[400::1]/", "http://[4000::1]/", "http://[8000::1]/", "http://[e000::1]/",
                "http://[1::1]/", "http://[fe00::1]/", "http://[100:0:0:2::1]/",
            ]
        ),
    ]

    private static let wrappings = [
        Group(
            barrier: .policy("loopback"),
            urls: [
                "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/",
                "http://[::FFFF:7F00:0001]:8080/",
            ]
        ),
        Group(
            barrier: .policy("private"),
            urls: ["http://[::ffff:10.0.0.1]/", "http://[::ffff:c0a8:101]/", "http://[::ffff:172.16.0.1]/"]
        ),
        Group(barrier: .policy("this-network"), urls: ["http://[::ffff:0.0.0.0]/", "http://[::ffff:0:0]/"]),
        Group(
            barrier: .policy("ipv4-compatible"),
            urls: [
                "http://[::127.0.0.1]/", "http://[::7f00:1]/", "http://[::10.0.0.1]/", "http://[::8.8.8.8]/",
                "http://[::2]/",
            ]
        ),
        Group(
            barrier: .policy("ipv4-translated"),
            urls: ["http://[::ffff:0:127.0.0.1]/", "http://[::ffff:0:a00:1]/", "http://[::ffff:0:8.8.8.8]/"]
        ),
        Group(
            barrier: .policy("nat64"),
            urls: [
                "http://[64:ff9b::127.0.0.1]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b::10.0.0.1]/",
                "http://[64:ff9b:1::127.0.0.1]/", "http://[64:ff9b:1:7f00:0:100::]/", "http://[64:ff9b:1::a00:1]/",
                "http://[64:ff9b:1:abcd::8.8.8.8]/", "http://[64:ff9b::8.8.8.8]/", "http://[64:ff9b:1::]/",
            ]
        ),
        Group(
            barrier: .policy("6to4"),
            urls: [
                "http://[2002:7f00:1::]/", "http://[2002:a00:1::1]/", "http://[2002:a9fe:a9fe::1]/",
                "http://[2002:c0a8:101::1]/", "http://[2002:808:808::1]/",
            ]
        ),
        Group(
            barrier: .policy("teredo"),
            urls: [
                "http://[2001:0:7f00:1::]/", "http://[2001::1]/", "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
                "http://[2001:0:808:808:0:0:f5ff:fffe]/",
            ]
        ),
        Group(
            barrier: .policy("isatap"),
            urls: [
                "http://[2a00:1450:4001:81b:0:5efe:127.0.0.1]/", "http://[2a00:1450:4001:81b:200:5efe:10.0.0.1]/",
                "http://[2606:4700::5efe:169.254.169.254]/", "http://[2606:4700::200:5efe:c0a8:101]/",
            ]
        ),
    ]

    private static let names_ = [
        Group(
            barrier: .policy("loopback"),
            urls: [
                "http://localhost/", "https://localhost:8443/", "http://LOCALHOST/", "http://localhost./",
                "http://LocalHost:80/a", "http://localhost.localdomain/", "http://ip6-localhost/",
                "http://127.0.0.1.nip.test/", "http://xn--lcalhost-n2a.test/", "http://example.com@localhost/",
                "http://localhost?example.com", "http://localhost#example.com",
            ]
        ),
        Group(
            barrier: .policy("private"),
            urls: [
                "http://10.0.0.1.nip.test/", "http://kubernetes.default.svc/", "http://redis:6379/",
                "https://kubernetes.default.svc.cluster.local/api", "http://host.docker.internal/",
            ]
        ),
    ]

    private static let harmless = [
        Group(
            barrier: .nothing(host: "example.com"),
            urls: [
                "http://example.com#@127.0.0.1/", "http://example.com?@127.0.0.1/", "http://example.com/@127.0.0.1/",
                "http://127.0.0.1@example.com/", "http://127.0.0.1:80@example.com/", "http://localhost@example.com/",
                "http://127.0.0.1%2f@example.com/", "http://example.com/..//127.0.0.1/",
                "http://example.com//127.0.0.1/",
                "http://example.com/http://127.0.0.1/", "http://example.com./", "http://EXAMPLE.com:80/",
                "http://example.com/%0d%0aHost:%20127.0.0.1", "http://example.com/%00",
                "http://example.com/?url=http://127.0.0.1/",
                "http://example.com:/", "http://example.com/;@127.0.0.1", "http://!@example.com/",
            ]
        ),
        Group(barrier: .nothing(host: "1.2.3.4.example.com"), urls: ["http://1.2.3.4.example.com/"]),
        Group(barrier: .nothing(host: "127.0.0.1.example.com"), urls: ["http://127.0.0.1.example.com/"]),
        Group(barrier: .nothing(host: "0x7f.example"), urls: ["http://0x7f.example/"]),
        Group(barrier: .nothing(host: "xn--exmple-cua.com"), urls: ["http://xn--exmple-cua.com/"]),
        Group(barrier: .nothing(host: "8.8.8.8"), urls: ["http://127.0.0.1@8.8.8.8/", "http://8.8.8.8:53/"]),
        Group(
            barrier: .nothing(host: "::ffff:8.8.8.8"), urls: ["http://[::ffff:8.8.8.8]/", "http://[::ffff:808:808]/"]),
        Group(
            barrier: .nothing(host: "2606:4700::5efe:808:808"),
            urls: ["http://[2606:4700::5efe:8.8.8.8]/"]
        ),
    ]
}
