import TowlineCore
import TowlineStore

/// What a group of lanes lets through.
enum Admission {
    /// Nothing until its lanes are made ready again by whoever opens it.
    case closed
    /// Nothing before this moment.
    case notBefore(Timestamp)
    /// So many attempts at once, and so many of them that begin now.
    case open(slots: Int, starts: Int)
}

/// A lane that may have something to claim.
struct LaneCandidate {
    let lane: Lane
    let turn: Int64
    let hasLater: Bool
}

/// How rows of a claim are shared out between lanes: a pure rule over what was read under locks.
///
/// Accounts share what is asked for, the lanes of an account share its part, and the lanes of a group its room.
struct LanePlan {
    /// A lane with what it may give.
    struct Visit {
        let candidate: LaneCandidate
        let room: Int
    }

    /// Lanes that are put aside without a look, with the reason.
    enum Aside {
        case group, account, closed
        case until(Timestamp)
    }

    private(set) var visits: [Visit] = []
    private(set) var aside: [(candidate: LaneCandidate, reason: Aside)] = []
    /// What is left of each group's slots, before anything is claimed.
    private(set) var groupRoom: [Int64: Int] = [:]
    /// What is left of each account's slots, before anything is claimed.
    private(set) var ownerRoom: [Int64: Int] = [:]

    /// Shares out.
    ///
    /// - Parameters:
    ///   - candidates: Lanes in the order of their turns, whose groups are locked.
    ///   - limit: Most rows.
    ///   - admissions: What each group lets through.
    ///   - inUse: Slots of each group that are taken.
    ///   - owners: Slots of each account that are left; none named for accounts without a limit.
    init(
        _ candidates: [LaneCandidate], limit: Int, admissions: [Int64: Admission], inUse: [Int64: Int],
        owners: [Int64: Int]
    ) {
        ownerRoom = owners
        var starts: [Int64: Int] = [:]
        var usable: [LaneCandidate] = []
        for candidate in candidates {
            let group = candidate.lane.group
            switch admissions[group] {
            case nil, .closed?: aside.append((candidate, .closed))
            case .notBefore(let time)?: aside.append((candidate, .until(time)))
            case .open(let slots, let begins)?:
                let room = max(1, slots) - (inUse[group] ?? 0)
                groupRoom[group] = room
                starts[group] = begins
                if room <= 0 {
                    aside.append((candidate, .group))
                } else if let left = owners[candidate.lane.owner], left <= 0 {
                    aside.append((candidate, .account))
                } else {
                    usable.append(candidate)
                }
            }
        }
        share(limit, between: usable, starts: starts)
    }

    private mutating func share(_ limit: Int, between usable: [LaneCandidate], starts: [Int64: Int]) {
        var lanesOf: [Int64: Int] = [:]
        var siblings: [Int64: Int] = [:]
        for candidate in usable {
            lanesOf[candidate.lane.owner, default: 0] += 1
            siblings[candidate.lane.group, default: 0] += 1
        }
        let part = (limit + max(1, lanesOf.count) - 1) / max(1, lanesOf.count)
        var left = limit
        var parts = lanesOf.mapValues { _ in part }
        for (owner, room) in ownerRoom { if let own = parts[owner] { parts[owner] = min(own, room) } }
        var rooms = groupRoom
        var starts = starts
        for candidate in usable {
            let lane = candidate.lane
            let ofOwner = (parts[lane.owner] ?? 0, lanesOf[lane.owner] ?? 1)
            let ofGroup = (rooms[lane.group] ?? 0, siblings[lane.group] ?? 1)
            lanesOf[lane.owner] = ofOwner.1 - 1
            siblings[lane.group] = ofGroup.1 - 1
            let room = min(
                left, Self.fraction(ofOwner.0, ofOwner.1), Self.fraction(ofGroup.0, ofGroup.1),
                starts[lane.group] ?? 0)
            guard room > 0 else { continue }
            visits.append(Visit(candidate: candidate, room: room))
            left -= room
            parts[lane.owner] = ofOwner.0 - room
            rooms[lane.group] = ofGroup.0 - room
            if let begins = starts[lane.group], begins < .max { starts[lane.group] = begins - room }
        }
    }

