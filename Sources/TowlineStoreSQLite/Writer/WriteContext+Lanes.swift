import TowlineCore
import TowlineStore

/// What a visit took out of a lane and what is left in it.
struct LaneVisit {
    /// What the lane holds after the visit.
    enum Rest {
        /// Rows that could be claimed now.
        case ready
        /// Nothing claimable before this moment.
        case later(Timestamp)
        /// Nothing that waits for time.
        case empty
    }

    /// The number of rows that were claimed.
    let taken: Int
    let rest: Rest
}

extension WriteContext {
    /// The lane of a kind, account and name; made where it is missing.
    func lane(_ kind: LaneKind, account: AccountID, name: String) throws -> Lane {
        let account = account.description
        if let known = lanes.lane(kind: kind, account: account, name: name) { return known }
        let stored = try connection.first(
            LaneSQL.find, .integer(kind.rawValue), .text(account), .text(name)
        ) { Lane(id: $0.integer(0), group: $0.integer(1)) }
        let lane = try stored ?? makeLane(kind, account: account, name: name)
        lanes.remember(lane, kind: kind, account: account, name: name)
        return lane
    }

    private func makeLane(_ kind: LaneKind, account: String, name: String) throws -> Lane {
        let group: Int64
        if let known = try connection.first(
            LaneSQL.findGroup, .integer(kind.rawValue), .text(name), read: { $0.integer(0) })
        {
            group = known
        } else {
            try connection.run(LaneSQL.insertGroup, .integer(kind.rawValue), .text(name))
            group = connection.lastInsertedRow
        }
        try connection.run(LaneSQL.insert, .integer(kind.rawValue), .integer(group), .text(account), .text(name))
        return Lane(id: connection.lastInsertedRow, group: group)
    }

    /// Gives back the slot that an attempt in a lane held.
    func releaseSlot(lane: Int64) throws {
        if let group = lanes.group(of: lane) { return lanes.release(group: group) }
        guard let group = try connection.first(LaneSQL.groupOf, .integer(lane), read: { $0.integer(0) }) else {
            throw StoreError(.corrupted, "the database lacks lane \(lane)")
        }
        lanes.remember(Lane(id: lane, group: group))
        lanes.release(group: group)
    }

    /// Writes what the operation did to lanes: freed slots wake the lanes that waited longest for one, new rows
    /// make their lanes ready.
    func settleLanes() throws {
        for (group, count) in lanes.released {
            let after = try connection.first(LaneSQL.releaseSlots, .integer(count), .integer(group)) {
                (kind: LaneKind(rawValue: $0.int(0)), blocked: $0.int(1))
            }
            guard let after, let kind = after.kind, after.blocked > 0 else { continue }
            try unblock(group: group, kind: kind, upTo: count)
        }
        for (lane, wake) in lanes.woken {
            let changed = try connection.change(
                LaneSQL.wake, .time(wake.at), .integer(lanes.nextTurn()), .integer(lane))
            if changed > 0 { effects.signal(wake.kind.topic) }
        }
    }

    /// Makes the lanes ready that have waited longest for a slot of their group.
    private func unblock(group: Int64, kind: LaneKind, upTo count: Int) throws {
        let waiting = try connection.all(LaneSQL.blocked, .integer(group), .integer(count)) { $0.integer(0) }
        for lane in waiting {
            try connection.run(LaneSQL.setReady, .time(now), .integer(lanes.nextTurn()), .integer(lane))
        }
        guard !waiting.isEmpty else { return }
        try connection.run(LaneSQL.addBlocked, .integer(-waiting.count), .integer(group))
        effects.signal(kind.topic)
    }

    /// Visits ready lanes in turn, each up to its share, until the limit is reached or no lane is ready.
    ///
    /// - Parameters:
    ///   - kind: Which lanes.
    ///   - limit: Most rows in all.
    ///   - perGroup: Most slots of a group.
    ///   - visit: Claims up to a number of rows of a lane.
    /// - Returns: What ``Claims/nextDue`` says.
    /// - Throws: SQLite's failure, or what `visit` throws.
    func claimByLane(
        _ kind: LaneKind, limit: Int, perGroup: Int, visit: (_ lane: Int64, _ room: Int) throws -> LaneVisit
    ) throws -> Duration? {
        var remaining = max(1, limit)
        // Lanes that turn out to be empty or full cost a visit too; what is left over stays due at once.
        var visits = remaining + 256
        while remaining > 0, visits > 0 {
            let ready = try connection.all(
                LaneSQL.ready, .integer(kind.rawValue), .time(now), .integer(min(remaining, visits))
            ) { Lane(id: $0.integer(0), group: $0.integer(1)) }
            guard !ready.isEmpty else { break }
            let share = (remaining + ready.count - 1) / ready.count
            var siblings: [Int64: Int] = [:]
            for lane in ready { siblings[lane.group, default: 0] += 1 }
            for lane in ready where remaining > 0 {
                lanes.remember(lane)
                visits -= 1
                remaining -= try take(
                    from: lane, kind: kind, atMost: min(share, remaining), siblings: siblings[lane.group] ?? 1,
                    perGroup: perGroup, visit: visit)
                siblings[lane.group, default: 1] -= 1
            }
        }
        let next = try connection.first(LaneSQL.nextReady, .integer(kind.rawValue)) { $0.time(0) }
        return next.map { max(.zero, $0 - now) }
    }

