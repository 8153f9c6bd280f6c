import NIOCore
import Synchronization
import Testing
import TowlineCore
import TowlineObjects
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import TowlineWorker

@Suite("A transfer over several connections, against a scripted source", .timeLimit(.minutes(2)))
struct PiecesTests {
    private static let file = ResumeBench.file(2_000_000)
    private static let other = ResumeBench.file(2_000_000, version: 2)

    /// The part that a request asks for; nil for the whole file.
    private static func asked(_ request: OriginRequest) -> (first: Int, last: Int?)? {
        guard let range = request.header("Range") else { return nil }
        let ends = range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        return Int(ends[0]).map { ($0, Int(ends[1])) }
    }

    /// What a good source answers.
    private static func right(_ request: OriginRequest) -> SourceAnswer {
        guard let asked = asked(request) else { return .whole(file) }
        return .part(file, from: asked.first, to: asked.last)
    }

    /// Splits at the first bytes, and measures so seldom that four connections stay four.
    private static func eager(_ configuration: inout PullConfiguration) {
        configuration.trialTime = .zero
        configuration.worthwhileTime = .zero
        configuration.gaugeTime = .seconds(600)
        configuration.pieceBytes = 100_000
        configuration.checkpointBytes = 300_000
    }

    private static var expected: ExpectedContent {
        // Wrong or missing order would show in a digest that needs every byte in its place.
        var digest = ContentDigest(for: ordered)
        digest.update(ByteBuffer(bytes: file))
        var expected = ExpectedContent()
        expected.sha256 = digest.value.sha256
        expected.md5 = digest.value.md5
        expected.crc64 = digest.value.crc64
        return expected
    }

    private static var ordered: ExpectedContent {
        var expected = ExpectedContent()
        expected.sha256 = ""
        expected.md5 = ""
        return expected
    }

    @Test("pieces come over several connections, to their places, with the right digests", arguments: [false, true])
    func pieces(withDigests: Bool) async throws {
        let bench = try await ResumeBench { _, request in Self.right(request) }
        let job = try await bench.accept(expecting: withDigests ? Self.expected : ExpectedContent())
        let done = try await bench.run(job.id, configure: Self.eager)
        try await bench.expectStored(done, Self.file)
        #expect(try await bench.store.jobDetail(job.id)?.digests?.crc64 == Self.expected.crc64)
        let pieces = bench.origin.record.requests.compactMap { Self.asked($0)?.last }
        #expect(pieces.count > 10)
        let connections = Set(bench.origin.record.requests.filter { Self.asked($0) != nil }.map(\.connection))
        #expect(connections.count >= 2)
        #expect(done.attempts == 1)
        // What the first connection had on its way when it was left is all that came in vain.
        #expect(try await bench.received(job.id) == 2_000_000)
        for request in bench.origin.record.requests.dropFirst() { #expect(request.header("If-Range") == "\"v1\"") }
        await bench.close()
    }

    @Test("however often it is measured, the file is right")
    func gauged() async throws {
        let bench = try await ResumeBench { _, request in Self.right(request) }
        let job = try await bench.accept(expecting: Self.expected)
        let done = try await bench.run(job.id) {
            Self.eager(&$0)
            $0.pieceBytes = 10_000
            $0.gaugeTime = .milliseconds(1)
        }
        try await bench.expectStored(done, Self.file)
        await bench.close()
    }

    @Test(
        "one connection it is where the origin's limit leaves no room, or the setting says so", arguments: [1, 8],
        [1, 16])
    func limits(perOrigin: Int, maxConnections: Int) async throws {
        let bench = try await ResumeBench { _, request in Self.right(request) }
        let job = try await bench.accept()
        let done = try await bench.run(job.id) {
            Self.eager(&$0)
            $0.perOrigin = perOrigin
            $0.maxConnections = maxConnections
        }
        try await bench.expectStored(done, Self.file)
        #expect((bench.ranges == [nil]) == (perOrigin == 1 || maxConnections == 1))
        await bench.close()
    }

    /// How a source spoils pieces.
    enum Spoiling: CaseIterable {
        case wholeInstead, wrongPlace, otherVersion, noTag, longer, cut, busy, gone
    }

    @Test(
        "a source that refuses pieces, or spoils them, gets the rest over one connection", arguments: Spoiling.allCases)
    func refused(spoiling: Spoiling) async throws {
        let bench = try await ResumeBench { number, request in
            let right = Self.right(request)
            // Some pieces are right before things go wrong.
            guard number > 4, let asked = Self.asked(request), let last = asked.last else { return right }
            switch spoiling {
            case .wholeInstead: return .whole(Self.file)
            case .wrongPlace: return .part(Self.file, from: asked.first - 1, to: last - 1)
            case .otherVersion: return .part(Self.other, from: asked.first, to: last, tag: "\"v2\"")
            case .noTag: return .part(Self.other, from: asked.first, to: last, tag: nil)
            case .longer: return .part(Self.file, from: asked.first, to: min(last + 10, Self.file.count - 1))
            case .cut: return right.cut(after: 10)
            case .busy: return SourceAnswer(status: 503, body: [], announced: 0)
            case .gone: return SourceAnswer(status: 416, body: [], announced: 0)
            }
        }
        let job = try await bench.accept(expecting: Self.expected)
        let done = try await bench.run(job.id, configure: Self.eager)
        try await bench.expectStored(done, Self.file)
        #expect(
            bench.origin.record.requests.contains { Self.asked($0).map { $0.first > 0 && $0.last == nil } ?? false })
        await bench.close()
    }

    @Test("a file that changes between two pieces is fetched anew, whole")
    func changed() async throws {
        let bench = try await ResumeBench { number, request in
            guard number > 4 else { return Self.right(request) }
            guard let asked = Self.asked(request), request.header("If-Range") == "\"v2\"" else {
                return .whole(Self.other, tag: "\"v2\"")
            }
            return .part(Self.other, from: asked.first, to: asked.last, tag: "\"v2\"")
        }
        let job = try await bench.accept()
        let done = try await bench.run(job.id, configure: Self.eager)
        try await bench.expectStored(done, Self.other)
        await bench.close()
    }

    @Test("what was in place without a gap at shutdown is what the next start goes on from")
    func shutdown() async throws {
        let isOpen = Mutex(false)
        let bench = try await ResumeBench { number, request in
            let right = Self.right(request)
            // One piece in the middle stalls; pieces after it arrive.
            guard let asked = Self.asked(request), asked.first < 900_000, asked.last.map({ $0 >= 900_000 }) ?? false,
                !isOpen.withLock({ $0 })
            else { return right }
            return right.cut(after: 1000, .stall)
        }
        let job = try await bench.accept(expecting: Self.expected)
        try await bench.withEngine(configure: Self.eager) {
            await bench.wait(for: job.id, bytes: 1_500_000)
        }
        isOpen.withLock { $0 = true }
        let checkpoint = try #require(try await bench.store.jobDetail(job.id)?.checkpoint)
        #expect(checkpoint.bytes >= 800_000 && checkpoint.bytes < 900_000)
        let before = bench.ranges.count
        let done = try await bench.run(job.id) { $0.maxConnections = 1 }
        #expect(bench.ranges.dropFirst(before) == ["bytes=\(checkpoint.bytes)-"])
        try await bench.expectStored(done, Self.file)
        await bench.close()
    }
}
