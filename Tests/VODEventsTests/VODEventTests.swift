import Foundation
import Testing
import VODEvents

/// The ways in which the vendor's printed samples of `UploadByURLComplete` differ from a clean body (vod-api 6.1).
struct Oddities: OptionSet, Sendable, CustomTestStringConvertible {
    let rawValue: Int

    static let paddedSourceURLName = Oddities(rawValue: 1)
    static let paddedErrorCodeName = Oddities(rawValue: 2)
    static let paddedErrorMessageName = Oddities(rawValue: 4)
    static let paddedErrorCodeValue = Oddities(rawValue: 8)
    static let trailingComma = Oddities(rawValue: 16)
    static let sizeAsNumber = Oddities(rawValue: 32)
    static let noVideoID = Oddities(rawValue: 64)
    static let otherPaddedValues = Oddities(rawValue: 128)

    static let everyCombination = (0..<256).map { Oddities(rawValue: $0) }

    var testDescription: String { String(rawValue, radix: 2) }

    /// A failure event with these oddities.
    var failure: String {
        body(
            status: "fail",
            [
                contains(.noVideoID) ? nil : #""VideoId":"5e0d7c4b3a294f18a7b6c5d4e3f20190""#,
                "\"\(contains(.paddedErrorCodeName) ? "ErrorCode " : "ErrorCode")\":"
                    + "\"\(contains(.paddedErrorCodeValue) ? "URLInvalidError " : "URLInvalidError")\"",
                "\"\(contains(.paddedErrorMessageName) ? "ErrorMessage " : "ErrorMessage")\":"
                    + #""download video failed by the url, please check it""#,
            ])
    }

    /// A success event with these oddities.
    var success: String {
        body(
            status: "success",
            [
                #""VideoId":"5e0d7c4b3a294f18a7b6c5d4e3f20190""#,
                contains(.sizeAsNumber) ? #""Size":123456"# : #""Size":"123456""#,
            ])
    }

    private func body(status: String, _ own: [String?]) -> String {
        let pad = contains(.otherPaddedValues) ? "  " : ""
        let members =
            [
                #""EventTime":"2026-01-02T03:05:10Z\#(pad)""#,
                #""EventType":"UploadByURLComplete\#(pad)""#,
                #""Status":"\#(status)\#(pad)""#,
                #""JobId":"0c9e8d7b6a5f4e3d2c1b0a9f8e7d6c5b\#(pad)""#,
                "\"\(contains(.paddedSourceURLName) ? "SourceURL " : "SourceURL")\":"
                    + "\"http://media.example.com/lesson-01.mp4\(pad)\"",
            ] + own.compactMap { $0 }
        return "{" + members.joined(separator: ",\n ") + (contains(.trailingComma) ? ",\n}" : "}")
    }
}

@Suite("Events")
struct VODEventTests {
    @Test("a failed pull reads the same with any of the vendor's oddities", arguments: Oddities.everyCombination)
    func failureOddities(_ oddities: Oddities) throws {
        let event = try VODEvent(decoding: Array(oddities.failure.utf8))
        #expect(event.eventType == "UploadByURLComplete")
        #expect(event.eventTime == "2026-01-02T03:05:10Z")
        #expect(event.eventDate == Date(timeIntervalSince1970: 1_767_323_110))
        #expect(event.status == .fail)
        #expect(event.videoID == (oddities.contains(.noVideoID) ? nil : "5e0d7c4b3a294f18a7b6c5d4e3f20190"))
        guard case .uploadByURLComplete(let upload) = event.payload else {
            Issue.record("unexpected payload \(event.payload)")
            return
        }
        #expect(upload.form == .video)
        #expect(upload.jobID == "0c9e8d7b6a5f4e3d2c1b0a9f8e7d6c5b")
        #expect(upload.sourceURL == "http://media.example.com/lesson-01.mp4")
        #expect(upload.sizeBytes == nil)
        #expect(upload.failure?.code == "URLInvalidError")
        #expect(upload.failure?.message == "download video failed by the url, please check it")
    }

