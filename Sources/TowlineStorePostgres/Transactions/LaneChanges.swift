import TowlineCore
import TowlineStore

/// One lane with what its rows hang on.
struct Lane: Hashable {
    let id: Int64
    let group: Int64
    let owner: Int64
}

/// What a transaction does to lanes, written down by ``Transaction/settleLanes()``.
struct LaneChanges {
    /// Rows that become claimable in a lane.
    struct Wake {
        let lane: Lane
        /// When the lane is worth a visit; nil when whoever opens its endpoint will see to it.
        var at: Timestamp?
        /// The earliest row that waits in the order of priority, or of time for deliveries.
        var due: Timestamp?
        /// The earliest row that waits for a time.
        var later: Timestamp?
        /// The levels of priority of the rows, a bit for each.
        var levels: Int64 = 0
    }

    /// Slots that are free again, by group.
    private(set) var groups: [Int64: Int] = [:]
    /// What waits in the lanes of these groups.
    private(set) var kinds: [Int64: LaneKind] = [:]
    /// Attempts of pulls that have ended, by the account's row.
    var owners: [Int64: Int] = [:]
    /// Groups in which nothing begins before a time.
    private(set) var pauses: [Int64: Timestamp] = [:]
    /// What becomes claimable, by lane.
    private(set) var wakes: [LaneKind: [Int64: Wake]] = [:]
    /// Groups of endpoints whose lanes become ready, whatever they wait for.
    private(set) var revived: Set<Int64> = []
    /// Groups of endpoints whose lanes need not wait for the end of a pause.
    private(set) var hastened: Set<Int64> = []
    /// Groups whose next attempt may begin at once.
    private(set) var freed: Set<Int64> = []
    /// What the statements that wake lanes gave.
    var woken: [(kind: LaneKind, changed: PostgresPending)] = []

    /// Gives back the slots that an attempt held.
    mutating func release(_ lane: Lane, kind: LaneKind) {
        giveBack(1, group: lane.group, kind: kind)
        if kind == .pull { owners[lane.owner, default: 0] += 1 }
    }

    /// Gives slots of a group back.
    mutating func giveBack(_ slots: Int, group: Int64, kind: LaneKind) {
        groups[group, default: 0] += slots
        kinds[group] = kind
    }

    /// Lets nothing begin in a group, of which a slot is given back, before a time.
    mutating func pause(_ group: Int64, until time: Timestamp) { pauses[group] = max(time, pauses[group] ?? time) }

    /// Makes all lanes of an endpoint ready: what its group lets through has changed.
    mutating func revive(_ group: Int64) { revived.insert(group) }

    /// Makes lanes of an endpoint ready that wait for a time.
    mutating func hasten(_ group: Int64) { hastened.insert(group) }

    /// Lets the next attempt in a group begin at once: its limit has changed.
    mutating func forgetStart(_ group: Int64) { freed.insert(group) }

    /// Notes that a row becomes claimable in the order of its lane.
    ///
    /// - Parameters:
    ///   - lane: The lane.
    ///   - kind: Its kind.
    ///   - due: The row's time.
    ///   - at: When the lane is worth a visit; nil when somebody else will see to it.
    ///   - level: The row's level of priority, for pulls.
    mutating func wake(_ lane: Lane, kind: LaneKind, due: Timestamp, at: Timestamp?, level: Int = 0) {
        change(lane, kind) { wake in
            wake.levels |= 1 << Int64(level)
            wake.due = min(wake.due ?? due, due)
            if let at { wake.at = min(wake.at ?? at, at) }
        }
    }

    /// Notes that a pull becomes claimable at a later time.
    mutating func schedule(_ lane: Lane, at time: Timestamp, level: Int) {
        change(lane, .pull) { wake in
            wake.levels |= 1 << Int64(level)
            wake.later = min(wake.later ?? time, time)
            wake.at = min(wake.at ?? time, time)
        }
    }

    private mutating func change(_ lane: Lane, _ kind: LaneKind, _ body: (inout Wake) -> Void) {
        body(&wakes[kind, default: [:]][lane.id, default: Wake(lane: lane)])
    }
}

