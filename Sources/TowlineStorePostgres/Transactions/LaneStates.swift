/// Where the state of a lane is found.
///
/// A lane's turn only grows, so its state is the last entry in the index on both. The versions before it, which stay for
/// as long as an old transaction is open, are not looked at.
enum LaneStates {
    /// A query for a lane's state, with its `place` for an update that follows.
    ///
    /// Whoever changes a state holds the row in `lanes` since an earlier statement, so the place stays the place.
    static func of(_ lane: String) -> String {
        "SELECT s.ctid AS place, s.* FROM lane_states s WHERE s.lane_id = \(lane) ORDER BY s.turn DESC LIMIT 1"
    }
}

/// Where it is found how many slots of a group or an account are in use: the last version, as ``LaneStates`` says of lanes.
///
/// Whoever changes a state holds the row in `lane_groups` or `lane_accounts` since an earlier statement.
struct SlotStates {
    /// The slots of groups: what an origin or an endpoint lets through.
    static let groups = SlotStates(table: "group_states", key: "group_id", waiting: 3)
    /// The slots of accounts.
    static let accounts = SlotStates(table: "account_states", key: "owner_id", waiting: 4)

    private let table: String
    /// The number's column, here and in `lane_states`.
    private let key: String
    /// The state of lanes that wait for such slots.
    private let waiting: Int

    /// A query for the state with a number, with its `place` for an update that follows.
    func of(_ number: String) -> String {
        "SELECT s.ctid AS place, s.* FROM \(table) s WHERE s.\(key) = \(number) ORDER BY s.version DESC LIMIT 1"
    }

    /// Changes states `g`.
    ///
    /// - Parameters:
    ///   - assignments: What becomes of `g`.
    ///   - numbers: Where their numbers are from: `v` with a column `id`.
    ///   - condition: Of the newest states `n`, which change.
    /// - Returns: The statement.
    func change(_ assignments: String, of numbers: String, where condition: String = "true") -> SQL {
        SQL(
            """
            UPDATE \(table) g SET version = g.version + 1, \(assignments)
            FROM \(numbers) CROSS JOIN LATERAL (\(of("v.id"))) n WHERE g.ctid = n.place AND \(condition)
            """)
    }

    /// A query for lanes that wait for slots, as many as there are slots, each with its `place`.
    ///
    /// - Parameter parameter: The first of two parameters: numbers, and how many slots each has.
    /// - Returns: The query.
    func waitingLanes(_ parameter: Int) -> String {
        """
        SELECT b.* FROM unnest($\(parameter)::bigint[], $\(parameter + 1)::bigint[]) v (id, slots)
        CROSS JOIN LATERAL (\(of("v.id"))) n
        CROSS JOIN LATERAL (
          SELECT l.ctid AS place, l.lane_id FROM lane_states l
          WHERE l.\(key) = v.id AND l.state = \(waiting) AND l.turn >= n.blocked_from ORDER BY l.turn LIMIT v.slots) b
        """
    }

    /// Notes from which turn on lanes wait: behind those that were just woken, and the entries that they have left in the
    /// index.
    var moveBlockedFrom: SQL {
        change(
            """
            blocked_from = (SELECT l.turn FROM lane_states l
              WHERE l.\(key) = n.\(key) AND l.state = \(waiting) AND l.turn >= n.blocked_from ORDER BY l.turn LIMIT 1)
            """, of: "unnest($1::bigint[]) v (id)", where: "n.blocked_from IS NOT NULL")
    }
}
