/// How fast a replay goes: small steps at even distances, so that its deliveries trickle.
package struct ReplayPace {
    /// Deliveries that become due at the same time: at most a tenth of a second's.
    package let batch: Int
    private let perSecond: Int?

    /// The pace for a limit; nil for none.
    package init(perSecond: Int?, atMost most: Int) {
        self.perSecond = perSecond.map { max(1, $0) }
        batch = self.perSecond.map { min(most, max(1, $0 / 10)) } ?? most
    }

    /// From the step's time to when one of its deliveries is due, counted from 0: an event for many endpoints makes
    /// more than one batch.
    package func offset(of number: Int) -> Duration { wait(after: number / batch * batch) }

    /// From the step's time to the next step, after a number of deliveries.
    package func wait(after made: Int) -> Duration {
        guard let perSecond else { return .zero }
        return .milliseconds((Int64(made) * 1000 + Int64(perSecond) - 1) / Int64(perSecond))
    }
}
