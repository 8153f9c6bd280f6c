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
    /// The owner of what waits in it.
    let account: String
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
    private var byID: [Int64: Lane] = [:]
    private var turn: Int64 = 0
    /// Before when no pull begins in a group; an origin's wish is forgotten with the process.
    private var nextStarts: [Int64: Timestamp] = [:]
    /// Slots that the operation at hand has freed, by group.
    private(set) var released: [Int64: Int] = [:]
    /// Slots of pulls that the operation at hand has freed, by account.
    private(set) var releasedAccounts: [String: Int] = [:]
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
        if !releasedAccounts.isEmpty { releasedAccounts.removeAll(keepingCapacity: true) }
        if !woken.isEmpty { woken.removeAll(keepingCapacity: true) }
    }

    /// Forgets lanes whose rows may have been undone.
    func forget() {
        byKey.removeAll()
        byID.removeAll()
        beginOperation()
    }

    /// Notes that a row of a lane becomes claimable at a time.
    func wake(_ lane: Int64, kind: LaneKind, at time: Timestamp) {
        if let known = woken[lane], known.at <= time { return }
        woken[lane] = (kind, time)
    }

    /// Notes that an attempt in a lane has ended.
    func release(_ lane: Lane, kind: LaneKind) {
        released[lane.group, default: 0] += 1
        if kind == .pull { releasedAccounts[lane.account, default: 0] += 1 }
    }

    /// Before when no pull begins in a group; nil without such a moment.
    func nextStart(group: Int64) -> Timestamp? { nextStarts.isEmpty ? nil : nextStarts[group] }

    /// Notes that no pull begins in a group before a moment.
    func setNextStart(_ time: Timestamp, group: Int64, now: Timestamp) {
        if nextStarts.count >= Self.capacity { nextStarts = nextStarts.filter { $0.value > now } }
        if let known = nextStarts[group], known > time { return }
        nextStarts[group] = time
    }

    /// A remembered lane.
    func lane(kind: LaneKind, account: String, name: String) -> Lane? {
        byKey[Key(kind: kind, account: account, name: name)]
    }

    /// A remembered lane.
    func lane(_ id: Int64) -> Lane? { byID[id] }

    /// Remembers a lane; forgets all others first when there are too many.
    func remember(_ lane: Lane, kind: LaneKind, account: String, name: String) {
        if byKey.count >= Self.capacity { byKey.removeAll() }
        byKey[Key(kind: kind, account: account, name: name)] = lane
        remember(lane)
    }

    /// Remembers a lane by its number; forgets all others first when there are too many.
    func remember(_ lane: Lane) {
        if byID.count >= Self.capacity { byID.removeAll() }
        byID[lane.id] = lane
    }
}
