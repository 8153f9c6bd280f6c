import TowlineCore
import TowlineStore

/// What a transaction leaves to be done: counters before its commit, signals after it.
struct CommitEffects {
    /// Changes of the rows of `counters`: job states from 0, delivery states from 8.
    private(set) var counts = SIMD16<Int64>(repeating: 0)
    private(set) var topics: Set<StoreTopic> = []
    /// Leases that were taken from running attempts.
    private(set) var revoked: [LeaseToken] = []
    /// What to do after the commit, before the callers are told.
    private var actions: [@Sendable () -> Void] = []

    /// Nothing to do.
    init() {}

    /// Moves a job from one state to another, or into its first.
    mutating func countJob(from old: JobState? = nil, to new: JobState) {
        if let old { counts[old.number] -= 1 }
        counts[new.number] += 1
        signal(.jobsChanged)
    }

    /// Takes a job out of a state that its earlier run keeps.
    mutating func uncountJob(_ state: JobState) { counts[state.number] -= 1 }

    /// Moves a delivery from one state to another, or into its first.
    mutating func countDelivery(from old: DeliveryState? = nil, to new: DeliveryState, times: Int = 1) {
        if let old { counts[8 + old.number] -= Int64(times) }
        counts[8 + new.number] += Int64(times)
    }

    /// Wakes listeners after the commit, on every node.
    mutating func signal(_ topic: StoreTopic) { topics.insert(topic) }

    /// Tells the engines after the commit, on every node, that a running attempt lost its lease.
    mutating func revoke(_ lease: LeaseToken) { revoked.append(lease) }

    /// Does something after the commit.
    mutating func afterCommit(_ action: @escaping @Sendable () -> Void) { actions.append(action) }

    /// Does what was to be done after the commit, but for signals.
    func act() { for action in actions { action() } }
}
