import ArgumentParser
import Testing
import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

private let dead =
    #"{"id":"dlv_1","event":"evt_1","eventType":"UploadByURLComplete","endpoint":"ep_1","url":"http://hook/x?k=…","#
    + #""origin":"event","policy":"exact","state":"dead","attempts":3,"reason":"the receiver answered 500","#
    + #""createdAt":"2026-01-02T03:04:05Z","endedAt":"2026-01-02T03:04:08Z"}"#

private let again =
    #"{"id":"dlv_2","event":"evt_1","eventType":"UploadByURLComplete","endpoint":"ep_1","url":"http://hook/x?k=…","#
    + #""origin":"replay","replay":"rpl_1","policy":"durable","state":"pending","attempts":1,"#
    + #""createdAt":"2026-01-02T03:05:00Z","nextAttemptAt":"2026-01-02T03:05:05Z"}"#

private func event(_ id: String = "evt_1", deliveries: [String] = [dead, again]) -> String {
    #"{"id":"\#(id)","type":"UploadByURLComplete","account":"1","appId":"app-1","job":"b7","run":2,"#
        + #""createdAt":"2026-01-02T03:04:05Z","body":{"EventType":"UploadByURLComplete","Status":"fail","#
        + #""ErrorCode":"URLInvalidError","Extend":"a\u001bb","List":[1,{"x":null}],"None":{}},"#
        + #""deliveries":[\#(deliveries.joined(separator: ","))]}"#
}

private func client(_ url: String) throws -> AdminClient { AdminClient(endpoint: try Endpoint(url), token: nil) }

@Suite("listing, showing and redelivering events")
struct EventCommandsTests {
    private let captured = Captured()

    @Test("filters become a query, ages are counted back from the clock")
    func filters() async throws {
        try await FakeServer.serving({ _ in .json(#"{"events":[]}"#) }) { server in
            let options = try EventFilterOptions.parse([
                "--type", "fileuploadcomplete", "--status", "Dead", "--endpoint", "ep_1", "--job", "b7", "--account",
                "1", "--app", "app 1", "--since", "2h", "--until", "2226-11-23T11:30:00.25+01:00",
            ])
            let query = try options.query(now: Timestamp(milliseconds: 1_795_428_000_500))
            _ = try await client(server.url).all(query.list, limit: 7)
            #expect(
                server.requests.map(\.target) == [
                    "/api/v1/events?type=FileUploadComplete&state=dead&endpoint=ep_1&job=b7&account=1&app=app%201"
                        + "&since=2026-11-23T08%3A00%3A00.500Z&until=2226-11-23T10%3A30%3A00.250Z&limit=7"
                ])
        }
    }

    @Test("a list goes on after pages that are short or empty, to the last page or the limit")
    func pages() async throws {
        let pages = [
            "none": #"{"events":[{"id":"evt_1"}],"next":"a"}"#, "a": #"{"events":[],"next":"b"}"#,
            "b": #"{"events":[{"id":"evt_2"},{"id":"evt_3"}],"next":"c"}"#, "c": #"{"events":[{"id":"evt_4"}]}"#,
        ]
        try await FakeServer.serving({ request in
            let cursor = request.target.split(separator: "cursor=").dropFirst().first?.prefix(1)
            return .json(pages[cursor.map(String.init) ?? "none"] ?? "{}")
        }) { server in
            let listing = try ListOptions.parse(["--json", "--limit", "1000"])
            try await listing.print(EventQuery().list, from: client(server.url), to: captured.console()) { _ in
                Table([])
            }
            #expect(captured.lines == (1...4).map { #"{"id":"evt_\#($0)"}"# })
            #expect(
                server.requests.map(\.target).last == "/api/v1/events?cursor=c&limit=100", "no page is larger than 100")
            let some = try await client(server.url).all(EventQuery().list, limit: 2)
            #expect(some.compactMap { $0["id"]?.string } == ["evt_1", "evt_2"])
        }
    }

