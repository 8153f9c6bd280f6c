import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@testable import TowlineAPI

@Suite("Towline's own keys of an upload")
struct SourceOptionTests {
    private static let url = "https://media.example.com/a.mp4"

    private static func metadata(_ members: String) -> String { #"[{"SourceURL":"\#(url)",\#(members)}]"# }

    @Test("mirrors, header fields, priority and expiry reach the claim")
    func accepted() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let answer = try await caller.rpc(
                "UploadMediaByURL",
                [
                    "UploadURLs": Self.url,
                    "UploadMetadatas": Self.metadata(
                        #""TowlineMirrors":["https://b.example.com/a.mp4?s=1","http://c.example.com/"],"#
                            + #""TowlineHeaders":{"X-Token":"t 1"},"TowlineLogin":"me:pass:word""#),
                    "UserData": #"{"TowlinePriority":2,"TowlineExpireSeconds":"90"}"#,
                ])
            #expect(answer.status == 200, "\(answer.text)")
        }
        let claims = try await fixture.test.store.claimJobs(
            JobClaimRequest(node: NodeID("n"), limit: 1, perOrigin: 1, lease: .seconds(30)))
        let request = try #require(claims.items.first).job.request
        #expect(request.metadata.mirrors == ["https://b.example.com/a.mp4?s=1", "http://c.example.com/"])
        #expect(
            request.headers == [
                SourceHeader("X-Token", "t 1"), SourceHeader("Authorization", "Basic bWU6cGFzczp3b3Jk"),
            ])
        #expect(request.priority == 2)
        #expect(request.metadata.expireSeconds == 90)
    }

    @Test("one mirror may stand alone, and nothing of it is said without the keys")
    func short() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            _ = try await caller.rpc(
                "UploadMediaByURL",
                [
                    "UploadURLs": "\(Self.url),https://media.example.com/b.mp4",
                    "UploadMetadatas": Self.metadata(#""TowlineMirrors":"https://b.example.com/a.mp4""#),
                ])
        }
        let claims = try await fixture.test.store.claimJobs(
            JobClaimRequest(node: NodeID("n"), limit: 2, perOrigin: 2, lease: .seconds(30)))
        #expect(claims.items.map(\.job.request.metadata.mirrors) == [["https://b.example.com/a.mp4"], []])
        #expect(claims.items.allSatisfy { $0.job.request.priority == 8 && $0.job.request.headers.isEmpty })
        #expect(claims.items.allSatisfy { $0.job.request.metadata.expireSeconds == nil })
    }

    @Test(
        "a wrong value is refused with the name of its key, and shows no secret",
        arguments: [
            (#""TowlineMirrors":7"#, "TowlineMirrors"),
            (#""TowlineMirrors":["ftp://b.example.com/a"]"#, "TowlineMirrors URL 1"),
            (#""TowlineMirrors":["https://b.example.com/","http://169.254.169.254/"]"#, "URL 2"),
            (#""TowlineMirrors":["https://blocked.example.com/"]"#, "private"),
            (#""TowlineMirrors":["u","u","u","u","u","u","u","u","u"]"#, "at most 8"),
            (#""TowlineHeaders":"X-A: b""#, "TowlineHeaders"),
            (#""TowlineHeaders":{"Host":"s3cr3t"}"#, "may not set Host"),
            (#""TowlineHeaders":{"Range":"s3cr3t"}"#, "may not set Range"),
            (#""TowlineHeaders":{"X A":"s3cr3t"}"#, "name of a header field"),
            (#""TowlineHeaders":{"X-A":"s3cr3t\r\nX-B: c"}"#, "X-A is a text"),
            (#""TowlineHeaders":{"X-A":" s3cr3t"}"#, "X-A is a text"),
            (#""TowlineHeaders":{"X-A":""}"#, "X-A is a text"),
            (#""TowlineHeaders":{"X-A":1}"#, "X-A is a text"),
            (#""TowlineHeaders":{"X-A":"s3cr3t","x-a":"s3cr3t"}"#, "more than once"),
            (#""TowlineLogin":"s3cr3t""#, "USER:PASSWORD"),
            (#""TowlineLogin":"u:s3cr3t\n""#, "USER:PASSWORD"),
            (#""TowlineLogin":"u:s3cr3t","TowlineHeaders":{"authorization":"s3cr3t"}"#, "TowlineLogin does not go"),
        ])
    func refused(members: String, mentioned: String) async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let answer = try await caller.rpc(
                "UploadMediaByURL", ["UploadURLs": Self.url, "UploadMetadatas": Self.metadata(members)])
            #expect(answer.status == 400)
            #expect(answer.code == "InvalidParameter.UploadMetadatas", "\(answer.text)")
            #expect(answer.message?.contains(mentioned) == true, "\(answer.text)")
            #expect(!answer.text.contains("s3cr3t"))
        }
    }

    @Test(
        "a wrong priority or expiry is refused with what is allowed",
        arguments: [
            (#"{"TowlinePriority":0}"#, "TowlinePriority is a whole number from 1 to 16"),
            (#"{"TowlinePriority":17}"#, "TowlinePriority"), (#"{"TowlinePriority":"high"}"#, "TowlinePriority"),
            (#"{"TowlineExpireSeconds":-1}"#, "TowlineExpireSeconds"),
            (#"{"TowlineExpireSeconds":1.5}"#, "TowlineExpireSeconds is a whole number from 0 to 2592000"),
        ])
    func refusedUserData(text: String, mentioned: String) async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let answer = try await caller.rpc("UploadMediaByURL", ["UploadURLs": Self.url, "UserData": text])
            #expect(answer.code == "InvalidParameter.UserData", "\(answer.text)")
            #expect(answer.message?.contains(mentioned) == true, "\(answer.text)")
        }
    }
}
