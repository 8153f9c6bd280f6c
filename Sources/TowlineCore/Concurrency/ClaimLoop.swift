/// The loop of an engine: claims while it may, waits for a ring or for its time, and drains when it is told to stop.
package struct ClaimLoop: Sendable {
    private let wakeup = Wakeup()
    private let stopped = StopFlag()
    private let clock: any MonotonicClock
    private let grace: Duration

    /// A loop that has not begun.
    ///
    /// - Parameters:
    ///   - clock: Measures waits and the grace.
    ///   - grace: How long running work may go on after ``stop()``; what is left then is cancelled.
    package init(clock: any MonotonicClock, grace: Duration) {
        self.clock = clock
        self.grace = grace
    }

    /// Lets the loop claim again at once: something is due, or a slot is free.
    package func ring() { wakeup.ring() }

    /// Ends claiming; ``run(running:claim:)`` returns once the grace is over or nothing runs.
    package func stop() {
        stopped.set()
        wakeup.ring()
    }

    /// Runs until ``stop()`` or cancellation.
    ///
    /// - Parameters:
    ///   - running: How much runs now; whoever ends must ``ring()``.
    ///   - claim: Claims and starts work in the group, and says how long to wait before the next claim.
    package func run(
        running: @Sendable () -> Int, claim: (inout DiscardingTaskGroup) async -> Duration
    ) async {
        await withDiscardingTaskGroup { work in
            while !stopped.isSet && !Task.isCancelled {
                let wait = await claim(&work)
                await wakeup.wait(atMost: wait, clock: clock)
            }
            let end = clock.elapsed + grace
            while running() > 0, clock.elapsed < end, !Task.isCancelled {
                await wakeup.wait(atMost: end - clock.elapsed, clock: clock)
            }
            work.cancelAll()
        }
    }
}