    @Test("nothing more is fetched once nobody reads")
    func readerGone() async throws {
        try await FakeServer.serving({ _ in .json(#"{"events":[{"id":"evt_1"}],"next":"a"}"#) }) { server in
            let listing = try ListOptions.parse(["--json"])
            let console = captured.console(loss: OutputLoss(code: 32))
            try await listing.print(EventQuery().list, from: client(server.url), to: console) { _ in Table([]) }
            #expect(server.requests.count == 1)
        }
    }

    @Test("the table tells how deliveries stand, and is cut to a terminal of 80 columns")
    func table() throws {
        let events = try [event(), event("evt_2", deliveries: []), event("evt_3", deliveries: [dead])].map {
            AdminEvent(try JSONParser.parse($0))
        }
        #expect(
            EventTable.table(events).lines() == [
                "EVENT  CREATED               TYPE                 DELIVERIES         STATUS  JOB",
                "evt_1  2026-01-02T03:04:05Z  UploadByURLComplete  1 pending, 1 dead  fail    b7",
                "evt_2  2026-01-02T03:04:05Z  UploadByURLComplete  –                  fail    b7",
                "evt_3  2026-01-02T03:04:05Z  UploadByURLComplete  dead               fail    b7",
            ])
        let long = try AdminEvent(JSONParser.parse(event("evt_019b3c5d7e8f40a1b2c3d4e5f6071829", deliveries: [dead])))
        let lines = EventTable.table([long]).lines(limit: 80)
        #expect(lines[0] == "EVENT                                 CREATED               TYPE      DELIVERIES")
        #expect(lines[1] == "evt_019b3c5d7e8f40a1b2c3d4e5f6071829  2026-01-02T03:04:05Z  UploadB…  dead")
    }

    @Test("an event is shown with its body over several lines and each delivery with its reason")
    func show() throws {
        let report = EventReport(try JSONParser.parse(event()))
        #expect(
            report.lines(style: Style(isOn: false)) == [
                "Event        evt_1",
                "Type         UploadByURLComplete",
                "Status       fail (URLInvalidError)",
                "Job          b7, run 2",
                "Account      1",
                "Application  app-1",
                "Created      2026-01-02T03:04:05Z",
                "",
                "Body",
                "{",
                #"  "EventType": "UploadByURLComplete","#,
                #"  "Status": "fail","#,
                #"  "ErrorCode": "URLInvalidError","#,
                #"  "Extend": "a\u001bb","#,
                #"  "List": ["#,
                "    1,",
                "    {",
                #"      "x": null"#,
                "    }",
                "  ],",
                #"  "None": {}"#,
                "}",
                "",
                "Deliveries",
                "dlv_1  dead after 3 attempts: the receiver answered 500",
                "  to http://hook/x?k=… (ep_1), ended 2026-01-02T03:04:08Z",
                "dlv_2  pending after 1 attempt",
                "  to http://hook/x?k=… (ep_1), rpl_1, next attempt 2026-01-02T03:05:05Z",
            ])
        let none = EventReport(try JSONParser.parse(event(deliveries: [])))
        #expect(none.lines(style: Style(isOn: false)).last == "none: no callback or subscription was set for it")
    }

    @Test("events and deliveries are sent again one by one, and a refusal does not keep the others")
    func redeliver() async throws {
        try await FakeServer.serving({ request in
            request.target.contains("evt_gone")
                ? .refusal(404, "there is no event evt_gone") : .json(#"{"deliveries":[\#(again)]}"#)
        }) { server in
            let command = try EventsRedeliverCommand.parse(["evt_gone", "evt_1", "dlv_1"])
            let failure = await #expect(throws: CommandFailure.self) {
                try await command.redeliver(by: client(server.url), console: captured.console())
            }
            #expect(failure == CommandFailure(.failed, "there is no event evt_gone"))
            let line = "dlv_2 pending evt_1 http://hook/x?k=…"
            #expect(captured.lines == [line, line])
            let one = try EventsRedeliverCommand.parse(["evt_1", "--endpoint", "ep_9", "--json"])
            try await one.redeliver(by: client(server.url), console: captured.console())
            #expect(captured.lines.last == again)
            #expect(
                server.requests.map { "\($0.method) \($0.target) \($0.body)" } == [
                    "POST /api/v1/events/evt_gone/redeliver {}", "POST /api/v1/events/evt_1/redeliver {}",
                    "POST /api/v1/deliveries/dlv_1/redeliver ",
                    #"POST /api/v1/events/evt_1/redeliver {"endpoint":"ep_9"}"#,
                ])
        }
    }
}

