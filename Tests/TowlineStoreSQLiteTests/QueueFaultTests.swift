import GRDB
import Synchronization
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite

private let dead = QueueAddress(account: .standard, name: QueueName(stored: "dead"))

/// What callers were told while a statement failed, by the texts of messages.
private struct Told {
    var sent: Set<String> = []
    var deleted: Set<String> = []
    /// Calls whose outcome is not known, since they failed.
    var doubtful: Set<String> = []
    /// The job whose events are for the queue.
    var job: JobID?
}

@Suite("a statement about queues that fails")
struct QueueFaultTests {
    @Test(
        "whichever statement fails, what was acknowledged is kept, what was deleted stays away, and counters are true",
        arguments: [ResultCode.SQLITE_FULL, .SQLITE_IOERR_WRITE])
    func failAtEveryStatement(code: ResultCode) async throws {
        var number = 1
        while true {
            let fault = QueueFault(code)
            let clock = MonotonicStoreClock()
            let folder = try TestFolder()
            var store = try await folder.open(clock: clock) {
                $0.intercept = { try fault.pass($0) }
                $0.eventBodyEncoding = .plain
            }
            for address in [orders, dead] {
                _ = try await store.createQueue(address, attributes: QueueAttributeChanges())
            }
            try await store.sendEvents(into: orders.name)
            fault.arm(at: number)
            let told = await work(store, clock)
            fault.disarm()
            let when = "statement \(number) failed with \(code)"
            if code != .SQLITE_FULL {
                await store.close()
                store = try await folder.open(clock: clock)
            }
            try await check(store, clock, told, when)
            await store.close()
            try checkRows(folder, when)
            guard fault.hasFailed else { break }
            number += 1
        }
        #expect(number > 60)
    }

    /// Uses a queue as callers do; goes on after every error.
    private func work(_ store: SQLiteStore, _ clock: MonotonicStoreClock) async -> Told {
        var told = Told()
        for call in 0..<3 {
            let texts = (0..<3).map { "\(call)-\($0)" }
            let messages = texts.map {
                NewMessage(body: Array($0.utf8), delay: call == 2 ? .seconds(5) : nil)
            }
            if (try? await store.send(messages, to: orders)) != nil {
                told.sent.formUnion(texts)
            } else {
                told.doubtful.formUnion(texts)
            }
        }
        let received = (try? await store.receive(ReceiveRequest(count: 4, wait: .zero), from: orders)) ?? []
        for message in received.prefix(2) {
            switch try? await store.delete([message.handle], from: orders) {
            case [nil]?: told.deleted.insert(message.text)
            default: told.doubtful.insert(message.text)
            }
        }
        if let handle = received.last?.handle {
            _ = try? await store.changeVisibility(of: handle, in: orders, to: .seconds(5))
        }
        _ = try? await store.setDeadLetters(DeadLetterPolicy(maxReceives: 1, target: dead.name), of: orders)
        clock.advance(by: .seconds(6))
        _ = try? await store.trimQueues(limit: 100)
        let more = (try? await store.receive(ReceiveRequest(count: 1, wait: .zero), from: orders)) ?? []
        try? await store.giveBack(more.map(\.handle), to: orders)
        told.job = (try? await store.accept(1))?.first?.id
        for claim in (try? await store.claim()) ?? [] { _ = try? await store.finish(claim) }
        return told
    }

    /// Receives everything and compares.
    private func check(_ store: SQLiteStore, _ clock: MonotonicStoreClock, _ told: Told, _ when: String) async throws {
        try await store.setDeadLetters(nil, of: orders)
        clock.advance(by: .seconds(31))
        var left: [String] = []
        for address in [orders, dead] {
            while true {
                let messages = try await store.receive(ReceiveRequest(count: 16, wait: .zero), from: address)
                if messages.isEmpty { break }
                left += messages.map(\.text)
                let outcomes = try await store.delete(messages.map(\.handle), from: address)
                #expect(outcomes.allSatisfy { $0 == nil }, "\(when): a delete failed")
            }
        }
        #expect(Set(left).count == left.count, "\(when): a message is there twice")
        let events = left.filter { $0.hasPrefix("{") }
        left.removeAll { events.contains($0) }
        let jobs = try await store.jobs(told.job.map { [$0] } ?? [], account: nil)
        let ended = jobs.filter { $0.state == .succeeded }
        #expect(events.count == 2 * ended.count, "\(when): \(events) of \(jobs.map(\.state))")
        #expect(try await store.deliveryCounts()[.delivered] ?? 0 == events.count, "\(when): deliveries")
        let missing = told.sent.subtracting(told.deleted).subtracting(told.doubtful).subtracting(left)
        #expect(missing.isEmpty, "\(when): \(missing) are lost")
        #expect(told.deleted.isDisjoint(with: left), "\(when): a deleted message is back")
        #expect(told.sent.union(told.doubtful).isSuperset(of: left), "\(when): a message that nobody sent")
    }

    private func checkRows(_ folder: TestFolder, _ when: String) throws {
        let database = try DatabaseQueue(path: folder.database)
        try database.read { database in
            let left = try Int.fetchOne(database, sql: "SELECT count(*) FROM queue_messages") ?? -1
            let counted = try Int.fetchOne(
                database, sql: "SELECT sum(abs(shown) + abs(received) + abs(delayed)) FROM queues")
            #expect(left == 0, "\(when): messages")
            #expect(counted == 0, "\(when): counters")
        }
        try database.close()
    }
}

/// Fails one statement of many: the n-th after it was armed.
private final class QueueFault: Sendable {
    private let state = Mutex((left: Int?.none, hasFailed: false))
    private let code: ResultCode

    init(_ code: ResultCode) { self.code = code }

    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    func arm(at number: Int) { state.withLock { $0.left = number } }

    func disarm() { state.withLock { $0.left = nil } }

    /// To be called with every statement.
    func pass(_ sql: String) throws {
        let fails = state.withLock { state in
            guard let left = state.left else { return false }
            state.left = left - 1
            state.hasFailed = state.hasFailed || left == 1
            return left == 1
        }
        if fails { throw DatabaseError(resultCode: code) }
    }
}
