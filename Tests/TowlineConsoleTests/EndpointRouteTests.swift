import Testing
import TowlineCore
import TowlineStore
import TowlineTesting

@Suite("Admin API: endpoints")
struct EndpointRouteTests {
    @Test("a subscription is made with everything that can be chosen, and changed, and reset")
    func options() async throws {
        try await AdminFixture().run { admin in
            let made = try await admin.post(
                "/endpoints",
                """
                {"url":"https://hooks.example.com/?k=top-secret","account":"42","description":"billing",\
                "policy":"exact","maxConcurrency":3,"maxPerSecond":0,"appIds":["app-2"],\
                "eventTypes":["FileUploadComplete"],"authKey":"Abc123xyz","webhookSecret":null}
                """)
            #expect(made.status == 200, "\(made.text)")
            let id = made.string("id")
            for answer in [made, try await admin.get("/endpoints/\(id)")] {
                #expect(answer.string("kind") == "subscription")
                #expect(answer.string("url") == "https://hooks.example.com/?k=…")
                #expect(answer.string("account") == "42")
                #expect(answer.string("description") == "billing")
                #expect(answer.string("state") == "enabled")
                #expect(answer.string("policy") == "exact")
                #expect(answer["maxConcurrency"]?.integerValue == 3)
                #expect(answer["maxPerSecond"]?.integerValue == 0)
                #expect(answer["appIds"]?.elements == [.string("app-2")])
                #expect(answer["eventTypes"]?.elements == [.string("FileUploadComplete")])
                #expect(answer["hasAuthKey"] == .bool(true))
                #expect(answer["webhookSecrets"]?.integerValue == 0)
                #expect(!answer.text.contains("top-secret"))
                #expect(!answer.text.contains("Abc123xyz"))
            }
            let changed = try await admin.post("/endpoints/\(id)", "{\"policy\":null,\"appIds\":null}")
            #expect(changed["policy"] == .null)
            #expect(changed["appIds"] == .array([]))
            #expect(changed.string("description") == "billing")
            #expect(try await admin.get("/endpoints?account=42&kind=subscription")["endpoints"]?.elements?.count == 1)
            #expect(try await admin.get("/endpoints?account=43")["endpoints"]?.elements?.count == 0)
        }
    }

    @Test("a queue can be a subscription's target, as the server resolves it and without keys")
    func queues() async throws {
        try await AdminFixture().run { admin in
            for url in ["queue:events", "mns+http://own.example.com/queues/events"] {
                let account = url.hasPrefix("queue") ? "1" : "2"
                let made = try await admin.post("/endpoints", #"{"url":"\#(url)","account":"\#(account)"}"#)
                #expect(made.string("url") == "queue:resolved-\(account)", "\(made.text)")
            }
            let missing = try await admin.post("/endpoints", #"{"url":"queue:missing"}"#)
            #expect(missing.status == 400)
            #expect(missing.message == "url cannot be used: There is no queue missing.")
            let signed = try await admin.post("/endpoints", #"{"url":"queue:events","webhookSecret":"generate"}"#)
            #expect(signed.status == 400)
            #expect(signed.message.hasPrefix("url is a queue"))
        }
    }

    @Test("an endpoint is disabled with a reason, enabled and removed")
    func lifecycle() async throws {
        try await AdminFixture().run { admin in
            let id = try await admin.post("/endpoints", "{\"url\":\"https://hooks.example.com/\"}").string("id")
            let disabled = try await admin.post("/endpoints/\(id)/disable", "{\"reason\":\"too loud\"}")
            #expect(disabled.string("state") == "disabled")
            #expect(disabled.string("disabledReason") == "too loud")
            #expect(try await admin.get("/stats")["endpoints"]?["disabled"]?.integerValue == 1)
            #expect(try await admin.get("/endpoints?disabled=true")["endpoints"]?.elements?.count == 1)
            #expect(try await admin.get("/endpoints?disabled=false")["endpoints"]?.elements?.count == 0)
            #expect(try await admin.post("/endpoints/\(id)/enable").string("state") == "enabled")
            let unnamed = try await admin.post("/endpoints/\(id)/disable")
            #expect(unnamed.string("disabledReason") == "an operator disabled it")
            let removed = try await admin.delete("/endpoints/\(id)")
            #expect(removed.text == "{\"id\":\"\(id)\",\"removed\":true}")
            #expect(try await admin.post("/endpoints/\(id)/enable").status == 409)
        }
    }

    @Test("a callback's endpoint cannot be removed, and its filter is its configuration's")
    func callbacks() async throws {
        let fixture = try await AdminFixture()
        try await fixture.test.setCallback("https://hooks.example.com/")
        try await fixture.run { admin in
            let list = try await admin.get("/endpoints?kind=callback")
            let id = list["endpoints"]?.elements?.first?["id"]?.string ?? ""
            #expect(try await admin.delete("/endpoints/\(id)").status == 409)
            #expect(try await admin.post("/endpoints/\(id)", "{\"appIds\":[\"a\"]}").status == 409)
            #expect(try await admin.post("/endpoints/\(id)", "{\"maxConcurrency\":1}").status == 200)
        }
    }

    @Test("a webhook secret is shown by the answer that makes it and by no other")
    func secrets() async throws {
        try await AdminFixture().run { admin in
            let fresh = "whsec_KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio="
            let made = try await admin.post(
                "/endpoints", "{\"url\":\"https://hooks.example.com/\",\"webhookSecret\":\"generate\"}")
            #expect(made.string("webhookSecret") == fresh)
            let id = made.string("id")
            let given = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
            let second = try await admin.post("/endpoints/\(id)/secret", "{\"secret\":\"\(given)\"}")
            #expect(second["webhookSecrets"]?.integerValue == 2)
            #expect(second["webhookSecret"] == nil)
            let texts = [
                second.text, try await admin.get("/endpoints/\(id)").text, try await admin.get("/endpoints").text,
            ]
            for text in texts { #expect(!text.contains("whsec_")) }
            let third = try await admin.post("/endpoints/\(id)/secret", "{\"keepPreviousSeconds\":0}")
            #expect(third.string("webhookSecret") == fresh)
            #expect(third["webhookSecrets"]?.integerValue == 1)
            let none = try await admin.post("/endpoints/\(id)/secret", "{\"secret\":null}")
            #expect(none["webhookSecrets"]?.integerValue == 0)
            #expect(none["webhookSecret"] == nil)
        }
    }
}
