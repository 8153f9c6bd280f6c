import ArgumentParser
import Testing
import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

private let id = "ep_1"

@Suite("endpoints")
struct EndpointCommandsTests {
    private let captured = Captured()

    private func client(_ url: String) throws -> AdminClient { AdminClient(endpoint: try Endpoint(url), token: nil) }

    @Test("calls have the paths and bodies of the admin API")
    func calls() async throws {
        try await FakeServer.serving({ _ in FakeReply(status: 200, body: "") }) { server in
            let client = try client(server.url)
            _ = try await client.endpoint("ep/1")
            _ = try await client.enableEndpoint(id)
            _ = try await client.disableEndpoint(id, reason: nil)
            _ = try await client.disableEndpoint(id, reason: "moves")
            _ = try await client.removeEndpoint(id)
            #expect(
                server.requests.map { "\($0.method) \($0.target) \($0.body)" } == [
                    "GET /api/v1/endpoints/ep%2F1 ", "POST /api/v1/endpoints/ep_1/enable ",
                    "POST /api/v1/endpoints/ep_1/disable {}",
                    #"POST /api/v1/endpoints/ep_1/disable {"reason":"moves"}"#, "DELETE /api/v1/endpoints/ep_1 ",
                ])
        }
    }

    @Test("a list is filtered by account, kind and whether an endpoint is disabled")
    func filters() throws {
        func fields(_ arguments: [String]) throws -> [String] {
            try EndpointsListCommand.parse(arguments).list().fields.compactMap { name, value in
                value.map { "\(name)=\($0)" }
            }
        }
        #expect(try fields([]) == [])
        #expect(
            try fields(["--account", "1", "--kind", "Subscription", "--disabled"]) == [
                "account=1", "kind=subscription", "disabled=true",
            ])
        #expect(try fields(["--enabled"]) == ["disabled=false"])
    }

    @Test("a subscription is created with what was named, and the secret that the server made is shown once")
    func create() async throws {
        let answer = #"{"id":"ep_1","url":"https://hook/x","webhookSecret":"whsec_abc"}"#
        try await FakeServer.serving({ _ in .json(answer) }) { server in
            let command = try EndpointsCreateCommand.parse([
                "https://hook/x", "--account", "2", "--description", "audit", "--policy", "Exact", "--max-concurrency",
                "4", "--max-per-second", "0", "--app", "a,b", "--app", "c", "--type", "fileuploadcomplete",
                "--auth-key",
                "Abc123", "--webhook-secret", "generate",
            ])
            try await command.create(by: client(server.url), console: captured.console())
            #expect(
                server.requests.map(\.body) == [
                    #"{"url":"https://hook/x","account":"2","description":"audit","policy":"exact","maxConcurrency":4,"#
                        + #""maxPerSecond":0,"appIds":["a","b","c"],"eventTypes":["FileUploadComplete"],"#
                        + #""authKey":"Abc123","webhookSecret":"generate"}"#
                ])
            #expect(
                captured.lines == [
                    "Endpoint       ep_1", "URL            https://hook/x", "WebhookSecret  whsec_abc",
                ])
            #expect(captured.errorLines == ["Keep the secret; it is not shown again."])
            let plain = try EndpointsCreateCommand.parse(["https://hook/x", "--json"])
            #expect(try plain.body().compactText == #"{"url":"https://hook/x"}"#)
            try await plain.create(by: client(server.url), console: captured.console())
            #expect(captured.lines.last == answer)
        }
    }

    @Test("queues may be named in place of a URL", arguments: ["queue:events", "mns+http://h:1/queues/events"])
    func queues(target: String) throws {
        let body = try EndpointsCreateCommand.parse([target]).body()
        #expect(body.compactText == #"{"url":"\#(target)"}"#)
    }

    @Test("options that are not named stay, and --reset gives one back")
    func set() throws {
        let command = try EndpointsSetCommand.parse([
            id, "--max-per-second", "20", "--reset", "policy,app", "--reset", "Policy",
        ])
        #expect(try command.body().compactText == #"{"maxPerSecond":20,"policy":null,"appIds":null}"#)
    }

    @Test(
        "a secret is rotated, set and removed; without an option it is only asked about",
        arguments: [
            (["--rotate"], #"POST {"secret":"generate"}"#),
            (["--rotate", "--keep-previous", "0"], #"POST {"secret":"generate","keepPreviousSeconds":0}"#),
            (["--set", "whsec_abc"], #"POST {"secret":"whsec_abc"}"#), (["--remove"], #"POST {"secret":null}"#),
            ([], "GET "),
        ])
    func secret(arguments: [String], request: String) async throws {
        try await FakeServer.serving({ request in
            let secret = request.body.contains("generate") ? #","webhookSecret":"whsec_new""# : ""
            return .json(#"{"id":"ep_1","webhookSecrets":\#(request.body.contains("null") ? 0 : 2)\#(secret)}"#)
        }) { server in
            let command = try EndpointsSecretCommand.parse([id] + arguments)
            try await command.change(by: client(server.url), console: captured.console())
            #expect(server.requests.map { "\($0.method) \($0.body)" } == [request])
            #expect(captured.lines.contains("WebhookSecret  whsec_new") == arguments.contains("--rotate"))
            #expect(
                captured.lines.last
                    == (arguments == ["--remove"] ? "ep_1 no webhook secret signs" : "ep_1 2 webhook secrets sign"))
        }
    }

    @Test(
        "what cannot be is wrong usage that names the option and what is allowed",
        arguments: [
            (["create", "hook"], "<url> 'hook' is not a URL to call"),
            (["create", "http://h", "--policy", "odd"], "--policy must be one of exact, durable"),
            (["create", "http://h", "--max-concurrency", "0"], "--max-concurrency must be at least 1"),
            (["create", "http://h", "--max-per-second", "-1"], "--max-per-second"),
            (["create", "http://h", "--type", "Odd"], "UploadByURLComplete, FileUploadComplete"),
            (["create", "http://h", "--webhook-secret", "mine"], "--webhook-secret must be generate, or whsec_"),
            (["set", "ep_1"], "Give an option to change"), (["set", "ep_1", "--reset", "url"], "max-concurrency"),
            (["set", "ep_1", "--policy", "exact", "--reset", "policy"], "--reset policy does not go with --policy"),
            (["show", "evt_1"], "begins with ep_"), (["enable", ""], "begins with ep_"), (["disable"], "<endpoint>"),
            (["list", "--kind", "odd"], "--kind must be one of callback, subscription"),
            (["list", "--disabled", "--enabled"], "--enabled"),
            (["secret", "ep_1", "--rotate", "--remove"], "Give one of --rotate, --set and --remove"),
            (["secret", "ep_1", "--set", "abc"], "--set must be whsec_"),
            (["secret", "ep_1", "--keep-previous", "5"], "--keep-previous goes with --rotate or --set"),
            (["secret", "ep_1", "--rotate", "--keep-previous", "-5"], "--keep-previous"),
        ])
    func usage(arguments: [String], named: String) async {
        let code = await TowlineCommandLine.run(
            EndpointsCommand.self, arguments: arguments, console: captured.console())
        #expect(code == 2)
        #expect(captured.error.contains(named), "\(captured.error)")
        #expect(!captured.error.contains("'abc'"), "a secret is not repeated")
    }

    @Test("an endpoint is shown with its health, its options and what waits")
    func show() throws {
        let json = try JSONParser.parse(
            """
            {"id":"ep_1","kind":"subscription","account":"1","url":"https://hook/x?k=…","description":"audit",
            "state":"disabled","failures":9,"failingSince":"2026-01-02T03:04:05Z","lastCause":"HTTP 500",
            "disabledAt":"2026-01-07T03:04:05Z","disabledReason":"no success since 2026-01-02T03:04:05Z","policy":null,
            "maxPerSecond":0,"appIds":["app-1"],"eventTypes":[],"hasAuthKey":true,"webhookSecrets":2,
            "createdAt":"2026-01-01T00:00:00Z","waiting":10000,"running":0}
            """)
        #expect(
            AdminEndpoint(json).lines(style: Style(isOn: false)) == [
                "Endpoint         ep_1",
                "Kind             subscription",
                "Account          1",
                "URL              https://hook/x?k=…",
                "Description      audit",
                "State            disabled since 2026-01-07T03:04:05Z: no success since 2026-01-02T03:04:05Z",
                "Failures         9 in a row, the first at 2026-01-02T03:04:05Z; last: HTTP 500",
                "Policy           as the settings say",
                "Max concurrency  as the settings say",
                "Max per second   no limit",
                "Applications     app-1",
                "Event types      all",
                "Auth key         set",
                "Webhook secrets  2",
                "Waiting          10000 or more",
                "Running          0",
                "Created          2026-01-01T00:00:00Z",
            ])
        #expect(
            EndpointTable.table([AdminEndpoint(json)]).lines() == [
                "ENDPOINT  STATE     KIND          URL                 FAILURES  TROUBLE                                ACCOUNT",
                "ep_1      disabled  subscription  https://hook/x?k=…         9  no success since 2026-01-02T03:04:05Z  1",
            ])
    }

    @Test("after a change the id and the state are printed")
    func changed() throws {
        let options = try EndpointTargetOptions.parse([id])
        options.print(try JSONParser.parse(#"{"id":"ep_1","state":"enabled"}"#), to: captured.console())
        #expect(captured.lines == ["ep_1 enabled"])
    }
}
