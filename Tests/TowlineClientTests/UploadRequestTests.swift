import Testing
import VODSignatures

@testable import TowlineClient

@Suite("the parameters of UploadMediaByURL")
struct UploadRequestTests {
    private func value(_ name: String, of request: UploadMediaByURLRequest) throws -> String? {
        try request.parameters().first { $0.name == name }?.value
    }

    @Test(
        "a URL is percent-encoded as a whole, so that every character of it survives",
        arguments: [
            ("https://media.example.com/lesson-01.mp4", "https%3A%2F%2Fmedia.example.com%2Flesson-01.mp4"),
            ("https://h/a b,c.mp4?x=1&y=2", "https%3A%2F%2Fh%2Fa%20b%2Cc.mp4%3Fx%3D1%26y%3D2"),
            ("https://h/a%20b+c.mp4", "https%3A%2F%2Fh%2Fa%2520b%2Bc.mp4"),
            ("https://h/视频.mp4", "https%3A%2F%2Fh%2F%E8%A7%86%E9%A2%91.mp4"),
        ])
    func encoding(url: String, encoded: String) throws {
        let request = UploadMediaByURLRequest(sources: [UploadSource(url: url)])
        #expect(try value("UploadURLs", of: request) == encoded)
        // A server that splits at commas and decodes each piece as a form gets the URL back.
        #expect(try FormCoding.decode("v=" + encoded).first?.value == url)
    }

    @Test("several URLs are joined by commas, and those within a URL are no separators")
    func joining() throws {
        let request = UploadMediaByURLRequest(
            sources: [UploadSource(url: "http://a/1,2.mp4"), UploadSource(url: "http://b/3.mp4")])
        #expect(try value("UploadURLs", of: request) == "http%3A%2F%2Fa%2F1%2C2.mp4,http%3A%2F%2Fb%2F3.mp4")
    }

    @Test("metadata names its URL in the form of the list, and numbers are text")
    func metadata() throws {
        let metadata = UploadMetadata(
            title: "Lesson \"1\" 视频", fileSize: 1024, categoryID: 7, tags: ["one", "two"], fileExtension: "mp4")
        let request = UploadMediaByURLRequest(
            sources: [UploadSource(url: "http://a/1"), UploadSource(url: "http://a/2", metadata: metadata)])
        #expect(
            try value("UploadMetadatas", of: request)
                == #"[{"CateId":"7","FileExtension":"mp4","FileSize":"1024","SourceURL":"http%3A%2F%2Fa%2F2","#
                + #""Tags":"one,two","Title":"Lesson \"1\" 视频"}]"#)
    }

    @Test("user data holds the callback and the text to hand back")
    func userData() throws {
        var request = UploadMediaByURLRequest(sources: [UploadSource(url: "http://a/1.mp4")])
        request.userData = UploadUserData(callbackURL: "http://hook/x", extend: #"{"lesson":1}"#)
        #expect(
            try value("UserData", of: request)
                == #"{"Extend":"{\"lesson\":1}","MessageCallback":{"CallbackType":"http","CallbackURL":"http://hook/x"}}"#
        )
        request.userData = UploadUserData(extend: "only")
        #expect(try value("UserData", of: request) == #"{"Extend":"only"}"#)
    }

    @Test("Towline's own options are keys of their own")
    func ownOptions() throws {
        var metadata = UploadMetadata()
        metadata.towline.mirrors = ["http://b/1"]
        metadata.towline.headers = ["X-Token": "t"]
        metadata.towline.login = "u:p"
        metadata.towline.size = 5
        metadata.towline.crc64 = .max
        let request = UploadMediaByURLRequest(
            sources: [UploadSource(url: "http://a/1", metadata: metadata)],
            userData: UploadUserData(priority: 1, expireSeconds: 60))
        #expect(
            try value("UploadMetadatas", of: request)
                == #"[{"SourceURL":"http%3A%2F%2Fa%2F1","TowlineCrc64":"18446744073709551615","#
                + #""TowlineHeaders":{"X-Token":"t"},"TowlineLogin":"u:p","TowlineMirrors":["http://b/1"],"#
                + #""TowlineSize":"5"}]"#)
        #expect(try value("UserData", of: request) == #"{"TowlineExpireSeconds":60,"TowlinePriority":1}"#)
    }

    @Test("what is not given is not sent")
    func absent() throws {
        let request = UploadMediaByURLRequest(sources: [UploadSource(url: "http://a/1.mp4")])
        #expect(try request.parameters().map(\.name) == ["UploadURLs"])
    }

    @Test("everything that is given is sent")
    func present() throws {
        let request = UploadMediaByURLRequest(
            sources: [UploadSource(url: "http://a/1.mp4")], sessionID: "s", appID: "app-1", templateGroupID: "t",
            workflowID: "w", storageLocation: "l")
        let names = try request.parameters().map(\.name)
        #expect(names == ["UploadURLs", "SessionId", "AppId", "TemplateGroupId", "WorkflowId", "StorageLocation"])
    }

    @Test("no source and more than 20 are refused before anything is sent", arguments: [0, 21])
    func counts(count: Int) throws {
        let request = UploadMediaByURLRequest(
            sources: (0..<count).map { UploadSource(url: "http://a/\($0).mp4") })
        let error = #expect(throws: VODClientError.self) { try request.parameters() }
        #expect(error?.kind == .invalidRequest)
        #expect(error?.message == "sources has \(count) elements; 1 to 20 are allowed.")
    }

    @Test(
        "lists of ids have 1 to 10 elements without commas",
        arguments: [[], ["a,b"], [""], Array(repeating: "a", count: 11)])
    func ids(ids: [String]) {
        let error = #expect(throws: VODClientError.self) { try VODClient.list(ids, "jobIDs") }
        #expect(error?.message.hasPrefix("jobIDs has ") == true)
    }
}
