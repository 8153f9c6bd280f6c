import Foundation
import Testing

@testable import TowlineClient

@Suite("answers of the VOD API")
struct ResponseTests {
    private func decode<Answer: Decodable>(_ text: String) throws -> Answer {
        try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
    }

    @Test("jobs keep their order")
    func upload() throws {
        let answer: UploadMediaByURLResponse = try decode(
            """
            {"RequestId":"6F2B","UploadJobs":[{"JobId":"b7","SourceURL":"https://h/1.mp4"},
            {"JobId":"0c","SourceURL":"https://h/2.mp4"}],"New":1}
            """)
        #expect(answer.requestID == "6F2B")
        #expect(answer.jobs.map(\.jobID) == ["b7", "0c"])
        #expect(answer.jobs.map(\.sourceURL) == ["https://h/1.mp4", "https://h/2.mp4"])
    }

    @Test("a record has typed values, and empty text is nothing")
    func infos() throws {
        let answer: GetURLUploadInfosResponse = try decode(
            """
            {"RequestId":"r","NonExists":["ff"],"URLUploadInfoList":[{"JobId":"b7","UploadURL":"https://h/1.mp4",
            "MediaId":"5e","Status":"SUCCESS","FileSize":"1048576","ErrorCode":"","CreationTime":"2026-01-02T03:04:05Z",
            "CompleteTime":"2026-01-02T03:05:10Z","UserData":"{}"}]}
            """)
        let info = try #require(answer.infos.first)
        #expect(answer.nonExistent == ["ff"])
        #expect(info.status == .success)
        #expect(info.fileSize == 1_048_576)
        #expect(info.errorCode == nil)
        #expect(info.mediaID == "5e")
        #expect(info.completeTime == "2026-01-02T03:05:10Z")
    }

    @Test("numbers where text is documented, lone texts for lists and new statuses are read")
    func lenient() throws {
        let answer: GetURLUploadInfosResponse = try decode(
            #"{"NonExists":"ff","URLUploadInfoList":[{"JobId":"b7","Status":"RESTING","FileSize":12,"ErrorCode":200}]}"#
        )
        #expect(answer.nonExistent == ["ff"])
        #expect(answer.infos.first?.fileSize == 12)
        #expect(answer.infos.first?.errorCode == "200")
        #expect(answer.infos.first?.status == UploadStatus(rawValue: "RESTING"))
        #expect(answer.infos.first?.status.isTerminal == false)
    }

    @Test("a cancel tells what was cancelled and what does not exist")
    func cancel() throws {
        let answer: CancelURLUploadJobsResponse = try decode(
            #"{"RequestId":"r","CanceledJobs":["b7"],"NonExists":["ff"]}"#)
        #expect(answer.canceledJobs == ["b7"])
        #expect(answer.nonExistent == ["ff"])
    }

    @Test(
        "a callback that is not set is nil",
        arguments: [
            #"{"RequestId":"r"}"#, #"{"RequestId":"r","MessageCallback":null}"#,
            #"{"RequestId":"r","MessageCallback":{}}"#, #"{"RequestId":"r","MessageCallback":{"AppId":"app-1"}}"#,
        ])
    func noCallback(text: String) throws {
        let answer: MessageCallbackAnswer = try decode(text)
        #expect(answer.callback == nil)
    }

    @Test("a callback comes back as it was set")
    func callback() throws {
        let answer: MessageCallbackAnswer = try decode(
            """
            {"RequestId":"r","MessageCallback":{"AppId":"app-1","CallbackType":"HTTP","CallbackURL":"https://hook/x",
            "EventTypeList":"ALL","AuthSwitch":"on","AuthKey":"Abc123xyz","MnsEndpoint":"","MnsQueueName":""}}
            """)
        #expect(answer.callback == .http(url: "https://hook/x", authKey: "Abc123xyz", appID: "app-1"))
    }

    @Test(
        "a queue comes back as it was set, with or without what belongs to HTTP",
        arguments: ["", #","CallbackURL":"","AuthSwitch":"off","AuthKey":"""#])
    func queueCallback(more: String) throws {
        let answer: MessageCallbackAnswer = try decode(
            """
            {"RequestId":"r","MessageCallback":{"AppId":"app-1","CallbackType":"MNS","EventTypeList":"A,B",
            "MnsEndpoint":"http://127.0.0.1:8787/","MnsQueueName":"events"\(more)}}
            """)
        #expect(
            answer.callback
                == .queue(named: "events", endpoint: "http://127.0.0.1:8787/", eventTypes: ["A", "B"], appID: "app-1"))
    }

    @Test("setting a callback sends what belongs to its type")
    func callbackParameters() {
        let http = MessageCallback.http(url: "https://hook/x", eventTypes: ["A", "B"], authKey: "Abc123xyz")
        #expect(
            http.parameters.map { "\($0.name)=\($0.value)" } == [
                "CallbackType=HTTP", "CallbackURL=https://hook/x", "EventTypeList=A,B", "AuthSwitch=on",
                "AuthKey=Abc123xyz",
            ])
        let unsigned = MessageCallback.http(url: "https://hook/x", appID: "app-1")
        #expect(
            unsigned.parameters.map(\.name) == ["AppId", "CallbackType", "CallbackURL", "EventTypeList", "AuthSwitch"])
        let queue = MessageCallback.queue(named: "events", endpoint: "http://mns/")
        #expect(
            queue.parameters.map { "\($0.name)=\($0.value)" } == [
                "CallbackType=MNS", "EventTypeList=ALL", "MnsEndpoint=http://mns/", "MnsQueueName=events",
            ])
    }
}

