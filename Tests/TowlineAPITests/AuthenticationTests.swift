import HTTPTypes
import Synchronization
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@testable import TowlineAPI

@Suite("Who may call")
struct AuthenticationTests {
    @Test("both signatures are taken, by GET and POST, in the query and in a form")
    func styles() async throws {
        try await APIFixture().run { caller in
            for (method, inForm) in [("GET", false), ("POST", false), ("POST", true)] {
                let answer = try await caller.rpc(
                    "GetURLUploadInfos", ["JobIds": "x"], method: method == "GET" ? .get : .post, inForm: inForm)
                #expect(answer.status == 200, "\(method) \(answer.text)")
            }
            let answer = try await caller.acs3("GetURLUploadInfos", ["JobIds": "a b*c~视频"])
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json["NonExists"]?.elements == [.string("ab*c~视频")])
        }
    }

    @Test("a changed parameter, another secret and an unknown key are told apart only by the documented codes")
    func wrongSignatures() async throws {
        try await APIFixture().run { caller in
            let other = try await caller.rpc("GetURLUploadInfos", ["JobIds": "x"], secret: "other-secret")
            #expect(other.status == 400)
            #expect(other.code == "SignatureDoesNotMatch")
            #expect(
                other.message?.hasPrefix(
                    "Specified signature is not matched with our calculation. server string to sign is:POST&%2F&")
                    == true)
            let unknown = try await caller.rpc(
                "GetURLUploadInfos", ["JobIds": "x"], change: { $0[2].value = "nobody" })
            #expect(unknown.status == 404)
            #expect(unknown.code == "InvalidAccessKeyId.NotFound")
        }
    }

    @Test("a revoked key is disabled at once")
    func revoked() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            #expect(try await caller.rpc("GetURLUploadInfos", ["JobIds": "x"]).status == 200)
            try await fixture.test.store.revokeKey(APIFixture.keyID)
            let answer = try await caller.rpc("GetURLUploadInfos", ["JobIds": "x"])
            #expect(answer.code == "InvalidAccessKeyId.Inactive")
        }
    }

    @Test(
        "the time window is fifteen minutes either way",
        arguments: [(-901, false), (-899, true), (899, true), (901, false)])
    func window(offset: Int, isTaken: Bool) async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let sentAt = fixture.now.withLock { $0 }
            let answer = try await caller.rpc(
                "GetURLUploadInfos", ["JobIds": "x"],
                change: { pairs in
                    pairs[6].value = Timestamp(milliseconds: (sentAt + Int64(offset)) * 1000).description
                })
            #expect(answer.code == (isTaken ? nil : "InvalidTimeStamp.Expired"))
        }
    }

    @Test("setting the wall clock back does not let an old request in again")
    func clockSetBack() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            let start = fixture.now.withLock { $0 }
            fixture.now.withLock { $0 = start + 3600 }
            let later = try await caller.rpc("GetURLUploadInfos", ["JobIds": "x"])
            #expect(later.status == 200)
            fixture.now.withLock { $0 = start }
            let old = try await caller.rpc("GetURLUploadInfos", ["JobIds": "x"])
            #expect(old.code == "InvalidTimeStamp.Expired")
        }
    }

    @Test("a nonce counts once, for reads and for changes, and a replayed change changes nothing")
    func replay() async throws {
        let fixture = try await APIFixture()
        try await fixture.run { caller in
            for action in ["GetURLUploadInfos", "DeleteMessageCallback"] {
                let parameters = action == "GetURLUploadInfos" ? ["JobIds": "x"] : [:]
                #expect(try await caller.rpc(action, parameters, nonce: "once-\(action)").status == 200)
                let again = try await caller.rpc(action, parameters, nonce: "once-\(action)")
                #expect(again.status == 400)
                #expect(again.code == "SignatureNonceUsed")
            }
            let parameters = ["UploadURLs": "https://media.example.com/a.mp4"]
            #expect(try await caller.rpc("UploadMediaByURL", parameters, nonce: "n1").status == 200)
            #expect(try await caller.rpc("UploadMediaByURL", parameters, nonce: "n1").code == "SignatureNonceUsed")
            #expect(try await fixture.test.store.jobCounts()[.pending] == 1)
        }
    }

    @Test(
        "what is missing or malformed has the gateway's code",
        arguments: [
            ("AccessKeyId", "MissingAccessKeyId"), ("Signature", "MissingSignature"), ("Timestamp", "MissingTimestamp"),
            ("SignatureNonce", "MissingSignatureNonce"), ("Action", "MissingAction"), ("Version", "MissingVersion"),
        ])
    func missing(name: String, code: String) async throws {
        try await APIFixture().run { caller in
            let pairs = [
                ("Action", "GetURLUploadInfos"), ("Version", "2017-03-21"), ("AccessKeyId", "k"), ("Signature", "s"),
                ("SignatureMethod", "HMAC-SHA1"), ("SignatureVersion", "1.0"), ("SignatureNonce", "n"),
                ("Timestamp", "2026-01-02T03:04:05Z"), ("Format", "JSON"),
            ].filter { $0.0 != name }
            let answer = try await caller.send(
                .get, target: "/?" + pairs.map { "\($0.0)=\($0.1)" }.joined(separator: "&"), headers: [:], body: "")
            #expect(answer.status == 400)
            #expect(answer.code == code)
            #expect(answer.message?.contains(name) == true)
        }
    }

    @Test("other common mistakes have their codes")
    func commonMistakes() async throws {
        try await APIFixture().run { caller in
            let table: [(Int, String, String)] = [
                (0, "NoSuchAction", "InvalidApi.NotFound"), (1, "2016-01-01", "InvalidVersion"),
                (3, "HMAC-MD5", "InvalidSignatureMethod"), (4, "2.0", "InvalidSignatureVersion"),
                (6, "yesterday", "InvalidTimeStamp.Format"), (7, "YAML", "InvalidParameter.Format"),
            ]
            for (index, value, code) in table {
                let answer = try await caller.rpc(
                    "GetURLUploadInfos", ["JobIds": "x"], change: { $0[index].value = value })
                let found = code == "InvalidParameter.Format" ? answer.text.contains(code) : answer.code == code
                #expect(found, "\(code): \(answer.text)")
            }
        }
    }

    @Test("over the limit a call is throttled with status 400 and a time to wait")
    func throttled() async throws {
        try await APIFixture(limits: ["GetURLUploadInfos": 1]).run { caller in
            #expect(try await caller.rpc("GetURLUploadInfos", ["JobIds": "x"]).status == 200)
            let answer = try await caller.rpc("GetURLUploadInfos", ["JobIds": "x"])
            #expect(answer.status == 400)
            #expect(answer.code == "Throttling.User")
            let wait = answer.headers.first { $0.name.canonicalName == "x-acs-retry-after" }.flatMap { Int($0.value) }
            #expect((wait ?? 0) > 0)
        }
    }
}
