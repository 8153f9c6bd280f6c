import Crypto
import NIOCore
import Testing
import TowlineCore
import TowlineObjects
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import TowlineWorker

@Suite("What a file must be, against a scripted source", .timeLimit(.minutes(2)))
struct DigestTests {
    private static let file = ResumeBench.file()

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Everything that is true of some bytes.
    private static func truth(_ bytes: [UInt8]) -> ExpectedContent {
        var digest = CRC64()
        digest.update(bytes)
        var expected = ExpectedContent()
        expected.bytes = Int64(bytes.count)
        expected.crc64 = digest.value
        expected.sha256 = hexadecimal(SHA256.hash(data: bytes))
        expected.md5 = hexadecimal(Insecure.MD5.hash(data: bytes))
        return expected
    }

    @Test("a file that is what was expected is stored, small or large, with its digests", arguments: [0, 500, 300_000])
    func right(count: Int) async throws {
        let bytes = Array(Self.file.prefix(count))
        let bench = try await ResumeBench { _, _ in .whole(bytes) }
        let truth = Self.truth(bytes)
        let job = try await bench.accept(expecting: truth)
        let done = try await bench.run(job.id)
        try await bench.expectStored(done, bytes)
        let digests = try #require(try await bench.store.jobDetail(job.id)?.digests)
        #expect(digests.crc64 == truth.crc64)
        #expect(digests.sha256 == truth.sha256)
        #expect(digests.md5 == truth.md5)
        await bench.close()
    }

    @Test("without an expectation there are the size and the CRC-64")
    func unasked() async throws {
        let bench = try await ResumeBench { _, _ in .whole(Self.file) }
        let job = try await bench.accept()
        let done = try await bench.run(job.id)
        try await bench.expectStored(done, Self.file)
        let crc64 = try #require(Self.truth(Self.file).crc64)
        #expect(try await bench.store.jobDetail(job.id)?.digests == ContentDigests(crc64: crc64))
        await bench.close()
    }

    enum Lie: CaseIterable { case size, crc64, sha256, md5 }

    @Test(
        "a file that is not ends its job after one attempt and leaves nothing", arguments: Lie.allCases, [500, 300_000])
    func wrong(lie: Lie, count: Int) async throws {
        let bytes = Array(Self.file.prefix(count))
        let bench = try await ResumeBench { _, _ in .whole(bytes) }
        var expected = Self.truth(bytes)
        switch lie {
        case .size: expected.bytes = Int64(count) + 1
        case .crc64: expected.crc64 = 1
        case .sha256: expected.sha256 = String(repeating: "0", count: 64)
        case .md5: expected.md5 = String(repeating: "0", count: 32)
        }
        let job = try await bench.accept(expecting: expected)
        let done = try await bench.run(job.id)
        #expect(done.state == .failed)
        #expect(done.failure?.code == .contentMismatch)
        #expect(done.attempts == 1)
        #expect(bench.ranges.count == 1)
        // An announced size is enough to refuse the body.
        if lie == .size { #expect(try await bench.received(job.id) == 0) }
        try await bench.expectNoLeftovers()
        #expect(bench.media.isEmpty)
        await bench.close()
    }

    @Test("a body without an announced size is stopped when it is longer than expected, and refused when it is shorter")
    func unannounced() async throws {
        for size in [100_000, 400_000] {
            let bench = try await ResumeBench { _, _ in
                SourceAnswer(headers: [("ETag", "\"v1\"")], body: Self.file[...], announced: nil)
            }
            var expected = ExpectedContent()
            expected.bytes = Int64(size)
            let job = try await bench.accept(expecting: expected)
            let done = try await bench.run(job.id)
            #expect(done.failure?.code == .contentMismatch)
            try await bench.expectNoLeftovers()
            #expect(bench.media.isEmpty)
            await bench.close()
        }
    }

    @Test(
        "digests go on with a transfer over connections, attempts and starts of the server", arguments: [false, true])
    func resumed(isRight: Bool) async throws {
        let bench = try await ResumeBench { number, request in
            if number == 0 { return SourceAnswer.whole(Self.file).cut(after: 100_000) }
            let first = request.header("Range").flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
            let part = SourceAnswer.part(Self.file, from: first)
            return number == 1 ? part.cut(after: 100_000, .stall) : part
        }
        var expected = Self.truth(Self.file)
        if !isRight { expected.sha256 = String(repeating: "0", count: 64) }
        let job = try await bench.accept(expecting: expected)
        try await bench.withEngine { await bench.wait(for: job.id, bytes: 200_000) }
        let done = try await bench.run(job.id)
        #expect(bench.ranges == [nil, "bytes=100000-", "bytes=200000-"])
        if isRight {
            try await bench.expectStored(done, Self.file)
        } else {
            #expect(done.failure?.code == .contentMismatch)
            try await bench.expectNoLeftovers()
            #expect(bench.media.isEmpty)
        }
        await bench.close()
    }
}
