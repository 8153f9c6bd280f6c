import Synchronization
import TowlineCore
import TowlineStore

/// Gathers calls of one kind and runs those that wait as one transaction.
///
/// A call alone runs at once; while its transactions are under way, the next ones gather, up to a cost. So many callers
/// share one commit, and nobody waits on purpose.
final class Batcher<Item: Sendable, Output: Sendable>: Sendable {
    private struct Waiting {
        let item: Item
        let cost: Int
        let continuation: CheckedContinuation<Output, any Error>
    }

    private struct State {
        var waiting: [Waiting] = []
        var running = 0
    }

    private let state = Mutex(State())
    private let pool: PostgresPool
    private let runner: TransactionRunner
    private let parallel: Int
    private let most: Int
    private let limit: Int
    private let body: @Sendable (Transaction, [Item]) throws -> [Result<Output, StoreError>]

    /// A batcher.
    ///
    /// - Parameters:
    ///   - pool: Where transactions run.
    ///   - runner: What runs them.
    ///   - parallel: Most transactions at once.
    ///   - most: Most cost in one transaction, unless one call alone has more.
    ///   - limit: Most calls that wait.
    ///   - body: Does the work of some calls and gives each its result; a call that is refused has changed nothing.
    init(
        pool: PostgresPool, runner: TransactionRunner, parallel: Int, most: Int, limit: Int,
        body: @escaping @Sendable (Transaction, [Item]) throws -> [Result<Output, StoreError>]
    ) {
        self.pool = pool
        self.runner = runner
        self.parallel = parallel
        self.most = most
        self.limit = limit
        self.body = body
    }

    /// Runs a call with others and returns its result after the commit.
    func perform(_ item: Item, cost: Int = 1) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            let (isFull, mustStart) = state.withLock { state -> (Bool, Bool) in
                guard state.waiting.count < limit else { return (true, false) }
                state.waiting.append(Waiting(item: item, cost: max(1, cost), continuation: continuation))
                guard state.running < parallel else { return (false, false) }
                state.running += 1
                return (false, true)
            }
            if isFull {
                continuation.resume(
                    throwing: StoreError(.unavailable, "PostgreSQL is too slow: \(limit) calls of one kind wait"))
            }
            if mustStart { schedule() }
        }
    }

    private func schedule() {
        pool.add(
            PostgresJob(
                run: { [self] session in run(on: session) },
                fail: { [self] error in
                    for call in take() { call.continuation.resume(throwing: error) }
                    goOn()
                }))
    }

    private func run(on session: PostgresSession) {
        let calls = take()
        guard !calls.isEmpty else { return goOn() }
        do {
            let results = try runner.run(on: session) { try body($0, calls.map(\.item)) }
            for (call, result) in zip(calls, results) { call.continuation.resume(with: result) }
        } catch let failure as PostgresFailure where failure.isAboutData && calls.count > 1 {
            // One call's data must not fail the others.
            for call in calls { runAlone(call, on: session) }
        } catch {
            let error = PostgresFailure.storeError(from: error)
            for call in calls { call.continuation.resume(throwing: error) }
        }
        goOn()
    }

    private func runAlone(_ call: Waiting, on session: PostgresSession) {
        do {
            let results = try runner.run(on: session) { try body($0, [call.item]) }
            for result in results { call.continuation.resume(with: result) }
        } catch {
            call.continuation.resume(throwing: PostgresFailure.storeError(from: error))
        }
    }

    private func take() -> [Waiting] {
        state.withLock { state in
            var cost = 0
            var count = 0
            while count < state.waiting.count, count == 0 || cost + state.waiting[count].cost <= most {
                cost += state.waiting[count].cost
                count += 1
            }
            defer { state.waiting.removeFirst(count) }
            return Array(state.waiting.prefix(count))
        }
    }

    private func goOn() {
        let mustStart = state.withLock { state in
            if state.waiting.isEmpty { state.running -= 1 }
            return !state.waiting.isEmpty
        }
        if mustStart { schedule() }
    }
}

/// The kinds of calls that are gathered.
final class Batches: Sendable {
    let accept: Batcher<JobSubmission, [Job]>
    let finish: Batcher<[JobAttemptReport], [LeaseVerdict]>
    let progress: Batcher<[JobProgress], Void>
    let checkpoints: Batcher<[CheckpointNote], [LeaseVerdict]>
    let deliveries: Batcher<[DeliveryReport], [LeaseVerdict]>

    /// Batchers on a pool.
    init(pool: PostgresPool, runner: TransactionRunner, settings: PostgresStoreConfiguration) {
        func batcher<Item, Output>(
            _ parallel: Int, _ body: @escaping @Sendable (Transaction, [Item]) throws -> [Result<Output, StoreError>]
        ) -> Batcher<Item, Output> {
            Batcher(
                pool: pool, runner: runner, parallel: parallel, most: max(1, settings.maxGroup),
                limit: settings.maxWaiting, body: body)
        }
        accept = batcher(2) { try $0.accept($1) }
        finish = batcher(2) { try Self.split($1, try $0.finish(Array($1.joined()))) }
        progress = batcher(1) { transaction, calls in
            try transaction.record(Array(calls.joined()))
            return calls.map { _ in .success(()) }
        }
        checkpoints = batcher(1) { try Self.split($1, try $0.recordCheckpoints(Array($1.joined()))) }
        deliveries = batcher(2) { try Self.split($1, try $0.recordDeliveries(Array($1.joined()))) }
    }

    /// Gives each call its part of the verdicts.
    private static func split<T>(
        _ calls: [[T]], _ verdicts: [LeaseVerdict]
    ) throws -> [Result<[LeaseVerdict], StoreError>] {
        var rest = verdicts[...]
        return calls.map { call in
            defer { rest = rest.dropFirst(call.count) }
            return .success(Array(rest.prefix(call.count)))
        }
    }
}
