import Foundation
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStoreSQLite

/// Figures for docs/benchmarks.md; run with
/// `TOWLINE_QUEUE_BENCH=0,1000000 swift test -c release --filter QueueBenchmarks`: the numbers of messages that are in
/// the same queue meanwhile.
@Suite("figures of queues", .serialized, .enabled(if: !backlogs.isEmpty))
struct QueueBenchmarks {
    private static let queue = QueueAddress(account: .standard, name: QueueName(stored: "bench"))
    private static let body = [UInt8](repeating: 65, count: 300)

    /// What a queue holds beside the messages that are measured.
    enum Backlog: String, CaseIterable {
        /// Visible, less urgent than those that are measured.
        case visible
        /// Received by somebody.
        case hidden
        /// Delayed.
        case delayed
        /// Expired, waiting to be removed.
        case expired
    }

    @Test("single messages in groups of 200", arguments: backlogs, Backlog.allCases)
    func singles(size: Int, backlog: Backlog) async throws {
        guard size > 0 || backlog == .visible else { return }
        let (folder, store) = try await open(size: size, backlog: backlog)
        var run = QueueRun()
        for _ in 0..<50 {
            try await run.measure("send", 200) {
                try await concurrently(200) { _ in
                    _ = try await store.send([NewMessage(body: Self.body, priority: 1)], to: Self.queue)
                }
            }
            let handles = try await run.measure("receive", 200) {
                try await concurrently(200) { _ in
                    try await store.receive(ReceiveRequest(wait: .zero), from: Self.queue).map(\.handle)
                }
            }
            #expect(handles.flatMap { $0 }.count == 200)
            try await run.measure("delete", 200) {
                try await concurrently(200) { number in
                    _ = try await store.delete(handles[number], from: Self.queue)
                }
            }
        }
        run.report("single messages, \(size) \(backlog.rawValue) in the queue")
        let start = ContinuousClock.now
        let counts = try await store.queue(Self.queue).counts
        show("  counters: \((ContinuousClock.now - start).seconds * 1000) ms, \(counts)")
        await store.close()
        withExtendedLifetime(folder) {}
    }

    @Test("twenty thousand messages of the queue itself, received and deleted by sixty-four", arguments: backlogs)
    func drain(size: Int) async throws {
        let size = max(size, 64 * 16 * 20)
        let (folder, store) = try await open(size: size, backlog: .visible)
        var run = QueueRun()
        let handles = try await run.measure("receive", 20_000) {
            try await concurrently(64) { worker in
                var handles: [String] = []
                for _ in 0..<(20_000 / 64 + (worker < 20_000 % 64 ? 1 : 0)) {
                    handles += try await store.receive(ReceiveRequest(wait: .zero), from: Self.queue).map(\.handle)
                }
                return handles
            }
        }
        #expect(handles.reduce(0) { $0 + $1.count } == 20_000)
        try await run.measure("delete", 20_000) {
            try await concurrently(64) { number in
                for handle in handles[number] { _ = try await store.delete([handle], from: Self.queue) }
            }
        }
        run.report("from a queue of \(size)")
        await store.close()
        withExtendedLifetime(folder) {}
    }

    @Test("batches of 16 in groups of 12", arguments: backlogs)
    func batches(size: Int) async throws {
        let (folder, store) = try await open(size: size, backlog: .visible)
        var run = QueueRun()
        let batch = Array(repeating: NewMessage(body: Self.body, priority: 1), count: 16)
        for _ in 0..<50 {
            try await run.measure("send", 192) {
                try await concurrently(12) { _ in _ = try await store.send(batch, to: Self.queue) }
            }
            let handles = try await run.measure("receive", 192) {
                try await concurrently(12) { _ in
                    try await store.receive(ReceiveRequest(count: 16, wait: .zero), from: Self.queue).map(\.handle)
                }
            }
            #expect(handles.flatMap { $0 }.count == 192)
            try await run.measure("delete", 192) {
                try await concurrently(12) { number in _ = try await store.delete(handles[number], from: Self.queue) }
            }
        }
        run.report("batches of 16, \(size) in the queue")
        await store.close()
        withExtendedLifetime(folder) {}
    }

    @Test("sixty-four callers, each with send, receive and delete in turn", arguments: backlogs)
    func turns(size: Int) async throws {
        let (folder, store) = try await open(size: size, backlog: .visible)
        var run = QueueRun()
        try await run.measure("send, receive, delete", 64 * 300) {
            try await concurrently(64) { _ in
                for _ in 0..<300 {
                    _ = try await store.send([NewMessage(body: Self.body, priority: 1)], to: Self.queue)
                    let received = try await store.receive(ReceiveRequest(wait: .seconds(30)), from: Self.queue)
                    _ = try await store.delete(received.map(\.handle), from: Self.queue)
                }
            }
        }
        run.report("64 callers in turn, \(size) in the queue")
        await store.close()
        withExtendedLifetime(folder) {}
    }

