import Testing
import TowlineCore
import TowlineStore

@testable import TowlineWorker

/// An answer to a request for the bytes from 100 on of a file of 1000; right unless changed.
struct PartAnswer: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var status = 206
    var ranges = ["bytes 100-999/1000"]
    var tags = ["\"v1\""]
    var modified: [String] = []
    var length: Int64? = 900

    init(_ name: String, _ change: (inout PartAnswer) -> Void = { _ in }) {
        testDescription = name
        change(&self)
    }

    var fields: SourceFields {
        var fields = SourceFields()
        fields.contentRanges = ranges
        fields.entityTags = tags
        fields.lastModified = modified
        return fields
    }
}

@Suite("What an answer of a source means")
struct SourceTrackTests {
    private static let tag = SourceVersion(validator: "\"v1\"", total: 1000)
    private static let date = SourceVersion(validator: "Sun, 06 Nov 1994 08:49:37 GMT", total: 1000)

    private static func track(_ version: SourceVersion) -> SourceTrack {
        var track = SourceTrack(TransferCheckpoint(version: version, bytes: 100, crc64: 0))
        _ = track.nextRange()
        return track
    }

    static let good: [(PartAnswer, Int64)] = [
        (PartAnswer("the rest"), 900),
        (
            PartAnswer("a part of the rest") {
                $0.ranges = ["bytes 100-199/1000"]; $0.length = 100
            }, 100
        ),
        (PartAnswer("the rest in chunks") { $0.length = nil }, 900),
        (PartAnswer("the unit in capitals") { $0.ranges = ["BYTES 100-999/1000"] }, 900),
    ]

    @Test("a part is taken when it says where it begins and what it belongs to", arguments: good)
    func takesPart(answer: PartAnswer, count: Int64) {
        var track = Self.track(Self.tag)
        let verdict = track.judge(status: answer.status, fields: answer.fields, contentLength: answer.length)
        #expect(verdict == .rest(count))
        #expect(track.position == 100)
    }

    static let bad = [
        PartAnswer("bytes from an earlier place") {
            $0.ranges = ["bytes 0-999/1000"]; $0.length = 1000
        },
        PartAnswer("bytes from a later place") {
            $0.ranges = ["bytes 101-999/1000"]; $0.length = 899
        },
        PartAnswer("another length of the whole") {
            $0.ranges = ["bytes 100-1000/1001"]; $0.length = 901
        },
        PartAnswer("a whole of unknown length") { $0.ranges = ["bytes 100-999/*"] },
        PartAnswer("no Content-Range") { $0.ranges = [] },
        PartAnswer("two of them") { $0.ranges += $0.ranges },
        PartAnswer("one that is none") { $0.ranges = ["bytes 100-999"] },
        PartAnswer("one in another unit") { $0.ranges = ["lines 100-999/1000"] },
        PartAnswer("one that ends before it begins") { $0.ranges = ["bytes 100-99/1000"] },
        PartAnswer("one that ends after the end") { $0.ranges = ["bytes 100-1000/1000"] },
        PartAnswer("one with a sign") { $0.ranges = ["bytes +100-999/1000"] },
        PartAnswer("a body of another length") { $0.length = 899 },
        PartAnswer("another entity tag") { $0.tags = ["\"v2\""] },
        PartAnswer("the same tag, but weak") { $0.tags = ["W/\"v1\""] },
        PartAnswer("no entity tag any more") { $0.tags = [] },
        PartAnswer("two entity tags") { $0.tags = ["\"v1\"", "\"v2\""] },
        PartAnswer("416") {
            $0.status = 416; $0.ranges = ["bytes */1000"]
        },
    ]

    @Test("anything else that claims to be a part starts the transfer afresh", arguments: bad)
    func startsAfresh(answer: PartAnswer) {
        var track = Self.track(Self.tag)
        let verdict = track.judge(status: answer.status, fields: answer.fields, contentLength: answer.length)
        guard case .afresh = verdict else {
            Issue.record("\(verdict)")
            return
        }
        track.restart()
        #expect(track.nextRange() == nil)
        #expect(track.position == 0)
    }

    @Test("with a date as the validator the part may be silent about it, but not differ")
    func dates() {
        for (modified, isTaken) in [
            ([], true), ([Self.date.validator], true), (["Mon, 07 Nov 1994 08:49:37 GMT"], false),
        ] {
            var track = Self.track(Self.date)
            let answer = PartAnswer("") {
                $0.tags = []
                $0.modified = modified
            }
            let verdict = track.judge(status: 206, fields: answer.fields, contentLength: 900)
            #expect((verdict == .rest(900)) == isTaken)
        }
    }

    @Test("the whole file replaces what is here")
    func whole() {
        var track = Self.track(Self.tag)
        let answer = PartAnswer("") { $0.tags = ["\"v2\""] }
        #expect(track.judge(status: 200, fields: answer.fields, contentLength: 2000) == .whole)
        #expect(track.position == 0)
        #expect(track.total == 2000)
        #expect(track.version == SourceVersion(validator: "\"v2\"", total: 2000))
    }

