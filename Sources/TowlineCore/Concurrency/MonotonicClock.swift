/// The clock for waiting and measuring: never stored, never shown.
///
/// Tests move their own (design 4.10).
package protocol MonotonicClock: Sendable {
    /// Time since some fixed moment; only differences mean anything.
    var elapsed: Duration { get }
    /// Waits; throws `CancellationError` when cancelled before the time is over.
    func sleep(for duration: Duration) async throws
}

/// The machine's monotonic clock, which goes on while the machine sleeps.
package struct SystemMonotonicClock: MonotonicClock {
    private static let start = ContinuousClock.now

    /// The clock of this machine.
    package init() {}

    package var elapsed: Duration { ContinuousClock.now - Self.start }

    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration, clock: .continuous)
    }
}