    private static func fraction(_ whole: Int, _ parts: Int) -> Int {
        let parts = max(1, parts)
        return whole / parts + (whole % parts > 0 ? 1 : 0)
    }
}

/// What one round of a claim has come to.
struct LaneRound<Item: Sendable>: Sendable {
    var items: [Item] = []
    /// Lanes that were put where they belong without giving anything.
    var aside = 0
    /// Whether other transactions held everything that might have been claimed.
    var isBusy = false
    /// What ``Claims/nextDue`` says.
    var next: Duration?
}

extension Transaction {
    /// Lanes at which one round looks beyond the number of rows that it wants.
    private static let extraCandidates = 64

    /// The lanes whose turn it is.
    func candidates(_ kind: LaneKind, limit: Int) throws -> [LaneCandidate] {
        let most = min(limit, 1000) + Self.extraCandidates
        var found: [LaneCandidate] = []
        if !laneTurns.isSweepDue(kind) {
            found = try ready(kind, limit: most, from: laneTurns.served(kind), overdue: LaneTurns.overdue)
            laneTurns.noteLook(kind, at: now)
            if found.isEmpty, !laneTurns.isSweepDue(kind) {
                found = try ready(kind, limit: most, from: laneTurns.recent(kind), overdue: LaneTurns.overdue)
            }
        }
        if found.isEmpty, laneTurns.isSweepDue(kind) {
            let start = ContinuousClock.now
            found = try ready(kind, limit: most, from: 0, overdue: .seconds(1_000_000_000))
            laneTurns.noteSweep(kind, since: start, at: now, last: found.count < most ? nil : found.last?.turn)
        }
        if let first = found.first { laneTurns.serve(first.turn, of: kind) }
        return found
    }

    private func ready(
        _ kind: LaneKind, limit: Int, from floor: Int64, overdue: Duration
    ) throws -> [LaneCandidate] {
        let found = connection.add(
            ClaimSQL.candidates, .integer(kind.rawValue), .integer(limit), .integer(floor), offset,
            .integer(overdue.wholeMilliseconds))
        try start()
        return try found.result().map { row in
            LaneCandidate(
                lane: Lane(id: row.integer(0), group: row.integer(1), owner: row.integer(2)), turn: row.integer(3),
                hasLater: row.optionalTime(4).map { $0 <= now } ?? false)
        }
    }

    /// Takes the rows of groups, those that nobody else has, or all.
    ///
    /// - Returns: What gives the groups that were taken, and what gives the states of all, read afterwards.
    func lockGroups(
        of candidates: [LaneCandidate], waits: Bool
    ) -> (taken: PostgresPending, states: PostgresPending) {
        let groups = PostgresValue.integers(Set(candidates.map(\.lane.group)).sorted())
        let taken = connection.add(waits ? ClaimSQL.lockGroups : ClaimSQL.lockFreeGroups, groups)
        return (taken, connection.add(ClaimSQL.groupStates, groups))
    }

    /// The states of the groups that were taken.
    func groupStates(
        _ pending: (taken: PostgresPending, states: PostgresPending)
    ) throws -> [(group: Int64, inUse: Int, nextStart: Timestamp)] {
        let taken = Set(try pending.taken.result().map { $0.integer(0) })
        return try pending.states.result().map { (group: $0.integer(0), inUse: $0.int(1), nextStart: $0.time(2)) }
            .filter { taken.contains($0.group) }
    }

    /// Takes the rows of accounts, where they have a limit.
    ///
    /// - Returns: What gives their states.
    func lockOwners(of candidates: [LaneCandidate]) -> PostgresPending {
        let owners = PostgresValue.integers(Set(candidates.map(\.lane.owner)).sorted())
        connection.add(LaneSQL.lockOwners, owners)
        return connection.add(ClaimSQL.accountStates, owners)
    }

    /// Takes the rows of lanes.
    func lockLanes(_ lanes: [Lane]) { connection.add(ClaimSQL.lockLanes, .integers(lanes.map(\.id))) }

