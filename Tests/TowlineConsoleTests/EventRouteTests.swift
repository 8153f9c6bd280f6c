import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@Suite("Admin API: events, deliveries and replays")
struct EventRouteTests {
    private static let url = "https://user:pass-word@hooks.example.com/vod?token=top-secret"

    @Test("an event is listed, shown and sent again, and its URL's secrets are never shown")
    func events() async throws {
        let fixture = try await AdminFixture()
        try await fixture.test.setCallback(Self.url, authKey: "Abc123xyz")
        let id = try await fixture.makeEvent()
        try await fixture.run { admin in
            var answers = [try await admin.get("/events?type=UploadByURLComplete&limit=1")]
            let event = answers[0]["events"]?.elements?.first
            #expect(event?["id"]?.string == id.description)
            #expect(event?["account"]?.string == AccountID.standard.description)
            #expect(event?["body"]?["Status"]?.string == "fail")
            let delivery = event?["deliveries"]?.elements?.first
            #expect(delivery?["origin"]?.string == "event")
            #expect(delivery?["state"]?.string == "pending")
            #expect(delivery?["url"]?.string == "https://hooks.example.com/vod?token=…")
            #expect(delivery?["nextAttemptAt"]?.string != nil)
            let endpoint = delivery?["endpoint"]?.string ?? ""

            answers.append(try await admin.get("/events/\(id)"))
            #expect(answers[1].string("id") == id.description)
            let again = try await admin.post("/events/\(id)/redeliver")
            answers.append(again)
            #expect(again["deliveries"]?.elements?.count == 1)
            let one = again["deliveries"]?.elements?.first
            #expect(one?["origin"]?.string == "redelivery")
            let delivered = one?["id"]?.string ?? ""
            answers.append(try await admin.get("/deliveries/\(delivered)"))
            #expect(answers[3]["eventBody"]?["Status"]?.string == "fail")
            #expect(answers[3]["attemptList"]?.elements?.isEmpty == true)
            answers.append(try await admin.post("/deliveries/\(delivered)/redeliver"))
            answers.append(try await admin.post("/events/\(id)/redeliver", "{\"endpoint\":\"\(endpoint)\"}"))
            answers.append(try await admin.get("/deliveries?event=\(id)&state=pending"))
            #expect(answers[6]["deliveries"]?.elements?.count == 4)
            answers.append(try await admin.get("/deliveries?endpoint=\(endpoint)&limit=1"))
            #expect(answers[7]["next"]?.string != nil)
            answers.append(try await admin.get("/endpoints"))
            answers.append(try await admin.get("/endpoints/\(endpoint)"))
            #expect(answers[9]["waiting"]?.integerValue == 4)
            answers.append(try await admin.get("/jobs/\(event?["job"]?.string ?? "")"))
            #expect(answers[10]["deliveries"]?.elements?.first?["policy"]?.string == "durable")
            for answer in answers {
                #expect(answer.status == 200, "\(answer.text)")
                #expect(!answer.text.contains("top-secret"))
                #expect(!answer.text.contains("pass-word"))
                #expect(!answer.text.contains("Abc123xyz"))
            }
        }
    }

