import Foundation
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStorePostgres
import TowlineStoreSQLite
import TowlineTesting

/// A store is moved from SQLite, with something in every table of it.
@Suite("a move from SQLite", .enabled(if: PostgresServer.isAvailable, "no PostgreSQL server"))
struct MoveTests {
    @Test("every question has the same answer afterwards, and both sides have the same rows")
    func answers() async throws {
        let scene = try await MoveScene()
        let url = try PostgresServer.shared().makeSchema()
        let counts = try scene.move(to: url)
        #expect(counts.map(\.table) == MovedTable.allCases.map(\.name))
        for count in counts {
            #expect(count.source == count.target, "\(count.table)")
            #expect(count.source > 0, "the scene has nothing in \(count.table)")
        }
        let store = try await PostgresStore.open(url: url)
        let answers = try await MoveScene.answers(of: store)
        #expect(answers.count == scene.answers.count)
        for (moved, original) in zip(answers, scene.answers) { #expect(moved == original) }
        await store.close()
        // Once more says the same and does nothing.
        #expect(try scene.move(to: url) == counts)
    }

    @Test("a move that breaks off at any statement goes on, and ends with the same rows")
    func resume() async throws {
        let scene = try await MoveScene()
        let whole = try scene.move(to: try PostgresServer.shared().makeSchema())
        let url = try PostgresServer.shared().makeSchema()
        var random = SeededGenerator(state: 11)
        var breaks = 0
        var ended: [MovedCount]?
        while ended == nil {
            // Further and further: comparing goes on nowhere, it begins anew.
            let left = Shared(Int.random(in: 30..<(80 + 20 * breaks), using: &random))
            do {
                ended = try scene.move(to: url, pageRows: 2) {
                    $0.intercept = { _ in
                        let isLast = left.withLock { left in
                            left -= 1
                            return left < 0
                        }
                        if isLast { throw PostgresInjected.connectionLost }
                    }
                }
            } catch let error as StoreError {
                #expect(error.code == .unavailable, "\(error)")
                breaks += 1
            }
        }
        #expect(breaks > 3)
        #expect(ended == whole)
        let store = try await PostgresStore.open(url: url)
        #expect(try await MoveScene.answers(of: store) == scene.answers)
        await store.close()
    }

    @Test("what waited is claimed once, what was received can be deleted, and new rows come behind the moved ones")
    func goesOn() async throws {
        let scene = try await MoveScene()
        let url = try PostgresServer.shared().makeSchema()
        try scene.move(to: url)
        let offset = TestOffset()
        let store = try await PostgresStore.open(url: url, offset: offset)
        let pending = try await store.jobs(matching: JobFilter(state: .pending), limit: 100).items
        let ready = try await store.claim(100)
        let checkpoints = ready.compactMap(\.resume?.checkpoint)
        #expect(
            checkpoints == [
                TransferCheckpoint(
                    version: SourceVersion(validator: "\"v1\"", total: 100), bytes: 3, crc64: .max - 5)
            ])
        #expect(ready.allSatisfy { $0.job.request.headers.first?.value.hasPrefix("Bearer ") == true })
        #expect(try await store.claim(100).isEmpty)
        offset.advance(by: .seconds(4000))
        let later = try await store.claim(100)
        #expect(later.count == 1)
        #expect(Set((ready + later).map(\.job.id)) == Set(pending.map(\.id)))
        let waiting = try await store.deliveries(matching: DeliveryFilter(state: .pending), limit: 200).items
        offset.advance(by: .seconds(8000))
        var claimed: [DeliveryID] = []
        while true {
            let claims = try await store.claimDeliveries(
                DeliveryClaimRequest(node: NodeID("b"), limit: 100, perEndpoint: 100, lease: .seconds(30))
            ).items
            if claims.isEmpty { break }
            for claim in claims {
                let report = DeliveryReport(
                    delivery: claim.id, lease: claim.lease, next: .delivered, signal: .success,
                    record: DeliveryAttemptRecord())
                #expect(try await store.recordDeliveries([report]) == [.recorded])
            }
            claimed += claims.map(\.id)
        }
        #expect(claimed.count == Set(claimed).count)
        #expect(Set(claimed) == Set(waiting.map(\.id)))
        await store.close()
    }

