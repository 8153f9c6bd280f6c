import Synchronization
import TowlineCore
import TowlineQueue
import TowlineStore

/// Who is told what became of a call.
struct QueueReply<Value: Sendable>: Sendable {
    private let tell: @Sendable (Result<Value, any Error>) -> Void

    /// Tells a closure.
    init(_ tell: @escaping @Sendable (Result<Value, any Error>) -> Void) { self.tell = tell }

    /// Tells the result.
    func callAsFunction(_ result: Result<Value, any Error>) { tell(result) }
}

/// What a call on a queue wants.
enum QueueWork: Sendable {
    case send([Result<OutgoingMessage, QueueError>], QueueReply<[Result<InsertedMessage, QueueError>]>)
    case delete([Result<ReceiptHandle, QueueError>], QueueReply<[QueueError?]>)
    case change(Result<ReceiptHandle, QueueError>, to: Duration, QueueReply<ReceiptHandle>)
    case giveBack([ReceiptHandle], QueueReply<Void>)
    /// The answer goes through ``QueueDesk/waiters``.
    case receive(ReceiveRequest, WaiterID, since: Duration, onFailure: @Sendable (any Error) -> Void)
    /// Messages for those who wait already.
    case serve(onFailure: @Sendable () -> Void)
}

/// A message that was inserted.
struct InsertedMessage: Sendable {
    let id: MessageID
    let digest: BodyDigest
    let handle: ReceiptHandle
    let isDelayed: Bool
}

/// One call on a queue.
struct QueueCall: Sendable {
    let address: QueueAddress
    /// The queue's key.
    let key: Int64
    let work: QueueWork

    /// Joins a queue with what is wanted of it.
    init(address: QueueAddress, work: QueueWork) {
        self.address = address
        key = address.key
        self.work = work
    }

    /// Rows that it touches.
    var cost: Int {
        switch work {
        case .send(let messages, _): max(1, messages.count)
        case .delete(let handles, _): max(1, handles.count)
        case .giveBack(let handles, _): max(1, handles.count)
        case .receive(let request, _, _, _): request.count
        case .change, .serve: 1
        }
    }

    /// The messages of its handles.
    var messages: [Int64] {
        switch work {
        case .delete(let handles, _): handles.compactMap { try? $0.get().message }
        case .change(let handle, _, _): [try? handle.get().message].compactMap(\.self)
        case .giveBack(let handles, _): handles.map(\.message)
        case .send, .receive, .serve: []
        }
    }

    /// Tells whoever waits for it that nothing has happened.
    func fail(_ error: any Error) {
        switch work {
        case .send(_, let reply): reply(.failure(error))
        case .delete(_, let reply): reply(.failure(error))
        case .change(_, _, let reply): reply(.failure(error))
        case .giveBack(_, let reply): reply(.failure(error))
        case .receive(_, _, _, let onFailure): onFailure(error)
        case .serve(let onFailure): onFailure()
        }
    }
}

/// Does calls on queues one transaction after the other; those that come meanwhile gather for the next one.
///
/// Nobody waits on purpose: a call alone is done at once.
final class QueueLane: Sendable {
    private struct State {
        var waiting: [QueueCall] = []
        var isRunning = false
    }

    private let state = Mutex(State())
    private let pool: PostgresPool
    private let runner: TransactionRunner
    private let most: Int
    private let limit: Int

    /// A lane on a pool.
    ///
    /// - Parameters:
    ///   - pool: Where transactions run.
    ///   - runner: Runs them.
    ///   - most: Most cost in one transaction, unless one call alone has more.
    ///   - limit: Most calls that wait.
    init(pool: PostgresPool, runner: TransactionRunner, most: Int, limit: Int) {
        self.pool = pool
        self.runner = runner
        self.most = most
        self.limit = limit
    }

    /// Does a call in its turn; it fails at once when too many wait.
    func add(_ call: QueueCall) {
        let (isFull, mustStart) = state.withLock { state -> (Bool, Bool) in
            guard state.waiting.count < limit else { return (true, false) }
            state.waiting.append(call)
            defer { state.isRunning = true }
            return (false, !state.isRunning)
        }
        if isFull { call.fail(StoreError(.unavailable, "PostgreSQL is too slow: \(limit) calls on queues wait")) }
        if mustStart { schedule() }
    }

    private func schedule() {
        pool.add(
            PostgresJob(
                run: { [self] session in
                    let calls = take()
                    if !calls.isEmpty { run(calls, on: session) }
                    goOn()
                },
                fail: { [self] error in
                    for call in take() { call.fail(error) }
                    goOn()
                }))
    }

    private func run(_ calls: [QueueCall], on session: PostgresSession) {
        do {
            let replies = try runner.run(on: session) { try QueueBatch(calls, $0).perform() }
            for reply in replies { reply() }
        } catch let failure as PostgresFailure where failure.isAboutData && calls.count > 1 {
            // One call's data must not fail the others.
            for call in calls { run([call], on: session) }
        } catch {
            let error = PostgresFailure.storeError(from: error)
            for call in calls { call.fail(error) }
        }
    }

    private func take() -> [QueueCall] {
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
            state.isRunning = !state.waiting.isEmpty
            return state.isRunning
        }
        if mustStart { schedule() }
    }
}
