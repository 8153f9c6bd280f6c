import Foundation
import Testing
import TowlineTesting

@Suite("the plans of statements", .enabled(if: PostgresServer.isAvailable, "no PostgreSQL server"))
struct PlanTests {
    /// Tables that stay small, or are read as a whole on purpose.
    private static let allowed: Set<String> = [
        "schema_versions", "counters", "access_keys", "listeners", "lane_clock_0", "lane_clock_1", "seal_check",
        "pg_class", "pg_namespace", "pg_roles", "pg_database",
    ]

    @Test("no statement of the whole conformance suite reads a table that grows from its beginning to its end")
    func plans() async throws {
        let server = try PostgresServer(
            options: "-c fsync=off -c shared_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 "
                + "-c auto_explain.log_nested_statements=on -c log_line_prefix=")
        for storeCase in StoreSuite.allCases { try await storeCase.run(PostgresUnderTest(server: server)) }
        var query = ""
        var plans = 0
        var scans: Set<String> = []
        for line in try server.log().split(separator: "\n") {
            if let start = line.range(of: "Query Text: ") { query = String(line[start.upperBound...].prefix(80)) }
            if line.contains("(cost=") { plans += 1 }
            // A migration of the schema reads what it turns into something else.
            guard !query.hasPrefix("LOCK TABLE"), let start = line.range(of: "Seq Scan on ") else { continue }
            let table = line[start.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            if !Self.allowed.contains(String(table)) { scans.insert("\(table): \(query)") }
        }
        #expect(plans > 1000)
        #expect(scans.isEmpty, "\(scans.sorted().joined(separator: "\n"))")
    }
}
