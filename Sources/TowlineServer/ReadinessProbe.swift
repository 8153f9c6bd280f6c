import Synchronization
import TowlineCore

/// Asks whether a part of the node works, for as many callers as there are: they share a check, and nobody waits longer
/// than the limit.
///
/// The check of a server that was cut off hangs for as long as the connection to it, and whoever watches the node asks
/// again every few seconds: the calls must neither wait that long nor pile up behind each other. A check that has gone on
/// for the limit is left to itself; the next caller begins another, which may find that all is well again.
final class ReadinessProbe: Sendable {
    private struct State {
        /// The check under way that callers join, with the time at which it began.
        var check: (number: Int, begun: Duration)?
        var waiting: [Int: (check: Int, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var last = 0

        mutating func nextNumber() -> Int {
            last += 1
            return last
        }
    }

    private let state = Mutex(State())
    private let part: String
    private let limit: Duration
    private let clock: any MonotonicClock
    private let check: @Sendable () async throws -> Void

    /// A probe that has not asked yet.
    ///
    /// - Parameters:
    ///   - part: What is checked, for the error.
    ///   - limit: How long a caller waits.
    ///   - clock: What measures the limit.
    ///   - check: Throws when the part does not work; may take longer than the limit.
    init(
        of part: String, limit: Duration, clock: any MonotonicClock, check: @escaping @Sendable () async throws -> Void
    ) {
        self.part = part
        self.limit = limit
        self.clock = clock
        self.check = check
    }

    /// Waits for the check that is under way, or for a new one.
    ///
    /// - Throws: What the check throws; ``ServerError`` when it has not ended within the limit.
    func ask() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.answer() }
            group.addTask { [self] in
                try await clock.sleep(for: limit)
                throw ServerError("\(part) has not answered within \(limit.components.seconds) s")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func answer() async throws {
        let caller = state.withLock { $0.nextNumber() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if let check = join(caller, continuation) {
                    // Not a child of the caller: others may have joined it when this one goes away.
                    Task { await self.run(check) }
                }
            }
        } onCancel: {
            let waiting = state.withLock { $0.waiting.removeValue(forKey: caller) }
            waiting?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Lets a caller wait for a check.
    ///
    /// - Returns: The number of a check that is to begin; nil when there is one.
    private func join(_ caller: Int, _ continuation: CheckedContinuation<Void, any Error>) -> Int? {
        let (isWaiting, new) = state.withLock { state -> (Bool, Int?) in
            guard !Task.isCancelled else { return (false, nil) }
            let now = clock.elapsed
            if let check = state.check, now - check.begun < limit {
                state.waiting[caller] = (check.number, continuation)
                return (true, nil)
            }
            let number = state.nextNumber()
            state.check = (number, now)
            state.waiting[caller] = (number, continuation)
            return (true, number)
        }
        if !isWaiting { continuation.resume(throwing: CancellationError()) }
        return new
    }

    private func run(_ number: Int) async {
        let result: Result<Void, any Error>
        do {
            try await check()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        let ended = state.withLock { state in
            if state.check?.number == number { state.check = nil }
            let ended = state.waiting.filter { $0.value.check == number }
            for caller in ended.keys { state.waiting[caller] = nil }
            return ended.values.map(\.continuation)
        }
        for continuation in ended { continuation.resume(with: result) }
    }
}
