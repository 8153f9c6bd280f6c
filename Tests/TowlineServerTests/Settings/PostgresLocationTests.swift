import Testing

@testable import TowlineServer

@Suite("The place of a PostgreSQL database")
struct PostgresLocationTests {
    @Test(
        "shows hosts and database, never a login or a parameter",
        arguments: [
            ("postgres://towline:hunter2@db.example:5433/media?password=hunter2", "postgres://db.example:5433/media"),
            ("postgresql://db/towline", "postgres://db/towline"),
            ("postgres:///towline?host=/run", "postgres:///towline"),
            ("postgres://u:p%40w@a,b/x", "postgres://a,b/x"),
        ])
    func shown(url: String, text: String) throws {
        let location = try #require(Settings.PostgresLocation(url: url))
        #expect(location.url == url)
        #expect("\(location)" == text)
        #expect("\(Settings.Store.postgres(location))".contains("hunter2") == false)
    }

    @Test(
        "is no other URL", arguments: ["", "postgres:", "postgres://", "mysql://db/x", "postgres://a b/x", "sqlite:a"])
    func refused(url: String) { #expect(Settings.PostgresLocation(url: url) == nil) }
}
