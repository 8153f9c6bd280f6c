import Foundation
import NIOCore
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import TowlineWorker

@Suite("A transfer that is interrupted, against a scripted source", .timeLimit(.minutes(2)))
struct ResumeTests {
    private static let file = ResumeBench.file()
    private static let other = ResumeBench.file(version: 2)
    private static let half = 150_000
    private static let rest = "bytes=150000-"

    /// What a source does, and what must come of it.
    struct Script: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// The answers in order; the last one stays.
        let answers: [SourceAnswer]
        /// The parts that are asked for, in order.
        var ranges: [String?]
        var attempts = 1
        /// Nil where the job must fail.
        var stored: [UInt8]? = ResumeTests.file
        var failure: FailureCode?
        var idleTimeout: Duration = .seconds(60)
    }

    private static var cut: SourceAnswer { .whole(file).cut(after: half) }
    private static var tail: SourceAnswer { .part(file, from: half) }

    static let scripts: [Script] = [
        Script(testDescription: "cut, then the rest", answers: [cut, tail], ranges: [nil, rest]),
        Script(
            testDescription: "cut twice",
            answers: [cut, tail.cut(after: 50_000), .part(file, from: 200_000)], ranges: [nil, rest, "bytes=200000-"]),
        Script(
            testDescription: "the rest in two parts, each complete",
            answers: [cut, .part(file, from: half, to: 249_999), .part(file, from: 250_000)],
            ranges: [nil, rest, "bytes=250000-"]),
        Script(
            testDescription: "ranges ignored", answers: [cut, .whole(file)], ranges: [nil, rest]),
        Script(
            testDescription: "another version, whole", answers: [cut, .whole(other, tag: "\"v2\"")],
            ranges: [nil, rest], stored: other),
        Script(
            testDescription: "another version as a part, If-Range ignored",
            answers: [cut, .part(other, from: half, tag: "\"v2\""), .whole(other, tag: "\"v2\"")],
            ranges: [nil, rest, nil], stored: other),
        Script(
            testDescription: "another version, then cut again",
            answers: [
                cut, SourceAnswer.whole(other, tag: "\"v2\"").cut(after: 200_000),
                .part(other, from: 200_000, tag: "\"v2\""),
            ],
            ranges: [nil, rest, "bytes=200000-"], stored: other),
        Script(
            testDescription: "a part without its entity tag",
            answers: [cut, .part(other, from: half, tag: nil), .whole(other)], ranges: [nil, rest, nil], stored: other),
        Script(
            testDescription: "a part that begins earlier", answers: [cut, .part(file, from: 100_000), .whole(file)],
            ranges: [nil, rest, nil]),
        Script(
            testDescription: "a part that begins later", answers: [cut, .part(file, from: 160_000), .whole(file)],
            ranges: [nil, rest, nil]),
        Script(
            testDescription: "the whole as a part", answers: [cut, .part(file, from: 0), .whole(file)],
            ranges: [nil, rest, nil]),
        Script(
            testDescription: "another length of the whole",
            answers: [cut, tail.with("Content-Range", "bytes 150000-299999/300001"), .whole(file)],
            ranges: [nil, rest, nil]),
        Script(
            testDescription: "a part that does not say which",
            answers: [cut, tail.with("Content-Range", nil), .whole(file)],
            ranges: [nil, rest, nil]),
        Script(
            testDescription: "a part of another length than it says",
            answers: [cut, tail.with("Content-Range", "bytes 150000-299998/300000"), .whole(file)],
            ranges: [nil, rest, nil]),
        Script(
            testDescription: "416",
            answers: [
                cut, SourceAnswer(status: 416, headers: [("Content-Range", "bytes */300000")], body: [], announced: 0),
                .whole(file),
            ], ranges: [nil, rest, nil]),
        Script(
            testDescription: "a weak entity tag",
            answers: [
                SourceAnswer.whole(file, tag: "W/\"v1\"").cut(after: half), .whole(file, tag: "W/\"v1\""),
            ], ranges: [nil, nil], attempts: 2),
        Script(
            testDescription: "no validator",
            answers: [SourceAnswer.whole(file, tag: nil).cut(after: half), .whole(file)],
            ranges: [nil, nil], attempts: 2),
        Script(
            testDescription: "no ranges by its own word", answers: [cut.with("Accept-Ranges", "none"), .whole(file)],
            ranges: [nil, nil], attempts: 2),
        Script(
            testDescription: "a date that is strong",
            answers: [
                SourceAnswer.whole(file, tag: nil).with("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
                    .with("Date", "Sun, 06 Nov 1994 09:49:37 GMT").cut(after: half),
                .part(file, from: half, tag: nil),
            ], ranges: [nil, rest]),
        Script(
            testDescription: "a date that is weak",
            answers: [
                SourceAnswer.whole(file, tag: nil).with("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
                    .with("Date", "Sun, 06 Nov 1994 08:49:38 GMT").cut(after: half),
                .whole(file),
            ], ranges: [nil, nil], attempts: 2),
        Script(
            testDescription: "chunks that break off, then the rest with its length",
            answers: [
                SourceAnswer(headers: [("ETag", "\"v1\"")], body: file.prefix(half), announced: nil, ending: .close),
                tail,
            ], ranges: [nil, rest]),
        Script(
            testDescription: "a stall", answers: [SourceAnswer.whole(file).cut(after: half, .stall), tail],
            ranges: [nil, rest], idleTimeout: .seconds(3)),
        Script(
            testDescription: "206 for the whole, unasked", answers: [.part(file, from: 0)], ranges: [nil]),
        Script(
            testDescription: "206 for less than the whole, unasked", answers: [.part(file, from: 0, to: 99_999)],
            ranges: [nil], stored: nil, failure: .urlInvalid),
        Script(
            testDescription: "cut at the same place for ever, ranges ignored", answers: [cut],
            ranges: [nil, rest, nil, rest, nil, rest], attempts: 3, stored: nil, failure: .sourceTruncated),
        Script(
            testDescription: "never the part that was asked for",
            answers: [cut, .part(file, from: 1)], ranges: [nil, rest, nil], stored: nil, failure: .urlInvalid),
        Script(
            testDescription: "gone when the rest is asked for",
            answers: [cut, SourceAnswer(status: 404, body: [], announced: 0)], ranges: [nil, rest], stored: nil,
            failure: .urlInvalid),
        Script(
            testDescription: "busy when the rest is asked for",
            answers: [cut, SourceAnswer(status: 503, body: [], announced: 0), tail], ranges: [nil, rest, rest],
            attempts: 2),
    ]

    @Test("what is stored is one version of the file, or nothing", arguments: scripts)
    func script(_ script: Script) async throws {
        let bench = try await ResumeBench(idleTimeout: script.idleTimeout) { number, _ in
            script.answers[min(number, script.answers.count - 1)]
        }
        let job = try await bench.accept()
        let done = try await bench.run(job.id)
        #expect(bench.ranges == script.ranges)
        #expect(try await bench.attempts(job.id).count == script.attempts)
        if let stored = script.stored {
            try await bench.expectStored(done, stored)
        } else {
            #expect(done.state == .failed)
            #expect(done.failure?.code == script.failure)
            try await bench.expectNoLeftovers()
            #expect(bench.media.isEmpty)
        }
        for request in bench.origin.record.requests where request.header("Range") != nil {
            let validator = try #require(request.header("If-Range"))
            #expect(!validator.hasPrefix("W/"))
        }
        await bench.close()
    }

    @Test("a source that resets the connection again and again is read once, in one attempt")
    func resets() async throws {
        let file = ResumeBench.file(2_000_000)
        let bench = try await ResumeBench { _, request in
            let first = request.header("Range").flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
            let answer = first == 0 ? SourceAnswer.whole(file) : .part(file, from: first)
            return file.count - first > 125_000 ? answer.cut(after: 125_000) : answer
        }
        let job = try await bench.accept()
        let done = try await bench.run(job.id)
        try await bench.expectStored(done, file)
        #expect(bench.ranges.count == 16)
        #expect(done.attempts == 1)
        #expect(try await bench.received(job.id) == 2_000_000)
        await bench.close()
    }

    @Test("a reset that loses what was on its way loses nothing of what was received")
    func reset() async throws {
        let bench = try await ResumeBench { number, request in
            guard number > 0 else { return SourceAnswer.whole(Self.file).cut(after: Self.half, .reset) }
            let first = request.header("Range").flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
            return first == 0 ? .whole(Self.file) : .part(Self.file, from: first)
        }
        let job = try await bench.accept()
        let done = try await bench.run(job.id)
        try await bench.expectStored(done, Self.file)
        #expect(try await bench.received(job.id) == 300_000)
        await bench.close()
    }

    @Test("the next attempt goes on where the failed one stopped, under a key of its own")
    func nextAttempt() async throws {
        let bench = try await ResumeBench { number, _ in number == 0 ? Self.cut : Self.tail }
        let job = try await bench.accept()
        // So much progress is never made: every connection is an attempt.
        let done = try await bench.run(job.id) { $0.progressBytes = 1 << 30 }
        #expect(bench.ranges == [nil, Self.rest])
        #expect(bench.origin.record.requests.last?.header("If-Range") == "\"v1\"")
        let attempts = try await bench.attempts(job.id)
        #expect(attempts.map(\.record.bytesReceived) == [150_000, 150_000])
        #expect(attempts.map(\.record.failure?.code) == [.sourceTruncated, nil])
        #expect(attempts.map(\.record.recording?.resumedAt) == [nil, 150_000])
        try await bench.expectStored(done, Self.file)
        await bench.close()
    }

    @Test("attempts that make progress are not counted")
    func progress() async throws {
        // A part of 30,000 bytes each time, then an error: ten attempts, of which only two may be in vain.
        let bench = try await ResumeBench { number, request in
            if number % 2 == 1 { return SourceAnswer(status: 503, body: [], announced: 0) }
            let first = request.header("Range").flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
            let answer = first == 0 ? SourceAnswer.whole(Self.file) : .part(Self.file, from: first)
            return Self.file.count - first > 30_000 ? answer.cut(after: 30_000) : answer
        }
        let job = try await bench.accept()
        let done = try await bench.run(job.id) { $0.retry.attempts = 2 }
        #expect(done.attempts > 5)
        #expect(try await bench.received(job.id) == 300_000)
        try await bench.expectStored(done, Self.file)
        await bench.close()
    }

    @Test("what is found changed on disk is not gone on with")
    func damaged() async throws {
        let bench = try await ResumeBench { number, _ in
            number == 0 ? Self.cut : number == 1 ? SourceAnswer.whole(Self.file) : Self.tail
        }
        let job = try await bench.accept()
        try await bench.withEngine {
            $0.progressBytes = 1 << 30
            $0.retry = RetryRule(attempts: 3, firstWait: .seconds(3600), longestWait: .seconds(3600))
        } _: {
            _ = try await bench.wait(for: job.id) { $0.failure != nil }
        }
        let part = try #require(bench.media.first)
        #expect(part.hasSuffix(".part"))
        var bytes = try #require(bench.folder.contents(part))
        #expect(bytes.count == 150_000)
        bytes[77_777] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: bench.folder.path + "/" + part))
        bench.clock.advance(by: .seconds(3601))
        let done = try await bench.run(job.id)
        #expect(bench.ranges == [nil, nil])
        try await bench.expectStored(done, Self.file)
        await bench.close()
    }

    @Test("shutdown leaves a checkpoint of all that was received, and the next start goes on from it")
    func shutdown() async throws {
        let bench = try await ResumeBench { number, _ in
            number == 0 ? SourceAnswer.whole(Self.file).cut(after: Self.half, .stall) : Self.tail
        }
        let job = try await bench.accept()
        try await bench.withEngine { await bench.wait(for: job.id, bytes: 150_000) }
        let back = try #require(try await bench.store.jobs([job.id], account: nil).first)
        #expect(back.state == .pending)
        #expect(back.attempts == 0)
        #expect(bench.media.count == 1)
        let done = try await bench.run(job.id)
        #expect(bench.ranges == [nil, Self.rest])
        try await bench.expectStored(done, Self.file)
        await bench.close()
    }

    @Test("a kill costs at most one interval, and nothing is left of it")
    func kill() async throws {
        let file = ResumeBench.file(3_000_000)
        let bench = try await ResumeBench { number, request in
            guard number > 0 else { return SourceAnswer.whole(file).cut(after: 2_500_000, .stall) }
            let first = request.header("Range").flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
            return first == 0 ? .whole(file) : .part(file, from: first)
        }
        let job = try await bench.accept()
        let copy = try await bench.withEngine {
            $0.checkpointBytes = 400_000
        } _: { () -> ResumeBench in
            await bench.wait(for: job.id, bytes: 2_500_000)
            // The copy is made while the attempt runs: this is what a killed process leaves.
            return try await ResumeBench(copyOf: bench.folder, origin: bench.origin) { _, _ in Self.tail }
        }
        #expect(copy.media.count == 1)
        let done = try await copy.run(job.id)
        let range = try #require(copy.ranges.last ?? nil)
        let first = try #require(Int(range.dropFirst(6).dropLast()))
        // One interval, and what one read from the connection brings.
        #expect(first >= 2_500_000 - 400_000 - (1 << 20) && first <= 2_500_000)
        try await copy.expectStored(done, file)
        #expect(done.attempts == 2)
        await copy.close()
        await bench.close()
    }

    @Test("an attempt whose lease was taken stops, and the next one goes on with what it had recorded")
    func leaseLost() async throws {
        let bench = try await ResumeBench { number, request in
            guard number > 0 else { return SourceAnswer.whole(Self.file).cut(after: Self.half, .stall) }
            let first = request.header("Range").flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
            return first == 0 ? .whole(Self.file) : .part(Self.file, from: first)
        }
        let job = try await bench.accept()
        let done = try await bench.withEngine { () -> Job in
            await bench.wait(for: job.id, bytes: 150_000)
            _ = try await bench.waitForCheckpoint(of: job.id)
            bench.clock.advance(by: .seconds(31))
            #expect(try await bench.store.reapLeases() == 1)
            return try await bench.wait(for: job.id) { $0.state.isTerminal }
        }
        #expect(bench.ranges.count == 2)
        #expect(bench.ranges.last?.map { $0.hasPrefix("bytes=") } == true)
        try await bench.expectStored(done, Self.file)
        await bench.close()
    }

    @Test("a cancelled transfer leaves nothing, whatever was recorded")
    func cancel() async throws {
        let bench = try await ResumeBench { _, _ in SourceAnswer.whole(Self.file).cut(after: Self.half, .stall) }
        let job = try await bench.accept()
        try await bench.withEngine {
            await bench.wait(for: job.id, bytes: 150_000)
            _ = try await bench.waitForCheckpoint(of: job.id)
            _ = try await bench.store.cancel(
                [job.id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "by a test"), nonce: nil)
            while bench.running.count > 0 { await Task.yield() }
        }
        try await bench.expectNoLeftovers()
        #expect(bench.media.isEmpty)
        await bench.close()
    }

    @Test("a file over the limit is refused when a part says how long it is")
    func tooLarge() async throws {
        let bench = try await ResumeBench { number, _ in
            number == 0
                ? SourceAnswer(
                    headers: [("ETag", "\"v1\"")], body: Self.file.prefix(Self.half), announced: nil, ending: .close)
                : Self.tail
        }
        let job = try await bench.accept()
        let done = try await bench.run(job.id) { $0.maxBytes = 200_000 }
        #expect(done.failure?.code == .fileTooLarge)
        #expect(try await bench.received(job.id) == 150_000)
        try await bench.expectNoLeftovers()
        #expect(bench.media.isEmpty)
        await bench.close()
    }
}