@Suite("points in time")
struct PointInTimeTests {
    private let now = Timestamp(milliseconds: 1_000_000_000)

    @Test(
        "RFC 3339 and ages are read",
        arguments: [
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"), ("2026-11-23t10:00:00z", "2026-11-23T10:00:00Z"),
            ("2026-11-23T10:00:00.5Z", "2026-11-23T10:00:00.500Z"),
            ("2026-11-23T10:00:00.123456789Z", "2026-11-23T10:00:00.123Z"),
            ("2026-11-23T10:00:00+08:00", "2026-11-23T02:00:00Z"),
            ("2026-11-23T10:00:00.25-00:30", "2026-11-23T10:30:00.250Z"), ("90s", "1970-01-12T13:45:10Z"),
            ("15m", "1970-01-12T13:31:40Z"), ("2h", "1970-01-12T11:46:40Z"), ("7d", "1970-01-05T13:46:40Z"),
            ("0s", "1970-01-12T13:46:40Z"),
        ])
    func good(text: String, moment: String) throws {
        #expect(PointInTime.text(try PointInTime.parse(text, "--since", now: now)) == moment)
    }

    @Test(
        "anything else is refused with what is allowed",
        arguments: [
            "", "now", "2026-11-23", "2026-11-23T10:00:00", "2026-11-23 10:00:00Z", "2026-13-01T00:00:00Z",
            "2026-11-23T10:00:00.Z", "2026-11-23T10:00:00+24:00", "2026-11-23T10:00:00+0800", "15", "m", "-5m", "1.5h",
            "5w", "99999999999999999999s", "9999999d",
        ])
    func bad(text: String) {
        let error = #expect(throws: ValidationError.self) { try PointInTime.parse(text, "--since", now: now) }
        #expect(
            error?.message
                == "--since must be a time such as 2026-11-23T10:00:00Z or an age such as 90s, 15m, 2h, 7d; it is '\(text)'."
        )
    }
}

