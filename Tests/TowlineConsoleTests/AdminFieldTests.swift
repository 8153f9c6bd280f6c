import HTTPTypes
import Testing
import TowlineCore

@Suite("Admin API: fields, methods and paths")
struct AdminFieldTests {
    private static let id = String(repeating: "0", count: 32)

    @Test(
        "a query that is not understood is refused by name",
        arguments: [
            ("/jobs?state=failed", "unknown query parameter 'state'; allowed are status, origin, q, cursor, limit"),
            ("/jobs?status=wrong", "status is one of pending"), ("/jobs?limit=0", "limit is a number from 1 to 500"),
            ("/jobs?limit=501", "limit is"), ("/jobs?limit=%2B5", "limit is"),
            ("/jobs?limit=5&limit=6", "limit appears"),
            ("/jobs?cursor=x", "cursor is the 'next'"), ("/stats?x=1", "unknown query parameter 'x'; none"),
            ("/events?type=Upload", "type is one of UploadByURLComplete"), ("/events?state=lost", "state is one of"),
            ("/events?endpoint=evt_\(id)", "endpoint is ep_ and 32"), ("/events?job=1", "job is 32 lower-case"),
            ("/events?account=abc", "account is 1 to 32 digits"), ("/events?app=a%20b", "app is 1 to 64"),
            ("/events?since=yesterday", "since is a time such as"), ("/events?until=2026-01-01", "until is a time"),
            ("/events?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since is a time before until"),
            ("/events?status=dead", "unknown query parameter 'status'"), ("/deliveries?event=1", "event is evt_"),
            ("/deliveries?replay=1", "replay is rpl_"), ("/deliveries?type=x", "unknown query parameter 'type'"),
            ("/endpoints?kind=x", "kind is one of callback, subscription"),
            ("/endpoints?disabled=1", "disabled is true"),
            ("/replays?limit=x", "limit is"), ("/listeners/a/events?wait=31", "wait is a number from 0 to 30"),
            ("/listeners/a/events?wait=-1", "wait is"), ("/listeners/a%20b/events", "name is 1 to 64"),
            ("/events/evt_\(id)/request?url=ftp://x/", "url is an http or https URL"),
        ])
    func queries(path: String, message: String) async throws {
        try await AdminFixture().run { admin in
            let answer = try await admin.get(path)
            #expect(answer.status == 400)
            #expect(answer.message.hasPrefix(message), "\(answer.text)")
        }
    }