    @Test("a request is composed for the configured callback, for an endpoint, or for a URL")
    func request() async throws {
        let fixture = try await AdminFixture()
        let bare = try await fixture.makeEvent()
        try await fixture.test.setCallback("https://hooks.example.com/vod", authKey: "Abc123xyz")
        let id = try await fixture.makeEvent("b.mp4")
        try await fixture.run { admin in
            func headers(_ answer: AdminFixture.Answer) -> [String] {
                answer["headers"]?.elements?.compactMap { $0.elements?.last?.string } ?? []
            }
            let configured = try await admin.get("/events/\(id)/request")
            #expect(configured.string("url") == "https://hooks.example.com/vod")
            #expect(headers(configured) == [id.description, "https://hooks.example.com/vod", "Abc123xyz", ""])
            #expect(!configured.string("body").isEmpty)
            let local = try await admin.get("/events/\(bare)/request?url=http://127.0.0.1:9/x?a=b")
            #expect(headers(local) == [bare.description, "http://127.0.0.1:9/x?a=b", "Abc123xyz", ""])
            let made = try await admin.post(
                "/endpoints", "{\"url\":\"https://sub.example.com/\",\"webhookSecret\":\"generate\"}")
            let other = try await admin.get("/events/\(id)/request?endpoint=\(made.string("id"))")
            #expect(
                headers(other) == [id.description, "https://sub.example.com/", "none", made.string("webhookSecret")])
        }
    }

    @Test("without a configured callback a request needs a URL and is not signed")
    func unconfigured() async throws {
        let fixture = try await AdminFixture()
        let id = try await fixture.makeEvent()
        try await fixture.run { admin in
            let none = try await admin.get("/events/\(id)/request")
            #expect(none.status == 400)
            #expect(none.message.hasPrefix("url is needed"))
            let given = try await admin.get("/events/\(id)/request?url=http://127.0.0.1:9/")
            #expect(given["headers"]?.elements?[2].elements?.last?.string == "none")
            #expect(try await admin.post("/events/\(id)/redeliver").status == 409)
        }
    }

    @Test("a replay is counted, begun, shown and cancelled")
    func replays() async throws {
        let fixture = try await AdminFixture()
        try await fixture.test.setCallback("https://hooks.example.com/vod")
        _ = try await fixture.makeEvent()
        try await fixture.run { admin in
            let filter = "\"type\":\"UploadByURLComplete\",\"since\":\"2020-01-01T08:00:00+08:00\""
            let dry = try await admin.post("/replays", "{\(filter),\"dryRun\":true}")
            #expect(dry.text == "{\"dryRun\":true,\"events\":1,\"deliveries\":1}")
            #expect(try await admin.get("/replays").text == "{\"replays\":[]}")
            let begun = try await admin.post("/replays", "{\(filter),\"perSecond\":100000}")
            #expect(begun.string("state") == "running")
            #expect(begun["filter"]?["since"]?.string == "2020-01-01T00:00:00Z")
            #expect(begun["filter"]?["state"] == nil)
            #expect(begun["perSecond"]?.integerValue == 100_000)
            let id = begun.string("id")
            #expect(try await admin.get("/stats")["replays"]?["open"]?.integerValue == 1)
            #expect(try await admin.get("/replays?limit=1")["replays"]?.elements?.first?["id"]?.string == id)
            #expect(try await admin.get("/replays/\(id)").string("id") == id)
            let cancelled = try await admin.post("/replays/\(id)/cancel")
            #expect(["cancelling", "cancelled"].contains(cancelled.string("state")))
            let to = "ep_" + String(repeating: "0", count: 32)
            #expect(try await admin.post("/replays", "{\"to\":\"\(to)\"}").status == 404)
        }
    }

    @Test("an attempt is shown with what its heads hold in secret masked")
    func attempts() async throws {
        let fixture = try await AdminFixture()
        try await fixture.test.setCallback(Self.url)
        let id = try await fixture.makeEvent()
        let claims = try await fixture.store.claimDeliveries(
            DeliveryClaimRequest(node: NodeID("n"), limit: 1, perEndpoint: 1, lease: .seconds(30)))
        let claimed = try #require(claims.items.first)
        var record = DeliveryAttemptRecord()
        record.httpStatus = 500
        record.duration = .milliseconds(12)
        record.requestHead = "POST /vod?token=top-secret HTTP/1.1\nHost: hooks.example.com\nX-VOD-SIGNATURE: top-secret"
        record.responseHead = "Set-Cookie: top-secret\nLocation: /next?k=top-secret\nServer: x"
        record.responseBody = [0xFF, 0x41]
        record.cause = "http 500"
        _ = try await fixture.store.recordDeliveries([
            DeliveryReport(
                delivery: claimed.id, lease: claimed.lease, next: .dead(reason: "http 500"), record: record)
        ])
        try await fixture.run { admin in
            let answer = try await admin.get("/deliveries/\(claimed.id)")
            let attempt = answer["attemptList"]?.elements?.first
            #expect(
                attempt?["requestHead"]?.string
                    == "POST /vod?… HTTP/1.1\nHost: hooks.example.com\nX-VOD-SIGNATURE: (masked)")
            #expect(attempt?["responseHead"]?.string == "Set-Cookie: (masked)\nLocation: /next?…\nServer: x")
            #expect(attempt?["responseBody"]?.string == "\u{FFFD}A")
            #expect(attempt?["responseBodyBase64"]?.string == "/0E=")
            #expect(attempt?["requestBody"]?.string?.hasPrefix("{\"EventTime\"") == true)
            #expect(attempt?["durationMilliseconds"]?.integerValue == 12)
            #expect(attempt?["cause"]?.string == "http 500")
            #expect(!answer.text.contains("top-secret"))
            let dead = try await admin.get("/events?state=dead")
            #expect(dead["events"]?.elements?.first?["id"]?.string == id.description)
        }
    }
}
