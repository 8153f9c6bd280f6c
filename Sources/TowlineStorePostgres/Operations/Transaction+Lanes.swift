import Synchronization
import TowlineCore
import TowlineStore

/// What never changes of lanes: a lane once made stays, with the group and the account that it belongs to.
///
/// The rest of a lane's row changes with every transaction, and while an old transaction is open each look at the row
/// steps over all that it was meanwhile. So nothing is joined to it for each run or delivery.
final class LaneCache: Sendable {
    private struct Known {
        var byKey: [UInt128: Lane] = [:]
        var byID: [Int64: Lane] = [:]
    }

    private static let capacity = 65_536
    private let known = Mutex(Known())

    /// An empty cache.
    init() {}

    /// The lanes of some keys, as far as they are known.
    func lanes(_ keys: some Sequence<UInt128>) -> [UInt128: Lane] {
        known.withLock { known in
            var found: [UInt128: Lane] = [:]
            for key in keys { found[key] = known.byKey[key] }
            return found
        }
    }

    /// The lanes of some rows, as far as they are known.
    func lanes(ids: some Sequence<Int64>) -> [Int64: Lane] {
        known.withLock { known in
            var found: [Int64: Lane] = [:]
            for id in ids { found[id] = known.byID[id] }
            return found
        }
    }

    /// Forgets everything.
    func forget() { known.withLock { $0 = Known() } }

    /// Remembers lanes that are committed; forgets all others first when there are too many.
    func remember(_ lanes: [UInt128: Lane]) {
        known.withLock { known in
            if known.byKey.count + lanes.count > Self.capacity { known.byKey.removeAll() }
            known.byKey.merge(lanes) { $1 }
        }
    }

    /// Remembers lanes of rows that are committed; forgets all others first when there are too many.
    func remember(_ lanes: some Collection<Lane>) {
        known.withLock { known in
            if known.byID.count + lanes.count > Self.capacity { known.byID.removeAll() }
            for lane in lanes { known.byID[lane.id] = lane }
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

    /// Reads rows that name their lanes by number, each with its lane.
    ///
    /// - Parameters:
    ///   - pending: What gives the rows; it was sent.
    ///   - column: Where the lane's number stands.
    ///   - read: Reads one row.
    /// - Returns: What the closure made of each row.
    /// - Throws: What `read` throws; ``PostgresFailure``; ``StoreError`` with code `corrupted` for a lane that is missing.
    func read<T>(
        _ pending: PostgresPending, laneIn column: Int, _ read: (borrowing PostgresRow, Lane) throws -> T
    ) throws -> [T] {
        let result = try pending.result()
        let lanes = try lanes(ids: Set(result.map { $0.integer(column) }))
        return try result.map { row in
            guard let lane = lanes[row.integer(column)] else {
                throw StoreError(.corrupted, "the database lacks the lane \(row.integer(column))")
            }
            return try read(row, lane)
        }
    }

    private func lanes(ids: Set<Int64>) throws -> [Int64: Lane] {
        var lanes = laneCache.lanes(ids: ids)
        let missing = ids.filter { lanes[$0] == nil }
        guard !missing.isEmpty else { return lanes }
        let found = connection.add(LaneMakingSQL.byID, .integers(missing.sorted()))
        try connection.flush()
        let read = try found.result().map { Lane(id: $0.integer(0), group: $0.integer(1), owner: $0.integer(2)) }
        laneCache.remember(read)
        for lane in read { lanes[lane.id] = lane }
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
        SELECT key_hash, id, group_id, owner_id FROM lanes WHERE kind = $1 AND key_hash = ANY($2::uuid[])
        """)
    static let byID = SQL("SELECT id, group_id, owner_id FROM lanes WHERE id = ANY($1::bigint[])")
    static let insertOwners = SQL(
        """
        INSERT INTO lane_accounts (kind, account_id) SELECT $1, unnest($2::text[])
        ON CONFLICT (kind, account_id) DO NOTHING
        """)
    static let insertGroups = SQL(
        """
        WITH made AS (
          INSERT INTO lane_groups (kind, key_hash, key) SELECT $1, v.* FROM unnest($2::uuid[], $3::text[]) v
          ON CONFLICT (kind, key_hash) DO NOTHING RETURNING id)
        INSERT INTO group_states (group_id) SELECT id FROM made
        """)
    static let insertLanes = SQL(
        """
        WITH made AS (INSERT INTO lanes (kind, key_hash, account_id, key, group_id, owner_id)
        SELECT $1, v.key_hash, v.account_id, v.key, g.id, a.id
        FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[]) v (key_hash, account_id, key, group_hash)
        JOIN lane_groups g ON g.kind = $1 AND g.key_hash = v.group_hash
        JOIN lane_accounts a ON a.kind = $1 AND a.account_id = v.account_id
        ON CONFLICT (kind, key_hash) DO NOTHING \(made)
        """)
    /// Behind an insertion of lanes, as `WITH made AS (INSERT …`: gives each its state.
    static let made = """
        RETURNING id, kind, group_id, owner_id)
        INSERT INTO lane_states (lane_id, kind, group_id, owner_id) SELECT * FROM made
        """
}
