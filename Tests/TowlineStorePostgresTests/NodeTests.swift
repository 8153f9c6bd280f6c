import Testing
import TowlineCore
import TowlineStore
import TowlineStorePostgres
import TowlineTesting

/// Several stores on one schema are several nodes.
@Suite("several nodes on one database", .enabled(if: PostgresServer.isAvailable, "no PostgreSQL server"))
struct NodeTests {
    @Test("an origin limited to 4 never sees 5 from 20 workers on 4 nodes, and every job is pulled once")
    func limit() async throws {
        let url = try PostgresServer.shared().makeSchema()
        var nodes: [PostgresStore] = []
        for _ in 0..<4 { nodes.append(try await PostgresStore.open(url: url)) }
        try await nodes[0].accept(120)
        let state = Shared((running: 0, most: 0, done: [JobID]()))
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<20 {
                let node = nodes[worker % 4]
                group.addTask {
                    while state.withLock({ $0.done.count }) < 120 {
                        guard let claims = try? await node.claim(2, perOrigin: 4, node: "node-\(worker % 4)") else {
                            return
                        }
                        for claim in claims {
                            state.withLock {
                                $0.running += 1
                                $0.most = max($0.most, $0.running)
                            }
                            await Task.yield()
                            state.withLock { $0.running -= 1 }
                            guard (try? await node.finish(claim)) == .recorded else { return }
                            state.withLock { $0.done.append(claim.job.id) }
                        }
                    }
                }
            }
        }
        let (most, done) = state.withLock { ($0.most, $0.done) }
        #expect(most <= 4)
        #expect(done.count == 120)
        #expect(Set(done).count == 120)
        for node in nodes { await node.close() }
    }

    @Test("a killed node's job is taken over when its lease has run out, and its late report changes nothing")
    func takeover() async throws {
        let url = try PostgresServer.shared().makeSchema()
        let offset = TestOffset()
        let first = try await PostgresStore.open(url: url, offset: offset)
        let second = try await PostgresStore.open(url: url, offset: offset)
        try await first.accept(1)
        let lost = try #require(try await first.claim(1, perOrigin: 1).first)
        #expect(try await second.claim(1, perOrigin: 1).isEmpty)
        #expect(try await second.reapLeases() == 0)
        offset.advance(by: .seconds(30))
        #expect(try await second.reapLeases() == 1)
        let taken = try #require(try await second.claim(1, perOrigin: 1).first)
        #expect(taken.job.id == lost.job.id)
        #expect(try await first.finish(lost) == .leaseLost)
        #expect(try await second.finish(taken) == .recorded)
        await first.close()
        await second.close()
    }

    @Test("what one node accepts wakes the others, and a cancel on one ends the attempt on another")
    func signals() async throws {
        let url = try PostgresServer.shared().makeSchema()
        let first = try await PostgresStore.open(url: url) { $0.safetyPoll = .seconds(3600) }
        let second = try await PostgresStore.open(url: url) { $0.safetyPoll = .seconds(3600) }
        let revoked = first.signals.revokedLeases()
        // The second node hears only after it has begun to listen, which its first wake-up tells.
        let jobs = try await first.accept(1)
        let claim = try #require(try await first.claim(1).first)
        let due = second.signals.listen(to: .jobsDue)
        try await first.accept(1, origin: "https://other.test:443")
        for await _ in due { break }
        _ = try await second.cancel(
            [jobs[0].id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "x"), nonce: nil)
        for await lease in revoked {
            #expect(lease == claim.lease)
            break
        }
        await first.close()
        await second.close()
    }

    @Test("extra connections of a transfer count in the origin's limit on all nodes, until its lease ends")
    func extraSlots() async throws {
        let url = try PostgresServer.shared().makeSchema()
        let offset = TestOffset()
        let first = try await PostgresStore.open(url: url, offset: offset)
        let second = try await PostgresStore.open(url: url, offset: offset)
        let origin = "https://origin.test:443"
        try await first.accept(4)
        let claim = try #require(try await first.claim(1, perOrigin: 4).first)
        func take(_ count: Int) async throws -> Int {
            try await first.takeExtraSlots(count, origin: origin, job: claim.job.id, lease: claim.lease, perOrigin: 4)
        }
        #expect(try await take(2) == 2)
        let other = try await second.claim(10, perOrigin: 4)
        #expect(other.count == 1)
        #expect(try await take(1) == 0)
        try await first.giveBackExtraSlots(1, origin: origin, job: claim.job.id, lease: claim.lease)
        #expect(try await second.claim(10, perOrigin: 4).count == 1)
        try await first.finish(claim)
        #expect(try await second.claim(10, perOrigin: 4).count == 1)
        // Two attempts run on the second node; nothing of the first is left in use.
        #expect(try await first.accept(4).count == 4)
        #expect(try await second.claim(10, perOrigin: 4).count == 1)
        #expect(try await take(1) == 0)
        await first.close()
        await second.close()
    }

    @Test("a listener sees an event of a slow transaction before those of faster ones that began later")
    func order() async throws {
        // On a server of its own: the slow transaction holds up every listener there.
        let server = try PostgresServer()
        let url = try server.makeSchema()
        let store = try await PostgresStore.open(url: url)
        _ = try await store.openListener("l", account: nil, start: .beginning)
        try await store.accept(1)
        let slow = try SlowTransaction(on: server, schema: String(url.split(separator: "%3D").last ?? ""))
        let event = EventID(rawValue: 7)
        try slow.run(
            """
            BEGIN; INSERT INTO events (seq, id, committed, account_id, app, job, run, type, body, created_at)
            SELECT nextval('event_numbers'), '\(event.uuid)', value + pg_current_xact_id()::text::bigint, 'a', 'b',
              '\(EventID(rawValue: 8).uuid)', 1, 1, '', 0 FROM meta WHERE name = 'commit_offset';
            """)
        try await store.finish(try #require(try await store.claim().first))
        let fast = try await store.events(matching: EventFilter(), before: nil, limit: 10).items.map(\.event.id)
        #expect(fast.count == 2)
        #expect(try await store.events(for: "l", limit: 10).isEmpty)
        try slow.run("COMMIT;")
        let seen = try await store.events(for: "l", limit: 10).map(\.id)
        #expect(seen == [event] + fast.reversed())
        await store.close()
    }

    @Test("an object of a node that was not heard of is looked for once more after a day", arguments: [false, true])
    func lookAgain(isKept: Bool) async throws {
        let offset = TestOffset()
        let store = try await PostgresStore.make(offset: offset)
        func abandoned() async throws -> [ObjectKey] { try await store.abandonedObjects(limit: 10).keys }
        /// Removes what may be removed, as the caretaker does.
        func sweep() async throws {
            let found = try await store.abandonedObjects(limit: 10)
            try await store.forgetObjects(found.keys, asOf: found.time)
        }
        try await store.accept(1)
        let frozen = try #require(try await store.claim().first)
        if isKept {
            let version = SourceVersion(validator: "\"v\"", total: 1000)
            let checkpoint = TransferCheckpoint(version: version, bytes: 10, crc64: 1)
            _ = try await store.recordCheckpoints([
                CheckpointNote(job: frozen.job.id, lease: frozen.lease, checkpoint: checkpoint)
            ])
        }
        offset.advance(by: .seconds(31))
        #expect(try await store.reapLeases() == 1)
        try await store.finish(try #require(try await store.claim().first))
        offset.advance(by: .seconds(31))
        #expect(try await abandoned() == [frozen.objectKey])
        try await sweep()
        // It may wake now, write its object and be killed before it says so.
        #expect(try await abandoned().isEmpty)
        offset.advance(by: .seconds(86_400))
        #expect(try await abandoned() == [frozen.objectKey])
        try await sweep()
        offset.advance(by: .seconds(1_000_000))
        #expect(try await abandoned().isEmpty)
        await store.close()
    }

    @Test("a database of a newer version is refused, another key file too")
    func refusals() async throws {
        let server = try PostgresServer.shared()
        let url = try server.makeSchema()
        let schema = String(url.split(separator: "%3D").last ?? "")
        await (try await PostgresStore.open(url: url)).close()
        var other = try configuration(url: url)
        other.secretBox = try SecretBox(key: [UInt8](repeating: 8, count: 32))
        await expectStoreError(.corrupted) { _ = try await PostgresStore.open(other, logger: quiet) }
        try server.run("INSERT INTO schema_versions (name) VALUES ('v999')", schema: schema)
        let sentence = await expectStoreError(.newerSchema) { _ = try await PostgresStore.open(url: url) }
        #expect(sentence.contains("v999"))
    }
}
