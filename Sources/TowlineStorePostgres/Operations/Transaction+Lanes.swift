import Synchronization
import TowlineCore
import TowlineStore

/// Lanes by what they are found by: a lane once made never changes and never goes.
///
/// Only a fail-over to a server that was behind can lose one, so a new connection begins with nothing.
final class LaneCache: Sendable {
    private struct State {
        var known: [UInt128: Lane] = [:]
        var generation = 0
    }

    private static let capacity = 65_536
    private let state = Mutex(State())

    /// An empty cache.
    init() {}

    /// Grows whenever everything is forgotten.
    var generation: Int { state.withLock { $0.generation } }

    /// The lanes of some keys, as far as they are known.
    func lanes(_ keys: some Sequence<UInt128>) -> [UInt128: Lane] {
        state.withLock { state in
            var found: [UInt128: Lane] = [:]
            for key in keys { found[key] = state.known[key] }
            return found
        }
    }

    /// Remembers lanes that are committed, unless everything was forgotten since they were asked for; forgets all others
    /// first when there are too many.
    func remember(_ lanes: [UInt128: Lane], askedIn generation: Int) {
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.known.count + lanes.count > Self.capacity { state.known.removeAll() }
            state.known.merge(lanes) { $1 }
        }
    }

    /// Forgets everything.
    func forget() {
        state.withLock { state in
            state.known.removeAll()
            state.generation += 1
        }
    }
}

/// A lane of pulls by whose jobs it holds and from where.
struct PullLaneKey: Hashable {
    let account: AccountID
    let origin: String

    /// What the lane is found by.
    var hash: UInt128 { LaneKey.pulls(account: account, origin: origin) }
}

extension Transaction {
    /// A query for lanes by their keys.
    func findLanes(_ kind: LaneKind, _ keys: [UInt128]) -> PostgresPending {
        connection.add(LaneMakingSQL.find, .integer(kind.rawValue), .ids(keys))
    }

    /// What ``findLanes(_:_:)`` gave.
    func lanes(_ pending: PostgresPending) throws -> [UInt128: Lane] {
        var lanes: [UInt128: Lane] = [:]
        try pending.result().forEach { row in
            lanes[try row.id(0, as: LeaseToken.self).rawValue] = Lane(
                id: row.integer(1), group: row.integer(2), owner: row.integer(3))
        }
        return lanes
    }

    /// Makes lanes of pulls that are missing, with their groups and accounts.
    func makePullLanes(_ keys: [PullLaneKey]) throws -> [UInt128: Lane] {
        let origins = Set(keys.map(\.origin)).map { (LaneKey.origin($0), $0) }.sorted { $0.0 < $1.0 }
        let lanes = keys.map { ($0.hash, $0) }.sorted { $0.0 < $1.0 }
        makeGroups(.pull, origins)
        makeOwners(.pull, keys.map(\.account))
        connection.add(
            LaneMakingSQL.insertLanes, .integer(LaneKind.pull.rawValue), .ids(lanes.map(\.0)),
            .texts(lanes.map(\.1.account.description)), .texts(lanes.map(\.1.origin)),
            .ids(lanes.map { LaneKey.origin($0.1.origin) }))
        let found = findLanes(.pull, lanes.map(\.0))
        try connection.flush()
        return try self.lanes(found)
    }

    /// Makes the rows of accounts that are missing.
    func makeOwners(_ kind: LaneKind, _ accounts: [AccountID]) {
        connection.add(
            LaneMakingSQL.insertOwners, .integer(kind.rawValue),
            .texts(Set(accounts.map(\.description)).sorted()))
    }

    /// Makes groups that are missing.
    func makeGroups(_ kind: LaneKind, _ groups: [(hash: UInt128, key: String)]) {
        connection.add(
            LaneMakingSQL.insertGroups, .integer(kind.rawValue), .ids(groups.map(\.hash)), .texts(groups.map(\.key)))
    }
}

/// The statements that find and make lanes.
enum LaneMakingSQL {
    static let find = SQL(
        """
        SELECT hash, id, group_id, owner_id FROM lanes WHERE kind = $1 AND hash = ANY($2::uuid[])
        """)
    static let insertOwners = SQL(
        """
        WITH made AS (
          INSERT INTO lane_accounts (kind, account_id) SELECT $1, unnest($2::text[])
          ON CONFLICT (kind, account_id) DO NOTHING RETURNING id)
        INSERT INTO account_states (owner_id) SELECT id FROM made
        """)
    static let insertGroups = SQL(
        """
        WITH made AS (
          INSERT INTO lane_groups (kind, hash, key) SELECT $1, v.* FROM unnest($2::uuid[], $3::text[]) v
          ON CONFLICT (kind, hash) DO NOTHING RETURNING id)
        INSERT INTO group_states (group_id) SELECT id FROM made
        """)
    static let insertLanes = SQL(
        """
        WITH made AS (INSERT INTO lanes (kind, hash, account_id, key, group_id, owner_id)
        SELECT $1, v.hash, v.account_id, v.key, g.id, a.id
        FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[]) v (hash, account_id, key, group_hash)
        JOIN lane_groups g ON g.kind = $1 AND g.hash = v.group_hash
        JOIN lane_accounts a ON a.kind = $1 AND a.account_id = v.account_id
        ON CONFLICT (kind, hash) DO NOTHING \(made)
        """)
    /// Behind an insertion of lanes, as `WITH made AS (INSERT …`: gives each its state.
    static let made = """
        RETURNING id, kind, group_id, owner_id)
        INSERT INTO lane_states (lane_id, kind, group_id, owner_id) SELECT * FROM made
        """
}
