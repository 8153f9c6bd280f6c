import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOSSL
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

@Suite("origins that offer nothing but HTTP/2", .timeLimit(.minutes(5)))
struct HTTP2Tests {
    private typealias Step = HTTP2Origin.Step

    private static func head(_ fields: [(String, String)] = [], ends: Bool = false) -> HTTP2Origin.Step {
        .headers([(":status", "200")] + fields, ends: ends)
    }

    /// Runs a test with an origin and a client that trusts it.
    private func with(
        refusal: HTTP2Origin.Refusal = .alert,
        change: @escaping (inout OutboundConfiguration) -> Void = { _ in },
        script: @escaping @Sendable (Int, [(String, String)]) -> [HTTP2Origin.Step],
        _ test: (OutboundClient, HTTP2Origin, HTTPURL) async throws -> Void
    ) async throws {
        let origin = try await HTTP2Origin.start(refusal: refusal, script: script)
        try await TLSTests.withAuthority { file in
            try await withClient(
                names: ["origin.test": [["127.0.0.1"]]],
                change: {
                    $0.extraCAFile = file
                    change(&$0)
                }
            ) { client in
                try await test(client, origin, try url("https://origin.test:\(origin.port)/f?a=b"))
            }
        }
        await origin.stop()
    }

    /// What a call of an origin with one script ends with, body included.
    private func failure(
        change: @escaping (inout OutboundConfiguration) -> Void = { _ in }, totalTimeout: Duration? = nil,
        _ steps: [HTTP2Origin.Step]
    ) async throws -> OutboundError? {
        var failure: OutboundError?
        try await with(change: change, script: { _, _ in steps }) { client, _, target in
            do throws(OutboundError) {
                _ = try await client.fetch(OutboundRequest(url: target, totalTimeout: totalTimeout)).text()
            } catch {
                failure = error
            }
        }
        return failure
    }

    // MARK: What is chosen

    @Test(
        "are found out once, and then remembered; their connections are used again",
        arguments: [HTTP2Origin.Refusal.alert, .cut, .ignore, .hangUp])
    func found(refusal: HTTP2Origin.Refusal) async throws {
        try await with(
            refusal: refusal, script: { _, _ in [Self.head([("etag", "\"1\"")]), .data(5, ends: true)] }
        ) { client, origin, target in
            for round in 0..<4 {
                let request = OutboundRequest(url: target, needsFreshConnection: round == 3)
                let response = try await client.fetch(request)
                #expect(response.status == .ok)
                #expect(response.headers["ETag"] == ["\"1\""])
                #expect(response.bodyLength == nil)
                #expect(try await response.collectBody(upTo: 10).bytes == ByteBuffer(repeating: 7, count: 5))
                let connection = response.connection
                #expect(connection.applicationProtocol == "h2")
                #expect(connection.tlsVersion == "TLSv1.3")
                #expect(connection.isReused == (round == 1 || round == 2))
                #expect(response.trace.firstByteTime != nil)
            }
            #expect(origin.record.refusals == 1)
            #expect(origin.record.offers == 2)
            #expect(client.pool.counts.open == 2)
        }
    }

    @Test("are not found out where HTTP/1.1 is offered too")
    func both() async throws {
        let origin = try await HTTPOrigin.start(setUp: TLSTests.tls(protocols: ["h2", "http/1.1"])) { _ in .text("ok") }
        try await TLSTests.withAuthority { file in
            try await withClient(change: { $0.extraCAFile = file }) { client in
                let response = try await client.fetch(OutboundRequest(url: url("https://127.0.0.1:\(origin.port)/")))
                #expect(response.connection.applicationProtocol == "http/1.1")
                #expect(try await response.text() == "ok")
            }
        }
        await origin.stop()
    }

    @Test("get no request twice that may count twice, where they hang up without a sign")
    func hangUp() async throws {
        try await with(refusal: .hangUp, script: { _, _ in [Self.head(ends: true)] }) { client, origin, target in
            let request = OutboundRequest(url: target, method: .POST, body: ByteBuffer(string: "event"))
            let error = await #expect(throws: OutboundError.self) { try await client.fetch(request) }
            #expect(error?.code == .connectionClosed)
            #expect(origin.record.offers == 0 && origin.record.requests.isEmpty)
        }
    }

