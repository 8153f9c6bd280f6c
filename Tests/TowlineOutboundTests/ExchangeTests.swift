import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineOutbound

@Suite("exchanges", .timeLimit(.minutes(5)))
struct ExchangeTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test("a request is sent with the fields that every call has, and no others twice")
    func requestFields() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient(change: { $0.userAgent = "Towline/1" }) { client in
            let headers: HTTPHeaders = [
                "Accept": "video/*", "X-Mine": "1", "Host": "evil.test", "Content-Length": "99",
                "Transfer-Encoding": "chunked",
                "Connection": "close", "Expect": "100-continue",
            ]
            let request = OutboundRequest(url: try origin.url("/f?a=b c"), headers: headers)
            #expect(try await client.execute(request).text() == "ok")
        }
        let head = try #require(origin.record.requests.first?.head)
        #expect(
            head == """
                GET /f?a=b%20c HTTP/1.1\r
                Host: 127.0.0.1:\(origin.port)\r
                Accept: video/*\r
                X-Mine: 1\r
                User-Agent: Towline/1\r
                Accept-Encoding: identity\r
                \r

                """
        )
        await origin.stop()
    }

    @Test(
        "a field that could end its line is refused before anything is sent",
        arguments: [("X", "a\r\nY: b"), ("X\r\nY", "b"), ("X:", "b"), ("", "b"), ("X Y", "b"), ("X", "a\0")]
    )
    func fieldInjection(name: String, value: String) async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient { client in
            var headers = HTTPHeaders()
            headers.add(name: name, value: value)
            let error = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: origin.url(), headers: headers))
            }
            #expect(error?.code == .invalidRequest)
        }
        #expect(origin.record.accepted == 0)
        await origin.stop()
    }

    @Test("a body is sent with its length, small and large", arguments: [0, 1, 100_000, 3_000_000])
    func requestBody(size: Int) async throws {
        let origin = try await HTTPOrigin.start { request in .text("\(request.body.readableBytes)") }
        try await withClient { client in
            let body = ByteBuffer(repeating: 7, count: size)
            let request = OutboundRequest(url: try origin.url(), method: .POST, body: body)
            #expect(try await client.execute(request).text() == "\(size)")
            #expect(try await client.execute(request).connection.isReused)
        }
        #expect(origin.record.requests.first?.body == ByteBuffer(repeating: 7, count: size))
        await origin.stop()
    }

    @Test("a body in pieces arrives as one, with the length of all", arguments: [1, 40_000, 300_000])
    func bodyInPieces(size: Int) async throws {
        let origin = try await HTTPOrigin.start { request in .text("\(request.body.readableBytes)") }
        try await withClient { client in
            var request = OutboundRequest(url: try origin.url(), method: .PUT)
            request.body = ByteBuffer(repeating: 1, count: size)
            request.moreBody = [
                ByteBuffer(), ByteBuffer(repeating: 2, count: size), ByteBuffer(repeating: 3, count: size),
                ByteBuffer(),
            ]
            #expect(try await client.execute(request).text() == "\(3 * size)")
            request.body = nil
            #expect(try await client.execute(request).text() == "\(2 * size)")
        }
        var whole = ByteBuffer(repeating: 1, count: size)
        whole.writeRepeatingByte(2, count: size)
        whole.writeRepeatingByte(3, count: size)
        #expect(origin.record.requests.first?.body == whole)
        #expect(origin.record.requests.first?.header("content-length") == "\(3 * size)")
        await origin.stop()
    }

    @Test(
        "a large body arrives whole, framed by length, by chunks or by the end",
        arguments: [nil, 1_000, 65_536] as [Int?]
    )
    func largeBody(chunkSize: Int?) async throws {
        let piece = ByteBuffer(bytes: (0..<100_003).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(body: .repeated(piece, total: 20_000_000), chunkSize: chunkSize)
        }
        try await withClient { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            #expect(response.bodyLength == (chunkSize == nil ? 20_000_000 : nil))
            // Longer than one piece and the longest read together: a reader that was late gets much at once.
            var pattern = ByteBuffer()
            for _ in 0..<48 { pattern.writeImmutableBuffer(piece) }
            var position = 0
            for try await chunk in response.body {
                #expect(pattern.getSlice(at: position % piece.readableBytes, length: chunk.readableBytes) == chunk)
                position += chunk.readableBytes
            }
            #expect(position == 20_000_000)
        }
        await origin.stop()
    }

    @Test(
        "a response that ends too early is truncated, and what came before is delivered",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello",
        ]
    )
    func truncated(text: String) async throws {
        let origin = try await ScriptedOrigin.start { _ in [.expectHead, .send(text)] }
        try await withClient { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            var received = ""
            let error = await #expect(throws: OutboundError.self) {
                for try await chunk in response.body { received += String(buffer: chunk) }
            }
            #expect(received == "hello")
            #expect(error?.code == .truncated)
            #expect(error?.isRetryable == true)
        }
        await origin.stop()
    }

    @Test("a reset in the middle of a body fails the call as one that may pass")
    func reset() async throws {
        let (result, _) = try await call([
            .expectHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), .reset,
        ])
        let error = #expect(throws: OutboundError.self) { try result.get() }
        #expect(error.map { [.connectionClosed, .truncated].contains($0.code) } == true)
        #expect(error?.isRetryable == true)
    }

    @Test(
        "a response that is no valid HTTP/1.1 is refused and its connection closed",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", "SSH-2.0-server",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "<html>",
        ]
    )
    func badResponse(text: String) async throws {
        let (result, record) = try await call([.expectHead, .send(text), .stall])
        let error = #expect(throws: OutboundError.self) { try result.get() }
        #expect(error?.code == .badResponse)
        #expect(error?.isRetryable == false)
        #expect(record.closedByClient == [0])
    }

    @Test(
        "heads without end are cut off and the connection closed",
        arguments: ["X-Bomb: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", "HTTP/1.1 100 Continue\r\n\r\n"]
    )
    func headerBomb(line: String) async throws {
        let start = line.hasPrefix("HTTP") ? "" : "HTTP/1.1 200 OK\r\n"
        let (result, record) = try await call([
            .expectHead, .send(start), .sendRepeated(Array(String(repeating: line, count: 100).utf8), times: 100_000),
        ])
        let error = #expect(throws: OutboundError.self) { try result.get() }
        #expect(error?.code == .headerTooLarge)
        #expect(record.closedByClient == [0])
    }

    @Test("300 small fields are honest")
    func manyFields() async throws {
        let fields = (0..<300).map { "X-\($0): value\r\n" }.joined()
        let (result, _) = try await call([
            .expectHead, .send("HTTP/1.1 200 OK\r\n\(fields)Content-Length: 2\r\n\r\nok"),
        ])
        #expect(try result.get() == "ok")
    }

    @Test("a server that answers before it was asked is understood after it was asked")
    func earlyAnswer() async throws {
        let (result, _) = try await call([.send(Self.ok), .expectHead, .stall])
        #expect(try result.get() == "ok")
    }

    // MARK: Bodies that are not read

    @Test("a response that is dropped unread closes its connection")
    func dropped() async throws {
        let origin = try await ScriptedOrigin.start { _ in
            [.expectHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"), .stall]
        }
        try await withClient { client in
            _ = try await client.execute(OutboundRequest(url: origin.url()))
            await origin.wait { $0.closedByClient == [0] }
        }
        await origin.stop()
    }

    @Test("an endless body is cut at the limit and its connection closed")
    func endless() async throws {
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(body: .repeated(ByteBuffer(repeating: 65, count: 65_536), total: .max), chunkSize: 65_536)
        }
        try await withClient { client in
            let response = try await client.execute(OutboundRequest(url: origin.url()))
            let prefix = try await response.collectBody(upTo: 16_384)
            #expect(prefix.isCut)
            #expect(prefix.bytes == ByteBuffer(repeating: 65, count: 16_384))
            await origin.origin.wait { $0.closedByClient == [0] }
        }
        await origin.stop()
    }

    @Test("a body of exactly the limit is not cut", arguments: [0, 1, 16_384])
    func exactLimit(size: Int) async throws {
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(body: .bytes(ByteBuffer(repeating: 1, count: size)))
        }
        try await withClient { client in
            let prefix = try await client.execute(OutboundRequest(url: origin.url())).collectBody(upTo: size)
            #expect(!prefix.isCut)
            #expect(prefix.bytes.readableBytes == size)
        }
        await origin.stop()
    }
}
