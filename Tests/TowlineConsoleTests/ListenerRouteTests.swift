import HTTPTypes
import Testing
import TowlineCore
import TowlineStore
import TowlineTesting

@Suite("Admin API: listeners", .timeLimit(.minutes(5)))
struct ListenerRouteTests {
    @Test("a listener gets the same event until it acknowledges it")
    func place() async throws {
        let fixture = try await AdminFixture()
        let id = try await fixture.makeEvent()
        try await fixture.run { admin in
            let opened = try await admin.post("/listeners/desk", "{\"from\":\"beginning\"}")
            #expect(opened.string("name") == "desk")
            #expect(opened["acknowledged"] == nil)
            for _ in 0..<2 {
                let events = try await admin.get("/listeners/desk/events")["events"]?.elements
                #expect(events?.map { $0["id"]?.string } == [id.description])
                #expect(events?.first?["deliveries"] == nil)
            }
            let done = try await admin.post("/listeners/desk/acknowledge", "{\"event\":\"\(id)\"}")
            #expect(done.text == "{}")
            #expect(try await admin.get("/listeners/desk/events").text == "{\"events\":[]}")
            let listed = try await admin.get("/listeners")["listeners"]?.elements
            #expect(listed?.first?["acknowledged"]?.string == id.description)
            #expect(try await admin.delete("/listeners/desk").status == 200)
            #expect(try await admin.get("/listeners").text == "{\"listeners\":[]}")
        }
    }

    @Test("a wait ends with the event that is made meanwhile")
    func wakes() async throws {
        let fixture = try await AdminFixture()
        try await fixture.run { admin in
            _ = try await admin.post("/listeners/desk")
            async let answer = admin.get("/listeners/desk/events?wait=30")
            let id = try await fixture.makeEvent()
            let events = try await answer
            #expect(events["events"]?.elements?.map { $0["id"]?.string } == [id.description])
            #expect(events.headers[.connection] == "close")
        }
    }

    @Test("waits end with the server's shutdown, five hundred at once")
    func shutdown() async throws {
        let fixture = try await AdminFixture()
        try await fixture.run { admin in
            _ = try await admin.post("/listeners/desk")
            let ended = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<500 {
                    group.addTask { try await admin.get("/listeners/desk/events?wait=30").text }
                }
                fixture.shutdown.fire()
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(ended == ["{\"events\":[]}"])
        }
    }
}