    /// Writes what a round did to groups, accounts and lanes.
    ///
    /// - Parameters:
    ///   - kind: Which lanes.
    ///   - plan: How the round was shared out.
    ///   - taken: Rows that were claimed, by lane.
    ///   - nextStarts: Before when nothing more begins in a group.
    /// - Returns: What tells when something more is due.
    func settle(
        _ kind: LaneKind, _ plan: LanePlan, taken: [Int64: Int], nextStarts: [Int64: Timestamp]
    ) -> PostgresPending {
        var used: [Int64: Int] = [:]
        var owners: [Int64: Int] = [:]
        for visit in plan.visits {
            let count = taken[visit.candidate.lane.id] ?? 0
            used[visit.candidate.lane.group, default: 0] += count
            owners[visit.candidate.lane.owner, default: 0] += count
        }
        var rows: [SettledLane] = plan.aside.map { SettledLane($0.candidate, aside: $0.reason) }
        for visit in plan.visits {
            let lane = visit.candidate.lane
            let count = taken[lane.id] ?? 0
            var row = SettledLane(visit.candidate)
            if let room = plan.groupRoom[lane.group], room - (used[lane.group] ?? 0) <= 0 { row.mode = 3 }
            if let room = plan.ownerRoom[lane.owner], room - (owners[lane.owner] ?? 0) <= 0 { row.mode = 4 }
            // A moment behind the lanes that were kept back by this one: they take turns.
            if row.mode == 0, let time = nextStarts[lane.group] { row.notBefore = time + .milliseconds(1) }
            row.turn = laneTurns.after(owner: lane.owner, of: kind, cost: count)
            rows.append(row)
        }
        rows.sort { $0.lane.id < $1.lane.id }
        use(used, nextStarts: nextStarts, rows)
        if kind == .pull { useOwners(owners, rows) }
        if !rows.isEmpty {
            connection.add(
                kind == .pull ? ClaimSQL.settlePulls : ClaimSQL.settleDeliveries, .integers(rows.map(\.lane.id)),
                .integers(rows.map(\.mode)), .integers(rows.map(\.notBefore.milliseconds)),
                .integers(rows.map(\.turn)), .time(now))
        }
        passOn(kind, plan, used: used, owners: owners)
        let served = laneTurns.served(kind)
        if !laneTurns.isAnnounced(served, of: kind) {
            connection.add(kind == .pull ? ClaimSQL.servePulls : ClaimSQL.serveDeliveries, .integer(served))
            effects.afterCommit { [laneTurns] in laneTurns.announce(served, of: kind) }
        }
        return addNext(kind)
    }

    /// Takes slots of groups, and notes from which turn on lanes may wait for one.
    private func use(_ used: [Int64: Int], nextStarts: [Int64: Timestamp], _ rows: [SettledLane]) {
        let blocked = SettledLane.firstTurns(rows, mode: 3, by: \.group)
        let groups = Set(used.filter { $0.value > 0 }.keys).union(nextStarts.keys).union(blocked.keys).sorted()
        guard !groups.isEmpty else { return }
        connection.add(
            ClaimSQL.useGroups, .integers(groups), .integers(groups.map { Int64(used[$0] ?? 0) }),
            .integers(groups.map { nextStarts[$0]?.milliseconds }), .integers(groups.map { blocked[$0] }))
    }

    /// The same for slots of accounts.
    private func useOwners(_ used: [Int64: Int], _ rows: [SettledLane]) {
        let full = SettledLane.firstTurns(rows, mode: 4, by: \.owner)
        let owners = Set(used.filter { $0.value > 0 }.keys).union(full.keys).sorted()
        guard !owners.isEmpty else { return }
        connection.add(LaneSQL.lockOwners, .integers(owners))
        connection.add(
            ClaimSQL.useOwners, .integers(owners), .integers(owners.map { Int64(used[$0] ?? 0) }),
            .integers(owners.map { full[$0] }))
    }