    /// One visit: claims rows as far as the group has room, then puts the lane where it belongs.
    ///
    /// - Parameters:
    ///   - lane: The lane.
    ///   - kind: Its kind.
    ///   - share: Most rows to claim.
    ///   - siblings: Lanes of the group that are visited in this turn, this one included: they share its room.
    ///   - perGroup: Most slots of the group.
    ///   - visit: Claims up to a number of rows of a lane.
    /// - Returns: The number of rows that were claimed.
    /// - Throws: SQLite's failure, or what `visit` throws.
    private func take(
        from lane: Lane, kind: LaneKind, atMost share: Int, siblings: Int, perGroup: Int,
        visit: (_ lane: Int64, _ room: Int) throws -> LaneVisit
    ) throws -> Int {
        let group = try connection.first(LaneSQL.group, .integer(lane.group)) {
            (inUse: $0.int(0), blocked: $0.int(1))
        }
        guard let group else { throw StoreError(.corrupted, "the database lacks lane group \(lane.group)") }
        let room = max(1, perGroup) - group.inUse
        guard room > 0 else {
            try block(lane)
            return 0
        }
        let outcome = try visit(lane.id, min(share, (room + siblings - 1) / max(1, siblings)))
        let left = room - outcome.taken
        if outcome.taken > 0 {
            try connection.run(LaneSQL.takeSlots, .integer(outcome.taken), .integer(lane.group))
        }
        switch outcome.rest {
        case .ready where left <= 0: try block(lane)
        case .ready: try connection.run(LaneSQL.setReady, .time(now), .integer(lanes.nextTurn()), .integer(lane.id))
        case .later(let time):
            try connection.run(LaneSQL.setReady, .time(time), .integer(lanes.nextTurn()), .integer(lane.id))
        case .empty: try connection.run(LaneSQL.setEmpty, .integer(lane.id))
        }
        if left > 0, group.blocked > 0 { try unblock(group: lane.group, kind: kind, upTo: left) }
        return outcome.taken
    }

    /// Puts a lane behind those that wait for a slot of their group.
    private func block(_ lane: Lane) throws {
        try connection.run(LaneSQL.setBlocked, .integer(lanes.nextTurn()), .integer(lane.id))
        try connection.run(LaneSQL.addBlocked, .integer(1), .integer(lane.group))
    }
}

/// The statements about lanes.
enum LaneSQL {
    static let find = SQL("SELECT id, group_id FROM lanes WHERE kind = ? AND account_id = ? AND key = ?")
    static let findGroup = SQL("SELECT id FROM lane_groups WHERE kind = ? AND key = ?")
    static let insertGroup = SQL("INSERT INTO lane_groups (kind, key) VALUES (?, ?)")
    static let insert = SQL("INSERT INTO lanes (kind, group_id, account_id, key) VALUES (?, ?, ?, ?)")
    static let groupOf = SQL("SELECT group_id FROM lanes WHERE id = ?")
    static let group = SQL("SELECT in_use, blocked_lanes FROM lane_groups WHERE id = ?")
    static let takeSlots = SQL("UPDATE lane_groups SET in_use = in_use + ? WHERE id = ?")
    static let releaseSlots = SQL(
        "UPDATE lane_groups SET in_use = max(0, in_use - ?) WHERE id = ? RETURNING kind, blocked_lanes")
    static let addBlocked = SQL("UPDATE lane_groups SET blocked_lanes = blocked_lanes + ? WHERE id = ?")
    static let ready = SQL(
        "SELECT id, group_id FROM lanes WHERE kind = ? AND ready_at <= ? ORDER BY ready_at, turn LIMIT ?")
    static let nextReady = SQL(
        "SELECT ready_at FROM lanes WHERE kind = ? AND ready_at IS NOT NULL ORDER BY ready_at LIMIT 1")
    static let setReady = SQL("UPDATE lanes SET ready_at = ?, turn = ?, blocked_turn = NULL WHERE id = ?")
    static let setEmpty = SQL("UPDATE lanes SET ready_at = NULL, blocked_turn = NULL WHERE id = ?")
    static let setBlocked = SQL("UPDATE lanes SET ready_at = NULL, blocked_turn = ? WHERE id = ?")
    static let blocked = SQL(
        "SELECT id FROM lanes WHERE group_id = ? AND blocked_turn IS NOT NULL ORDER BY blocked_turn LIMIT ?")
    static let wake = SQL(
        """
        UPDATE lanes SET ready_at = ?1, turn = ?2
        WHERE id = ?3 AND blocked_turn IS NULL AND (ready_at IS NULL OR ready_at > ?1)
        """)
}