    @Test("a source that sends all of the same version instead of a part is not asked for parts again")
    func ignored() {
        var track = Self.track(Self.tag)
        #expect(track.judge(status: 200, fields: PartAnswer("").fields, contentLength: 1000) == .whole)
        track.receive(500)
        #expect(track.nextRange() == nil)
        #expect(track.version == nil)
    }

    @Test("a part that nobody asked for is taken only when it is the whole")
    func unasked() {
        var track = SourceTrack()
        _ = track.nextRange()
        var fields = SourceFields()
        fields.contentRanges = ["bytes 0-999/1000"]
        #expect(track.judge(status: 206, fields: fields, contentLength: 1000) == .whole)
        #expect(track.total == 1000)
        for wrong in ["bytes 0-998/1000", "bytes 1-999/1000", "bytes 0-999/*", "nonsense"] {
            var track = SourceTrack()
            _ = track.nextRange()
            fields.contentRanges = [wrong]
            guard case .refused(let failure) = track.judge(status: 206, fields: fields, contentLength: nil) else {
                Issue.record("\(wrong) was taken")
                continue
            }
            #expect(failure.code == .urlInvalid)
        }
    }

    @Test("a file of unknown length is complete at its end, or learns its length from a part")
    func unknownLength() {
        var track = SourceTrack()
        _ = track.nextRange()
        let answer = PartAnswer("") { $0.ranges = [] }
        #expect(track.judge(status: 200, fields: answer.fields, contentLength: nil) == .whole)
        track.receive(100)
        #expect(!track.isComplete)
        #expect(track.nextRange() == SourceRange(first: 100, validator: "\"v1\""))
        #expect(track.judge(status: 206, fields: PartAnswer("").fields, contentLength: 900) == .rest(900))
        #expect(track.total == 1000)
        track.receive(900)
        #expect(track.isComplete)
        #expect(track.version?.total == 1000)
    }
}

@Suite("What a version is told by")
struct SourceVersionTests {
    private static let modified = "Sun, 06 Nov 1994 08:49:37 GMT"

    private static func fields(
        tags: [String] = [], modified: [String] = [], date: String? = nil, ranges: String? = nil
    ) -> SourceFields {
        var fields = SourceFields()
        fields.entityTags = tags
        fields.lastModified = modified
        fields.date = date
        fields.acceptRanges = ranges
        return fields
    }

    static let validators: [(SourceFields, String?)] = [
        (fields(tags: ["\"v1\""]), "\"v1\""),
        (fields(tags: ["\"\""]), "\"\""),
        (fields(tags: ["\"v1\""], ranges: "bytes"), "\"v1\""),
        (fields(tags: ["\"v1\""], ranges: "none"), nil),
        (fields(tags: ["W/\"v1\""]), nil),
        (fields(tags: ["w/\"v1\""]), nil),
        (fields(tags: ["v1"]), nil),
        (fields(tags: ["\"v1"]), nil),
        (fields(tags: ["\"v\"1\""]), nil),
        (fields(tags: ["\"v 1\""]), nil),
        (fields(tags: ["\"v\u{e9}\""]), nil),
        (fields(tags: ["\""]), nil),
        (fields(tags: [""]), nil),
        (fields(tags: ["\"a\"", "\"b\""]), nil),
        (fields(), nil),
        (fields(modified: [modified]), nil),
        (fields(modified: [modified], date: "Sun, 06 Nov 1994 08:50:37 GMT"), modified),
        (fields(modified: [modified], date: "Mon, 07 Nov 1994 08:49:37 GMT"), modified),
        (fields(modified: [modified], date: "Sun, 06 Nov 1994 08:50:36 GMT"), nil),
        (fields(modified: [modified], date: "Sun, 06 Nov 1994 08:49:37 GMT"), nil),
        (fields(modified: [modified], date: "Sat, 05 Nov 1994 08:49:37 GMT"), nil),
        (fields(modified: [modified], date: "yesterday"), nil),
        (fields(modified: [modified, modified], date: "Mon, 07 Nov 1994 08:49:37 GMT"), nil),
        (fields(modified: ["Sunday, 06-Nov-94 08:49:37 GMT"], date: "Mon, 07 Nov 1994 08:49:37 GMT"), nil),
        (fields(modified: ["Sun Nov  6 08:49:37 1994"], date: "Mon, 07 Nov 1994 08:49:37 GMT"), nil),
        (fields(tags: ["W/\"v1\""], modified: [modified], date: "Mon, 07 Nov 1994 08:49:37 GMT"), nil),
    ]

    @Test("only a strong validator is one", arguments: validators)
    func validator(fields: SourceFields, expected: String?) {
        #expect(SourceVersion(fields, total: 10)?.validator == expected)
    }

    @Test("dates are read as RFC 9110 writes them and in no other form")
    func dates() {
        #expect(HTTPDate.parsePreferred("Sun, 06 Nov 1994 08:49:37 GMT")?.milliseconds == 784_111_777_000)
        #expect(HTTPDate.parsePreferred("Thu, 01 Jan 1970 00:00:00 GMT")?.milliseconds == 0)
        for wrong in [
            "", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun,  06 Nov 1994 08:49:37 GMT",
        ] {
            #expect(HTTPDate.parsePreferred(wrong) == nil, "\(wrong)")
        }
    }
}