    /// Wakes lanes that wait for slots which nobody of this round has taken.
    private func passOn(_ kind: LaneKind, _ plan: LanePlan, used: [Int64: Int], owners: [Int64: Int]) {
        let groups = used.compactMap { group, count -> (Int64, Int64)? in
            let left = (plan.groupRoom[group] ?? 0) - count
            return left > 0 ? (group, Int64(min(left, 1000))) : nil
        }
        if !groups.isEmpty {
            connection.add(LaneSQL.lockBlocked, .integers(groups.map(\.0)), .integers(groups.map(\.1)))
            unblock(kind, groups.map { (key: $0.0, value: Int($0.1)) })
        }
        let free = owners.compactMap { owner, count -> (Int64, Int64)? in
            guard let room = plan.ownerRoom[owner], room - count > 0 else { return nil }
            return (owner, Int64(min(room - count, 1000)))
        }
        if !free.isEmpty {
            let values: [PostgresValue] = [.integers(free.map(\.0)), .integers(free.map(\.1))]
            connection.add(LaneSQL.lockFull, values)
            unblockOwners(values)
        }
    }

    /// Asks when something is due next.
    func addNext(_ kind: LaneKind) -> PostgresPending {
        connection.add(
            ClaimSQL.next, .integer(kind.rawValue), .integer(laneTurns.recent(kind)),
            .time(now - LaneTurns.overdue))
    }

    /// What ``settle(_:_:taken:nextStarts:)`` says about the time that is due next.
    func nextDue(_ pending: PostgresPending, of kind: LaneKind) throws -> Duration? {
        if laneTurns.isMoreToSweep(kind) { return .zero }
        return try pending.result().first { row in
            row.integer(0) != 0 ? Duration.zero : row.optionalTime(1).map { max(.zero, $0 - now) }
        } ?? nil
    }
}

/// Where a lane goes after a round.
private struct SettledLane {
    let lane: Lane
    /// 0 to look what it holds, 3 and 4 as the states of lanes, 5 for an endpoint that is closed.
    var mode: Int64 = 0
    var notBefore = Timestamp(milliseconds: 0)
    /// 0 to leave its turn as it is.
    var turn: Int64 = 0
    /// Its turn when it was read.
    let before: Int64

    init(_ candidate: LaneCandidate) {
        lane = candidate.lane
        before = candidate.turn
    }

    /// The smallest turn of the lanes that go where a mode says, by their groups or accounts.
    static func firstTurns(_ rows: [SettledLane], mode: Int64, by key: (Lane) -> Int64) -> [Int64: Int64] {
        var turns: [Int64: Int64] = [:]
        for row in rows where row.mode == mode {
            let key = key(row.lane)
            turns[key] = min(turns[key] ?? .max, max(row.before, row.turn))
        }
        return turns
    }

    init(_ candidate: LaneCandidate, aside reason: LanePlan.Aside) {
        self.init(candidate)
        switch reason {
        case .group: mode = 3
        case .account: mode = 4
        case .closed: mode = 5
        case .until(let time): notBefore = time
        }
    }
}

