import Synchronization
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@testable import TowlineAPI

/// Built-in queues by name, for tests: those that are there, and those that were asked for.
final class QueueShelf: Sendable {
    private let state: Mutex<(names: Set<String>, asked: [String])>
    private let createsMissing: Bool

    init(_ names: Set<String> = [], createsMissing: Bool = false) {
        state = Mutex((names, []))
        self.createsMissing = createsMissing
    }

    var names: Set<String> { state.withLock { $0.names } }
    /// Accounts and names in the order in which they were asked for.
    var asked: [String] { state.withLock { $0.asked } }

    func targets(own: OwnAddress = QueueTargetTests.own, acceptsRemote: Bool = true) -> QueueTargets {
        QueueTargets(own: own, acceptsRemote: { _ in acceptsRemote }) { account, name in
            self.state.withLock { state in
                state.asked.append("\(account)/\(name)")
                if self.createsMissing { state.names.insert(name.description) }
                return state.names.contains(name.description)
            }
        }
    }
}

@Suite("Queues as callbacks")
struct QueueTargetTests {
    static let own = OwnAddress(publicURL: "https://towline.example.com", listener: "http://127.0.0.1:8787")

    @Test(
        "an endpoint is this server's own when scheme, host and port are its public address's or its listener's",
        arguments: [
            ("https://towline.example.com", true), ("https://TOWLINE.example.com:443/", true),
            ("https://towline.example.com.", true), ("http://towline.example.com", false),
            ("https://towline.example.com:8443", false), ("https://other.example.com", false),
            ("http://127.0.0.1:8787", true), ("http://localhost:8787/", true), ("http://127.9.8.7:8787", true),
            ("http://[::1]:8787", true), ("http://[::ffff:127.0.0.1]:8787", true), ("http://mns.localhost:8787", true),
            ("https://127.0.0.1:8787", false), ("http://127.0.0.1:8788", false), ("http://127.0.0.1", false),
            ("http://10.0.0.1:8787", false), ("http://localhost.example.com:8787", false),
        ])
    func own(endpoint: String, isOwn: Bool) throws {
        #expect(Self.own.includes(try HTTPURL(parsing: endpoint)) == isOwn)
    }

    @Test(
        "loopback is its own only where the listener takes it",
        arguments: [
            ("http://0.0.0.0:8787", "http://localhost:8787", true), ("http://[::]:8787", "http://127.0.0.1:8787", true),
            ("http://localhost:8787", "http://127.0.0.1:8787", true),
            ("http://192.0.2.1:8787", "http://localhost:8787", false),
            ("http://192.0.2.1:8787", "http://192.0.2.1:8787", true),
            ("https://127.0.0.1:8787", "http://127.0.0.1:8787", false),
            ("http://0.0.0.0:8787", "http://192.0.2.1:8787", false),
        ])
    func listener(_ listener: String, endpoint: String, isOwn: Bool) throws {
        let own = OwnAddress(publicURL: "", listener: listener)
        #expect(own.includes(try HTTPURL(parsing: endpoint)) == isOwn)
    }

    private func setQueue(
        _ caller: APIFixture.Caller, _ changes: [String: String] = [:]
    ) async throws -> APIFixture.Answer {
        try await caller.rpc(
            "SetMessageCallback",
            [
                "CallbackType": "MNS", "MnsEndpoint": "http://localhost:8787/", "MnsQueueName": "events",
                "EventTypeList": "ALL",
            ].merging(changes) { $1 })
    }

