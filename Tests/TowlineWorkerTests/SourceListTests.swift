import Testing
import TowlineCore
import TowlineOutbound
import TowlineStore

@testable import TowlineWorker

@Suite("The URLs of one file")
struct SourceListTests {
    private static func request(_ mirrors: [String]) -> PullRequest {
        var metadata = MediaMetadata()
        metadata.mirrors = mirrors
        return PullRequest(
            sourceURL: "https://a.test/f", displayURL: "https://a.test/f", origin: "https://a.test:443",
            metadata: metadata, headers: [SourceHeader("X-Token", "secret")])
    }

    private static let gone = JobFailure(.urlInvalid, "the source answered HTTP 404")
    private static let busy = JobFailure(.sourceUnavailable, "the source answered HTTP 503")

    @Test("an attempt goes through the URLs once each, beginning with the one that it has bytes from")
    func order() throws {
        var list = try SourceList(Self.request(["https://b.test/f", "https://c.test/f"]), first: 2)
        var order = [list.current.index]
        while list.moveOn(after: Self.gone) { order.append(list.current.index) }
        #expect(order == [2, 0, 1])
    }

    @Test("header fields go to the job's own origin alone")
    func headers() throws {
        var list = try SourceList(
            Self.request(["https://a.test/g", "https://a.test:444/f", "http://a.test/f"]), first: 0)
        var counts = [list.current.headers.count]
        while list.moveOn(after: Self.gone) { counts.append(list.current.headers.count) }
        #expect(counts == [1, 1, 0, 0])
    }

    @Test("with one URL its failure stands as it is")
    func one() throws {
        var list = try SourceList(Self.request([]), first: 0)
        let moved1 = list.moveOn(after: Self.gone)
        #expect(!moved1)
        #expect(list.failure(last: Self.gone) == Self.gone)
    }

    @Test("a cause that can pass decides about several URLs, else the first one does")
    func several() throws {
        var list = try SourceList(Self.request(["https://b.test/f"]), first: 0)
        let moved2 = list.moveOn(after: Self.gone)
        #expect(moved2)
        let moved3 = list.moveOn(after: Self.busy)
        #expect(!moved3)
        #expect(list.failure(last: Self.busy).code == .sourceUnavailable)
        #expect(list.failure(last: Self.busy).message.contains("none of the file's 2 URLs"))
        list = try SourceList(Self.request(["https://b.test/f"]), first: 0)
        _ = list.moveOn(after: Self.gone)
        _ = list.moveOn(after: JobFailure(.tooManyRedirects, "more than 10 redirects"))
        #expect(list.failure(last: Self.gone).code == .urlInvalid)
    }

    @Test("a mirror that is no URL is left out")
    func unusable() throws {
        var list = try SourceList(Self.request(["file:///etc/passwd", "https://c.test/f"]), first: 1)
        #expect(list.current.index == 0)
        let moved4 = list.moveOn(after: Self.gone)
        #expect(moved4)
        #expect(list.current.index == 2)
    }
}

@Suite("What a recording says of a connection")
struct RecordedConnectionTests {
    @Test("that it went through the proxy, without naming the proxy's login", arguments: [true, false])
    func proxy(isThroughProxy: Bool) {
        var trace = OutboundTrace()
        trace.connection = OutboundResponse.ConnectionInfo(tlsVersion: "TLSv1.3", isThroughProxy: isThroughProxy)
        let recorded = RecordedRequest(trace, redirects: [])
        #expect(recorded.proxy == (isThroughProxy ? "net.proxy" : nil))
        #expect(recorded.tls == "TLSv1.3")
    }
}

@Suite("Limits of bandwidth")
struct BandwidthLimitTests {
    @Test("bytes pass at once until the burst is used up, then at the rate")
    func rate() {
        let limit = BandwidthLimit(bytesPerSecond: 1000, now: .zero)
        #expect(limit.take(250, now: .zero) <= .milliseconds(250))
        var now = Duration.zero
        for _ in 0..<100 { now += limit.take(100, now: now) }
        #expect(now >= .seconds(9.5) && now <= .seconds(10.5))
    }

    @Test("a pause is not saved up")
    func pause() {
        let limit = BandwidthLimit(bytesPerSecond: 1000, now: .zero)
        #expect(limit.take(1000, now: .seconds(100)) >= .milliseconds(750))
    }

    @Test("several who share a limit get its rate together")
    func shared() {
        let limit = BandwidthLimit(bytesPerSecond: 1000, now: .zero)
        var clocks = [Duration](repeating: .zero, count: 4)
        for _ in 0..<50 {
            for index in clocks.indices { clocks[index] += limit.take(50, now: clocks[index]) }
        }
        // Four times fifty times fifty bytes.
        #expect(clocks.allSatisfy { $0 >= .seconds(9) && $0 <= .seconds(11) }, "\(clocks)")
    }
}
