import Testing
import TowlineCore

@Suite("Events and where they go")
struct EventComposerTests {
    private let composer = EventComposer(publicURL: "http://127.0.0.1:8787/")
    private let time = Timestamp(milliseconds: 1_767_323_110_000)

    private func job(extend: String? = nil) throws -> Job {
        let request = PullRequest(
            sourceURL: "https://media.example.com/lesson-01.mp4",
            displayURL: "https://media.example.com/lesson-01.mp4", origin: "https://media.example.com:443",
            extend: extend)
        return Job(
            id: try #require(JobID("b7d3f0a9c1e24f5d8a60b1c2d3e4f506")), account: .standard, app: .standard,
            media: try #require(MediaID("5e0d7c4b3a294f18a7b6c5d4e3f20190")), request: request, run: 1, state: .storing,
            phase: .uploading, attempts: 1, failure: nil, bytesReceived: 1_048_576, bytesTotal: 1_048_576,
            objectKey: nil, createdAt: time, runStartedAt: time, endedAt: nil)
    }

    @Test("a stored object gives two events with the bytes of the reference")
    func success() throws {
        let bodies = composer.bodies(
            for: try job(), outcome: .stored(ObjectKey("90/x.mp4"), bytes: 1_048_576), at: time)
        #expect(bodies.map(\.type) == [.fileUploadComplete, .uploadByURLComplete])
        #expect(
            String(decoding: bodies[0].body, as: UTF8.self)
                == #"{"EventTime":"2026-01-02T03:05:10Z","EventType":"FileUploadComplete","Status":"success","#
                + #""VideoId":"5e0d7c4b3a294f18a7b6c5d4e3f20190","Size":1048576,"#
                + #""FileUrl":"http://127.0.0.1:8787/media/90/x.mp4"}"#)
        #expect(
            String(decoding: bodies[1].body, as: UTF8.self)
                == #"{"EventTime":"2026-01-02T03:05:10Z","EventType":"UploadByURLComplete","Status":"success","#
                + #""VideoId":"5e0d7c4b3a294f18a7b6c5d4e3f20190","JobId":"b7d3f0a9c1e24f5d8a60b1c2d3e4f506","#
                + #""SourceURL":"https://media.example.com/lesson-01.mp4","Size":"1048576"}"#)
    }

    @Test("a failed run gives one event without a VideoId, with its code and its Extend as text")
    func failure() throws {
        let bodies = composer.bodies(
            for: try job(extend: #"{"lesson":"01"}"#), outcome: .failed(JobFailure(.urlInvalid, "HTTP 404")), at: time)
        #expect(bodies.map(\.type) == [.uploadByURLComplete])
        let event = try JSONParser.parse(bodies[0].body)
        #expect(event["Status"]?.string == "fail")
        #expect(event["VideoId"] == nil)
        #expect(event["ErrorCode"]?.string == "URLInvalidError")
        #expect(event["Extend"]?.string == #"{"lesson":"01"}"#)
    }

    @Test("a cancelled run ends in an event with a code of its own")
    func cancelled() throws {
        let bodies = composer.bodies(
            for: try job(), outcome: .cancelled(JobFailure(.cancelled, "cancelled")), at: time)
        #expect(try JSONParser.parse(bodies[0].body)["ErrorCode"]?.string == "JobCancelled")
    }

    @Test(
        "the filter lets through what it names",
        arguments: [
            ("ALL", true), ("all", true), ("", false), ("UploadByURLComplete", true),
            ("FileUploadComplete,UploadByURLComplete", true), ("FileUploadComplete, UploadByURLComplete", true),
            ("FileUploadComplete", false), ("UploadByURLCompleted", false), (" ALL", true),
            ("FileUploadComplete,ALL", true),
        ])
    func filter(list: String, isThrough: Bool) {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackURL = "http://hook.example.com/"
        configuration.eventTypeList = list
        let target = composer.target(of: .uploadByURLComplete, configuration: configuration, override: nil)
        #expect((target != nil) == isThrough)
    }

    @Test("a request's own address replaces the address and never the filter")
    func override() {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.callbackURL = "http://hook.example.com/"
        configuration.eventTypeList = "UploadByURLComplete"
        let own = CallbackTarget.http(url: "http://own.example.com/")
        #expect(
            composer.target(of: .uploadByURLComplete, configuration: configuration, override: own) == own)
        #expect(composer.target(of: .fileUploadComplete, configuration: configuration, override: own) == nil)
        #expect(composer.target(of: .uploadByURLComplete, configuration: nil, override: own) == nil)
    }

    @Test("the signing key counts only while the switch is on")
    func signingKey() {
        var configuration = CallbackConfiguration(account: .standard, app: .standard)
        configuration.authKey = "Abc123xyz"
        #expect(configuration.signingKey == nil)
        configuration.authSwitch = "on"
        #expect(configuration.signingKey == "Abc123xyz")
    }
}