@Suite("listing and showing deliveries")
struct DeliveryCommandsTests {
    @Test("filters become a query")
    func filters() throws {
        let command = try DeliveriesListCommand.parse([
            "--state", "HELD", "--endpoint", "ep_1", "--event", "evt_1", "--replay", "rpl_1",
        ])
        let list = try command.list()
        #expect(list.path == "/deliveries")
        #expect(list.member == "deliveries")
        #expect(
            list.fields.map { "\($0.name)=\($0.value ?? "")" } == [
                "state=held", "endpoint=ep_1", "event=evt_1", "replay=rpl_1",
            ])
    }

    @Test("the table begins with delivery, state and attempts")
    func table() throws {
        let deliveries = try [dead, again].map { AdminDelivery(try JSONParser.parse($0)) }
        #expect(
            DeliveryTable.table(deliveries).lines() == [
                "DELIVERY  STATE    ATTEMPTS  URL                REASON                     CREATED               EVENT",
                "dlv_1     dead            3  http://hook/x?k=…  the receiver answered 500  2026-01-02T03:04:05Z  evt_1",
                "dlv_2     pending         1  http://hook/x?k=…                             2026-01-02T03:05:00Z  evt_1",
            ])
    }

    @Test("each attempt is shown with request, answer and cause, and no byte of a receiver steers the terminal")
    func show() throws {
        let attempts = [
            #"{"number":1,"startedAt":"2026-01-02T03:04:05Z","durationMilliseconds":120,"address":"192.0.2.1","#
                + #""httpStatus":500,"requestHead":"POST /x HTTP/1.1\nHost: hook\nX-VOD-SIGNATURE: (masked)","#
                + #""requestBody":"{\"EventType\":\"UploadByURLComplete\"}","#
                + #""responseHead":"Content-Type: text/plain\nX-A: \u009b31m","#
                + #""responseBody":"no \u001b[2Jtable\r\n\tat line 1\n","cause":"the receiver answered 500"}"#,
            #"{"number":2,"startedAt":"2026-01-02T03:04:06Z","durationMilliseconds":5000,"#
                + #""requestHead":"POST /x HTTP/1.1","requestBody":"{}","cause":"connection refused"}"#,
            #"{"number":3,"startedAt":"2026-01-02T03:04:07Z","durationMilliseconds":3,"httpStatus":200,"#
                + #""requestHead":"POST /x HTTP/1.1","responseBody":"\ufffd","responseBodyBase64":"/w=="}"#,
        ]
        let json = dead.dropLast() + #","attemptList":[\#(attempts.joined(separator: ","))]}"#
        #expect(
            DeliveryReport(try JSONParser.parse(String(json))).lines(style: Style(isOn: false)) == [
                "Delivery  dlv_1",
                "State     dead after 3 attempts: the receiver answered 500",
                "Event     evt_1 (UploadByURLComplete)",
                "Endpoint  ep_1",
                "URL       http://hook/x?k=…",
                "Policy    exact",
                "Origin    event",
                "Created   2026-01-02T03:04:05Z",
                "Ended     2026-01-02T03:04:08Z",
                "",
                "Attempt 1  2026-01-02T03:04:05Z  to 192.0.2.1  took 120 ms",
                "  > POST /x HTTP/1.1",
                "  > Host: hook",
                "  > X-VOD-SIGNATURE: (masked)",
                "  >",
                #"  > {"EventType":"UploadByURLComplete"}"#,
                "  < HTTP 500",
                "  < Content-Type: text/plain",
                #"  < X-A: \x9b31m"#,
                "  <",
                #"  < no \x1b[2Jtable"#,
                #"  < \tat line 1"#,
                "  failed: the receiver answered 500",
                "",
                "Attempt 2  2026-01-02T03:04:06Z  took 5.0 s",
                "  > POST /x HTTP/1.1",
                "  >",
                "  > {}",
                "  no answer",
                "  failed: connection refused",
                "",
                "Attempt 3  2026-01-02T03:04:07Z  took 3 ms",
                "  > POST /x HTTP/1.1",
                "  < HTTP 200",
                "  <",
                "  < \u{FFFD}",
                "  (the body is not UTF-8; --json has its bytes)",
                "  accepted",
            ])
    }

    @Test(
        "a long body is cut by lines and by characters, and that is told",
        arguments: ["line\\n", "xxxxxxxxxxxxxxxxxxxx"])
    func longBody(piece: String) throws {
        let body = String(repeating: piece, count: 1000)
        let attempt = #"{"number":1,"httpStatus":500,"responseBody":"\#(body)"}"#
        let lines = DeliveryAttemptReport(try JSONParser.parse(attempt)).lines(style: Style(isOn: false))
        #expect(lines.count < 70)
        #expect(lines.reduce(0) { $0 + $1.count } < 5000)
        #expect(lines.contains("  < … (--json has all that is kept)"))
    }

    @Test("a delivery that nobody has tried says so")
    func untried() throws {
        let lines = DeliveryReport(try JSONParser.parse(again)).lines(style: Style(isOn: false))
        #expect(lines.contains("Origin        replay rpl_1"))
        #expect(lines.last == "No attempt has ended, or its log was removed.")
    }
}