    @Test(
        "a body that is not understood is refused by name",
        arguments: [
            ("/keys", "{\"name\":\"x\"}", "unknown member 'name'; allowed are id, secret, account"),
            ("/keys", "{\"id\":5}", "id is 1 to 128"), ("/keys", "{\"secret\":\"short\"}", "secret is 8 to 256"),
            ("/keys", "[]", "the body is a JSON object"), ("/keys", "{", "the body is a JSON object"),
            ("/replays", "{\"status\":\"dead\"}", "unknown member 'status'"),
            ("/replays", "{\"state\":\"lost\"}", "state is one of"), ("/replays", "{\"perSecond\":0}", "perSecond is"),
            ("/replays", "{\"perSecond\":100001}", "perSecond is"),
            ("/replays", "{\"perSecond\":\"5\"}", "perSecond is"),
            ("/replays", "{\"perSecond\":1.5}", "perSecond is"), ("/replays", "{\"dryRun\":\"yes\"}", "dryRun is true"),
            ("/replays", "{\"since\":1767323045}", "since is a time"), ("/replays", "{\"to\":\"ep_1\"}", "to is ep_"),
            (
                "/replays", "{\"since\":\"2026-01-02T00:00:00Z\",\"until\":\"2026-01-02T08:00:00+08:00\"}",
                "since is a time before until"
            ),
            ("/replays?dryRun=true", "{}", "unknown query parameter 'dryRun'; none"),
            ("/listeners/a", "{\"from\":\"later\"}", "from is now, beginning"),
            ("/listeners/a", "{\"account\":\"x\"}", "account is"),
            ("/listeners/a/acknowledge", "{}", "event is needed"),
            ("/listeners/a/acknowledge", "{\"event\":\"x\"}", "event is evt_"),
            ("/events/evt_\(id)/redeliver", "{\"endpoint\":\"x\"}", "endpoint is ep_"),
            ("/events/evt_\(id)/redeliver", "{\"to\":\"x\"}", "unknown member 'to'"),
            ("/endpoints", "{}", "url is needed"), ("/endpoints", "{\"url\":7}", "url is a URL"),
            ("/endpoints", "{\"url\":\"ftp://x/\"}", "url cannot be used: "),
            (
                "/endpoints", "{\"url\":\"http://blocked.example.com/\"}",
                "url cannot be used: The host blocked.example.com has the address 10.0.0.1, which the rule 'private'"
            ),
            ("/endpoints", "{\"policy\":\"fast\"}", "policy is one of exact, durable"),
            ("/endpoints", "{\"maxConcurrency\":0}", "maxConcurrency is"),
            ("/endpoints", "{\"maxPerSecond\":-1}", "maxPerSecond is"),
            ("/endpoints", "{\"appIds\":\"app\"}", "appIds is a list"),
            ("/endpoints", "{\"appIds\":[\"\"]}", "appIds is"),
            ("/endpoints", "{\"eventTypes\":[\"x\"]}", "eventTypes is a list of at most 100 texts, each one of"),
            ("/endpoints", "{\"authKey\":\"onlysmall1\"}", "authKey is at most 32 characters"),
            ("/endpoints", "{\"authKey\":\"Aa1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "authKey is"),
            ("/endpoints", "{\"webhookSecret\":\"whsec_MTIz\"}", "webhookSecret is 'generate', or whsec_"),
            ("/endpoints", "{\"webhookSecret\":\"abc\"}", "webhookSecret is"),
            ("/endpoints", "{\"description\":\"a\\nb\"}", "description is a text of at most 500 bytes"),
            ("/endpoints/ep_\(id)", "{\"url\":\"http://x/\"}", "unknown member 'url'"),
            ("/endpoints/ep_\(id)/disable", "{\"why\":1}", "unknown member 'why'"),
            ("/endpoints/ep_\(id)/secret", "{\"keepPreviousSeconds\":-1}", "keepPreviousSeconds is"),
            ("/endpoints/ep_\(id)/enable", "{\"x\":1}", "unknown member 'x'; none"),
        ])
    func bodies(path: String, body: String, message: String) async throws {
        try await AdminFixture().run { admin in
            let answer = try await admin.post(path, body)
            #expect(answer.status == 400)
            #expect(answer.message.hasPrefix(message), "\(answer.text)")
        }
    }

    @Test(
        "what does not exist is not found",
        arguments: [
            ("GET", "/jobs/\(id)"), ("GET", "/jobs/x"), ("POST", "/jobs/\(id)/retry"), ("POST", "/keys/none/revoke"),
            ("GET", "/events/evt_\(id)"), ("GET", "/events/\(id)"), ("GET", "/events/evt_\(id)/request"),
            ("POST", "/events/evt_\(id)/redeliver"), ("GET", "/deliveries/dlv_\(id)"), ("GET", "/deliveries/x"),
            ("POST", "/deliveries/dlv_\(id)/redeliver"), ("GET", "/endpoints/ep_\(id)"), ("GET", "/endpoints/x"),
            ("POST", "/endpoints/ep_\(id)"), ("POST", "/endpoints/ep_\(id)/enable"),
            ("POST", "/endpoints/ep_\(id)/disable"), ("POST", "/endpoints/ep_\(id)/secret"),
            ("DELETE", "/endpoints/ep_\(id)"), ("GET", "/replays/rpl_\(id)"), ("GET", "/replays/x"),
            ("POST", "/replays/rpl_\(id)/cancel"), ("GET", "/listeners/none/events"),
            ("GET", "/listeners/none/events?wait=30"), ("GET", "/nothing"),
        ])
    func unknown(method: String, path: String) async throws {
        try await AdminFixture().run { admin in
            let answer =
                method == "GET"
                ? try await admin.get(path)
                : try await admin.send(
                    method == "POST" ? .post : .delete, path)
            #expect(answer.status == 404, "\(answer.text)")
            #expect(answer["error"]?["code"]?.string == "NotFound")
        }
    }

    @Test("a known path says which methods it takes")
    func methods() async throws {
        try await AdminFixture().run { admin in
            let one = try await admin.send(.put, "/endpoints/ep_\(Self.id)")
            #expect(one.status == 405)
            #expect(one.headers[.allow] == "DELETE, GET, POST")
            let redeliver = try await admin.get("/events/evt_\(Self.id)/redeliver")
            #expect(redeliver.status == 405)
            #expect(redeliver.headers[.allow] == "POST")
            #expect(try await admin.post("/stats").headers[.allow] == "GET")
        }
    }
}