extension Transaction {
    /// Writes what the operation did to lanes: freed slots wake the lanes that waited longest for one, new rows make
    /// their lanes ready.
    ///
    /// Everybody takes these rows in one order, and each kind of row in the order of its key: groups, accounts, lanes.
    /// They are the last that a transaction takes, so that they are held for little more than the commit.
    func settleLanes() {
        let groups = lanes.groups.sorted { $0.key < $1.key }
        let owners = lanes.owners.sorted { $0.key < $1.key }
        let freed: [PostgresValue] = [.integers(groups.map(\.key)), .integers(groups.map { Int64($0.value) })]
        let left: [PostgresValue] = [.integers(owners.map(\.key)), .integers(owners.map { Int64($0.value) })]
        let opened = lanes.revived.union(lanes.hastened).union(lanes.freed)
        let locked = opened.union(groups.map(\.key)).sorted()
        if !locked.isEmpty { connection.add(LaneSQL.lockGroups, .integers(locked)) }
        if !lanes.freed.isEmpty { connection.add(LaneSQL.forgetStarts, .integers(lanes.freed.sorted())) }
        if !groups.isEmpty { connection.add(LaneSQL.releaseSlots, freed) }
        for (group, time) in lanes.pauses { connection.add(LaneSQL.pause, .integer(group), .time(time)) }
        if !owners.isEmpty { connection.add(LaneSQL.lockOwners, left[0]) }
        if !owners.isEmpty { connection.add(LaneSQL.releaseOwners, left) }
        let touched = lanes.wakes.values.flatMap(\.keys).sorted()
        guard !touched.isEmpty || !locked.isEmpty else { return }
        connection.add(LaneSQL.lock, [.integers(touched)] + freed + left + [.integers(opened.sorted())])
        open()
        for kind in LaneKind.allCases { unblock(kind, groups.filter { lanes.kinds[$0.key] == kind }) }
        unblockOwners(left)
        for kind in LaneKind.allCases { wake(kind) }
    }

    private func open() {
        if !lanes.revived.isEmpty {
            lanes.woken.append((.deliver, connection.add(LaneSQL.revive, .integers(lanes.revived.sorted()))))
        }
        if !lanes.hastened.isEmpty {
            lanes.woken.append(
                (.deliver, connection.add(LaneSQL.hasten, .integers(lanes.hastened.sorted()), .time(now))))
        }
    }

    /// Wakes lanes that wait for slots of groups, as many as there are slots; the groups' and the lanes' rows are held.
    func unblock(_ kind: LaneKind, _ groups: [(key: Int64, value: Int)]) {
        guard !groups.isEmpty else { return }
        let ids = PostgresValue.integers(groups.map(\.key))
        let pending = connection.add(
            kind == .pull ? LaneSQL.unblockPulls : LaneSQL.unblockDeliveries, ids,
            .integers(groups.map { Int64($0.value) }))
        lanes.woken.append((kind, pending))
        connection.add(LaneSQL.moveBlockedFrom, ids)
    }

    /// Wakes lanes of pulls that wait for slots of accounts; the accounts' and the lanes' rows are held.
    func unblockOwners(_ owners: [PostgresValue]) {
        guard case .integers(let ids)? = owners.first, !ids.isEmpty else { return }
        lanes.woken.append((.pull, connection.add(LaneSQL.unblockOwners, owners)))
        connection.add(LaneSQL.moveFullFrom, owners[0])
    }

    private func wake(_ kind: LaneKind) {
        guard let wakes = lanes.wakes[kind]?.values.sorted(by: { $0.lane.id < $1.lane.id }), !wakes.isEmpty else {
            return
        }
        var places: [Int64: Int] = [:]
        let turns = wakes.map { wake in
            let place = places[wake.lane.owner, default: 0]
            places[wake.lane.owner] = place + 1
            return laneTurns.start(owner: wake.lane.owner, of: kind, place: place)
        }
        let pending = connection.add(
            kind == .pull ? LaneSQL.wakePulls : LaneSQL.wakeDeliveries, .integers(wakes.map(\.lane.id)),
            .integers(wakes.map { $0.at?.milliseconds }), .integers(wakes.map { $0.due?.milliseconds }),
            .integers(wakes.map { $0.later?.milliseconds }),
            .integers(turns), .time(now), .integers(wakes.map(\.levels)))
        lanes.woken.append((kind, pending))
    }

    /// Notes after the commit which kinds have become claimable.
    func noteWoken() throws {
        for pending in sweeps where try pending.result().changed > 0 { effects.signal(.objectsPending) }
        for (kind, pending) in lanes.woken {
            let result = try pending.result()
            if result.changed > 0 { effects.signal(kind == .pull ? .jobsDue : .deliveriesDue) }
            try result.forEach { laneTurns.note(owner: $0.integer(0), of: kind, turn: $0.integer(1)) }
        }
    }
}

/// The statements about lanes.
///
/// A lane's `state`: 0 empty, 1 ready, 2 ready at `ready_at`, 3 has due rows while its group is full, 4 has due rows while
/// its account is. Every row that waits in a lane has a `due` after the lane's `mark` (`later_mark` for pulls that wait
/// for a time): looks at a lane begin there, and not among the entries that claims have left behind in the index and no
/// vacuum may remove while an old transaction is open. Whoever lets a row wait holds the lane's row until the commit, so
/// whoever takes the lane's row sees all that waits.
enum LaneSQL {
    static let lockGroups = SQL("SELECT 1 FROM lane_groups WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE")
    static let lockOwners = SQL("SELECT 1 FROM lane_accounts WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE")
    static let forgetStarts = SlotStates.groups.change("next_start = 0", of: "unnest($1::bigint[]) v (id)")
    static let releaseSlots = SlotStates.groups.change(
        "in_use = greatest(0, g.in_use - v.slots)", of: "unnest($1::bigint[], $2::bigint[]) v (id, slots)")
    static let pause = SlotStates.groups.change(
        "next_start = greatest(g.next_start, $2)", of: "(SELECT $1::bigint AS id) v")
    static let releaseOwners = SlotStates.accounts.change(
        "in_use = greatest(0, g.in_use - v.slots)", of: "unnest($1::bigint[], $2::bigint[]) v (id, slots)")
    private static let blocked = SlotStates.groups.waitingLanes(1)
    private static let full = SlotStates.accounts.waitingLanes(1)
    static let moveBlockedFrom = SlotStates.groups.moveBlockedFrom
    static let moveFullFrom = SlotStates.accounts.moveBlockedFrom

