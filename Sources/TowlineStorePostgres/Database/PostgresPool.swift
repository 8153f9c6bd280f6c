import Dispatch
import Foundation
import Logging
import Synchronization
import TowlineStore

/// One piece of work for a connection.
struct PostgresJob: Sendable {
    /// Does the work on a connection's own thread; has told its caller when it returns.
    let run: @Sendable (PostgresSession) -> Void
    /// Tells the caller that nothing has happened.
    let fail: @Sendable (StoreError) -> Void
}

/// Connections, each on a thread of its own, that share one bounded queue of work.
///
/// libpq blocks, and Swift's threads must not. A queue that is full refuses at once: work that cannot be done soon is
/// better known to be refused than believed to be accepted.
final class PostgresPool: Sendable {
    private struct State {
        var waiting: [PostgresJob] = []
        var first = 0
        var refusal: StoreError?
        var threads = 0
        var endings: [CheckedContinuation<Void, Never>] = []

        var count: Int { waiting.count - first }
    }

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    private let size: Int
    private let limit: Int

    /// Starts the threads; they connect when they have something to do.
    ///
    /// - Parameters:
    ///   - name: What the threads are called.
    ///   - size: Connections.
    ///   - limit: Most pieces of work that wait.
    ///   - connector: Makes connections.
    init(name: String, size: Int, limit: Int, connector: PostgresConnector) {
        self.size = max(1, size)
        self.limit = limit
        state.withLock { $0.threads = self.size }
        for number in 0..<self.size {
            let session = PostgresSession(connector: connector)
            let thread = Thread { [self] in
                Thread.current.name = "\(name)-\(number)"
                serve(session)
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Pieces of work that wait for a connection.
    var waitingJobs: Int { state.withLock { $0.count } }

    /// Adds a piece of work; it fails at once when too much waits or the pool is closed.
    func add(_ job: PostgresJob) {
        let refusal = state.withLock { state -> StoreError? in
            if let refusal = state.refusal { return refusal }
            guard state.count < limit else {
                return StoreError(.unavailable, "PostgreSQL is too slow: \(limit) calls wait for a connection")
            }
            state.waiting.append(job)
            return nil
        }
        if let refusal { job.fail(refusal) } else { wake.signal() }
    }

    /// Runs a piece of work on a connection's thread.
    func perform<T: Sendable>(_ body: @escaping @Sendable (PostgresSession) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            add(
                PostgresJob(
                    run: { session in
                        do {
                            continuation.resume(returning: try body(session))
                        } catch {
                            let isCancellation = error is CancellationError
                            continuation.resume(
                                throwing: isCancellation ? error : PostgresFailure.storeError(from: error))
                        }
                    },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    /// Refuses work from now on, finishes what waits and ends the threads.
    func close(_ reason: StoreError) async {
        state.withLock { if $0.refusal == nil { $0.refusal = reason } }
        for _ in 0..<size { wake.signal() }
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.threads > 0 { state.endings.append(continuation) }
                return state.threads == 0
            }
            if isOver { continuation.resume() }
        }
    }

    /// Refuses work from now on without waiting for the threads.
    func abandon(_ reason: StoreError) {
        state.withLock { if $0.refusal == nil { $0.refusal = reason } }
        for _ in 0..<size { wake.signal() }
    }

    private func serve(_ session: PostgresSession) {
        while true {
            wake.wait()
            let (job, isClosed) = state.withLock { state -> (PostgresJob?, Bool) in
                guard state.count > 0 else { return (nil, state.refusal != nil) }
                let job = state.waiting[state.first]
                state.first += 1
                if state.first == state.waiting.count || state.first > 1024 {
                    state.waiting.removeFirst(state.first)
                    state.first = 0
                }
                return (job, false)
            }
            if let job { job.run(session) } else if isClosed { break }
        }
        session.disconnect()
        let endings = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.threads -= 1
            return state.threads == 0 ? state.endings : []
        }
        for ending in endings { ending.resume() }
    }
}

/// Makes connections, and tells for a while after a failure that there is none instead of trying again at once.
final class PostgresConnector: Sendable {
    private struct State {
        var failures = 0
        var retryAt: ContinuousClock.Instant?
        var lastFailure: PostgresFailure?
    }

    private let settings: [(String, String)]
    private let session: [(String, String)]
    private let intercept: (@Sendable (String) throws -> Void)?
    private let logger: Logger
    private let onConnect: @Sendable () -> Void
    private let state = Mutex(State())

    /// A maker of connections.
    ///
    /// - Parameters:
    ///   - settings: libpq's key words and values.
    ///   - session: Settings of the server for each session, unless it has others already.
    ///   - intercept: Called with each statement's text before it is sent.
    ///   - logger: Where it is said that there is no connection.
    ///   - onConnect: Called before each new connection is used.
    init(
        settings: [(String, String)], session: [(String, String)],
        intercept: (@Sendable (String) throws -> Void)?, logger: Logger, onConnect: @escaping @Sendable () -> Void
    ) {
        self.onConnect = onConnect
        self.settings = settings
        self.session = session
        self.intercept = intercept
        self.logger = logger
    }

    /// Makes a connection; blocks.
    ///
    /// - Throws: ``PostgresFailure``, also without trying when the last try has failed just now.
    func connect() throws -> PostgresConnection {
        let refusal = state.withLock { state in
            state.retryAt.map { $0 > .now } == true ? state.lastFailure : nil
        }
        if let refusal { throw refusal }
        do {
            let connection = try PostgresConnection(settings, session: session, intercept: intercept)
            state.withLock { $0 = State() }
            onConnect()
            return connection
        } catch let failure as PostgresFailure {
            let failures = state.withLock { state in
                state.failures += 1
                state.lastFailure = failure
                // 50 ms, 100 ms, … 1.6 s; up to half of it less, so that many nodes do not come at once.
                let wait = Double(50 << min(5, state.failures - 1)) * Double.random(in: 0.5...1)
                state.retryAt = .now + .milliseconds(Int64(wait))
                return state.failures
            }
            if failures == 1 {
                logger.warning("No connection to PostgreSQL", metadata: ["cause": "\(failure.message)"])
            }
            throw failure
        }
    }
}

/// A thread's connection, made when it is needed and made anew when it was lost.
///
/// Lives on one thread of a ``PostgresPool``; it is handed to that thread before it starts.
final class PostgresSession: @unchecked Sendable {
    // Touched by its own thread only.
    private var connection: PostgresConnection?
    private let connector: PostgresConnector
    /// The row of each counter that this connection adds to: connections must not wait for each other's commits.
    let shard = Int64.random(in: 0..<64)
    /// What identifiers are made of.
    var random = BufferedRandom()

    fileprivate init(connector: PostgresConnector) { self.connector = connector }

    /// The connection, made where there is none.
    func connected() throws -> PostgresConnection {
        if let connection, !connection.isBroken { return connection }
        connection = nil
        let made = try connector.connect()
        connection = made
        return made
    }

    /// Whether the next use makes a connection.
    var isDisconnected: Bool { connection?.isBroken ?? true }

    /// Lets the connection go.
    func disconnect() { connection = nil }
}