    @Test("a message for one of many that wait", arguments: [1, 5000])
    func handOver(waiting: Int) async throws {
        let (folder, store) = try await open(size: 0, backlog: .visible)
        let receivers = (1..<waiting).map { _ in
            Task { try await store.receive(ReceiveRequest(wait: .seconds(30)), from: Self.queue) }
        }
        while store.waitingReceives < waiting - 1 { await Task.yield() }
        var waits: [Duration] = []
        for _ in 0..<2000 {
            let receiver = Task {
                let received = try await store.receive(ReceiveRequest(wait: .seconds(30)), from: Self.queue)
                return (time: ContinuousClock.now, handles: received.map(\.handle))
            }
            while store.waitingReceives < 1 { await Task.yield() }
            _ = try await store.send([NewMessage(body: Self.body)], to: Self.queue)
            let sent = ContinuousClock.now
            guard waiting == 1 else {
                receiver.cancel()
                continue
            }
            let (time, handles) = try await receiver.value
            waits.append(max(.zero, time - sent))
            _ = try await store.delete(handles, from: Self.queue)
        }
        waits.sort()
        if let middle = waits[safe: waits.count / 2], let late = waits[safe: waits.count * 99 / 100] {
            show("wake after the send returned: median \(middle), p99 \(late)")
        }
        store.endQueueWaits()
        for receiver in receivers { _ = await receiver.result }
        await store.close()
        withExtendedLifetime(folder) {}
    }

    private func open(size: Int, backlog: Backlog) async throws -> (TestFolder, SQLiteStore) {
        let folder = try TestFolder(onDisk: true)
        let clock = MonotonicStoreClock()
        let store = try await folder.open(clock: clock)
        _ = try await store.createQueue(Self.queue, attributes: QueueAttributeChanges())
        let delay = Duration.seconds(backlog == .delayed ? 600_000 : 0)
        let batch = Array(repeating: NewMessage(body: Self.body, delay: delay, priority: 9), count: 16)
        _ = try await concurrently(64) { worker in
            for _ in 0..<(size / 16 / 64) {
                _ = try await store.send(batch, to: Self.queue)
                guard backlog == .hidden else { continue }
                let request = ReceiveRequest(count: 16, wait: .zero, visibility: .seconds(43_200))
                _ = try await store.receive(request, from: Self.queue)
            }
        }
        if backlog == .expired {
            clock.advance(by: .seconds(120))
            var changes = QueueAttributeChanges()
            changes.retention = .seconds(60)
            try await store.setAttributes(changes, of: Self.queue)
        }
        return (folder, store)
    }
}

private let backlogs = (ProcessInfo.processInfo.environment["TOWLINE_QUEUE_BENCH"] ?? "").split(separator: ",")
    .compactMap { Int($0) }

/// Runs a number of calls at once and gives their results in order.
private func concurrently<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) async throws -> Result
) async throws -> [Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        for number in 0..<count { group.addTask { (number, try await body(number)) } }
        var results: [Int: Result] = [:]
        for try await (number, result) in group { results[number] = result }
        return results.sorted { $0.key < $1.key }.map(\.value)
    }
}

/// Phases with the time and the writer's processor time that they took.
private struct QueueRun {
    private var phases: [(name: String, count: Int, time: Duration, writer: Duration)] = []

    /// Times one phase.
    @discardableResult
    mutating func measure<Result>(
        _ name: String, _ count: Int, _ body: () async throws -> Result
    ) async rethrows -> Result {
        let start = ContinuousClock.now
        let writer = WriterTime()
        let result = try await body()
        let index = phases.firstIndex { $0.name == name } ?? phases.count
        if index == phases.count { phases.append((name, 0, .zero, .zero)) }
        phases[index].count += count
        phases[index].time += .now - start
        phases[index].writer += writer.elapsed
        return result
    }

    /// Shows microseconds for each message.
    func report(_ title: String) {
        show("\(title); µs a message, and of these the processor time of the writer's thread")
        var writer = 0.0
        for phase in phases {
            let time = phase.time.seconds * 1e6 / Double(phase.count)
            let own = phase.writer.seconds * 1e6 / Double(phase.count)
            writer += own
            show("  \(phase.name): \(String(format: "%.1f, %.1f", time, own))")
        }
        show("  writer in all: \(String(format: "%.1f", writer))")
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