    @Test("messages come in their order, and a handle from before the move is good")
    func messages() async throws {
        let scene = try await MoveScene()
        let url = try PostgresServer.shared().makeSchema()
        try scene.move(to: url)
        let store = try await PostgresStore.open(url: url)
        let peeked = try await store.peek(16, in: MoveScene.orders).map(\.id)
        let received = try await store.receive(ReceiveRequest(count: 16, wait: .zero), from: MoveScene.orders)
        #expect(received.map(\.message.id) == peeked)
        #expect(received.count == 5)
        #expect(
            try await store.delete([scene.handle] + received.map(\.handle), from: MoveScene.orders) == [
                nil, nil, nil, nil, nil, nil,
            ])
        let counts = try await store.queue(MoveScene.orders).counts
        #expect(counts == MessageCounts(active: 0, inactive: 0, delayed: 1))
        let sent = try await store.send([NewMessage(body: [1])], to: MoveScene.purged)
        #expect(try sent.map { try $0.get() }.count == 1)
        #expect(try await store.receive(ReceiveRequest(count: 16, wait: .zero), from: MoveScene.purged).count == 1)
        await store.close()
    }

    @Test("numbers go on, and listeners get new events after those that were moved")
    func numbers() async throws {
        let scene = try await MoveScene()
        let url = try PostgresServer.shared().makeSchema()
        try scene.move(to: url)
        let store = try await PostgresStore.open(url: url)
        let before = try await store.events(for: "from-start", limit: 100).map(\.id)
        #expect(try await store.events(for: "later", limit: 100).isEmpty)
        let jobs = try await store.accept(3, origin: "https://new.test:443")
        let claims = try await store.claim(100).filter { claim in jobs.contains { $0.id == claim.job.id } }
        #expect(claims.count == 3)
        for claim in claims { #expect(try await store.finish(claim) == .recorded) }
        // Events are shown when no transaction of the server that began before theirs is under way.
        var new: [EventID] = []
        while new.count < 6 { new = try await store.events(for: "later", limit: 100).map(\.id) }
        #expect(new.count == 6)
        #expect(try await store.events(for: "from-start", limit: 100).map(\.id) == before + new)
        #expect(
            try await store.createQueue(
                QueueAddress(account: .standard, name: QueueName(stored: "new")), attributes: QueueAttributeChanges())
                == .created)
        _ = try await store.createSubscription(
            account: .standard, url: "https://new.test/", options: EndpointOptions(), authKey: nil, webhookSecret: nil)
        await store.close()
    }

    // MARK: Refusals

    @Test("no node starts on a database before it is whole")
    func unfinished() async throws {
        let scene = try await MoveScene()
        let url = try PostgresServer.shared().makeSchema()
        await expectStoreError(.unavailable) {
            try scene.move(to: url) {
                $0.intercept = { if $0.contains("INTO jobs") { throw PostgresInjected.connectionLost } }
            }
        }
        let sentence = await expectStoreError(.locked) { _ = try await PostgresStore.open(url: url) }
        #expect(sentence.contains("unfinished migration from sqlite:\(scene.path)"))
        try scene.move(to: url)
        await (try await PostgresStore.open(url: url)).close()
    }

    @Test("a source that a node uses, that was used since, or that is not there is refused")
    func source() async throws {
        let scene = try await MoveScene()
        let url = try PostgresServer.shared().makeSchema()
        let node = try await MoveScene.open(scene.folder)
        await expectStoreError(.locked) { try scene.move(to: url) }
        await node.close()
        await expectStoreError(.unavailable) {
            try scene.move(to: url) {
                $0.intercept = { if $0.contains("INTO events") { throw PostgresInjected.connectionLost } }
            }
        }
        let again = try await MoveScene.open(scene.folder)
        await again.close()
        let sentence = await expectStoreError(.conflict) { try scene.move(to: url) }
        #expect(sentence.contains("the source was used since"))
        await expectStoreError(.notFound) {
            try SQLiteMoveSource.read(path: scene.folder.path + "/none.db", lockPath: scene.folder.path + "/l") { _ in }
        }
        #expect(!scene.folder.files.contains("none.db"))
    }

    @Test("a target that holds something else, that nodes use, or that has another key is refused")
    func target() async throws {
        let scene = try await MoveScene()
        let server = try PostgresServer.shared()
        let used = try server.makeSchema()
        let node = try await PostgresStore.open(url: used)
        try await node.accept(2)
        await node.close()
        #expect(await expectStoreError(.conflict) { try scene.move(to: used) }.contains("2 rows in jobs"))

        let open = try server.makeSchema()
        let other = try await PostgresStore.open(url: open)
        // The node's lock is there when it has begun to listen.
        while try server.run(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1414485837 AND objid::bigint "
                + "= (hashtext('\(Self.schema(of: open))')::bigint & 4294967295)") == "0\n"
        { await Task.yield() }
        await expectStoreError(.locked) { try scene.move(to: open, patience: .zero) }
        await other.close()
        #expect(await expectStoreError(.corrupted) { try scene.move(to: open, key: 8) }.contains("key file"))

        let foreign = try server.makeSchema()
        try server.run("CREATE TABLE shop (id int)", schema: Self.schema(of: foreign))
        #expect(await expectStoreError(.conflict) { try scene.move(to: foreign) }.contains("another program"))

        let newer = try server.makeSchema()
        await (try await PostgresStore.open(url: newer)).close()
        try server.run("INSERT INTO schema_versions VALUES ('v999')", schema: Self.schema(of: newer))
        await expectStoreError(.newerSchema) { try scene.move(to: newer) }

        let second = try await MoveScene()
        let begun = try server.makeSchema()
        await expectStoreError(.unavailable) {
            try second.move(to: begun) {
                $0.intercept = { if $0.contains("INTO media") { throw PostgresInjected.connectionLost } }
            }
        }
        let sentence = await expectStoreError(.conflict) { try scene.move(to: begun) }
        #expect(sentence.contains("from another store, sqlite:\(second.path)"))
    }

    @Test(
        "a row that is other, missing or too many on the other side keeps the database closed",
        arguments: [
            "UPDATE jobs SET title = 'other' WHERE seq = 1", "DELETE FROM nonces WHERE value = 'n1'",
            "INSERT INTO sessions VALUES ('a', 'b', 'c', 1)", "UPDATE lanes SET owner_id = owner_id + 1 WHERE id = 1",
            "DELETE FROM queue_ready WHERE message = (SELECT max(message) FROM queue_ready)",
            "UPDATE queue_counts SET shown = shown + 1",
            "UPDATE deliveries SET gates_run = 9 WHERE gates_run IS NOT NULL",
        ])
    func difference(_ change: String) async throws {
        let scene = try await MoveScene()
        let server = try PostgresServer.shared()
        let url = try server.makeSchema()
        var isDone = false
        let sentence = await expectStoreError(.corrupted) {
            try scene.move(to: url) { _ in
            } report: { step in
                guard case .copied(.counters, _, _) = step, !isDone else { return }
                isDone = true
                do {
                    try server.run(change, schema: Self.schema(of: url))
                } catch {
                    Issue.record("\(error)")
                }
            }
        }
        #expect(sentence.contains("stays closed"))
        await expectStoreError(.locked) { _ = try await PostgresStore.open(url: url) }
    }

    @Test("values and their bytes")
    func values() throws {
        let values: [MovedValue] = [
            .null, .integer(.min), .integer(7), .boolean(true), .boolean(false), .text(""), .text("a\u{0}’"), .blob([]),
            .blob([0, 255]), .id(.max),
        ]
        var bytes: [UInt8] = []
        for value in values { value.append(to: &bytes) }
        #expect(try MovedValue.values(in: bytes) == values)
        #expect(throws: StoreError.self) { try MovedValue.values(in: Array(bytes.dropLast())) }
        #expect(throws: StoreError.self) { try MovedValue.values(in: [9]) }
        var one = MovedDigest()
        one.add([.text("a"), .text("b")])
        one.add([.integer(1)])
        var other = MovedDigest()
        other.add([.integer(1)])
        other.add([.text("a"), .text("b")])
        #expect(one == other)
        other.add([.null])
        #expect(one != other)
    }

    private static func schema(of url: String) -> String { String(url.split(separator: "search_path%3D").last ?? "") }
}

/// Numbers that follow from a seed.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
