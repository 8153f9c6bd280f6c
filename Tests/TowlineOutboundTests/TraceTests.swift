import NIOCore
import Testing
import TowlineCore
import TowlineOutbound
import TowlineTesting

@Suite("what is known about a call", .timeLimit(.minutes(5)))
struct TraceTests {
    @Test("a response tells the addresses, the one that failed before, the connection and the times")
    func response() async throws {
        let origin = try await HTTPOrigin.start { _ in .text("ok") }
        try await withClient(names: ["origin.test": [["127.0.0.3", "127.0.0.1"]]]) { client in
            let request = OutboundRequest(url: try url("http://origin.test:\(origin.port)/"))
            let first = try await client.fetch(request)
            _ = try await first.text()
            let trace = first.trace
            #expect(trace.resolvedAddresses.map(\.description) == ["127.0.0.3", "127.0.0.1"])
            #expect(trace.address?.description == "127.0.0.1")
            let failed = try #require(trace.failedAddresses.first)
            #expect(trace.failedAddresses.count == 1)
            #expect(failed.address.description == "127.0.0.3")
            #expect(failed.code == .connectFailed)
            #expect(failed.message == "No connection: refused.")
            #expect(failed.time > .zero)
            #expect(trace.connection == .init())
            #expect(try #require(trace.connectTime) > .zero)
            #expect(trace.tlsTime == nil)
            #expect(try #require(trace.lookUpTime) > .zero)
            #expect(try #require(trace.firstByteTime) > .zero)

            let second = try await client.fetch(request)
            #expect(second.trace.connection == .init(isReused: true))
            #expect(second.trace.connectTime == nil)
            #expect(second.trace.failedAddresses.isEmpty)
            #expect(try #require(second.trace.firstByteTime) > .zero)
        }
        await origin.stop()
    }

    @Test("an error tells every address that was tried and why it failed")
    func error() async throws {
        try await withClient(names: ["origin.test": [["127.0.0.3", "127.0.0.2"]]]) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("http://origin.test:1/?secret=1")))
            }
            let trace = try #require(error?.trace)
            #expect(trace.failedAddresses.map(\.address.description) == ["127.0.0.3", "127.0.0.2"])
            #expect(trace.failedAddresses.allSatisfy { $0.code == .connectFailed })
            #expect(trace.resolvedAddresses.count == 2)
            #expect(trace.address == nil)
            #expect(trace.connection == nil)
            #expect("\(trace)".contains("secret") == false)
        }
    }

    @Test("an error of a response tells its connection")
    func errorOfResponse() async throws {
        let (result, _) = try await call([.expectHead, .send("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")])
        guard case .failure(let error) = result else {
            Issue.record("the call succeeded")
            return
        }
        #expect(error.trace.address?.description == "127.0.0.1")
        #expect(error.trace.connection == .init())
        #expect(error.trace.connectTime != nil)
    }

    @Test("an address that is refused is among the resolved ones")
    func refused() async throws {
        try await withClient(names: ["origin.test": [["10.0.0.1", "127.0.0.1"]]]) { client in
            let error = await #expect(throws: OutboundError.self) {
                try await client.execute(OutboundRequest(url: url("http://origin.test:1/")))
            }
            #expect(error?.trace.resolvedAddresses.map(\.description) == ["10.0.0.1", "127.0.0.1"])
            #expect(error?.trace.lookUpTime != nil)
            #expect(error?.trace.failedAddresses.isEmpty == true)
        }
    }

    @Test("each redirect tells how it was reached")
    func redirects() async throws {
        let target = try await HTTPOrigin.start { _ in .text("ok") }
        let port = target.port
        let origin = try await HTTPOrigin.start { _ in
            OriginResponse(status: 302, headers: [("Location", "http://127.0.0.1:\(port)/")])
        }
        try await withClient(names: ["origin.test": [["127.0.0.3", "127.0.0.1"]]]) { client in
            let response = try await client.fetch(OutboundRequest(url: url("http://origin.test:\(origin.port)/")))
            let hop = try #require(response.hops.first)
            #expect(hop.trace.failedAddresses.map(\.address.description) == ["127.0.0.3"])
            #expect(hop.trace.address == hop.address)
            #expect(response.trace.failedAddresses.isEmpty)
            #expect(response.trace.resolvedAddresses.map(\.description) == ["127.0.0.1"])
        }
        await origin.stop()
        await target.stop()
    }
}
