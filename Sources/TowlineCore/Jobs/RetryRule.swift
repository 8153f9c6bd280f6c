/// When a failed attempt of a pull is followed by another one.
///
/// Waits grow from one second by factors of three (1, 3, 9, 27 … seconds, at most five minutes), each with full
/// jitter above half of it, so that many jobs of one origin do not come back at once.
package struct RetryRule: Sendable, Hashable {
    /// Attempts in all, counted from the last progress; at least 1 (`pull.retries`).
    package var attempts: Int
    /// The wait after the first failure.
    package var firstWait: Duration
    /// No wait is longer.
    package var longestWait: Duration

    /// A rule with the default waits.
    package init(attempts: Int = 5, firstWait: Duration = .seconds(1), longestWait: Duration = .seconds(300)) {
        self.attempts = attempts
        self.firstWait = firstWait
        self.longestWait = longestWait
    }

    /// What follows a failure.
    package enum Decision: Sendable, Hashable {
        case retry(after: Duration)
        case giveUp
    }

    /// Decides after a failure.
    ///
    /// - Parameters:
    ///   - failure: Why the attempt ended.
    ///   - fruitless: Attempts since the last progress, this one included, from 1.
    ///   - atLeast: What the source asked for in `Retry-After`; no jitter shortens it.
    ///   - remaining: Time that the run as a whole has left; a wait beyond it is not begun.
    ///   - random: A number from 0 up to 1 for the jitter.
    /// - Returns: A wait, or that no attempt is left.
    package func decide(
        after failure: JobFailure, fruitless: Int, atLeast: Duration = .zero, remaining: Duration, random: Double
    ) -> Decision {
        guard failure.code.isRetryable, fruitless < attempts else { return .giveUp }
        var wait = firstWait
        for _ in 1..<max(1, fruitless) where wait < longestWait { wait = wait * 3 }
        wait = min(wait, longestWait)
        let jittered = max(atLeast, wait * (0.5 + 0.5 * min(max(random, 0), 1)))
        return jittered < remaining ? .retry(after: jittered) : .giveUp
    }
}