@Suite("errors of the client")
struct VODClientErrorTests {
    private func error(_ status: Int, _ body: String, headers: [(name: String, value: String)] = []) -> VODClientError {
        VODClientError(
            HTTPCaller.Answer(status: status, headers: headers, body: Array(body.utf8)), endpoint: "http://h")
    }

    @Test("an error of the server keeps its code, message and request id")
    func refused() {
        let error = error(
            400, #"{"RequestId":"R1","Code":"InvalidParameter.UploadURLs","Message":"No.","HostId":"h"}"#)
        #expect(error.kind == .refused)
        #expect(error.code == "InvalidParameter.UploadURLs")
        #expect(error.message == "No.")
        #expect(error.status == 400)
        #expect(error.requestID == "R1")
        #expect(error.retryAfter == nil)
        #expect("\(error)" == "InvalidParameter.UploadURLs: No.")
    }

    @Test("throttling tells how long to wait")
    func throttled() {
        let error = error(
            400, #"{"Code":"Throttling.User","Message":"Slowly."}"#, headers: [("X-Acs-Retry-After", "1500")])
        #expect(error.retryAfter == .milliseconds(1500))
    }

    @Test("another server is told by its status", arguments: [302, 404, 502])
    func other(status: Int) {
        let error = error(status, "<html></html>")
        #expect(error.kind == .unexpectedAnswer)
        #expect(error.message == "http://h answered with HTTP \(status) and no error of the VOD API.")
    }
}

@Suite("endpoints")
struct EndpointTests {
    @Test(
        "scheme, host and port are taken",
        arguments: [
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787", "127.0.0.1:8787"),
            ("https://VOD.example.com/", "https://vod.example.com", "vod.example.com"),
            ("HTTP://[::1]:8787", "http://[::1]:8787", "[::1]:8787"),
            ("http://[::1]", "http://[::1]", "[::1]"),
        ])
    func taken(text: String, url: String, authority: String) throws {
        let endpoint = try Endpoint(text)
        #expect(endpoint.url == url)
        #expect(endpoint.authority == authority)
    }

    @Test(
        "anything else is refused with what is allowed",
        arguments: [
            "", "127.0.0.1:8787", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:99999", "http://h:x",
            "http://u:p@h", "http://h/path", "http://h?x", "http://h\r\nx: y", "http://h h", "http://a:b:1",
        ])
    func refused(text: String) {
        let error = #expect(throws: VODClientError.self) { try Endpoint(text) }
        #expect(error?.kind == .invalidRequest)
        #expect(error?.message.contains("http://127.0.0.1:8787") == true)
    }

    @Test("keys that cannot stand in a header are refused", arguments: ["", "a b", "a,b", "ä"])
    func keys(id: String) {
        #expect(throws: VODClientError.self) {
            try VODClient(endpoint: "http://h", accessKeyID: id, accessKeySecret: "s")
        }
    }
}
