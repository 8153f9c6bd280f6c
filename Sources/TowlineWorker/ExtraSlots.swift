import TowlineCore
import TowlineStore

/// The connections of one transfer beside the one that its claim allowed: they count against the limit of their origin,
/// on this node and, with a store that several nodes share, over all of them.
struct ExtraSlots: Sendable {
    private let slots: OriginSlots
    private let shared: (any SharedSlotStore)?
    private let job: JobID
    private let lease: LeaseToken

    /// The slots of an attempt.
    init(slots: OriginSlots, store: any JobStore, claim: ClaimedJob) {
        self.slots = slots
        shared = store as? any SharedSlotStore
        job = claim.job.id
        lease = claim.lease
    }

    /// Whether slots are worth giving back between two pieces: others may wait for them on other nodes.
    var areShared: Bool { shared != nil }

    /// How many slots are free on this node.
    func room(_ origin: String) -> Int { slots.room(origin) }

    /// Whether transfers that were claimed since need the room.
    func isSurplus(_ origin: String) -> Bool { slots.isOver(origin) }

    /// Takes a slot; false when the limit is reached or the store cannot say.
    func take(_ origin: String) async -> Bool {
        guard slots.takeExtra(origin) else { return false }
        guard let shared else { return true }
        let taken = try? await shared.takeExtraSlots(
            1, origin: origin, job: job, lease: lease, perOrigin: slots.limit)
        if taken == 1 { return true }
        slots.leave(origin)
        return false
    }

    /// Gives a slot back.
    func giveBack(_ origin: String) async {
        slots.leave(origin)
        // What cannot be given back now is given back with the lease.
        try? await shared?.giveBackExtraSlots(1, origin: origin, job: job, lease: lease)
    }
}
