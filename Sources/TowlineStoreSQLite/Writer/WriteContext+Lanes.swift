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

/// Lanes that are visited one after the other: those of one group share its room.
struct LaneTurn {
    /// What waits in them.
    let kind: LaneKind
    /// Whether no other lane is ready.
    let isAlone: Bool
    private var siblings: [Int64: Int] = [:]

    /// A turn of some lanes.
    init(kind: LaneKind, isAlone: Bool, lanes: some Sequence<Lane>) {
        self.kind = kind
        self.isAlone = isAlone
        for lane in lanes { siblings[lane.group, default: 0] += 1 }
    }

    /// Begins the visit of a lane.
    ///
    /// - Returns: How many lanes of its group are yet to be visited, this one included.
    mutating func enter(_ lane: Lane) -> Int {
        let count = siblings[lane.group] ?? 1
        siblings[lane.group] = count - 1
        return max(1, count)
    }
}

/// What a group of lanes lets through.
enum Admission {
    /// Nothing until its lanes are made ready again by whoever opens it.
    case closed
    /// Nothing before this moment.
    case notBefore(Timestamp)
    /// So many attempts at once, and so many of them that begin now.
    case open(slots: Int, starts: Int)
}

extension WriteContext {
    /// The lane of an account's pulls from an origin; made where it is missing.
    func pullLane(account: AccountID, origin: String) throws -> Lane {
        let account = account.description
        if let known = try findLane(.pull, account: account, key: origin) { return known }
        let known = try connection.first(LaneSQL.findGroup, .integer(LaneKind.pull.rawValue), .text(origin)) {
            $0.integer(0)
        }
        let group = try known ?? makeGroup(.pull, key: origin)
        try connection.run(LaneAccountSQL.insert, .text(account))
        return try makeLane(.pull, group: group, account: account, key: origin)
    }

    /// A lane that exists; nil without one.
    func findLane(_ kind: LaneKind, account: String, key: String) throws -> Lane? {
        if let known = lanes.lane(kind: kind, account: account, name: key) { return known }
        let stored = try connection.first(
            LaneSQL.find, .integer(kind.rawValue), .text(account), .text(key)
        ) { Lane(id: $0.integer(0), group: $0.integer(1), account: account) }
        guard let stored else { return nil }
        lanes.remember(stored, kind: kind, account: account, name: key)
        return stored
    }

    /// Makes a group of lanes with slots of its own.
    func makeGroup(_ kind: LaneKind, key: String) throws -> Int64 {
        try connection.run(LaneSQL.insertGroup, .integer(kind.rawValue), .text(key))
        return connection.lastInsertedRow
    }

    /// Makes a lane of a group.
    func makeLane(_ kind: LaneKind, group: Int64, account: String, key: String) throws -> Lane {
        try connection.run(LaneSQL.insert, .integer(kind.rawValue), .integer(group), .text(account), .text(key))
        let lane = Lane(id: connection.lastInsertedRow, group: group, account: account)
        lanes.remember(lane, kind: kind, account: account, name: key)
        return lane
    }

    /// Gives back the slot that an attempt in a lane held.
    func releaseSlot(lane: Int64, kind: LaneKind = .pull) throws { lanes.release(try self.lane(lane), kind: kind) }

    /// The group of a lane.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when the lane is missing.
    func group(ofLane lane: Int64) throws -> Int64 { try self.lane(lane).group }

