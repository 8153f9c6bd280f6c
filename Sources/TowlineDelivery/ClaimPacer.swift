/// Decides when an engine claims and how much: a pure state machine.
///
/// Nothing is asked for while nothing is due. When much is due, a claim waits until a quarter of the slots is free, but
/// no longer than two milliseconds, so that claims are few and large and the running attempts cover the time they take.
struct ClaimPacer {
    /// What to do next.
    enum Step: Equatable {
        /// Claim at most so many.
        case claim(Int)
        /// Look again after that time, or when something has rung.
        case wait(Duration)
    }

    /// The longest time without a look at the store, in case a signal was lost.
    static let longestWait = Duration.seconds(30)
    /// How long a few free slots wait for more.
    static let patience = Duration.milliseconds(2)
    /// How long to wait after a claim that found nothing although something is due.
    static let afterNothing = Duration.milliseconds(5)
    /// The largest claim.
    static let largestClaim = 128

    private let slots: Int
    /// When something becomes due as far as is known; nothing before that moment unless there is a signal.
    private var dueAt = Duration.zero
    private var isSignalled = true
    /// Since when there are free slots, but few, although something is due.
    private var impatientSince: Duration?

    /// - Parameter slots: How much may be claimed and not yet recorded at once, at least 1.
    init(slots: Int) { self.slots = max(1, slots) }

    /// Free slots that are worth a claim at once.
    var worthwhile: Int { max(1, min(slots / 4, Self.largestClaim)) }

    /// Whether a fall of the number of taken slots is worth a look.
    func isNews(from before: Int, to now: Int) -> Bool {
        let edge = slots - worthwhile
        return now == 0 || before >= slots || (before > edge && now <= edge)
    }

    /// Takes note that something became due.
    mutating func signal() { isSignalled = true }

    /// Decides what to do.
    ///
    /// - Parameters:
    ///   - taken: Slots that are taken.
    ///   - now: A monotonic time.
    /// - Returns: The next step.
    mutating func step(taken: Int, now: Duration) -> Step {
        guard isSignalled || dueAt <= now else {
            impatientSince = nil
            return .wait(min(dueAt - now, Self.longestWait))
        }
        let free = slots - taken
        guard free > 0 else {
            impatientSince = nil
            return .wait(Self.longestWait)
        }
        let since = impatientSince ?? now
        let left = Self.patience - (now - since)
        guard free >= worthwhile || left <= .zero else {
            impatientSince = since
            return .wait(left)
        }
        impatientSince = nil
        isSignalled = false
        dueAt = now + Self.longestWait
        return .claim(min(free, Self.largestClaim))
    }

    /// Takes in what a claim found.
    ///
    /// - Parameters:
    ///   - count: What was claimed.
    ///   - nextDue: As the store says; nil when nothing waits for time.
    ///   - now: A monotonic time.
    mutating func claimed(_ count: Int, nextDue: Duration?, now: Duration) {
        let wait = min(nextDue ?? Self.longestWait, Self.longestWait)
        dueAt = now + max(wait, count == 0 ? Self.afterNothing : .zero)
    }

    /// Takes in that a claim failed.
    mutating func failed(now: Duration) {
        isSignalled = false
        dueAt = now + .seconds(1)
    }
}