    static let lock = SQL(
        """
        SELECT 1 FROM lanes WHERE id IN (
          SELECT unnest($1::bigint[])
          UNION SELECT w.lane_id FROM (\(SlotStates.groups.waitingLanes(2))) w
          UNION SELECT w.lane_id FROM (\(SlotStates.accounts.waitingLanes(4))) w
          UNION SELECT l.id FROM lanes l WHERE l.group_id = ANY($6::bigint[]))
        ORDER BY id FOR UPDATE
        """)
    static let lockBlocked = lock(blocked)
    static let lockFull = lock(full)

    private static func lock(_ lanes: String) -> SQL {
        SQL("SELECT 1 FROM lanes WHERE id IN (SELECT w.lane_id FROM (\(lanes)) w) ORDER BY id FOR UPDATE")
    }

    static let unblockPulls = unblock(blocked, .pull)
    static let unblockDeliveries = unblock(blocked, .deliver)
    static let unblockOwners = unblock(full, .pull)

    private static func unblock(_ lanes: String, _ kind: LaneKind) -> SQL {
        SQL(
            """
            UPDATE lane_states l SET state = 1,
              turn = greatest(l.turn, (SELECT last_value FROM lane_clock_\(kind.rawValue)))
            FROM (\(lanes)) w WHERE l.ctid = w.place RETURNING l.owner_id, l.turn
            """)
    }

    static let revive = SQL(
        """
        UPDATE lane_states l SET state = 1, ready_at = NULL,
          turn = greatest(l.turn, (SELECT last_value FROM lane_clock_1))
        FROM (\(ofGroups)) w WHERE l.ctid = w.place RETURNING l.owner_id, l.turn
        """)
    static let hasten = SQL(
        """
        UPDATE lane_states l SET state = 1, ready_at = NULL,
          turn = greatest(l.turn, (SELECT last_value FROM lane_clock_1))
        FROM (\(ofGroups)) w WHERE l.ctid = w.place AND w.state = 2 AND w.ready_at > $2
        RETURNING l.owner_id, l.turn
        """)
    /// The states of deliveries' lanes of groups.
    private static let ofGroups = """
        SELECT n.* FROM lanes k CROSS JOIN LATERAL (\(LaneStates.of("k.id"))) n
        WHERE k.group_id = ANY($1::bigint[]) AND k.kind = 1
        """
    static let wakePulls = wake("lane_clock_0")
    static let wakeDeliveries = wake("lane_clock_1")

    private static func wake(_ clock: String) -> SQL {
        SQL(
            """
            UPDATE lane_states l SET
              state = CASE WHEN v.at IS NULL OR l.state IN (1, 3, 4) THEN l.state
                WHEN v.at <= $6 THEN 1 WHEN l.state = 2 AND l.ready_at <= v.at THEN 2 ELSE 2 END,
              ready_at = CASE WHEN v.at IS NULL OR l.state IN (1, 3, 4) THEN l.ready_at
                WHEN v.at <= $6 THEN NULL WHEN l.state = 2 THEN least(l.ready_at, v.at) ELSE v.at END,
              turn = CASE WHEN l.state IN (0, 2) THEN greatest(l.turn, v.turn, (SELECT last_value FROM \(clock))) ELSE l.turn END,
              mark = least(l.mark, v.due - 1), levels = l.levels | v.levels::integer,
              later_mark = least(l.later_mark, v.later - 1),
              later_at = least(l.later_at, v.later)
            FROM (
              SELECT v.*, n.place
              FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $7::bigint[])
                v (id, at, due, later, turn, levels)
              CROSS JOIN LATERAL (\(LaneStates.of("v.id"))) n) v
            WHERE l.ctid = v.place AND (
              l.state = 0 AND v.at IS NOT NULL OR l.state = 2 AND v.at < l.ready_at OR l.mark >= v.due
              OR v.levels & ~l.levels::bigint <> 0
              OR v.later IS NOT NULL AND (l.later_at IS NULL OR v.later < l.later_at OR l.later_mark >= v.later))
            RETURNING l.owner_id, l.turn
            """)
    }
}