    @Test("a finished pull reads the same with any of the vendor's oddities", arguments: Oddities.everyCombination)
    func successOddities(_ oddities: Oddities) throws {
        let event = try VODEvent(decoding: Data(oddities.success.utf8))
        #expect(event.status == .success)
        #expect(event.videoID == "5e0d7c4b3a294f18a7b6c5d4e3f20190")
        guard case .uploadByURLComplete(let upload) = event.payload else {
            Issue.record("unexpected payload \(event.payload)")
            return
        }
        #expect(upload.sourceURL == "http://media.example.com/lesson-01.mp4")
        #expect(upload.sizeBytes == 123_456)
        #expect(upload.failure == nil)
    }

    @Test("the stream form is told apart by its file type")
    func streamForm() throws {
        let event = try decode(
            #"""
            {"EventTime":"2026-01-02T03:05:10Z","EventType":"UploadByURLComplete","VideoId":"v1","JobId":"j1",
             "SourceURL":"https://media.example.com/hd.mp4","FileType":"Stream","Status":"success",
             "StreamFileURL":"http://bucket.example.com/hd.mp4","Extend":"{\"lesson\":\"01\"}"}
            """#
        )
        guard case .uploadByURLComplete(let upload) = event.payload else {
            Issue.record("unexpected payload \(event.payload)")
            return
        }
        #expect(upload.form == .stream)
        #expect(upload.streamFileURL == "http://bucket.example.com/hd.mp4")
        #expect(upload.failure == nil)
        #expect(event.videoID == "v1")
        #expect(event.extend == #"{"lesson":"01"}"#)
        #expect(event.extendJSON?["lesson"]?.text == "01")
    }

    @Test("a failed stream keeps its media and its reason")
    func failedStream() throws {
        let event = try decode(
            #"{"EventType":"UploadByURLComplete","VideoId":"v1","FileType":"Stream","Status":"fail","ErrorCode":"X"}"#
        )
        guard case .uploadByURLComplete(let upload) = event.payload else {
            Issue.record("unexpected payload \(event.payload)")
            return
        }
        #expect(event.videoID == "v1")
        #expect(upload.failure?.code == "X")
        #expect(upload.failure?.message == nil)
    }

    @Test(
        "a stored file reads with its size as a number, as text, and without a status",
        arguments: [
            #""Status":"success","Size":1048576"#, #""Size":"1048576""#, #""Size": 1048576.0"#, #""Size":" 1048576 ""#,
        ])
    func fileUploadComplete(_ members: String) throws {
        let event = try decode(
            #"{"EventType":"FileUploadComplete","VideoId":"v1","FileUrl":"http://b.example.com/1.mp4",\#(members)}"#
        )
        guard case .fileUploadComplete(let file) = event.payload else {
            Issue.record("unexpected payload \(event.payload)")
            return
        }
        #expect(file.sizeBytes == 1_048_576)
        #expect(file.fileURL == "http://b.example.com/1.mp4")
        #expect(event.videoID == "v1")
        #expect(event.status == (members.contains("Status") ? .success : nil))
    }

    @Test(
        "a size that is no count of bytes is left out and not an error",
        arguments: [
            #""12x""#, #""""#, "-1", "1.5", "1e300", "true", "null", "[1]", #""0x10""#, #""nan""#,
            "99999999999999999999",
        ])
    func oddSizes(_ size: String) throws {
        let event = try decode(#"{"EventType":"FileUploadComplete","Size":\#(size)}"#)
        #expect(event.payload == (try decode(#"{"EventType":"FileUploadComplete"}"#)).payload)
    }

    @Test("unknown event types and members are kept")
    func unknownEvent() throws {
        let event = try decode(
            #"{"EventType":"SomethingNew","Status":"partly","MediaId":"m1","X ":{"a":[1,null,true]},"Size":5}"#
        )
        #expect(event.payload == .other)
        #expect(event.eventType == "SomethingNew")
        #expect(event.status == .other("partly"))
        #expect(event.videoID == "m1")
        #expect(event.members["X"]?["a"]?.elements == [.number("1"), .null, .bool(true)])
        #expect(event.members["Size"]?.integer == 5)
        #expect(event.members.members.map(\.name) == ["EventType", "Status", "MediaId", "X ", "Size"])
        #expect(event.eventTime == nil)
        #expect(event.eventDate == nil)
    }

    @Test("an unknown member beside the known ones changes nothing")
    func unknownMember() throws {
        let event = try decode(#"{"EventType":"UploadByURLComplete","JobId":"j","Status":"success","New":{"x":1}}"#)
        let plain = try decode(#"{"EventType":"UploadByURLComplete","JobId":"j","Status":"success"}"#)
        #expect(event.payload == plain.payload)
        #expect(event.members["New"]?["x"]?.integer == 1)
    }

    @Test("an exact name wins over a padded one, whatever their order")
    func exactNameWins() throws {
        let event = try decode(#"{"EventType":"UploadByURLComplete","JobId ":"padded","JobId":"exact"}"#)
        #expect(event.members["JobId"]?.text == "exact")
    }

    @Test(
        "pass-through data is given as text even when a sender nests it",
        arguments: [
            (#""plain text""#, "plain text"),
            (#""{\"a\":1}""#, #"{"a":1}"#),
            (#"{"a":[1, "x\n"], "b": null}"#, #"{"a":[1,"x\n"],"b":null}"#),
            ("7", "7"),
            (#""""#, ""),
        ])
    func extend(_ value: String, _ expected: String) throws {
        let event = try decode(#"{"EventType":"FileUploadComplete","Extend":\#(value)}"#)
        #expect(event.extend == expected)
    }

    @Test("absent pass-through data is nil, and text that is not JSON has no JSON value")
    func noExtend() throws {
        #expect(try decode(#"{"EventType":"E"}"#).extend == nil)
        #expect(try decode(#"{"EventType":"E","Extend":null}"#).extend == nil)
        #expect(try decode(#"{"EventType":"E"}"#).extendJSON == nil)
        #expect(try decode(#"{"EventType":"E","Extend":"plain"}"#).extendJSON == nil)
    }

    @Test("empty texts count as absent")
    func emptyTexts() throws {
        let event = try decode(
            #"{"EventType":"UploadByURLComplete","VideoId":"","MediaId":" ","EventTime":" ","Status":"","JobId":""}"#
        )
        #expect(event.videoID == nil)
        #expect(event.eventTime == nil)
        #expect(event.status == nil)
        guard case .uploadByURLComplete(let upload) = event.payload else {
            Issue.record("unexpected payload \(event.payload)")
            return
        }
        #expect(upload.jobID == nil)
        #expect(upload.failure == nil)
    }

    @Test("a successful event has no failure even if it carries a code")
    func codeOnSuccess() throws {
        let event = try decode(#"{"EventType":"UploadByURLComplete","Status":"success","ErrorCode":"200"}"#)
        guard case .uploadByURLComplete(let upload) = event.payload else {
            Issue.record("unexpected payload \(event.payload)")
            return
        }
        #expect(upload.failure == nil)
    }

    @Test(
        "event times are read in the printed forms and only there",
        arguments: [
            ("2026-01-02T03:04:05Z", 1_767_323_045),
            ("2026-01-02T03:04:05.250Z", 1_767_323_045.25),
            ("2026-01-02T03:04:05:250Z", 1_767_323_045.25),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("1969-12-31T23:59:59Z", -1),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("2026-02-29T00:00:00Z", nil), ("2026-13-01T00:00:00Z", nil), ("2026-01-00T00:00:00Z", nil),
            ("2026-01-02T24:00:00Z", nil), ("2026-01-02", nil), ("2026-01-02T03:04:05+08:00", nil), ("soon", nil),
        ] as [(String, Double?)])
    func eventDates(_ text: String, _ seconds: Double?) throws {
        let event = try decode(#"{"EventType":"E","EventTime":"\#(text)"}"#)
        #expect(event.eventTime == text)
        #expect(event.eventDate?.timeIntervalSince1970 == seconds)
    }

    private func decode(_ text: String) throws(VODEventError) -> VODEvent {
        try VODEvent(decoding: Array(text.utf8))
    }
}
