import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing
import TowlineCore
import TowlineStore
import TowlineTesting

@Suite("Admin API: server, jobs and keys")
struct ServerRouteTests {
    @Test("health and numbers")
    func stats() async throws {
        let fixture = try await AdminFixture()
        try await fixture.test.setCallback("https://hooks.example.com/")
        _ = try await fixture.makeEvent()
        try await fixture.run { admin in
            #expect(try await admin.get("/healthz").text == "{\"status\":\"ok\"}")
            #expect(try await admin.get("/readyz").text == "{\"status\":\"ready\"}")
            let stats = try await admin.get("/stats")
            #expect(stats.string("version") == "1.2.3")
            #expect(stats["jobs"]?["cancelled"]?.integerValue == 1)
            #expect(stats["deliveries"]?["pending"]?.integerValue == 1)
            #expect(stats["deliveries"]?["held"]?.integerValue == 0)
            #expect(stats["endpoints"]?["disabled"]?.integerValue == 0)
            #expect(stats["unknownParameters"]?["NewField"]?.integerValue == 2)
        }
    }

    @Test("a job is listed, cancelled once and retried")
    func jobs() async throws {
        let fixture = try await AdminFixture()
        let job = try await fixture.test.accept("a.mp4?sig=top-secret")
        try await fixture.run { admin in
            let list = try await admin.get("/jobs?status=PENDING&q=a.mp4&limit=500")
            #expect(list["jobs"]?.elements?.first?["id"]?.string == job.id.description)
            #expect(!list.text.contains("top-secret"))
            let cancelled = try await admin.post("/jobs/\(job.id)/cancel")
            #expect(cancelled.string("state") == "cancelled")
            let again = try await admin.post("/jobs/\(job.id)/cancel")
            #expect(again.status == 409)
            #expect(again["error"]?["code"]?.string == "Conflict")
            #expect(try await admin.post("/jobs/\(job.id)/retry").string("state") == "pending")
            #expect(try await admin.get("/jobs/\(job.id)")["events"]?.elements?.count == 1)
        }
    }

    @Test("a key is made, listed without its secret and revoked")
    func keys() async throws {
        try await AdminFixture().run { admin in
            let fresh = try await admin.post("/keys")
            #expect(fresh.string("id") == "TLfresh")
            #expect(fresh.string("secret") == "freshSecret123")
            let list = try await admin.get("/keys")
            #expect(list["keys"]?.elements?.first?["id"]?.string == "TLfresh")
            #expect(!list.text.contains("freshSecret123"))
            #expect(try await admin.post("/keys/TLfresh/revoke")["revoked"] == .bool(true))
            #expect(try await admin.post("/keys", "{\"id\":\"TLfresh\",\"secret\":\"anotherSecret\"}").status == 409)
        }
    }

    @Test("without the token nothing is shown, whatever the path or the method")
    func token() async throws {
        try await AdminFixture().run { admin in
            for path in ["/api/v1/events", "/api/v1/nothing", "/api/v1/endpoints"] {
                let status = try await admin.client.execute(uri: path, method: .get) { $0.status.code }
                #expect(status == 401)
            }
            let status = try await admin.client.execute(uri: "/api/v1/stats", method: .put) { $0.status.code }
            #expect(status == 401)
        }
    }
}