/// The statements that claim by lanes.
///
/// `OFFSET 0` keeps the server from looking anew for each place where the answer is used.
enum ClaimSQL {
    static let candidates = SQL(
        """
        SELECT c.lane_id, c.group_id, c.owner_id, c.turn, c.later_at FROM (
          (SELECT lane_id, group_id, owner_id, turn, later_at FROM lane_states
           WHERE kind = $1 AND state = 1 AND turn >= $3 ORDER BY turn, lane_id LIMIT $2)
          UNION ALL
          (SELECT lane_id, group_id, owner_id, turn, later_at FROM lane_states
           WHERE kind = $1 AND state = 2 AND ready_at <= \(ServerClock.plus("$4"))
             AND ready_at > \(ServerClock.plus("$4 - $5"))
           ORDER BY ready_at LIMIT $2)) c
        ORDER BY c.turn, c.lane_id LIMIT $2
        """)
    static let lockGroups = SQL(
        "SELECT id FROM lane_groups WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE")
    static let lockFreeGroups = SQL(
        """
        SELECT id FROM lane_groups WHERE id = ANY($1::bigint[]) ORDER BY id
        FOR UPDATE SKIP LOCKED
        """)
    static let groupStates = SQL(
        """
        SELECT v.id, n.in_use, n.next_start FROM unnest($1::bigint[]) v (id)
        CROSS JOIN LATERAL (\(SlotStates.groups.of("v.id"))) n
        """)
    static let accountStates = SQL(
        """
        SELECT v.id, n.in_use FROM unnest($1::bigint[]) v (id)
        CROSS JOIN LATERAL (\(SlotStates.accounts.of("v.id"))) n
        """)
    static let lockLanes = SQL("SELECT 1 FROM lanes WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE")
    static let useGroups = SlotStates.groups.change(
        """
        in_use = g.in_use + v.slots, next_start = greatest(g.next_start, v.next_start),
        blocked_from = least(g.blocked_from, v.blocked)
        """, of: "unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) v (id, slots, next_start, blocked)")
    static let useOwners = SlotStates.accounts.change(
        "in_use = g.in_use + v.slots, blocked_from = least(g.blocked_from, v.blocked)",
        of: "unnest($1::bigint[], $2::bigint[], $3::bigint[]) v (id, slots, blocked)")
    static let settlePulls = SQL(
        """
        UPDATE lane_states l SET
          state = CASE WHEN n.due IS NULL AND n.later IS NULL THEN 0 WHEN n.due IS NULL THEN 2
            WHEN v.mode > 0 THEN v.mode WHEN v.not_before > $5 THEN 2 ELSE 1 END,
          ready_at = CASE WHEN n.due IS NULL AND n.later IS NOT NULL THEN greatest(n.later, v.not_before)
            WHEN n.due IS NOT NULL AND v.mode = 0 AND v.not_before > $5 THEN v.not_before END,
          turn = greatest(l.turn, v.turn),
          mark = coalesce(n.due - 1, greatest(l.mark, $5)),
          later_at = n.later, later_mark = coalesce(n.later - 1, greatest(l.later_mark, $5)),
          levels = CASE WHEN n.due IS NULL AND n.later IS NULL THEN 0 ELSE l.levels END
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) v (id, mode, not_before, turn)
        CROSS JOIN LATERAL (\(LaneStates.of("v.id"))) k
        CROSS JOIN LATERAL (SELECT
          (SELECT min(x.due) FROM generate_series(1, 10) p CROSS JOIN LATERAL (
             SELECT r.due FROM runs r WHERE r.lane_id = k.lane_id AND r.waiting = 1 AND r.level = p AND r.due > k.mark
             ORDER BY r.due LIMIT 1) x
           WHERE (k.levels >> p) & 1 = 1) AS due,
          (SELECT r.due FROM runs r WHERE r.lane_id = k.lane_id AND r.waiting = 2 AND r.due > k.later_mark
           ORDER BY r.due LIMIT 1) AS later OFFSET 0) n
        WHERE l.ctid = k.place
        """)
    static let settleDeliveries = SQL(
        """
        UPDATE lane_states l SET
          state = CASE WHEN v.mode = 5 OR n.due IS NULL THEN 0 WHEN n.due > $5 THEN 2
            WHEN v.mode > 0 THEN v.mode WHEN v.not_before > $5 THEN 2 ELSE 1 END,
          ready_at = CASE WHEN v.mode = 5 OR n.due IS NULL THEN NULL
            WHEN n.due > $5 THEN greatest(n.due, v.not_before)
            WHEN v.mode = 0 AND v.not_before > $5 THEN v.not_before END,
          turn = greatest(l.turn, v.turn),
          mark = coalesce(n.due - 1, greatest(l.mark, $5))
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) v (id, mode, not_before, turn)
        CROSS JOIN LATERAL (\(LaneStates.of("v.id"))) k
        CROSS JOIN LATERAL (SELECT
          (SELECT d.due FROM deliveries d WHERE d.lane_id = k.lane_id AND d.state = 0 AND d.due > k.mark
           ORDER BY d.due LIMIT 1) AS due OFFSET 0) n
        WHERE l.ctid = k.place
        """)
    static let servePulls = serve(.pull)
    static let serveDeliveries = serve(.deliver)
    static let next = SQL(
        """
        SELECT EXISTS (SELECT 1 FROM lane_states WHERE kind = $1 AND state = 1 AND turn >= $2 ORDER BY turn LIMIT 1),
          (SELECT ready_at FROM lane_states WHERE kind = $1 AND state = 2 AND ready_at > $3 ORDER BY ready_at LIMIT 1)
        """)

    private static func serve(_ kind: LaneKind) -> SQL {
        SQL(
            """
            SELECT setval('lane_clock_\(kind.rawValue)', $1)
            WHERE (SELECT last_value FROM lane_clock_\(kind.rawValue)) < $1
            """)
    }
}
