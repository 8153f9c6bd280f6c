import Foundation
import Synchronization
import Testing
import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStorePostgres
import TowlineTesting

private let isAsked = ProcessInfo.processInfo.environment["TOWLINE_BENCH"] != nil

/// Figures for docs/proposals/0010-postgres-queues.md; run with
/// `TOWLINE_BENCH=1 swift test -c release --filter TowlineStorePostgresTests.QueueBenchmarks`.
@Suite(
    "figures of queues on PostgreSQL", .serialized, .enabled(if: isAsked && PostgresServer.isAvailable))
struct QueueBenchmarks {
    private static let queue = QueueAddress(account: .standard, name: QueueName(stored: "bench"))
    private static let body = [UInt8](repeating: 65, count: 300)
    private static let workers = 64

    @Test("sixty-four callers, each with send, receive and delete in turn", arguments: [0, 1_000_000])
    func turns(backlog: Int) async throws {
        let bench = try await Bench(backlog: backlog)
        try await bench.turns("\(backlog) in the queue", messages: 20_000)
        await bench.close()
    }

    @Test("two hundred thousand messages pass while an old transaction is open")
    func oldTransaction() async throws {
        let bench = try await Bench(backlog: 0)
        try await bench.turns("before the old transaction", messages: 20_000)
        let session = try OldTransaction(bench.server, schema: bench.schema)
        for part in 1...10 {
            try await bench.turns("old transaction, part \(part) of 10", messages: 20_000)
            try await bench.showCounters()
        }
        session.end()
        try await bench.turns("after the old transaction", messages: 20_000)
        await bench.close()
    }

    @Test("a receive that finds nothing, behind two hundred thousand messages that passed under an old transaction")
    func emptyReceives() async throws {
        let bench = try await Bench(backlog: 0)
        let session = try OldTransaction(bench.server, schema: bench.schema)
        try await bench.batches(messages: 200_000)
        let start = ContinuousClock.now
        for _ in 0..<500 {
            let found = try await bench.store.receive(ReceiveRequest(wait: .zero), from: Self.queue)
            #expect(found.isEmpty)
        }
        show("empty receives under an old transaction: \((ContinuousClock.now - start) / 500) each")
        session.end()
        await bench.close()
    }

    /// A server with a disk that is asked to keep what it is given, and one node.
    private struct Bench {
        let server: PostgresServer
        let schema: String
        let store: PostgresStore

        init(backlog: Int) async throws {
            server = try PostgresServer(options: "-c max_wal_size=4GB")
            schema = "bench"
            try server.run("CREATE SCHEMA \(schema)")
            var configuration = try configuration(url: server.url(schema: schema))
            configuration.writers = 6
            configuration.readers = 2
            store = try await PostgresStore.open(configuration, logger: quiet)
            _ = try await store.createQueue(QueueBenchmarks.queue, attributes: QueueAttributeChanges())
            let batch = Array(
                repeating: NewMessage(body: QueueBenchmarks.body, priority: 9), count: 16)
            let store = store
            try await concurrently { worker in
                let calls = backlog / 16 / QueueBenchmarks.workers
                for _ in 0..<calls { _ = try await store.send(batch, to: QueueBenchmarks.queue) }
            }
        }

        func close() async { await store.close() }

        /// Sends, receives and deletes, one message after the other, by many at once.
        func turns(_ title: String, messages: Int) async throws {
            let store = store
            let start = ContinuousClock.now
            try await concurrently { _ in
                for _ in 0..<(messages / QueueBenchmarks.workers) {
                    let message = NewMessage(body: QueueBenchmarks.body, priority: 1)
                    _ = try await store.send([message], to: QueueBenchmarks.queue)
                    let received = try await store.receive(
                        ReceiveRequest(wait: .seconds(30)), from: QueueBenchmarks.queue)
                    _ = try await store.delete(received.map(\.handle), from: QueueBenchmarks.queue)
                }
            }
            report(title, messages: messages, since: start)
        }

        /// Sends, receives and deletes sixteen messages at once.
        func batches(messages: Int) async throws {
            let store = store
            let batch = Array(repeating: NewMessage(body: QueueBenchmarks.body), count: 16)
            let start = ContinuousClock.now
            try await concurrently { _ in
                for _ in 0..<(messages / 16 / QueueBenchmarks.workers) {
                    _ = try await store.send(batch, to: QueueBenchmarks.queue)
                    let received = try await store.receive(
                        ReceiveRequest(count: 16, wait: .seconds(30)), from: QueueBenchmarks.queue)
                    guard !received.isEmpty else { continue }
                    _ = try await store.delete(received.map(\.handle), from: QueueBenchmarks.queue)
                }
            }
            report("sixteen at once under an old transaction", messages: messages, since: start)
        }

        func showCounters() async throws {
            let start = ContinuousClock.now
            let counts = try await store.queue(QueueBenchmarks.queue).counts
            show("  counters: \(ContinuousClock.now - start), \(counts)")
        }

        private func report(_ title: String, messages: Int, since start: ContinuousClock.Instant) {
            let seconds = (ContinuousClock.now - start).seconds
            show("\(title): \(Int(Double(messages) / seconds)) messages/s sent, received and deleted")
        }

        private func concurrently(_ body: @escaping @Sendable (Int) async throws -> Void) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<QueueBenchmarks.workers { group.addTask { try await body(worker) } }
                try await group.waitForAll()
            }
        }
    }

    /// A session of somebody else's, in the middle of a transaction that has looked at the tables and has a number.
    private struct OldTransaction {
        private let process: pid_t
        private let input: Int32

        init(_ server: PostgresServer, schema: String) throws {
            let input = try Spawn.makePipe()
            let output = try Spawn.makePipe()
            self.input = input.write
            process = try Spawn.start(
                [
                    (PostgresServer.programs ?? "") + "/psql", "-X", "-q", "-A", "-t", "-h", server.host, "-U",
                    "postgres",
                ], input: input.read, output: output.write, environment: ["PGOPTIONS=-csearch_path=\(schema)"])
            close(input.read)
            close(output.write)
            let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id(), count(*) FROM queues;\n"
            _ = Array(sql.utf8).withUnsafeBytes { write(input.write, $0.baseAddress, $0.count) }
            // The answer says that its snapshot is taken.
            #expect(String(decoding: Spawn.read(output.read), as: UTF8.self).contains("|"))
            close(output.read)
        }

        func end() {
            close(input)
            _ = Spawn.wait(for: process)
        }
    }
}

/// Prints a figure at once.
private func show(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}
