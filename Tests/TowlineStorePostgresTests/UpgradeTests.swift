import Testing
import TowlineCore
import TowlineStore
import TowlineTesting

@testable import TowlineStorePostgres

@Suite("databases of earlier versions", .enabled(if: PostgresServer.isAvailable, "no PostgreSQL server"))
struct UpgradeTests {
    /// Brings the tables back to their first version, with what they hold.
    private static let toFirst = """
        ALTER TABLE lanes ADD COLUMN state smallint NOT NULL DEFAULT 0, ADD COLUMN ready_at bigint,
          ADD COLUMN turn bigint NOT NULL DEFAULT 0, ADD COLUMN later_at bigint,
          ADD COLUMN later_mark bigint NOT NULL DEFAULT 0, ADD COLUMN mark bigint NOT NULL DEFAULT 0,
          ADD COLUMN levels integer NOT NULL DEFAULT 0;
        UPDATE lanes l SET state = s.state, ready_at = s.ready_at, turn = s.turn, later_at = s.later_at,
          later_mark = s.later_mark, mark = s.mark, levels = s.levels FROM lane_states s WHERE s.lane_id = l.id;
        ALTER TABLE lane_groups ADD COLUMN in_use integer NOT NULL DEFAULT 0,
          ADD COLUMN next_start bigint NOT NULL DEFAULT 0;
        UPDATE lane_groups g SET in_use = s.in_use, next_start = s.next_start FROM group_states s
          WHERE s.group_id = g.id;
        ALTER TABLE lane_accounts ADD COLUMN in_use integer NOT NULL DEFAULT 0,
          ADD COLUMN turn bigint NOT NULL DEFAULT 0;
        UPDATE lane_accounts a SET in_use = s.in_use FROM account_states s WHERE s.owner_id = a.id;
        ALTER TABLE lanes RENAME COLUMN hash TO key_hash;
        ALTER TABLE lane_groups RENAME COLUMN hash TO key_hash;
        INSERT INTO counters (shard, slot, value)
          SELECT c.shard, x.slot - 1, x.value FROM count_shards c
          CROSS JOIN LATERAL unnest(c.counts) WITH ORDINALITY x (value, slot) WHERE x.value <> 0;
        DROP TABLE lane_states, group_states, account_states, count_shards;
        ALTER TABLE object_intents DROP COLUMN unheard;
        DELETE FROM schema_versions WHERE name = 'v2';
        """

    @Test("the first version's lanes, slots and counters go on in this one")
    func first() async throws {
        let server = try PostgresServer.shared()
        let url = try server.makeSchema()
        let schema = String(url.split(separator: "%3D").last ?? "")
        let before = try await PostgresStore.open(url: url)
        try await before.accept(3)
        try await before.accept(1, origin: "https://other.test:443")
        let running = try #require(try await before.claim(1, perOrigin: 1).first)
        let counts = try await before.jobCounts()
        await before.close()
        try server.run(Self.toFirst, schema: schema)
        // It has the columns that the first version makes.
        let fresh = try server.makeSchema()
        let other = String(fresh.split(separator: "%3D").last ?? "")
        try server.run(Schema.v1, schema: other)
        #expect(
            try columns(server, of: schema).subtracting(try columns(server, of: other)).allSatisfy {
                $0.hasPrefix("schema_versions")
            })
        #expect(try columns(server, of: other).subtracting(try columns(server, of: schema)).isEmpty)

        // A node of the first version that still runs must not write behind the new one's back.
        let after = try await PostgresStore.open(url: url)
        let versions = try server.run("SELECT name FROM schema_versions ORDER BY name", schema: schema)
        #expect(versions.split(separator: "\n") == ["v1", "v2"])
        #expect(try await after.jobCounts() == counts)
        // The slot of the running attempt still counts.
        let free = try await after.claim(10, perOrigin: 1)
        #expect(free.map(\.job.request.origin) == ["https://other.test:443"])
        #expect(try await after.claim(10, perOrigin: 1).isEmpty)
        try await after.finish(running)
        #expect(try await after.claim(10, perOrigin: 3).count == 2)
        for statement in ["INSERT INTO lanes (kind, key_hash) VALUES (1, 'x')", "SELECT key_hash FROM lane_groups"] {
            #expect(throws: (any Error).self) { try server.run(statement, schema: schema) }
        }
        await after.close()
    }

    private func columns(_ server: PostgresServer, of schema: String) throws -> Set<String> {
        let rows = try server.run(
            """
            SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
            WHERE table_schema = '\(schema)'
            """)
        return Set(rows.split(separator: "\n").map(String.init))
    }
}
