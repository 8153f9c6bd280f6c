import HTTPTypes
import Testing
import TowlineCore
import TowlineTesting

@Suite("Admin API: queues")
struct QueueRouteTests {
    @Test("a queue is made with what is named and the defaults, changed, and given its defaults back")
    func attributes() async throws {
        try await AdminFixture().run { admin in
            let made = try await admin.put("/queues/orders", #"{"delaySeconds":5,"maximumMessageSizeBytes":2048}"#)
            #expect(made.status == 200, "\(made.text)")
            #expect(made["created"] == .bool(true))
            for answer in [made, try await admin.get("/queues/orders")] {
                #expect(answer.string("name") == "orders")
                #expect(answer.string("account") == AccountID.standard.description)
                #expect(answer["delaySeconds"]?.integerValue == 5)
                #expect(answer["maximumMessageSizeBytes"]?.integerValue == 2048)
                #expect(answer["retentionSeconds"]?.integerValue == 345_600)
                #expect(answer["visibilityTimeoutSeconds"]?.integerValue == 30)
                #expect(answer["pollingWaitSeconds"]?.integerValue == 0)
                #expect(answer["loggingEnabled"] == .bool(false))
                #expect(answer["deadLetterQueue"] == nil)
                #expect(answer["activeMessages"]?.integerValue == 0)
            }
            let changed = try await admin.put(
                "/queues/orders",
                #"{"delaySeconds":null,"retentionSeconds":60,"visibilityTimeoutSeconds":43200,"pollingWaitSeconds":30,"#
                    + #""loggingEnabled":true}"#)
            #expect(changed["created"] == .bool(false))
            #expect(changed["delaySeconds"]?.integerValue == 0)
            #expect(changed["maximumMessageSizeBytes"]?.integerValue == 2048)
            #expect(changed["retentionSeconds"]?.integerValue == 60)
            #expect(changed["visibilityTimeoutSeconds"]?.integerValue == 43_200)
            #expect(changed["pollingWaitSeconds"]?.integerValue == 30)
            #expect(changed["loggingEnabled"] == .bool(true))
            #expect(try await admin.put("/queues/orders")["retentionSeconds"]?.integerValue == 60)
        }
    }

    @Test("dead letters have a queue that exists; a refusal changes nothing")
    func deadLetters() async throws {
        try await AdminFixture().run { admin in
            let refused = [
                (
                    #"{"deadLetterQueue":"dead","maxReceives":3}"#,
                    "deadLetterQueue cannot be used: there is no queue dead"
                ),
                (#"{"deadLetterQueue":"dead"}"#, "maxReceives is needed with deadLetterQueue"),
                (#"{"maxReceives":3}"#, "deadLetterQueue is needed with maxReceives"),
                (#"{"deadLetterQueue":null,"maxReceives":3}"#, "maxReceives goes with deadLetterQueue"),
                (#"{"deadLetterQueue":"orders","maxReceives":3}"#, "deadLetterQueue cannot be used: the queue orders"),
            ]
            for (body, message) in refused {
                let answer = try await admin.put("/queues/orders", body)
                #expect(answer.status == 400)
                #expect(answer.message.hasPrefix(message), "\(answer.text)")
            }
            #expect(try await admin.get("/queues/orders").status == 404)
            _ = try await admin.put("/queues/dead")
            let made = try await admin.put("/queues/orders", #"{"deadLetterQueue":"dead","maxReceives":3}"#)
            #expect(made.string("deadLetterQueue") == "dead")
            #expect(made["maxReceives"]?.integerValue == 3)
            let more = try await admin.put("/queues/orders", #"{"maxReceives":1000}"#)
            #expect(more.string("deadLetterQueue") == "dead")
            #expect(more["maxReceives"]?.integerValue == 1000)
            let none = try await admin.put("/queues/orders", #"{"deadLetterQueue":null}"#)
            #expect(none["deadLetterQueue"] == nil)
            #expect(none["maxReceives"] == nil)
        }
    }

    @Test("queues are listed by name, page by page, by prefix, and each account has its own")
    func list() async throws {
        try await AdminFixture().run { admin in
            for name in ["b-2", "a-1", "b-1"] { _ = try await admin.put("/queues/\(name)") }
            _ = try await admin.put("/queues/other?account=42")
            func names(_ path: String) async throws -> [String?] {
                try await admin.get(path)["queues"]?.elements?.map { $0["name"]?.string } ?? []
            }
            #expect(try await names("/queues") == ["a-1", "b-1", "b-2"])
            #expect(try await names("/queues?prefix=b-") == ["b-1", "b-2"])
            #expect(try await names("/queues?account=42") == ["other"])
            let first = try await admin.get("/queues?limit=2")
            #expect(first["queues"]?.elements?.count == 2)
            #expect(try await names("/queues?limit=2&cursor=\(first.string("next"))") == ["b-2"])
            #expect(try await admin.get("/queues/other").status == 404)
            #expect(try await admin.get("/queues/other?account=42").string("account") == "42")
        }
    }

    @Test("a purge empties a queue, a deletion ends it")
    func ends() async throws {
        try await AdminFixture().run { admin in
            _ = try await admin.put("/queues/orders")
            for _ in 0..<3 { _ = try await admin.post("/queues/orders/messages", #"{"body":"a"}"#) }
            _ = try await admin.receive("orders")
            let before = try await admin.get("/queues/orders")
            #expect(before["activeMessages"]?.integerValue == 2)
            #expect(before["inactiveMessages"]?.integerValue == 1)
            #expect(try await admin.post("/queues/orders/purge").text == #"{"name":"orders","purged":3}"#)
            let after = try await admin.get("/queues/orders")
            #expect(after["activeMessages"]?.integerValue == 0)
            #expect(after["inactiveMessages"]?.integerValue == 0)
            #expect(try await admin.delete("/queues/orders").text == #"{"name":"orders","removed":true}"#)
            #expect(try await admin.delete("/queues/orders").status == 404)
        }
    }
}

@Suite("Admin API: fields of queues")
struct QueueFieldTests {
    @Test(
        "what is not understood is refused by name",
        arguments: [
            ("PUT", "/queues/a", #"{"delay":1}"#, "unknown member 'delay'; allowed are delaySeconds"),
            ("PUT", "/queues/a", #"{"delaySeconds":604801}"#, "delaySeconds is a whole number from 0 to 604800"),
            ("PUT", "/queues/a", #"{"delaySeconds":"5"}"#, "delaySeconds is"),
            (
                "PUT", "/queues/a", #"{"maximumMessageSizeBytes":1023}"#,
                "maximumMessageSizeBytes is a whole number from 1024"
            ),
            ("PUT", "/queues/a", #"{"retentionSeconds":59}"#, "retentionSeconds is a whole number from 60"),
            (
                "PUT", "/queues/a", #"{"visibilityTimeoutSeconds":0}"#,
                "visibilityTimeoutSeconds is a whole number from 1"
            ),
            ("PUT", "/queues/a", #"{"pollingWaitSeconds":31}"#, "pollingWaitSeconds is a whole number from 0 to 30"),
            ("PUT", "/queues/a", #"{"loggingEnabled":1}"#, "loggingEnabled is true or false"),
            ("PUT", "/queues/a", #"{"deadLetterQueue":"a_b","maxReceives":1}"#, "deadLetterQueue is no queue's name"),
            (
                "PUT", "/queues/a", #"{"deadLetterQueue":"b","maxReceives":1001}"#,
                "maxReceives is a whole number from 1"
            ),
            ("PUT", "/queues/a_b", "{}", "name is no queue's name: a queue name has letters"),
            (
                "PUT", "/queues/\(String(repeating: "a", count: 121))", "{}",
                "name is no queue's name: a queue name has 1 to"
            ),
            ("PUT", "/queues/a?account=x", "{}", "account is 1 to 32 digits"),
            ("PUT", "/queues/a?name=x", "{}", "unknown query parameter 'name'; allowed are account"),
            ("GET", "/queues?q=a", "", "unknown query parameter 'q'; allowed are account, prefix, cursor, limit"),
            ("GET", "/queues?limit=501", "", "limit is"), ("GET", "/queues/-a", "", "name is"),
            ("DELETE", "/queues/a", #"{"yes":true}"#, "unknown member 'yes'; none"),
            ("POST", "/queues/a/purge", #"{"yes":true}"#, "unknown member 'yes'; none"),
            ("POST", "/queues/a/messages", "{}", "body is needed"),
            ("POST", "/queues/a/messages", #"{"body":""}"#, "body is empty"),
            ("POST", "/queues/a/messages", #"{"body":5}"#, "body is a text"),
            ("POST", "/queues/a/messages", #"{"body":"\u0001"}"#, "body has the character U+0001"),
            ("POST", "/queues/a/messages", #"{"bodyBase64":"/w=="}"#, "bodyBase64 is not UTF-8"),
            ("POST", "/queues/a/messages", #"{"bodyBase64":"a"}"#, "bodyBase64 is base64"),
            ("POST", "/queues/a/messages", #"{"body":"a","bodyBase64":"YQ=="}"#, "body and bodyBase64 exclude"),
            ("POST", "/queues/a/messages", #"{"body":"a","priority":17}"#, "priority is a whole number from 1 to 16"),
            ("POST", "/queues/a/messages", #"{"body":"a","delaySeconds":-1}"#, "delaySeconds is"),
            ("POST", "/queues/a/receive", #"{"count":17}"#, "count is a whole number from 1 to 16"),
            ("POST", "/queues/a/receive", #"{"waitSeconds":31}"#, "waitSeconds is a whole number from 0 to 30"),
            ("POST", "/queues/a/receive", #"{"visibilityTimeoutSeconds":0}"#, "visibilityTimeoutSeconds is"),
            ("POST", "/queues/a/receive", #"{"wait":1}"#, "unknown member 'wait'"),
            ("POST", "/queues/a/receive?wait=1", "{}", "unknown query parameter 'wait'"),
            ("POST", "/queues/a/peek", #"{"count":0}"#, "count is a whole number from 1 to 16"),
            ("POST", "/queues/a/delete", "{}", "receiptHandles is needed: 1 to 16"),
            ("POST", "/queues/a/delete", #"{"receiptHandles":[]}"#, "receiptHandles is needed"),
            ("POST", "/queues/a/delete", #"{"receiptHandles":"x"}"#, "receiptHandles is a list of at most 16"),
            ("POST", "/queues/a/release", #"{"receiptHandles":[5]}"#, "receiptHandles is a list"),
            ("POST", "/queues/a/request", #"{"body":"a"}"#, "messageId is needed: 32"),
            ("POST", "/queues/a/request", #"{"messageId":"x","body":"a"}"#, "messageId is 32"),
        ])
    func refused(method: String, path: String, body: String, message: String) async throws {
        try await AdminFixture().run { admin in
            let answer = try await admin.send(try #require(HTTPRequest.Method(method)), path, body)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(answer.message.hasPrefix(message), "\(answer.text)")
        }
    }

    @Test(
        "a queue that does not exist is not found",
        arguments: [
            ("GET", ""), ("DELETE", ""), ("POST", "/purge"), ("POST", "/peek"), ("POST", "/receive"),
            ("POST", "/messages"), ("POST", "/delete"),
        ])
    func unknown(method: String, action: String) async throws {
        try await AdminFixture().run { admin in
            let body =
                switch action {
                case "/messages": #"{"body":"a"}"#
                case "/delete": #"{"receiptHandles":["x"]}"#
                default: ""
                }
            let answer = try await admin.send(try #require(HTTPRequest.Method(method)), "/queues/none\(action)", body)
            #expect(answer.status == 404, "\(answer.text)")
            #expect(answer.message == "there is no queue none")
        }
    }

    @Test("known paths say which methods they take")
    func methods() async throws {
        try await AdminFixture().run { admin in
            let queue = try await admin.post("/queues/a")
            #expect(queue.headers[.allow] == "DELETE, GET, PUT")
            let receive = try await admin.get("/queues/a/receive")
            #expect(receive.headers[.allow] == "POST")
        }
    }
}