    @Test("are forgotten when they offer HTTP/1.1 instead")
    func changed() async throws {
        let origin = try await HTTPOrigin.start(setUp: TLSTests.tls(protocols: ["http/1.1"])) { _ in .text("ok") }
        try await TLSTests.withAuthority { file in
            try await withClient(change: { $0.extraCAFile = file }) { client in
                let target = try url("https://127.0.0.1:\(origin.port)/")
                let key = client.key(for: target, at: IPAddress(v4: 0x7f00_0001))
                client.http2Origins.remember(key)
                let response = try await client.fetch(OutboundRequest(url: target))
                #expect(response.connection.applicationProtocol == "http/1.1")
                #expect(try await response.text() == "ok")
                #expect(!client.http2Origins.contains(key))
            }
        }
        await origin.stop()
    }

    @Test("an origin that offers neither is refused for good after one look at both")
    func neither() async throws {
        let alert: [UInt8] = [21, 3, 3, 0, 2, 2, 120]
        let origin = try await ScriptedOrigin.start { _ in [.sendBytes(alert), .stall] }
        try await withClient { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.fetch(OutboundRequest(url: url("https://127.0.0.1:\(origin.port)/")))
            }
            #expect(error?.code == .tlsFailed)
            #expect(error?.isRetryable == false)
            #expect(error?.message.contains("neither HTTP/1.1 nor HTTP/2") == true)
        }
        await origin.wait { $0.ended.count == 2 }
        #expect(origin.record.accepted == 2)
        await origin.stop()
    }

    @Test("are reached through a proxy too")
    func proxy() async throws {
        let tunnel = try await TunnelProxy.start()
        let proxy = OutboundProxy(parsing: "http://127.0.0.1:\(tunnel.port)")
        try await with(
            change: { $0.proxy = proxy }, script: { _, _ in [Self.head(), .data(5, ends: true)] }
        ) { client, _, target in
            let response = try await client.fetch(OutboundRequest(url: target))
            #expect(response.connection.applicationProtocol == "h2")
            #expect(response.connection.isThroughProxy)
            #expect(try await response.collectBody(upTo: 10).bytes.readableBytes == 5)
        }
        #expect(tunnel.heads.count == 2)
        await tunnel.stop()
    }

    // MARK: Requests and responses

    @Test("get the request's fields in lower case, and none that belong to a connection")
    func fields() async throws {
        try await with(script: { _, _ in
            [.headers([(":status", "206"), ("content-range", "bytes 5-9/10")], ends: false), .data(5, ends: true)]
        }) { client, origin, target in
            let headers: HTTPHeaders = [
                "Range": "bytes=5-9", "If-Range": "\"v\"", "Connection": "X-Hop", "Transfer-Encoding": "chunked",
                "X-Key": "v",
            ]
            let response = try await client.fetch(OutboundRequest(url: target, headers: headers))
            #expect(response.status.code == 206)
            #expect(try await response.collectBody(upTo: 10).bytes.readableBytes == 5)
            let fields = try #require(origin.record.requests.first)
            #expect(
                fields.map { "\($0.0): \($0.1)" } == [
                    ":method: GET", ":scheme: https", ":authority: origin.test:\(origin.port)", ":path: /f?a=b",
                    "range: bytes=5-9", "if-range: \"v\"", "x-key: v", "user-agent: Towline", "accept: */*",
                    "accept-encoding: identity",
                ])
        }
    }

    @Test("get bodies, small and large", arguments: [0, 5, 300_000, 3_000_000])
    func upload(size: Int) async throws {
        try await with(script: { _, _ in [.headers([(":status", "204")], ends: true)] }) { client, origin, target in
            var request = OutboundRequest(url: target, method: .POST, body: ByteBuffer(repeating: 1, count: size / 2))
            request.moreBody = [ByteBuffer(), ByteBuffer(repeating: 2, count: size - size / 2)]
            for _ in 0..<2 {
                let response = try await client.fetch(request)
                #expect(response.status.code == 204)
                #expect(try await response.text().isEmpty)
            }
            #expect(origin.record.bodyBytes == 2 * size)
            #expect(origin.record.requests.first?.contains { $0 == ("content-length", "\(size)") } == true)
        }
    }

    private static let complete: [(HTTPMethod, [HTTP2Origin.Step], Int, Int64?)] = [
        (.GET, [head([("content-length", "7")]), .data(3, ends: false), .data(4, ends: true)], 7, 7),
        (.GET, [head([("content-length", "7")]), .data(7, ends: false), .headers([("x-t", "1")], ends: true)], 7, 7),
        (.GET, [head([("content-length", "0")], ends: true)], 0, 0),
        (.GET, [head(ends: true)], 0, nil),
        (.GET, [head(), .data(0, ends: true)], 0, nil),
        (.GET, [.headers([(":status", "103"), ("link", "x")], ends: false), head(), .data(1, ends: true)], 1, nil),
        (.HEAD, [head([("content-length", "7")], ends: true)], 0, 0),
        (.GET, [.headers([(":status", "304"), ("content-length", "7")], ends: true)], 0, 0),
    ]

    @Test("give complete responses, however they are framed", arguments: complete.indices)
    func framing(index: Int) async throws {
        let (method, steps, size, length) = Self.complete[index]
        try await with(script: { _, _ in steps }) { client, _, target in
            for round in 0..<2 {
                let response = try await client.fetch(OutboundRequest(url: target, method: method))
                #expect(response.connection.isReused == (round == 1))
                #expect(response.bodyLength == length)
                #expect(try await response.collectBody(upTo: 100).bytes.readableBytes == size)
            }
        }
    }

    @Test("send no more of a large body than the window while nobody reads")
    func backPressure() async throws {
        let total = 32 << 20
        try await with(
            script: { _, fields in
                let isOther = fields.contains { $0 == (":path", "/other") }
                return isOther ? [Self.head(ends: true)] : [Self.head(), .data(total, ends: true)]
            }
        ) { client, origin, target in
            let otherTarget = try url("https://origin.test:\(origin.port)/other")
            let response = try await client.fetch(OutboundRequest(url: target))
            await origin.wait { $0.sentBytes >= (1 << 20) - (64 << 10) }
            // Other calls take their turn meanwhile, on other connections.
            for _ in 0..<20 {
                let other = try await client.fetch(OutboundRequest(url: otherTarget, needsFreshConnection: true))
                await other.discardBody()
            }
            #expect(origin.record.sentBytes <= 1 << 20)
            var received = 0
            var iterator = response.body.makeAsyncIterator()
            while let chunk = try await iterator.next() { received += chunk.readableBytes }
            #expect(received == total)
        }
    }

    @Test("may not read on from a body that was given up")
    func abandoned() async throws {
        try await with(script: { _, _ in [Self.head(), .data(4 << 20, ends: true)] }) { client, origin, target in
            let response = try await client.fetch(OutboundRequest(url: target))
            response.body.close()
            await origin.wait { $0.ended >= 1 }
            #expect(client.pool.counts.idle == 0)
        }
    }

    // MARK: What goes wrong

    @Test("that end in the middle leave a body that is cut, and may be resumed")
    func cuts() async throws {
        let starts: [Step] = [Self.head([("content-length", "10")]), .data(5, ends: false)]
        let ends: [[Step]] = [
            [.reset(.internalError)], [.reset(.noError)], [.reset(.cancel)], [.close], [.data(4, ends: true)],
            [.headers([("x-t", "1")], ends: true)],
        ]
        for end in ends {
            try await with(script: { _, _ in starts + end }) { client, _, target in
                let response = try await client.fetch(OutboundRequest(url: target))
                var received = 0
                let error = await #expect(throws: OutboundError.self) {
                    var iterator = response.body.makeAsyncIterator()
                    while let chunk = try await iterator.next() { received += chunk.readableBytes }
                }
                #expect(error?.code == .truncated, "\(end)")
                #expect(error?.isRetryable == true)
                #expect(received >= 5)
            }
        }
    }

    @Test("that say nothing are failures that may pass")
    func silent() async throws {
        for steps in [[.reset(.internalError)], [.close], [.reset(.refusedStream)], [.goAway(0)]] as [[Step]] {
            let error = try await failure(steps)
            #expect(error?.code == .connectionClosed, "\(steps)")
            #expect(error?.isRetryable == true)
        }
        let error = try await failure([.reset(.http11Required)])
        #expect(error?.code == .badResponse)
        #expect(error?.isRetryable == false)
    }

    @Test("that leave finish what they began, and get no further request on that connection")
    func goAway() async throws {
        try await with(
            script: { number, _ in [Self.head(), .goAway(HTTP2StreamID(2 * number + 1)), .data(5, ends: true)] }
        ) { client, origin, target in
            for _ in 0..<2 {
                let response = try await client.fetch(OutboundRequest(url: target))
                #expect(try await response.collectBody(upTo: 10).bytes.readableBytes == 5)
                #expect(response.connection.isReused == false)
            }
            await origin.wait { $0.ended >= 2 }
        }
    }

    @Test("a request that a leaving origin refused on a used connection is sent again on a new one")
    func refusedOnReused() async throws {
        try await with(
            script: { number, _ in number == 1 ? [.reset(.refusedStream)] : [Self.head(), .data(5, ends: true)] }
        ) { client, origin, target in
            for _ in 0..<2 {
                let request = OutboundRequest(url: target, method: .POST, body: ByteBuffer(string: "x"))
                let response = try await client.fetch(request)
                #expect(try await response.collectBody(upTo: 10).bytes.readableBytes == 5)
            }
            #expect(origin.record.requests.count == 3)
            #expect(origin.record.offers == 2)
        }
    }

    private static let bad: [(String, [HTTP2Origin.Step], Bool)] = [
        ("no status", [.headers([("x", "1")], ends: true)], false),
        ("a status of two digits", [.headers([(":status", "20")], ends: true)], false),
        ("a status that is no number", [.headers([(":status", "2x0")], ends: true)], false),
        ("101", [.headers([(":status", "101")], ends: false)], false),
        ("an interim head that ends", [.headers([(":status", "103")], ends: true)], false),
        ("two statuses", [.headers([(":status", "200"), (":status", "201")], ends: true)], false),
        ("a field in upper case", [head([("X-A", "1")], ends: true)], false),
        ("a field of the connection", [head([("connection", "close")], ends: true)], false),
        ("a coding", [head([("transfer-encoding", "chunked")], ends: true)], false),
        (
            "lengths that differ", [head([("content-length", "1"), ("content-length", "2")]), .data(1, ends: true)],
            false
        ),
        ("a length that is no number", [head([("content-length", "x")]), .data(1, ends: true)], false),
        ("a line break in a value", [head([("x", "a\nb")], ends: true)], false),
        ("a body that is too long", [head([("content-length", "4")]), .data(5, ends: true)], true),
        ("a body where there is none", [.headers([(":status", "304")], ends: false), .data(5, ends: true)], true),
        ("trailers that do not end", [head(), .raw([0, 0, 7, 1, 4, 0, 0, 0, 1, 0, 3, 120, 45, 116, 1, 49])], true),
        ("many pings", [head(), .pings(1_000), .data(5, ends: false)], true),
        ("a push", [head(), .raw([0, 0, 5, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0x88])], true),
        ("settings without end", [.raw(.init(repeating: [0, 0, 0, 4, 0, 0, 0, 0, 0], times: 1_000))], false),
        ("a frame that is too large", [.raw([1, 0, 1, 0, 0, 0, 0, 0, 1])], false),
        ("an unknown stream's data", [.raw([0, 0, 1, 0, 0, 0, 0, 0, 9, 7])], false),
        ("empty data without end", [head(), .raw(.init(repeating: [0, 0, 0, 0, 0, 0, 0, 0, 1], times: 1_000))], true),
        ("window updates of nothing", [.raw([0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0])], false),
        (
            "window updates without end",
            [.raw(.init(repeating: [0, 0, 4, 8, 0, 0, 0, 0, 1, 0, 0, 0, 1], times: 20_000))], true
        ),
        ("HTTP/1.1", [.raw(Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".utf8))], false),
    ]

    @Test("that break the rules are refused, and for good where it is the head", arguments: bad.indices)
    func invalid(index: Int) async throws {
        let (what, steps, isRetryable) = Self.bad[index]
        let error = try await failure(steps)
        #expect(error?.code == .badResponse, "\(what): \(error?.description ?? "none")")
        #expect(error?.isRetryable == isRetryable, "\(what)")
        #expect(error?.message.contains("HTTP/2") == true, "\(what)")
    }

    @Test("that send fields far over the limit are refused, by whoever notices first")
    func farOver() async throws {
        let error = try await failure([.raw(Self.block(Self.long + Self.long + Self.long, status: true))])
        #expect(error?.code == .badResponse || error?.code == .headerTooLarge, "\(error?.description ?? "none")")
        #expect(error?.isRetryable == false)
    }

    /// A block of fields on stream 1, in frames of 16 KiB, written out without compression.
    private static func block(_ fields: [(String, String)], status: Bool) -> [UInt8] {
        var bytes: [UInt8] = status ? [0x88] : []
        for (name, value) in fields {
            bytes += [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        var frames: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 16_384) {
            let part = bytes[start..<min(start + 16_384, bytes.count)]
            let isLast = part.endIndex == bytes.count
            let flags: UInt8 = (isLast ? 4 : 0) | (start == 0 ? 1 : 0)
            frames +=
                [0, UInt8(part.count >> 8), UInt8(part.count & 255), start == 0 ? 1 : 9, flags, 0, 0, 0, 1] + part
        }
        return frames
    }

    private static let long = (0..<700).map { ("x-\($0)", String(repeating: "a", count: 100)) }
    private static let fair = (0..<500).map { ("x-\($0)", String(repeating: "a", count: 100)) }
    private static let many = (0..<1_001).map { ("x-\($0)", "") }
    private static let bombs: [[HTTP2Origin.Step]] = [
        [.raw(block(long, status: true))],
        [.raw(block(many, status: true))],
        [head(), .data(1, ends: false), .raw(block(long, status: false))],
        Array(
            repeating: .headers([(":status", "103"), ("link", String(repeating: "a", count: 100))], ends: false),
            count: 1_000),
        // A head that does not end its fields, and empty frames that continue it.
        [
            .raw(
                [0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88]
                    + [UInt8](repeating: [0, 0, 0, 9, 0, 0, 0, 0, 1], times: 1_000))
        ],
    ]

    @Test("that send heads without end are cut off", arguments: bombs.indices)
    func bomb(index: Int) async throws {
        let error = try await failure(Self.bombs[index])
        #expect(error?.code == .headerTooLarge, "\(error?.description ?? "none")")
        #expect(error?.isRetryable == false)
    }

    @Test("may send heads as large as the limits")
    func largeHead() async throws {
        try await with(script: { _, _ in [.raw(Self.block(Self.fair, status: true))] }) { client, _, target in
            let response = try await client.fetch(OutboundRequest(url: target))
            #expect(response.headers.count == 500)
            #expect(try await response.text().isEmpty)
        }
    }

    @Test("get no request whose fields are larger than a frame that every peer takes")
    func largeRequest() async throws {
        try await with(script: { _, _ in [Self.head(ends: true)] }) { client, origin, target in
            let fair = OutboundRequest(url: target, headers: ["X": String(repeating: "a", count: 15_000)])
            let response = try await client.fetch(fair)
            #expect(try await response.text().isEmpty)
            let large = OutboundRequest(url: target, headers: ["X": String(repeating: "~", count: 4_100)])
            let error = await #expect(throws: OutboundError.self) { try await client.fetch(large) }
            #expect(error?.code == .invalidRequest)
            #expect(error?.isRetryable == false)
            #expect(origin.record.requests.count == 1)
        }
    }

    @Test("that stop cost no more than the times that are set")
    func stops() async throws {
        let never = TestSignal()
        let short = Duration.milliseconds(100)
        let first = try await failure(change: { $0.firstByteTimeout = short }, [.wait(never)])
        #expect(first?.code == .firstByteTimeout)
        let interim = try await failure(
            change: { $0.firstByteTimeout = short }, [.headers([(":status", "103")], ends: false), .wait(never)])
        #expect(interim?.code == .firstByteTimeout)
        let idle = try await failure(
            change: { $0.idleTimeout = short }, [Self.head(), .data(5, ends: false), .wait(never)])
        #expect(idle?.code == .idleTimeout)
        #expect(idle?.isRetryable == true)
        let total = try await failure(totalTimeout: short * 5, [Self.head(), .data(5, ends: false), .wait(never)])
        #expect(total?.code == .totalTimeout)
    }

    @Test("are left at once when the call is cancelled")
    func cancelled() async throws {
        let never = TestSignal()
        try await with(script: { _, _ in [.wait(never)] }) { client, origin, target in
            let call = Task { try await client.fetch(OutboundRequest(url: target)) }
            await origin.wait { $0.requests.count == 1 }
            call.cancel()
            let error = await #expect(throws: OutboundError.self) { try await call.value }
            #expect(error?.code == .cancelled)
            await origin.wait { $0.ended >= 1 }
        }
    }

    @Test("are remembered in a bounded list")
    func memory() throws {
        let origins = HTTP2Origins()
        for number in 0..<5_000 {
            let key = HTTP1Connection.Key(try url("https://h\(number).test/"), IPAddress(v4: 1))
            origins.remember(key)
            #expect(origins.contains(key))
        }
        #expect(origins.count <= 1_024)
    }
}

extension [UInt8] {
    fileprivate init(repeating bytes: [UInt8], times: Int) {
        self = (0..<times).flatMap { _ in bytes }
    }
}
