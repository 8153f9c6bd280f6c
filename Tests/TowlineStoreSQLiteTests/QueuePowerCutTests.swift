import Foundation
import Synchronization
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite

/// What callers were told, each with the length of the write-ahead log at that moment.
private final class TimedLog: Sendable {
    private struct Told {
        var sent: [String: Int] = [:]
        /// Before the call; nobody was told anything yet.
        var deleting: [String: Int] = [:]
        var deleted: [String: Int] = [:]
    }

    private let told = Mutex(Told())
    private let path: String

    init(_ folder: TestFolder) { path = folder.database + "-wal" }

    private var length: Int {
        ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0
    }

    func noteSent(_ text: String) {
        let length = length
        told.withLock { $0.sent[text] = length }
    }

    func noteDeleting(_ text: String) {
        let length = length
        told.withLock { $0.deleting[text] = length }
    }

    func noteDeleted(_ text: String) {
        let length = length
        told.withLock { $0.deleted[text] = length }
    }

    /// What must be there and what must not be after a power cut that leaves so much of the log.
    func expectations(at length: Int) -> (there: Set<String>, gone: Set<String>) {
        told.withLock { told in
            let sent = told.sent.filter { $0.value <= length }.map(\.key)
            let maybeGone = told.deleting.filter { $0.value <= length }.map(\.key)
            let gone = told.deleted.filter { $0.value <= length }.map(\.key)
            return (Set(sent).subtracting(maybeGone), Set(gone))
        }
    }
}

@Suite("queues after a power cut")
struct QueuePowerCutTests {
    /// Eight callers use the queue; the log is never folded in, so that the file is what the log says.
    private func use(_ folder: TestFolder, _ log: TimedLog) async throws -> TestFolder {
        let store = try await folder.open { $0.checkpointPages = .max / 2 }
        _ = try await store.createQueue(orders, attributes: QueueAttributeChanges())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<8 {
                group.addTask {
                    for turn in 0..<25 {
                        let text = "\(caller)-\(turn)"
                        try await store.send(text, priority: 1 + turn % 16)
                        log.noteSent(text)
                        guard turn % 3 > 0 else { continue }
                        for message in try await store.receive(1 + turn % 2) {
                            log.noteDeleting(message.text)
                            let outcome = try await store.delete([message.handle], from: orders)
                            #expect(outcome == [nil])
                            log.noteDeleted(message.text)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let files = try folder.crashed()
        await store.close()
        return files
    }

    @Test("wherever the log ends, what was acknowledged until then is there, and what was deleted is not")
    func cut() async throws {
        let folder = try TestFolder()
        let log = TimedLog(folder)
        let files = try await use(folder, log)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: files.database + "-wal"))
        var random = SeededGenerator(state: 4)
        var judged = (there: 0, gone: 0)
        for round in 0..<40 {
            let length = round == 0 ? bytes.count : Int.random(in: bytes.count / 20...bytes.count, using: &random)
            let copy = try files.crashed()
            var rest = bytes.prefix(length)
            // What was on its way to the disk may be torn.
            if round % 2 == 1 { rest += Data((0..<3000).map { _ in UInt8.random(in: 0...255, using: &random) }) }
            try rest.write(to: URL(fileURLWithPath: copy.database + "-wal"))
            let expected = log.expectations(at: length)
            judged.there += expected.there.count
            judged.gone += expected.gone.count
            try await check(copy, expected, "after \(length) bytes")
        }
        #expect(judged.there > 100 && judged.gone > 100)
    }

    private func check(
        _ files: TestFolder, _ expected: (there: Set<String>, gone: Set<String>), _ when: String
    ) async throws {
        let clock = MonotonicStoreClock()
        let store = try await files.open(clock: clock)
        clock.advance(by: .seconds(60))
        var left: [String] = []
        // The queue itself may be lost when nothing of it was acknowledged yet.
        while let messages = try? await store.receive(16, visibility: .seconds(600)), !messages.isEmpty {
            left += messages.map(\.text)
        }
        #expect(Set(left).count == left.count, "\(when): a message is there twice")
        let missing = expected.there.subtracting(left)
        #expect(missing.isEmpty, "\(when): \(missing) are lost")
        let back = expected.gone.intersection(left)
        #expect(back.isEmpty, "\(when): \(back) are back")
        await store.close()
        try checkCounters(files, when)
    }
}

/// The same numbers in every run (SplitMix64).
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
