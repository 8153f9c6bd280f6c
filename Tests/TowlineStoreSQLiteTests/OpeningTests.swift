import Foundation
import GRDB
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite

@Suite("opening a store")
struct OpeningTests {
    @Test("every commit waits for stable storage, also after GRDB has opened its pool")
    func synchronousIsFull() async throws {
        let folder = try TestFolder()
        for _ in 0..<2 {
            let store = try await folder.open()
            let durability = try await store.durability()
            #expect(durability.journalMode == "wal")
            #expect(durability.synchronous == 2)
            await store.close()
        }
    }

    @Test("a second opening of a data folder is refused with one sentence, until the first is closed")
    func secondOpening() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        let message = await expectStoreError(.locked) { _ = try await folder.open() }
        #expect(message.contains("another Towline process uses this data folder"))
        await store.close()
        await (try folder.open()).close()
    }

    @Test("a store that is dropped without being closed lets go of its folder")
    func dropping() async throws {
        let folder = try TestFolder()
        try await folder.open().accept(1)
        // The writer's thread ends a moment after the last reference.
        var reopened: SQLiteStore?
        while reopened == nil {
            do {
                reopened = try await folder.open()
            } catch let error as StoreError where error.code == .locked {
                await Task.yield()
            }
        }
        #expect(try await reopened?.jobCounts()[.pending] == 1)
        await reopened?.close()
    }

    @Test("a database of a newer version is refused and left as it is")
    func newerVersion() async throws {
        let folder = try TestFolder()
        await (try folder.open()).close()
        let queue = try DatabaseQueue(path: folder.database)
        try await queue.write { try $0.execute(sql: "INSERT INTO schema_versions (name) VALUES ('v9')") }
        try queue.close()
        let message = await expectStoreError(.newerSchema) { _ = try await folder.open() }
        #expect(message.contains("newer version of Towline"))
    }

    @Test("a database of another program is refused and left as it is")
    func foreignDatabase() async throws {
        let folder = try TestFolder()
        let queue = try DatabaseQueue(path: folder.database)
        try await queue.write { try $0.execute(sql: "CREATE TABLE notes (text TEXT)") }
        try queue.close()
        await expectStoreError(.corrupted) { _ = try await folder.open() }
        let tables = try await DatabaseQueue(path: folder.database).read { database in
            try String.fetchAll(database, sql: "SELECT name FROM sqlite_schema")
        }
        #expect(tables == ["notes"])
    }

    @Test("a file that is no database is refused with one sentence")
    func noDatabase() async throws {
        let folder = try TestFolder()
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: folder.database))
        let message = await expectStoreError(.corrupted) { _ = try await folder.open() }
        #expect(message == "\(folder.database) is not a Towline database")
    }

    @Test("a missing folder is refused with one sentence that names it")
    func missingFolder() async throws {
        let folder = try TestFolder()
        let message = await expectStoreError(.unavailable) {
            _ = try await folder.open { $0.lockPath = folder.path + "/none/lock" }
        }
        #expect(message.contains(folder.path + "/none/lock"))
        let other = await expectStoreError(.unavailable) {
            _ = try await folder.open { $0.path = folder.path + "/none/towline.db" }
        }
        #expect(other.contains(folder.path + "/none/towline.db"))
    }

    @Test("another key file is noticed when the store is opened")
    func otherKey() async throws {
        let folder = try TestFolder()
        await (try folder.open()).close()
        let other = try SecretBox(key: [UInt8](repeating: 8, count: 32))
        let message = await expectStoreError(.corrupted) { _ = try await folder.open { $0.secretBox = other } }
        #expect(message.contains("key file"))
    }

    @Test("no secret lies in clear in the files")
    func secretsAreSealed() async throws {
        let folder = try TestFolder()
        let store = try await folder.open()
        try await store.createKey(AccessKey(id: "key", secret: "secret-in-clear", account: .standard))
        try await store.sendEvents(key: "auth-key-in-clear")
        func expectSealed() throws {
            try folder.expectNowhere("secret-in-clear")
            try folder.expectNowhere("auth-key-in-clear")
        }
        try expectSealed()
        await store.close()
        try expectSealed()
    }

    @Test("stored times go on from the last commit when the wall clock was set back, and do not stand still")
    func clockAcrossOpenings() async throws {
        let folder = try TestFolder()
        let noon = Timestamp(milliseconds: 1_900_000_000_000)
        let first = try await folder.open(clock: MonotonicStoreClock(startingAt: noon + .seconds(3600)))
        let job = try await first.accept(1)[0]
        await first.close()

        let clock = MonotonicStoreClock(startingAt: noon)
        let second = try await folder.open(clock: clock)
        let later = try await second.accept(1)[0]
        #expect(later.createdAt >= job.createdAt)
        clock.advance(by: .seconds(60))
        let latest = try await second.accept(1)[0]
        #expect(latest.createdAt >= later.createdAt + .seconds(60))
        await second.close()
    }

    @Test("the write-ahead log is folded in between groups and empty after the end")
    func checkpoints() async throws {
        let folder = try TestFolder()
        let store = try await folder.open { $0.checkpointPages = 20 }
        for _ in 0..<100 { try await store.accept(20) }
        func logSize() throws -> Int {
            let log = folder.database + "-wal"
            guard FileManager.default.fileExists(atPath: log) else { return 0 }
            return try FileManager.default.attributesOfItem(atPath: log)[.size] as? Int ?? 0
        }
        #expect(try logSize() < 2_000_000)
        await store.close()
        #expect(try logSize() == 0)
    }
}
