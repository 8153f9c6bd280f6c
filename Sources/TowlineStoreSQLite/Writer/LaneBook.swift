import TowlineCore
import TowlineStore

/// What waits in a lane.
enum LaneKind: Int {
    /// Jobs of one account and origin; the slots are the origin's.
    case pull = 0
    /// Deliveries of one account and endpoint; the slots are the endpoint's.
    case deliver = 1

    /// What to signal when something becomes claimable.
    var topic: StoreTopic {
        switch self {
        case .pull: .jobsDue
        case .deliver: .deliveriesDue
        }
    }
}

/// One lane and the group that holds its slots.
struct Lane: Hashable {
    let id: Int64
    let group: Int64
}

/// What the writer remembers about lanes between statements.
///
/// Lives on the writer's thread.
final class LaneBook {
    private struct Key: Hashable {
        let kind: LaneKind
        let account: String
        let name: String
    }

    private static let capacity = 4096
    private var byKey: [Key: Lane] = [:]
    private var groups: [Int64: Int64] = [:]
    private var turn: Int64 = 0
    /// Slots that the operation at hand has freed, by group.
    private(set) var released: [Int64: Int] = [:]
    /// Lanes in which rows of the operation at hand become claimable, with the earliest time.
    private(set) var woken: [Int64: (kind: LaneKind, at: Timestamp)] = [:]

    /// The next number in the order of turns.
    func nextTurn() -> Int64 {
        turn += 1
        return turn
    }

    /// Starts an operation without freed slots and woken lanes.
    func beginOperation() {
        if !released.isEmpty { released.removeAll(keepingCapacity: true) }
        if !woken.isEmpty { woken.removeAll(keepingCapacity: true) }
    }

    /// Forgets lanes whose rows may have been undone.
    func forget() {
        byKey.removeAll()
        groups.removeAll()
        beginOperation()
    }

    /// Notes that a row of a lane becomes claimable at a time.
    func wake(_ lane: Int64, kind: LaneKind, at time: Timestamp) {
        if let known = woken[lane], known.at <= time { return }
        woken[lane] = (kind, time)
    }

    /// Notes that an attempt in a group has ended.
    func release(group: Int64) { released[group, default: 0] += 1 }

    /// A remembered lane.
    func lane(kind: LaneKind, account: String, name: String) -> Lane? {
        byKey[Key(kind: kind, account: account, name: name)]
    }

    /// A remembered group of a lane.
    func group(of lane: Int64) -> Int64? { groups[lane] }

    /// Remembers a lane; forgets all others first when there are too many.
    func remember(_ lane: Lane, kind: LaneKind, account: String, name: String) {
        if byKey.count >= Self.capacity { byKey.removeAll() }
        byKey[Key(kind: kind, account: account, name: name)] = lane
        remember(lane)
    }

    /// Remembers the group of a lane; forgets all others first when there are too many.
    func remember(_ lane: Lane) {
        if groups.count >= Self.capacity { groups.removeAll() }
        groups[lane.id] = lane.group
    }
}
