import TowlineCore
import TowlineStore

extension WriteContext {
    /// Why a replay's delivery is dead that had not been tried when the replay was cancelled.
    static let replayCancellation = "the replay was cancelled"

    /// How far one step goes: a few milliseconds of the writer's time.
    static let replayStep = ReplayPlan.Bounds(events: 500, rows: 1000, deliveries: 128)

    /// Begins a replay (``ReplayStore/startReplay(_:)``).
    func startReplay(_ request: ReplayRequest) throws -> Replay {
        try ReplayPlan(request, connection: connection).verify()
        let range = try EventRange(request.filter, in: connection)
        let id = newID(ReplayID.self)
        try connection.run(
            ReplaySQL.insert, .id(id), .text(ReplayRows.text(of: request)), .integer(range.after),
            .integer(range.last), .integer(range.last - range.after), .time(now))
        effects.signal(.upkeepDue)
        return try storedReplay(id).replay
    }

    /// Ends a replay (``ReplayStore/cancelReplay(_:)``).
    func cancelReplay(_ id: ReplayID) throws -> Replay {
        let stored = try storedReplay(id)
        switch stored.replay.state {
        case .running:
            // From here on the cursor goes through the replay's own deliveries, from the first.
            try connection.run(ReplaySQL.cancel, .id(id), .time(now))
            effects.signal(.upkeepDue)
            return try storedReplay(id).replay
        case .cancelling: return stored.replay
        case .done, .cancelled:
            throw StoreError(.conflict, "the replay \(id) is \(stored.replay.state.rawValue) already")
        }
    }

    /// Does one step of a replay, where it is due.
    func stepReplay(_ id: ReplayID) throws {
        let stored = try storedReplay(id)
        guard stored.replay.endedAt == nil, stored.stepAt <= now else { return }
        switch stored.replay.state {
        case .running: try advance(stored)
        case .cancelling: try endUntried(of: stored)
        case .done, .cancelled: return
        }
    }

    private func storedReplay(_ id: ReplayID) throws -> StoredReplay {
        let stored = try connection.first(ReplaySQL.byID, .id(id)) { try StoredReplay($0) }
        guard let stored else { throw StoreError(.notFound, "there is no replay \(id)") }
        return stored
    }

    /// Looks at the next events, makes their deliveries and moves the cursor.
    private func advance(_ stored: StoredReplay) throws {
        let id = stored.replay.id
        let pace = ReplayPace(perSecond: stored.replay.request.perSecond, atMost: Self.replayStep.deliveries)
        var bounds = Self.replayStep
        bounds.deliveries = pace.batch
        let plan = try ReplayPlan(stored.replay.request, replay: id, connection: connection)
        let pass = try plan.pass(after: stored.cursor, upTo: stored.last, within: bounds)
        var made = 0
        for (event, groups) in pass.events {
            for group in groups {
                try insertDelivery(
                    of: event, to: try endpoint(group: group), origin: .replay(id), due: now + pace.offset(of: made))
                made += 1
            }
        }
        let state: ReplayState = pass.isAtEnd ? .done : .running
        try connection.run(
            ReplaySQL.advance, .id(id), .integer(pass.cursor), .integer(pass.cursor - stored.first), .integer(made),
            .time(now + pace.wait(after: made)), .integer(state.number), .time(pass.isAtEnd ? now : nil))
        if pass.isAtEnd { effects.signal(.upkeepDue) }
    }

    /// Ends deliveries of a cancelled replay that have not been tried, in the order of their events.
    private func endUntried(of stored: StoredReplay) throws {
        let id = stored.replay.id
        var untried: [DeliveryID] = []
        var cursor = stored.cursor
        var looked = 0
        var isAtEnd = true
        try connection.each(ReplaySQL.made, .id(id), .integer(stored.cursor)) { row in
            let event = row.integer(0)
            let isFull = looked >= Self.replayStep.events || untried.count >= Self.replayStep.deliveries
            if isFull, event != cursor {
                isAtEnd = false
                return false
            }
            looked += 1
            cursor = event
            if row.int(2) == DeliveryState.pending.number, row.int(3) == 0 { untried.append(try row.id(1)) }
            return true
        }
        for delivery in untried where try endUnclaimed(delivery, reason: Self.replayCancellation) {
            countReplayEnd(of: id, as: .dead)
        }
        let state: ReplayState = isAtEnd ? .cancelled : .cancelling
        try connection.run(
            ReplaySQL.moveCancelled, .id(id), .integer(cursor), .integer(state.number), .time(isAtEnd ? now : nil))
        if isAtEnd { effects.signal(.upkeepDue) }
    }
}

/// The statements about replays.
enum ReplaySQL {
    static let byID = SQL("SELECT \(ReplayRows.columns) FROM replays WHERE id = ?")
    static let latest = SQL("SELECT \(ReplayRows.columns) FROM replays WHERE id <= ? ORDER BY id DESC LIMIT ?")
    static let due = SQL(
        "SELECT id FROM replays WHERE ended_at IS NULL AND step_at <= ? ORDER BY step_at LIMIT ?")
    static let next = SQL("SELECT min(step_at) FROM replays WHERE ended_at IS NULL")
    static let insert = SQL(
        """
        INSERT INTO replays (id, state, request, first_seq, last_seq, cursor, step_at, events_in_range, created_at)
        VALUES (?1, 0, ?2, ?3, ?4, ?3, ?6, ?5, ?6)
        """)
    static let cancel = SQL("UPDATE replays SET state = 1, cursor = 0, step_at = ?2 WHERE id = ?1")
    static let advance = SQL(
        """
        UPDATE replays SET cursor = ?2, events_seen = ?3, created = created + ?4, step_at = ?5, state = ?6, ended_at = ?7
        WHERE id = ?1
        """)
    static let made = SQL(
        "SELECT event, id, state, attempts FROM deliveries WHERE replay = ? AND event > ? ORDER BY event, lane_id")
    static let moveCancelled = SQL(
        "UPDATE replays SET cursor = ?2, state = ?3, ended_at = ?4 WHERE id = ?1")
}