    private func lane(_ id: Int64) throws -> Lane {
        if let lane = lanes.lane(id) { return lane }
        let stored = try connection.first(LaneSQL.byID, .integer(id)) {
            Lane(id: id, group: $0.integer(0), account: $0.text(1))
        }
        guard let stored else { throw StoreError(.corrupted, "the database lacks lane \(id)") }
        lanes.remember(stored)
        return stored
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
            guard let time = earliest(in: lane, kind: wake.kind, from: wake.at) else { continue }
            let changed = try connection.change(
                LaneSQL.wake, .time(time), .integer(lanes.nextTurn()), .integer(lane))
            guard changed > 0 else { continue }
            if wake.kind == .pull {
                try wakeAccount(try self.lane(lane).account, at: time)
            } else {
                effects.signal(.deliveriesDue)
            }
        }
        try settleAccounts()
    }

    /// When a row of a lane that is due at a time can be claimed, as far as is known without a look: waking a lane
    /// that would be found closed costs a claim, and every new event of a dead receiver would do so.
    private func earliest(in lane: Int64, kind: LaneKind, from time: Timestamp) -> Timestamp? {
        guard kind == .deliver, let group = lanes.lane(lane)?.group, let known = endpoints.endpoint(group: group) else {
            return time
        }
        if known.isClosed { return nil }
        let start = endpoints.nextStart(group: group).map { max(time, $0) } ?? time
        return known.health.pausedUntil.map { max(start, $0) } ?? start
    }

    /// Makes all lanes of an endpoint ready: what its group lets through has changed.
    func reviveLanes(group: Int64) throws {
        try connection.run(LaneSQL.revive, .time(now), .integer(lanes.nextTurn()), .integer(group))
        try connection.run(LaneSQL.forgetBlocked, .integer(group))
        effects.signal(.deliveriesDue)
    }

    /// Makes the lanes ready that have waited longest for a slot of their group.
    private func unblock(group: Int64, kind: LaneKind, upTo count: Int) throws {
        let waiting = try connection.all(LaneSQL.blocked, .integer(group), .integer(count)) {
            (lane: $0.integer(0), account: $0.text(1))
        }
        for (lane, account) in waiting {
            try connection.run(LaneSQL.setReady, .time(now), .integer(lanes.nextTurn()), .integer(lane))
            if kind == .pull { try wakeAccount(account, at: now) }
        }
        guard !waiting.isEmpty else { return }
        try connection.run(LaneSQL.addBlocked, .integer(-waiting.count), .integer(group))
        if kind == .deliver { effects.signal(.deliveriesDue) }
    }

    /// Visits ready lanes of deliveries in turn, each up to its share, until the limit is reached or no lane is ready.
    ///
    /// - Parameters:
    ///   - limit: Most rows in all.
    ///   - admit: What a group lets through.
    ///   - visit: Claims up to a number of rows of a lane.
    /// - Returns: What ``Claims/nextDue`` says.
    /// - Throws: SQLite's failure, or what the closures throw.
    func claimByLane(
        limit: Int, admit: (_ group: Int64) throws -> Admission,
        visit: (_ lane: Lane, _ room: Int) throws -> LaneVisit
    ) throws -> Duration? {
        var remaining = max(1, limit)
        // Lanes that turn out to be empty or full cost a visit too; what is left over stays due at once.
        var visits = remaining + 256
        while remaining > 0, visits > 0 {
            let ready = try connection.all(LaneSQL.ready, .time(now), .integer(min(remaining, visits))) {
                Lane(id: $0.integer(0), group: $0.integer(1), account: $0.text(2))
            }
            guard !ready.isEmpty else { break }
            // A lane that is alone need not go to the end of the line: that saves two pages of every commit.
            let isAlone = ready.count == 1 && min(remaining, visits) > 1
            var turn = LaneTurn(kind: .deliver, isAlone: isAlone, lanes: ready)
            visits -= ready.count
            remaining -= try take(from: ready, atMost: remaining, turn: &turn, admit: admit, visit: visit)
        }
        let next = try connection.first(LaneSQL.nextReady) { $0.time(0) }
        return next.map { max(.zero, $0 - now) }
    }

    /// Visits lanes in their order, each up to its share of a limit.
    ///
    /// - Returns: The number of rows that were claimed.
    func take(
        from ready: [Lane], atMost limit: Int, turn: inout LaneTurn, admit: (_ group: Int64) throws -> Admission,
        visit: (_ lane: Lane, _ room: Int) throws -> LaneVisit
    ) throws -> Int {
        let share = (limit + ready.count - 1) / max(1, ready.count)
        var remaining = limit
        for lane in ready {
            guard remaining > 0 else { break }
            lanes.remember(lane)
            remaining -= try take(
                from: lane, atMost: min(share, remaining), turn: &turn, admission: try admit(lane.group), visit: visit)
        }
        return limit - remaining
    }

    /// One visit: claims rows as far as the group has room, then puts the lane where it belongs.
    private func take(
        from lane: Lane, atMost share: Int, turn: inout LaneTurn, admission: Admission,
        visit: (_ lane: Lane, _ room: Int) throws -> LaneVisit
    ) throws -> Int {
        let siblings = turn.enter(lane)
        guard case .open(let slots, let starts) = admission else {
            if case .notBefore(let time) = admission { try setReady(lane, at: time) } else { try setEmpty(lane) }
            return 0
        }
        let group = try connection.first(LaneSQL.group, .integer(lane.group)) {
            (inUse: $0.int(0), blocked: $0.int(1))
        }
        guard let group else { throw StoreError(.corrupted, "the database lacks lane group \(lane.group)") }
        let room = max(1, slots) - group.inUse
        guard room > 0 else {
            try block(lane)
            return 0
        }
        let outcome = try visit(lane, min(share, starts, (room + siblings - 1) / siblings))
        let left = room - outcome.taken
        if outcome.taken > 0 {
            try connection.run(LaneSQL.takeSlots, .integer(outcome.taken), .integer(lane.group))
        }
        switch outcome.rest {
        case .ready where left <= 0: try block(lane)
        case .ready where turn.isAlone && outcome.taken > 0: break
        case .ready: try setReady(lane, at: now)
        case .later(let time): try setReady(lane, at: time)
        case .empty: try setEmpty(lane)
        }
        if left > 0, group.blocked > 0 { try unblock(group: lane.group, kind: turn.kind, upTo: left) }
        return outcome.taken
    }

    private func setReady(_ lane: Lane, at time: Timestamp) throws {
        try connection.run(LaneSQL.setReady, .time(time), .integer(lanes.nextTurn()), .integer(lane.id))
    }

    private func setEmpty(_ lane: Lane) throws { try connection.run(LaneSQL.setEmpty, .integer(lane.id)) }

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
    static let byID = SQL("SELECT group_id, account_id FROM lanes WHERE id = ?")
    static let group = SQL("SELECT in_use, blocked_lanes FROM lane_groups WHERE id = ?")
    static let takeSlots = SQL("UPDATE lane_groups SET in_use = in_use + ? WHERE id = ?")
    static let releaseSlots = SQL(
        "UPDATE lane_groups SET in_use = max(0, in_use - ?) WHERE id = ? RETURNING kind, blocked_lanes")
    static let addBlocked = SQL("UPDATE lane_groups SET blocked_lanes = blocked_lanes + ? WHERE id = ?")
    static let ready = SQL(
        "SELECT id, group_id, account_id FROM lanes WHERE kind = 1 AND ready_at <= ? ORDER BY ready_at, turn LIMIT ?")
    static let nextReady = SQL(
        "SELECT ready_at FROM lanes WHERE kind = 1 AND ready_at IS NOT NULL ORDER BY ready_at LIMIT 1")
    static let setReady = SQL("UPDATE lanes SET ready_at = ?, turn = ?, blocked_turn = NULL WHERE id = ?")
    static let setEmpty = SQL("UPDATE lanes SET ready_at = NULL, blocked_turn = NULL WHERE id = ?")
    static let setBlocked = SQL("UPDATE lanes SET ready_at = NULL, blocked_turn = ? WHERE id = ?")
    static let blocked = SQL(
        "SELECT id, account_id FROM lanes WHERE group_id = ? AND blocked_turn IS NOT NULL ORDER BY blocked_turn LIMIT ?"
    )
    static let wake = SQL(
        """
        UPDATE lanes SET ready_at = ?1, turn = ?2
        WHERE id = ?3 AND blocked_turn IS NULL AND (ready_at IS NULL OR ready_at > ?1)
        """)
    static let revive = SQL(
        "UPDATE lanes SET ready_at = ?, turn = ?, blocked_turn = NULL WHERE group_id = ? AND kind = 1")
    static let forgetBlocked = SQL("UPDATE lane_groups SET blocked_lanes = 0 WHERE id = ?")
}
