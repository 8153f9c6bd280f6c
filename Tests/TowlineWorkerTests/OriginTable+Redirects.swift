import TowlineCore
import TowlineOutbound
import TowlineTesting
import TowlineWorker

extension OriginTable {
    private typealias Place = OriginCase.Place

    private static let whole: [OriginCase.Step] = [.expectHead, .send(OriginText.whole())]

    /// Redirects on the way to a file, one connection each.
    private static func followed(_ name: String, _ locations: String...) -> OriginCase {
        .recovering(name, attempts: 1, locations.map { answering(302, "Location: \($0)") } + [whole])
    }

    /// A status that leads on.
    private static func leading(_ status: Int) -> OriginCase {
        .recovering("\(status)", attempts: 1, [answering(status, "Location: /b"), whole])
    }

    /// A redirect that is not followed.
    private static func dead(
        _ name: String, _ location: String, _ code: FailureCode = .tooManyRedirects, says: String = ""
    ) -> OriginCase {
        .refused(name, code, says: says, answering(302, "Location: \(location)"))
    }

    private static func inner(_ host: String, _ rule: String) -> OriginCase {
        dead("a redirect to \(host)", "http://\(host)/latest/", .addressForbidden, says: rule)
    }

    private static func endless(_ name: String, steps: @escaping @Sendable (Place) -> [OriginCase.Step]) -> OriginCase {
        OriginCase(name, .failed(.tooManyRedirects), requests: 11...11, attempts: 1...1, steps: steps) {
            $0.message = "more than 10 times"
        }
    }

    /// A redirect to another origin that has the file.
    private static func crossing(
        _ name: String, _ leaf: TestLeaf?, otherLeaf: TestLeaf?, user: String = ""
    ) -> OriginCase {
        OriginCase(
            name, .stored(Array(OriginText.file.utf8)), requests: 1...1, attempts: 1...1,
            steps: { place in
                let scheme = otherLeaf == nil ? "http" : "https"
                return answering(302, "Location: \(scheme)://\(user)127.0.0.1:\(place.otherPort)/b.mp4")
            }
        ) {
            let scheme = leaf == nil ? "http" : "https"
            $0.leaf = leaf
            $0.other = (otherLeaf, { _ in whole })
            $0.url = { "\(scheme)://user:secret@127.0.0.1:\($0)/a.mp4" }
        }
    }

