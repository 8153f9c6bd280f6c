import TowlineCore
import TowlineStore

/// What an operation leaves to be done when its transaction ends: counters before the commit, signals after it.
struct WriteEffects {
    /// Changes of the rows of `counters`: job states from 0, delivery states from 8.
    private(set) var counts = SIMD16<Int64>(repeating: 0)
    /// Bits of `StoreTopic.allCases`.
    private var topics: UInt32 = 0
    /// Leases that were taken from running attempts.
    private(set) var revoked: [LeaseToken] = []
    /// What has changed in queues, one entry for each queue.
    private(set) var queues: [QueueEffect] = []
    /// What to do after the commit for those who wait for messages.
    private var afterCommit: [@Sendable () -> Void] = []

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
    mutating func countDelivery(from old: DeliveryState? = nil, to new: DeliveryState) {
        if let old { counts[8 + old.number] -= 1 }
        counts[8 + new.number] += 1
    }

    /// Notes a change in a queue.
    mutating func changeQueue(_ queue: Int64, _ change: (inout QueueEffect) -> Void) {
        if let index = queues.lastIndex(where: { $0.queue == queue }) {
            change(&queues[index])
        } else {
            var effect = QueueEffect(queue: queue)
            change(&effect)
            queues.append(effect)
        }
    }

    /// Does something after the commit, before the callers of the group are told.
    mutating func afterCommit(_ action: @escaping @Sendable () -> Void) { afterCommit.append(action) }

    /// Wakes listeners after the commit.
    mutating func signal(_ topic: StoreTopic) { topics |= 1 << topic.bit }

    /// Tells the engines after the commit that a running attempt lost its lease.
    mutating func revoke(_ lease: LeaseToken) { revoked.append(lease) }

    /// Adds what another operation of the group leaves to be done.
    mutating func merge(_ other: WriteEffects) {
        counts &+= other.counts
        topics |= other.topics
        if !other.revoked.isEmpty { revoked.append(contentsOf: other.revoked) }
        for effect in other.queues { changeQueue(effect.queue) { $0.merge(effect) } }
        if !other.afterCommit.isEmpty { afterCommit.append(contentsOf: other.afterCommit) }
    }

    /// Sends what waits for the commit.
    func send(through signals: StoreSignals) {
        for topic in StoreTopic.allCases where topics & 1 << topic.bit != 0 { signals.send(topic) }
        for lease in revoked { signals.sendRevoked(lease) }
        for action in afterCommit { action() }
    }
}

extension StoreTopic {
    fileprivate var bit: UInt32 {
        switch self {
        case .jobsDue: 0
        case .deliveriesDue: 1
        case .objectsPending: 2
        case .keysChanged: 3
        case .jobsChanged: 4
        case .eventsAdded: 5
        case .upkeepDue: 6
        }
    }
}