    @Test(
        "a queue comes back as it was set, in any spelling of the type, and is the target",
        arguments: ["MNS", "mns", "Mns"])
    func configuration(type: String) async throws {
        let fixture = try await APIFixture(queues: QueueShelf(["events"]).targets())
        try await fixture.run { caller in
            // What belongs to HTTP is passed over: an older form of the documentation demands CallbackURL always.
            let answer = try await setQueue(
                caller, ["CallbackType": type, "CallbackURL": "not a URL", "AuthSwitch": "off", "AuthKey": "weak"])
            #expect(answer.status == 200, "\(answer.text)")
            let callback = try await caller.rpc("GetMessageCallback").json["MessageCallback"]
            #expect(
                callback
                    == .members([
                        "AppId": .string("app-1000000"), "CallbackType": .string(type),
                        "EventTypeList": .string("ALL"), "MnsEndpoint": .string("http://localhost:8787/"),
                        "MnsQueueName": .string("events"),
                    ]))
            let stored = try await fixture.test.store.callback(account: .standard, app: .standard)
            #expect(stored?.target == .queue(name: "events"))
            #expect(try await caller.rpc("DeleteMessageCallback").status == 200)
            #expect(try await caller.rpc("GetMessageCallback").json["MessageCallback"]?["MnsQueueName"] == nil)
        }
    }

    @Test("a callback over HTTP has no members of a queue")
    func onlyHTTP() async throws {
        try await APIFixture(queues: QueueShelf().targets()).run { caller in
            let answer = try await caller.rpc(
                "SetMessageCallback",
                [
                    "CallbackType": "http", "CallbackURL": "http://hook.example.com/", "EventTypeList": "ALL",
                    "MnsEndpoint": "nonsense", "MnsQueueName": "-",
                ])
            #expect(answer.status == 200, "\(answer.text)")
            let callback = try await caller.rpc("GetMessageCallback").json["MessageCallback"]
            #expect(callback?["CallbackURL"]?.string == "http://hook.example.com/")
            #expect(callback?["MnsEndpoint"] == nil)
            #expect(callback?["MnsQueueName"] == nil)
        }
    }

    @Test("a queue of another server is stored with its endpoint as submitted; nobody asks whether it is there")
    func remote() async throws {
        let shelf = QueueShelf()
        let fixture = try await APIFixture(queues: shelf.targets())
        try await fixture.run { caller in
            let endpoint = "http://1000000000000001.mns.cn-shanghai.example.com/"
            let answer = try await setQueue(caller, ["MnsEndpoint": endpoint])
            #expect(answer.status == 200, "\(answer.text)")
            let stored = try await fixture.test.store.callback(account: .standard, app: .standard)
            #expect(stored?.mnsEndpoint == endpoint)
            #expect(stored?.target == .remoteQueue(endpoint: String(endpoint.dropLast()), name: "events"))
            #expect(shelf.asked.isEmpty)
        }
    }

    @Test(
        "a wrong queue is refused with the parameter's name and changes nothing",
        arguments: [
            (["MnsEndpoint": ""], "MissingParameter", "MnsEndpoint"),
            (["MnsQueueName": ""], "MissingParameter", "MnsQueueName"),
            (["MnsEndpoint": "mns.example.com"], "InvalidParameter", "MnsEndpoint"),
            (["MnsEndpoint": "ftp://mns.example.com"], "InvalidParameter", "http:// or https://"),
            (["MnsEndpoint": "http://mns.example.com/queues/events"], "InvalidParameter", "no path"),
            (["MnsEndpoint": "http://user@mns.example.com/"], "InvalidParameter", "MnsEndpoint"),
            (["MnsEndpoint": "http://127.1:8787/"], "InvalidParameter", "IPv4"),
            (["MnsEndpoint": "http://" + String(repeating: "m", count: 250)], "InvalidParameter", "256"),
            (["MnsEndpoint": "https://blocked.example.com"], "InvalidParameter", "private"),
            (["MnsEndpoint": "http://169.254.169.254"], "InvalidParameter", "MnsEndpoint"),
            (["MnsQueueName": "a b"], "InvalidParameter", "MnsQueueName"),
            (["MnsQueueName": String(repeating: "q", count: 121)], "InvalidParameter", "120"),
            (["MnsQueueName": "missing"], "InvalidParameter", "There is no queue missing"),
            (["EventTypeList": "Everything"], "InvalidParameter", "Everything"),
            (["CallbackType": "SMQ"], "InvalidParameter", "HTTP or MNS"),
        ])
    func wrong(changes: [String: String], code: String, mentioned: String) async throws {
        let fixture = try await APIFixture(queues: QueueShelf(["events"]).targets())
        try await fixture.run { caller in
            let answer = try await setQueue(caller, changes)
            #expect(answer.status == 400)
            #expect(answer.code == code, "\(answer.text)")
            #expect(answer.message?.contains(mentioned) == true, "\(answer.text)")
            #expect(try await fixture.test.store.callback(account: .standard, app: .standard) == nil)
        }
    }

    @Test("without an access key another server's endpoint is refused with the settings' names, one's own is not")
    func noCredentials() async throws {
        try await APIFixture(queues: QueueShelf(["events"]).targets(acceptsRemote: false)).run { caller in
            let refused = try await setQueue(caller, ["MnsEndpoint": "https://mns.example.com"])
            #expect(refused.code == "InvalidParameter")
            #expect(refused.message?.contains("\"MnsEndpoint\"") == true)
            #expect(refused.message?.contains("queue.remote-access-key-id") == true)
            let answer = try await setQueue(caller)
            #expect(answer.status == 200, "\(answer.text)")
        }
    }

    @Test("a server without queues says so")
    func noQueues() async throws {
        try await APIFixture().run { caller in
            let answer = try await setQueue(caller)
            #expect(answer.code == "InvalidParameter")
            #expect(answer.message?.contains("this server has no queues") == true)
            let upload = try await caller.rpc(
                "UploadMediaByURL",
                [
                    "UploadURLs": "https://media.example.com/a.mp4",
                    "UserData": #"{"MessageCallback":{"CallbackType":"mns"}}"#,
                ])
            #expect(upload.code == "InvalidParameter.UserData")
        }
    }

    @Test("a missing queue is made last, after everything else was found good")
    func creation() async throws {
        let shelf = QueueShelf(createsMissing: true)
        try await APIFixture(queues: shelf.targets()).run { caller in
            let refused = try await setQueue(caller, ["EventTypeList": "Everything"])
            #expect(refused.status == 400)
            #expect(shelf.names.isEmpty)
            let answer = try await setQueue(caller)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(shelf.asked == ["1000000000000001/events"])
            #expect(shelf.names == ["events"])
        }
    }

    @Test(
        "a request's own queue is understood nested and as an escaped string",
        arguments: [
            #"{"MessageCallback":{"CallbackType":"mns","MnsEndpoint":"http://localhost:8787","MnsQueueName":"own"}}"#,
            #"{"MessageCallback":{"CallbackType":"MNS","mnsEndpoint":"http://[::1]:8787/","mnsQueueName":"own"}}"#,
            """
            {"MessageCallback":"{\\"CallbackType\\":\\"mns\\",\\"MnsEndpoint\\":\\"http://127.0.0.1:8787\\",\
            \\"MnsQueueName\\":\\"own\\"}"}
            """,
        ])
    func userData(text: String) async throws {
        let fixture = try await APIFixture(queues: QueueShelf(["own"]).targets())
        try await fixture.run { caller in
            let answer = try await caller.rpc(
                "UploadMediaByURL", ["UploadURLs": "https://media.example.com/a.mp4", "UserData": text])
            let id = try #require(
                JobID(answer.json["UploadJobs"]?.elements?.first?["JobId"]?.string ?? ""), "\(answer.text)")
            let job = try #require(try await fixture.test.store.jobs([id], account: nil).first)
            #expect(job.request.callback == .queue(name: "own"))
        }
    }

    @Test("a request's own queue of another server keeps its endpoint")
    func remoteUserData() async throws {
        let fixture = try await APIFixture(queues: QueueShelf().targets())
        try await fixture.run { caller in
            let text =
                #"{"MessageCallback":{"CallbackType":"mns","MnsEndpoint":"https://mns.example.com/","MnsQueueName":"q"}}"#
            let answer = try await caller.rpc(
                "UploadMediaByURL", ["UploadURLs": "https://media.example.com/a.mp4", "UserData": text])
            let id = try #require(JobID(answer.json["UploadJobs"]?.elements?.first?["JobId"]?.string ?? ""))
            let job = try #require(try await fixture.test.store.jobs([id], account: nil).first)
            #expect(job.request.callback == .remoteQueue(endpoint: "https://mns.example.com", name: "q"))
        }
    }

    @Test(
        "a wrong queue of a request is refused with the key's name, and nothing is accepted",
        arguments: [
            (#""CallbackType":"mns","MnsQueueName":"own""#, "MessageCallback.MnsEndpoint is missing"),
            (#""CallbackType":"mns","MnsEndpoint":"http://localhost:8787""#, "MessageCallback.MnsQueueName is missing"),
            (
                #""CallbackType":"mns","MnsEndpoint":"http://localhost:8787/x","MnsQueueName":"own""#,
                "MessageCallback.MnsEndpoint: "
            ),
            (
                #""CallbackType":"mns","MnsEndpoint":"http://blocked.example.com","MnsQueueName":"own""#,
                "MessageCallback.MnsEndpoint: The host"
            ),
            (
                #""CallbackType":"mns","MnsEndpoint":"http://localhost:8787","MnsQueueName":"no""#,
                "MessageCallback.MnsQueueName: There is no queue no"
            ),
            (#""CallbackType":"fax""#, "MessageCallback.CallbackType is http or mns"),
        ])
    func wrongUserData(members: String, mentioned: String) async throws {
        let fixture = try await APIFixture(queues: QueueShelf(["own"]).targets())
        try await fixture.run { caller in
            let answer = try await caller.rpc(
                "UploadMediaByURL",
                [
                    "UploadURLs": "https://media.example.com/a.mp4",
                    "UserData": "{\"MessageCallback\":{\(members)}}",
                ])
            #expect(answer.status == 400)
            #expect(answer.code == "InvalidParameter.UserData", "\(answer.text)")
            #expect(answer.message?.contains(mentioned) == true, "\(answer.text)")
            #expect(try await fixture.test.store.jobCounts()[.pending, default: 0] == 0)
        }
    }

    @Test("a target of an operator's is judged by the same rules, and an own address becomes a built-in queue")
    func resolving() async throws {
        let shelf = QueueShelf(["events"])
        let targets = shelf.targets()
        func resolve(_ text: String) async throws -> QueueTargets.Resolution {
            try await targets.resolve(CallbackTarget(text: text), account: .standard, callbacks: APIFixture.Judge())
        }
        #expect(try await resolve("queue:events") == .target(.queue(name: "events")))
        #expect(try await resolve("mns+http://localhost:8787/queues/events") == .target(.queue(name: "events")))
        #expect(
            try await resolve("mns+https://mns.example.com/queues/far")
                == .target(.remoteQueue(endpoint: "https://mns.example.com", name: "far")))
        for (text, mentioned) in [
            ("queue:none", "There is no queue none"), ("queue:a b", "A queue name has"), ("queue:", "A queue name has"),
            ("mns+http://169.254.169.254/queues/far", "blocked"), ("mns+ftp://h/queues/far", "http:// or https://"),
        ] {
            guard case .refused(let sentence) = try await resolve(text) else {
                Issue.record("\(text) is accepted")
                continue
            }
            #expect(sentence.contains(mentioned), "\(sentence)")
        }
    }
}