    static let redirects: [OriginCase] = [
        leading(301), leading(302), leading(303), leading(307), leading(308),
        followed("a relative path", "b.mp4"), followed("a path up", "../../b.mp4"), followed("a query alone", "?b=c"),
        followed("an absolute path", "/x/y"), followed("a fragment", "/b.mp4#t=10"),
        followed("a path that is not ASCII", "/\u{89c6}\u{9891}.mp4"), followed("a path with blanks", "/a b.mp4"),
        followed("nine steps", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"),
        followed("ten steps", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9", "/10"),
        OriginCase(
            "an address without a scheme", .stored(Array(OriginText.file.utf8)), requests: 2...2, attempts: 1...1,
            steps: { $0.connection == 0 ? answering(302, "Location: //127.0.0.1:\($0.port)/b") : whole }),
        OriginCase(
            "a whole URL", .stored(Array(OriginText.file.utf8)), requests: 2...2, attempts: 1...1,
            steps: { $0.connection == 0 ? answering(302, "Location: HTTP://127.0.0.1:\($0.port)/b") : whole }),
        .recovering(
            "the same Location twice", attempts: 1,
            [answering(302, "Location: /b", "Location: /b"), whole]),
        .recovering(
            "a redirect with a body without end", attempts: 1,
            [
                [
                    .expectHead, .send(OriginText.head(302, "Location: /b", "Transfer-Encoding: chunked")),
                    .sendRepeated(Array(OriginText.chunk(String(repeating: "a", count: 60_000)).utf8), times: 16_384),
                ], whole,
            ]
        ) { $0.isFlood() },
        .recovering(
            "a redirect with a body that does not come", attempts: 1,
            [[.expectHead, .send(OriginText.head(302, "Location: /b", "Content-Length: 100")), .stall], whole]
        ) { $0.isClosedByClient = true },
        .recovering(
            "a redirect of HTTP/1.0", attempts: 1,
            [[.expectHead, .send("HTTP/1.0 302 Found\r\nLocation: /b\r\n\r\n")], whole]),
        .recovering(
            "the rest behind a redirect", attempts: 1,
            [
                answering(302, "Location: /b"), [.expectHead, .send(OriginText.whole(sent: 10_000))],
                answering(302, "Location: /b"), [.expectHead, .send(OriginText.part(from: 10_000))],
            ]
        ) { $0.ranges = [nil, nil, "bytes=10000-", "bytes=10000-"] },
        crossing("from http to https", nil, otherLeaf: .good),
        crossing("from https to http", .good, otherLeaf: nil),
        crossing("from https to https", .good, otherLeaf: .good),
        crossing("to another port", nil, otherLeaf: nil),
        crossing("to another port with a name and a password", nil, otherLeaf: nil, user: "a:b@"),
        endless("to itself") { _ in answering(302, "Location: /a.mp4?token=abc") },
        endless("to itself with a cookie") { _ in
            answering(302, "Location: /a.mp4?token=abc", "Set-Cookie: seen=1; Path=/")
        },
        endless("in a circle") { answering(307, "Location: /\($0.connection % 2)") },
        endless("further and further") { answering(301, "Location: /\($0.connection)") },
        endless("an empty Location") { _ in answering(302, "Location:") },
        .refused("no Location", .tooManyRedirects, says: "no Location", answering(302)),
        .refused(
            "two Locations", .tooManyRedirects, says: "several that differ",
            answering(302, "Location: /a", "Location: /b")),
        .refused("300 with a Location", .urlInvalid, says: "HTTP 300", answering(300, "Location: /b")),
        .refused("304 with a Location", .urlInvalid, says: "HTTP 304", answering(304, "Location: /b")),
        .refused("305 with a Location", .urlInvalid, says: "HTTP 305", answering(305, "Location: http://127.0.0.1:9/")),
        .stored("200 with a Location", [.expectHead, .send(OriginText.whole(OriginText.file, "Location: /b"))]),
        dead("to a file", "file:///etc/passwd"), dead("to a socket", "unix:///run/docker.sock"),
        dead("to ftp", "ftp://127.0.0.1/a"), dead("to a script", "javascript:alert(1)"),
        dead("to data", "data:video/mp4,abc"), dead("to a number", "http://2130706433/"),
        dead("to a short address", "http://127.1/"), dead("to an address in octal", "http://0177.0.0.1/"),
        dead("to a zone", "http://[fe80::1%25eth0]/"), dead("to a name that is not ASCII", "http://ex\u{e4}mple.com/"),
        dead("to a backslash", "http:\\\\127.0.0.1\\"), dead("to nowhere", "http://"),
        dead("to a port that is none", "http://127.0.0.1:99999/"),
        dead("to a dead name", "http://nowhere.test/", .urlInvalid, says: "has no address"),
    ]

    // MARK: Addresses

    private static func named(
        _ name: String, _ outcome: OriginCase.Outcome, requests: Int, attempts: Int? = nil, answers: [[String]],
        steps: [OriginCase.Step] = whole, _ change: (inout OriginCase) -> Void = { _ in }
    ) -> OriginCase {
        OriginCase(
            name, outcome, requests: requests...requests, attempts: attempts.map { $0...$0 }, steps: { _ in steps }
        ) {
            $0.url = { "http://origin.test:\($0)/a.mp4" }
            $0.names = ["origin.test": answers, "loop.test": [["127.0.0.1"], ["10.0.0.1"]]]
            change(&$0)
        }
    }

    private static let stored = OriginCase.Outcome.stored(Array(OriginText.file.utf8))

    static let addresses: [OriginCase] = [
        inner("10.0.0.1", "private"), inner("192.168.1.1", "private"), inner("172.16.0.1", "private"),
        inner("127.0.0.4", "loopback"), inner("0.0.0.0", "this-network"), inner("169.254.169.254", "metadata"),
        inner("100.100.100.200", "metadata"), inner("168.63.129.16", "metadata"), inner("100.64.0.1", "shared-cgnat"),
        inner("[::ffff:10.0.0.1]", "private"), inner("[fe80::1]", "link-local"), inner("[fd00::1]", "unique-local"),
        inner("[64:ff9b::10.0.0.1]", "nat64"), inner("[2002:a00:1::]", "6to4"), inner("[fd00:ec2::254]", "metadata"),
        inner("user:pw@10.0.0.1", "private"),
        named("a name", stored, requests: 1, answers: [["127.0.0.1"]]),
        named("the first of two addresses dead", stored, requests: 1, answers: [["127.0.0.3", "127.0.0.1"]]),
        named(
            "five of six addresses dead", stored, requests: 1,
            answers: [["127.0.0.3", "127.0.0.2", "::1", "::ffff:127.0.0.2", "127.0.0.99", "127.0.0.1"]]),
        named(
            "every address dead", .failed(.sourceUnavailable), requests: 0, attempts: 2,
            answers: [["127.0.0.3", "127.0.0.2"]]),
        named("IPv6 only", stored, requests: 1, answers: [["::1"]]) { $0.host = "::1" },
        named("IPv6 dead, IPv4 not", stored, requests: 1, answers: [["::1", "127.0.0.1"]]),
        OriginCase("an IPv6 address", stored, requests: 1...1, steps: { _ in whole }) {
            $0.host = "::1"
            $0.url = { "http://[::1]:\($0)/a.mp4" }
        },
        named("an IPv4 address as IPv6", stored, requests: 1, answers: [["::ffff:127.0.0.1"]]),
        named("refused, then up", stored, requests: 1, attempts: 2, answers: [["127.0.0.99"]]) {
            $0.host = "127.0.0.99"
            $0.isDownAtFirst = true
        },
        named("a name that is not there", .failed(.urlInvalid), requests: 0, attempts: 1, answers: []) {
            $0.names = [:]
        },
        named(
            "a name with an inner address", .failed(.addressForbidden), requests: 0, attempts: 1,
            answers: [["10.0.0.1"]]),
        named(
            "an inner address behind a good one", .failed(.addressForbidden), requests: 0, attempts: 1,
            answers: [["127.0.0.1", "10.0.0.1"]]),
        named(
            "a good address behind an inner one", .failed(.addressForbidden), requests: 0, attempts: 1,
            answers: [["169.254.169.254", "127.0.0.1"]]),
        named(
            "another address for the next attempt", .failed(.addressForbidden), requests: 1, attempts: 2,
            answers: [["127.0.0.1"], ["10.0.0.1"]], steps: answering(503)),
        named(
            "another address for the rest", .failed(.addressForbidden), requests: 1, attempts: 1,
            answers: [["127.0.0.1"], ["10.0.0.1"]],
            steps: [.expectHead, .send(OriginText.whole(sent: 10_000))]),
        named(
            "another address after a redirect to itself", .failed(.addressForbidden), requests: 1, attempts: 1,
            answers: [["127.0.0.1"], ["169.254.169.254"]], steps: answering(302, "Location: /b")),
        named(
            "another address after a redirect on a connection that stays", .failed(.addressForbidden), requests: 1,
            attempts: 1, answers: [["127.0.0.1"], ["127.0.0.4"]],
            steps: [
                .expectHead, .send(OriginText.head(302, "Location: /b", "Content-Length: 0")), .expectHead,
                .send(OriginText.whole()),
            ]),
        named(
            "a name with an inner address behind a redirect", .failed(.addressForbidden), requests: 1, attempts: 1,
            answers: [["127.0.0.1"]], steps: answering(302, "Location: http://inner.test/")
        ) { $0.names["inner.test"] = [["192.168.0.1"]] },
    ]

    // MARK: TLS

    private static func secured(
        _ name: String, _ leaf: TestLeaf, _ outcome: OriginCase.Outcome, says: String = "", requests: Int,
        attempts: Int = 1, host: String = "origin.test", steps: [OriginCase.Step] = whole,
        _ change: (inout OriginCase) -> Void = { _ in }
    ) -> OriginCase {
        OriginCase(
            name, outcome, requests: requests...requests, attempts: attempts...attempts, steps: { _ in steps }
        ) {
            $0.leaf = leaf
            $0.message = says
            $0.url = { "https://\(host):\($0)/a.mp4" }
            $0.names = ["origin.test": [["127.0.0.1"]]]
            change(&$0)
        }
    }

    private static func distrusted(_ name: String, _ leaf: TestLeaf, says: String) -> OriginCase {
        secured(name, leaf, .failed(.urlInvalid), says: says, requests: 0)
    }

    private static let untilTheEnd: [OriginCase.Step] = [
        .expectHead, .send(OriginText.head(200) + OriginText.file),
    ]

    static let tls: [OriginCase] = [
        secured("TLS", .good, stored, requests: 1),
        secured("TLS for an address", .good, stored, requests: 1, host: "127.0.0.1"),
        distrusted("an expired certificate", .expired, says: "not trusted"),
        distrusted("a certificate that signs itself", .selfSigned, says: "not trusted"),
        distrusted("an authority that nobody knows", .untrusted, says: "not trusted"),
        distrusted("a certificate for another name", .otherName, says: "does not match"),
        distrusted("TLS 1.1", .oldVersion, says: "handshake"),
        secured("HTTP/1.1 by choice of protocols", .offering(["http/1.1"]), stored, requests: 1),
        secured("no protocol in common, and HTTP/1.1 all the same", .offering(["acme-tls/1"]), stored, requests: 1),
        secured(
            "frames of HTTP/2 unasked", .good, .failed(.urlInvalid), says: "not valid HTTP/1.1", requests: 1,
            steps: [.expectHead, .send("\0\0\u{12}\u{4}\0\0\0\0\0\0\u{3}\0\0\0\u{64}"), .stall]
        ) {
            // Whoever answers so may speak HTTP/2 when it is offered: it is asked once more within the attempt.
            $0.requests = 1...2
        },
        // The client asks for HTTP/1.1; this server takes nothing as an answer and goes on.
        secured("HTTP/2 alone in the choice, and HTTP/1.1 all the same", .offering(["h2"]), stored, requests: 1),
        secured(
            "HTTP/2 alone in the choice, and rubbish", .offering(["h2"]), .failed(.urlInvalid),
            says: "not valid HTTP/1.1", requests: 0,
            steps: [.sendBytes([UInt8](repeating: 0xff, count: 4_096)), .stall]
        ) { $0.requests = 0...1 },
        secured("no length, and a farewell", .good, stored, requests: 1, steps: untilTheEnd),
        secured(
            "no length, and no farewell", .withoutFarewell, .failed(.sourceTruncated), requests: 2, attempts: 2,
            steps: untilTheEnd),
        secured("a length, and no farewell", .withoutFarewell, stored, requests: 1),
        secured(
            "a body cut within TLS", .good, .failed(.sourceTruncated), requests: 2, attempts: 2,
            steps: [.expectHead, .send(OriginText.whole(tag: nil, sent: 10_000))]),
        secured(
            "a reset within TLS", .good, .failed(.sourceUnavailable), requests: 2, attempts: 2,
            steps: [.expectHead, .reset]),
        plain(
            "plain HTTP where TLS is expected", .failed(.urlInvalid),
            [.send("HTTP/1.1 400 Bad Request\r\n\r\n"), .stall]),
        plain("a handshake that is reset", .failed(.sourceUnavailable), attempts: 2, [.reset]),
        plain("a handshake that ends", .failed(.sourceUnavailable), attempts: 2, []),
        plain("a handshake that stalls", .failed(.sourceTimeout), attempts: 2, [.stall]),
    ]

    /// An origin without TLS behind an https URL.
    private static func plain(
        _ name: String, _ outcome: OriginCase.Outcome, attempts: Int = 1, _ steps: [OriginCase.Step]
    ) -> OriginCase {
        OriginCase(name, outcome, requests: 0...0, attempts: attempts...attempts, steps: { _ in steps }) {
            $0.url = { "https://127.0.0.1:\($0)/a.mp4" }
            $0.limits = { $0.connectTimeout = .milliseconds(300) }
        }
    }
}
