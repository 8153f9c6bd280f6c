import Foundation
import HTTPTypes
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@testable import TowlineAPI

@Suite("The VOD actions")
struct ActionTests {
    private static let plain = "https://media.example.com/a b.mp4"

    @Test(
        "every official sample's way of encoding names the same source",
        arguments: [
            "https%3A%2F%2Fmedia.example.com%2Fa+b.mp4", "https%3A//media.example.com/a%20b.mp4",
            "https://media.example.com/a b.mp4",
        ], ["SourceURL", "SourceUrl"])
    func encodings(submitted: String, key: String) async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            for metadataURL in [submitted, Self.plain] {
                let metadata = JSONValue.array([
                    .members([key: .string(metadataURL), "Title": .string("课程 01"), "CateId": .number("7")])
                ])
                let answer = try await caller.rpc(
                    "UploadMediaByURL", ["UploadURLs": submitted, "UploadMetadatas": metadata.compactText])
                let job = try #require(answer.json["UploadJobs"]?.elements?.first, "\(answer.text)")
                #expect(job["SourceURL"]?.string == Self.plain)
                let stored = try #require(JobID(job["JobId"]?.string ?? ""))
                let found = try #require(try await fixture.test.store.jobs([stored], account: nil).first)
                #expect(found.request.metadata.title == "课程 01")
                #expect(found.request.metadata.categoryID == "7")
            }
            let query = try await caller.rpc("GetURLUploadInfos", ["UploadURLs": submitted])
            #expect(query.json["URLUploadInfoList"]?.elements?.count == 2)
        }
    }

    @Test("twenty URLs keep their order; twenty-one are refused and nothing is accepted")
    func counts() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let urls = (1...21).map { "https://media.example.com/\($0).mp4" }
            let refused = try await caller.rpc("UploadMediaByURL", ["UploadURLs": urls.joined(separator: ",")])
            #expect(refused.status == 400)
            #expect(refused.code == "InvalidParameter.UploadURLs")
            #expect(try await fixture.test.store.jobCounts()[.pending, default: 0] == 0)
            let answer = try await caller.rpc(
                "UploadMediaByURL", ["UploadURLs": urls.prefix(20).joined(separator: ",")])
            #expect(
                answer.json["UploadJobs"]?.elements?.compactMap { $0["SourceURL"]?.string } == Array(urls.prefix(20)))
        }
    }

    @Test(
        "a wrong parameter is refused with its code and its name",
        arguments: [
            (["UploadURLs": ""], "MissingUploadURLs", "UploadURLs"),
            (["UploadURLs": "ftp://media.example.com/a.mp4"], "InvalidParameter.UploadURLs", "http"),
            (["UploadURLs": "https://a.example.com/a.mp4,b.mp4"], "InvalidParameter.UploadURLs", "URL 2"),
            (["UploadURLs": "https://blocked.example.com/a.mp4"], "InvalidParameter.UploadURLs", "private"),
            (["UploadURLs": "http://169.254.169.254/a.mp4"], "InvalidParameter.UploadURLs", "rule"),
            (["UploadURLs": "https://a.example.com/a"], "InvalidFileName.Extension", "extension"),
            (["UploadURLs": "https://a.example.com/a.jpg"], "InvalidFileName.Extension", "extension"),
            (["UploadMetadatas": "{"], "InvalidParameter.UploadMetadatas", "JSON"),
            (["UploadMetadatas": "[1]"], "InvalidParameter.UploadMetadatas", "object"),
            (["UploadMetadatas": #"[{"Title":"t"}]"#], "InvalidParameter.UploadMetadatas", "SourceURL"),
            (
                ["UploadMetadatas": metadata(#""Title":"\#(String(repeating: "é", count: 65))""#)], "LengthExceededMax",
                "Title"
            ),
            (["UploadMetadatas": metadata(#""Title":"🎬""#)], "IllegalCharacters", "Title"),
            (
                ["UploadMetadatas": metadata(#""Description":"\#(String(repeating: "d", count: 1025))""#)],
                "LengthExceededMax", "Description"
            ),
            (
                ["UploadMetadatas": metadata(#""Tags":"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17""#)],
                "TagsExceededMax", "16"
            ),
            (
                ["UploadMetadatas": metadata(#""Tags":"\#(String(repeating: "t", count: 33))""#)], "LengthExceededMax",
                "Tags"
            ),
            (["UploadMetadatas": metadata(#""FileExtension":"exe""#)], "InvalidFileName.Extension", "extension"),
            (["UploadMetadatas": metadata(#""FileSize":"-1""#)], "InvalidParameter.UploadMetadatas", "FileSize"),
            (["UploadMetadatas": metadata(#""TowlineSize":"-1""#)], "InvalidParameter.UploadMetadatas", "TowlineSize"),
            (["UploadMetadatas": metadata(#""TowlineSize":"+1""#)], "InvalidParameter.UploadMetadatas", "TowlineSize"),
            (
                ["UploadMetadatas": metadata(#""TowlineCrc64":"18446744073709551616""#)],
                "InvalidParameter.UploadMetadatas", "TowlineCrc64"
            ),
            (
                ["UploadMetadatas": metadata(#""TowlineMd5":"\#(String(repeating: "g", count: 32))""#)],
                "InvalidParameter.UploadMetadatas", "TowlineMd5"
            ),
            (
                ["UploadMetadatas": metadata(#""TowlineSha256":"\#(String(repeating: "a", count: 63))""#)],
                "InvalidParameter.UploadMetadatas", "TowlineSha256"
            ),
            (["UploadMetadatas": metadata(#""CateId":"x""#)], "InvalidParameter.UploadMetadatas", "CateId"),
            (["UploadMetadatas": metadata(#""ReferenceId":"abc""#)], "InvalidParameter.UploadMetadatas", "ReferenceId"),
            (["UserData": "{"], "InvalidParameter.UserData", "JSON"),
            (["UserData": "[]"], "InvalidParameter.UserData", "object"),
            (["UserData": #"{"Extend":"\#(String(repeating: "e", count: 513))"}"#], "LengthExceededMax", "Extend"),
            (
                ["UserData": #"{"MessageCallback":{"CallbackURL":"ftp://h/"}}"#], "InvalidParameter.UserData",
                "CallbackURL"
            ),
            (
                ["UserData": #"{"MessageCallback":{"CallbackURL":"http://169.254.169.254/"}}"#],
                "InvalidParameter.UserData", "rule"
            ),
            (
                ["UserData": #"{"MessageCallback":{"CallbackType":"fax","CallbackURL":"http://h.example.com/"}}"#],
                "InvalidParameter.UserData", "CallbackType"
            ),
            (["TemplateGroupId": "a\u{0}b"], "InvalidParameter", "TemplateGroupId"),
            (["UserData": #"{"x":"\#(String(repeating: "x", count: 4096))"}"#], "LengthExceededMax", "UserData"),
            (["SessionId": "a b"], "InvalidParameter.SessionId", "SessionId"),
            (["SessionId": String(repeating: "s", count: 51)], "InvalidParameter.SessionId", "50"),
            (["AppId": "app 1"], "InvalidParameter", "AppId"),
            (["GenerateThumbnail": "maybe"], "InvalidParameter", "GenerateThumbnail"),
        ])
    func wrongParameters(changes: [String: String], code: String, mentioned: String) async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let parameters = ["UploadURLs": "https://media.example.com/a.mp4"].merging(changes) { $1 }
            let answer = try await caller.rpc("UploadMediaByURL", parameters)
            #expect(answer.status == 400)
            #expect(answer.code == code, "\(answer.text)")
            #expect(answer.message?.contains(mentioned) == true, "\(answer.text)")
            #expect(try await fixture.test.store.jobCounts()[.pending, default: 0] == 0)
        }
    }

    private static func metadata(_ fields: String) -> String {
        #"[{"SourceURL":"https://media.example.com/a.mp4",\#(fields)}]"#
    }

    @Test(
        "UserData is understood nested and as escaped strings",
        arguments: [
            #"{"MessageCallback":{"CallbackURL":"http://h.example.com/x"},"Extend":{"id":"1"}}"#,
            #"{"MessageCallback":"{\"CallbackURL\":\"http://h.example.com/x\"}","Extend":"{\"id\":\"1\"}"}"#,
        ])
    func userData(text: String) async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let answer = try await caller.rpc(
                "UploadMediaByURL", ["UploadURLs": "https://media.example.com/a.mp4", "UserData": text])
            let id = try #require(JobID(answer.json["UploadJobs"]?.elements?.first?["JobId"]?.string ?? ""))
            let job = try #require(try await fixture.test.store.jobs([id], account: nil).first)
            #expect(job.request.callback == .http(url: "http://h.example.com/x"))
            #expect(job.request.extend == #"{"id":"1"}"#)
            let info = try await caller.rpc("GetURLUploadInfos", ["JobIds": id.description])
            #expect(info.json["URLUploadInfoList"]?.elements?.first?["UserData"]?.string == text)
        }
    }

    @Test("what a caller says about a file is kept: its size and digests, in either case of letters")
    func expectations() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let fields =
                #""TowlineSize":"7","TowlineCrc64":"18446744073709551615","#
                + #""TowlineMd5":"\#(String(repeating: "aB", count: 16))","#
                + #""TowlineSha256":"\#(String(repeating: "0F", count: 32))""#
            let answer = try await caller.rpc(
                "UploadMediaByURL",
                ["UploadURLs": "https://media.example.com/a.mp4", "UploadMetadatas": Self.metadata(fields)])
            let id = answer.json["UploadJobs"]?.elements?.first?["JobId"]?.string
            let stored = try #require(JobID(id ?? ""), "\(answer.text)")
            let found = try await fixture.test.store.jobDetail(stored)?.job.request.metadata.expected
            #expect(found?.bytes == 7)
            #expect(found?.crc64 == .max)
            #expect(found?.md5 == String(repeating: "ab", count: 16))
            #expect(found?.sha256 == String(repeating: "0f", count: 32))
        }
    }

    @Test("a file name with a NUL gives a title without it, and does not keep the lane from being claimed")
    func hostileFileName() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let answer = try await caller.rpc(
                "UploadMediaByURL", ["UploadURLs": "https://media.example.com/a%00b%F0%9F%8E%AC.mp4"])
            #expect(answer.status == 200, "\(answer.text)")
            let claims = try await fixture.test.store.claimJobs(
                JobClaimRequest(node: NodeID("test"), limit: 1, perOrigin: 8, lease: .seconds(30)))
            #expect(claims.items.first?.job.request.metadata.title == "ab.mp4")
        }
    }

    @Test("a SessionId counts once within an application")
    func sessions() async throws {
        try await APIFixture().run { caller in
            let parameters = ["UploadURLs": "https://media.example.com/a.mp4", "SessionId": "s-1"]
            #expect(try await caller.rpc("UploadMediaByURL", parameters).status == 200)
            let again = try await caller.rpc("UploadMediaByURL", parameters)
            #expect(again.status == 400)
            #expect(again.code == "InvalidParameter.SessionId")
            let other = try await caller.rpc("UploadMediaByURL", parameters.merging(["AppId": "app-2"]) { $1 })
            #expect(other.status == 200)
        }
    }

    @Test("unknown parameters are taken, and names that do not exist come back")
    func leniency() async throws {
        try await APIFixture().run { caller in
            let answer = try await caller.rpc(
                "UploadMediaByURL", ["UploadURLs": "https://media.example.com/a.mp4", "Brand-New": "1"])
            #expect(answer.status == 200)
            let info = try await caller.rpc("GetURLUploadInfos", ["JobIds": "ffffffffffffffffffffffffffffffff,zz"])
            #expect(info.json["NonExists"]?.elements == [.string("ffffffffffffffffffffffffffffffff"), .string("zz")])
            let neither = try await caller.rpc("GetURLUploadInfos")
            #expect(neither.code == "MissingParameter")
            let many = try await caller.rpc(
                "GetURLUploadInfos", ["JobIds": (0...10).map { "\($0)" }.joined(separator: ",")])
            #expect(many.code == "InvalidParameter")
        }
    }

    @Test("a waiting job is cancelled once, a started one never; MediaId stands from the start")
    func cancel() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let submitted = try await caller.rpc(
                "UploadMediaByURL",
                ["UploadURLs": "https://media.example.com/1.mp4,https://media.example.com/2.mp4"])
            let ids = try #require(submitted.json["UploadJobs"]?.elements?.compactMap { $0["JobId"]?.string })
            let claims = try await fixture.test.store.claimJobs(
                JobClaimRequest(node: NodeID("test"), limit: 1, perOrigin: 8, lease: .seconds(30)))
            let started = try #require(claims.items.first).job.id.description
            let answer = try await caller.rpc(
                "CancelUrlUploadJobs", ["JobIds": (ids + ["no-such-job"]).joined(separator: ",")])
            #expect(answer.json["CanceledJobs"]?.elements == ids.filter { $0 != started }.map { .string($0) })
            #expect(answer.json["NonExists"]?.elements == [.string("no-such-job")])
            let info = try await caller.rpc("GetURLUploadInfos", ["JobIds": ids.joined(separator: ",")])
            let records = try #require(info.json["URLUploadInfoList"]?.elements)
            #expect(records.compactMap { $0["MediaId"]?.string?.utf8.count } == [32, 32])
            #expect(Set(records.compactMap { $0["Status"]?.string }) == ["PROCESSING", "DOWNLOAD_FAIL"])
            #expect(records.compactMap { $0["ErrorCode"]?.string } == ["JobCancelled"])
            let byURL = try await caller.rpc(
                "CancelUrlUploadJobs", ["UploadUrls": "https%3A%2F%2Fmedia.example.com%2F3.mp4"])
            #expect(byURL.json["NonExists"]?.elements == [.string("https://media.example.com/3.mp4")])
        }
    }

    @Test("a callback configuration comes back byte for byte, for each application its own")
    func callbackConfiguration() async throws {
        try await APIFixture().run { caller in
            let url = "https://hook.example.com:8443/回调?env=dev&v=1"
            let set = try await caller.rpc(
                "SetMessageCallback",
                [
                    "CallbackType": "HTTP", "CallbackURL": url, "EventTypeList": "ALL", "AuthSwitch": "on",
                    "AuthKey": "Abc123xyz",
                ])
            #expect(set.status == 200, "\(set.text)")
            #expect(set.json["Code"] == nil)
            let callback = try await caller.rpc("GetMessageCallback").json["MessageCallback"]
            #expect(callback?["CallbackURL"]?.string == url)
            #expect(callback?["EventTypeList"]?.string == "ALL")
            #expect(callback?["CallbackType"]?.string == "HTTP")
            #expect(callback?["AuthKey"]?.string == "Abc123xyz")
            let other = try await caller.rpc("GetMessageCallback", ["AppId": "app-2"]).json["MessageCallback"]
            #expect(other?["CallbackURL"] == nil)
            #expect(try await caller.rpc("DeleteMessageCallback").status == 200)
            #expect(try await caller.rpc("GetMessageCallback").json["MessageCallback"]?["CallbackURL"] == nil)
        }
    }

    @Test(
        "a wrong callback configuration is refused with the parameter's name",
        arguments: [
            (["CallbackType": ""], "MissingParameter", "CallbackType"),
            (["CallbackType": "SMS"], "InvalidParameter", "CallbackType"),
            (["CallbackURL": ""], "MissingParameter", "CallbackURL"),
            (["CallbackURL": "hook"], "InvalidParameter", "CallbackURL"),
            (["CallbackURL": "http://169.254.169.254/x"], "InvalidParameter", "CallbackURL"),
            (["CallbackURL": "http://h.example.com/" + String(repeating: "x", count: 256)], "InvalidParameter", "256"),
            (["EventTypeList": "ALL,,UploadByURLComplete"], "InvalidParameter", "EventTypeList"),
            (["EventTypeList": "UploadByURLCompleted"], "InvalidParameter", "UploadByURLCompleted"),
            (["AuthSwitch": "yes"], "InvalidParameter", "AuthSwitch"),
            (["AuthSwitch": "on"], "MissingParameter", "AuthKey"),
            (["AuthSwitch": "on", "AuthKey": "lowercase1"], "InvalidParameter", "AuthKey"),
            (
                ["AuthSwitch": "on", "AuthKey": "Aa1" + String(repeating: "x", count: 30)], "InvalidParameter",
                "AuthKey"
            ),
        ])
    func wrongConfiguration(changes: [String: String], code: String, mentioned: String) async throws {
        try await APIFixture().run { caller in
            let parameters = [
                "CallbackType": "HTTP", "CallbackURL": "http://hook.example.com/", "EventTypeList": "ALL",
            ].merging(changes) { $1 }
            let answer = try await caller.rpc("SetMessageCallback", parameters)
            #expect(answer.status == 400)
            #expect(answer.code == code, "\(answer.text)")
            #expect(answer.message?.contains(mentioned) == true, "\(answer.text)")
        }
    }

    @Test("XML is what callers without Format get: repeated elements without a wrapper, errors under their root")
    func xml() async throws {
        try await APIFixture().run { caller in
            let answer = try await caller.rpc(
                "UploadMediaByURL",
                ["UploadURLs": "https://media.example.com/1.mp4?a=1&b=<2>,https://media.example.com/2.mp4"], format: nil
            )
            #expect(answer.headers[.contentType] == "text/xml;charset=utf-8")
            #expect(answer.text.components(separatedBy: "<UploadJobs>").count == 3)
            #expect(answer.text.contains("<UploadMediaByURLResponse><RequestId>"))
            #expect(answer.text.contains("<SourceURL>https://media.example.com/1.mp4?a=1&amp;b=&lt;2&gt;</SourceURL>"))
            let error = try await caller.rpc("GetURLUploadInfos", format: "xml")
            #expect(error.text.contains("<Error><RequestId>"))
            #expect(error.text.contains("<Code>MissingParameter</Code>"))
        }
    }

    @Test("other methods and paths have the gateway's answers")
    func routes() async throws {
        try await APIFixture().run { caller in
            let put = try await caller.send(.put, target: "/", headers: [:], body: "")
            #expect(put.status == 400)
            #expect(put.code == "UnsupportedHTTPMethod")
            let path = try await caller.send(.get, target: "/nowhere?Format=JSON", headers: [:], body: "")
            #expect(path.status == 404)
            #expect(path.code == "InvalidApi.NotFound")
        }
    }
}
