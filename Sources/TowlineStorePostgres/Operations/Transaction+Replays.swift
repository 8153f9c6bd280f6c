import TowlineCore
import TowlineStore

/// What a replay does with each event: the same for a count, which only reads, as for the steps that make deliveries.
struct ReplayPlan {
    /// Rows that one pass has looked at, and what it found.
    struct Pass {
        /// The last row that was looked at.
        var cursor: Int64
        /// Whether the last row of the range has been looked at.
        var isAtEnd = false
        /// Deliveries of all events.
        var deliveries = 0
        /// Events with at least one delivery, with the groups of the endpoints that get them.
        var events: [(event: Int64, groups: [Int64])] = []
    }

    private struct Destination {
        let group: Int64
        let account: AccountID
        let isRemoved: Bool
    }

    private let request: ReplayRequest
    private let scan: EventScan
    private let destination: Destination?

    /// The plan of a request.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - replay: The replay whose deliveries count for nothing, where it exists already.
    ///   - connection: What to read with.
    /// - Throws: PostgreSQL's failure.
    init(_ request: ReplayRequest, replay: ReplayID? = nil, connection: PostgresConnection) throws {
        self.request = request
        scan = EventScan(request.filter, except: replay)
        destination = try request.destination.flatMap { id in
            try connection.first(ReplaySQL.destination, .id(id)) { row in
                Destination(group: row.integer(0), account: AccountID(row.text(1)), isRemoved: row.isTrue(2))
            }
        }
    }

    /// Refuses a destination that nothing may be sent to.
    ///
    /// - Throws: ``StoreError`` with code `notFound` when it is unknown, `conflict` when it was removed.
    func verify() throws {
        guard let id = request.destination else { return }
        guard let destination else { throw StoreError(.notFound, "there is no endpoint \(id)") }
        guard !destination.isRemoved else { throw StoreError(.conflict, "the endpoint \(id) was removed") }
    }

    /// Looks at the next events after a row.
    ///
    /// - Parameters:
    ///   - cursor: The row.
    ///   - last: The last row of the range.
    ///   - events: Most events that are looked at.
    ///   - deliveries: Most deliveries, unless a single event has more.
    ///   - connection: What to read with.
    /// - Returns: What it found.
    /// - Throws: PostgreSQL's failure.
    func pass(
        after cursor: Int64, upTo last: Int64, events: Int, deliveries: Int, connection: PostgresConnection
    ) throws -> Pass {
        var pass = Pass(cursor: cursor)
        let looked = try scan.forward(after: cursor, upTo: last, limit: events, in: connection)
        for event in looked {
            let groups = groups(of: event)
            guard pass.deliveries == 0 || pass.deliveries + groups.count <= deliveries, pass.deliveries < deliveries
            else { return pass }
            pass.cursor = event.seq
            pass.deliveries += groups.count
            if !groups.isEmpty { pass.events.append((event.seq, groups)) }
        }
        pass.isAtEnd = looked.count < events
        if pass.isAtEnd { pass.cursor = max(cursor, last) }
        return pass
    }

    /// The groups of the endpoints that get an event.
    private func groups(of event: ScannedEvent) -> [Int64] {
        guard event.fits else { return [] }
        guard request.destination != nil else { return event.receivers.filter { !$0.isRemoved }.map(\.group) }
        guard let destination, !destination.isRemoved, event.account == destination.account else { return [] }
        return scan.asksForDeliveries && event.receivers.isEmpty ? [] : [destination.group]
    }
}

extension Transaction {
    /// Why a replay's delivery is dead that had not been tried when the replay was cancelled.
    static let replayCancellation = "the replay was cancelled"
    /// Most events that one step looks at.
    private static let eventsAtOnce = 500
    /// Most deliveries that one step makes or ends.
    private static let deliveriesAtOnce = 128

    /// Begins a replay (``ReplayStore/startReplay(_:)``).
    func startReplay(_ request: ReplayRequest) throws -> Replay {
        try ReplayPlan(request, connection: connection).verify()
        let range = try EventRange(request.filter, in: connection)
        let id = newID(ReplayID.self)
        connection.add(
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
            connection.add(ReplaySQL.cancel, .id(id), .time(now))
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

    /// A replay whose row is taken.
    private func storedReplay(_ id: ReplayID) throws -> StoredReplay {
        let stored = try connection.first(ReplaySQL.lock, .id(id)) { try StoredReplay($0) }
        guard let stored else { throw StoreError(.notFound, "there is no replay \(id)") }
        return stored
    }

    /// Looks at the next events, makes their deliveries and moves the cursor.
    private func advance(_ stored: StoredReplay) throws {
        let id = stored.replay.id
        let pace = ReplayPace(perSecond: stored.replay.request.perSecond, atMost: Self.deliveriesAtOnce)
        let plan = try ReplayPlan(stored.replay.request, replay: id, connection: connection)
        let pass = try plan.pass(
            after: stored.cursor, upTo: stored.last, events: Self.eventsAtOnce, deliveries: pace.batch,
            connection: connection)
        let groups = Set(pass.events.flatMap(\.groups))
        if !groups.isEmpty {
            let found = connection.add(DeliverySQL.lockEndpoints, .integers(groups.sorted()))
            try connection.flush()
            try addEndpoints(found)
            for group in groups { try ensureResendLane(of: try endpoints.endpoint(group: group)) }
        }
        var made = 0
        for (event, groups) in pass.events {
            for group in groups {
                let endpoint = try endpoints.endpoint(group: group)
                guard endpoint.stored.removedAt == nil else { continue }
                addDelivery(of: event, to: endpoint, origin: .replay(id), due: now + pace.offset(of: made))
                made += 1
            }
        }
        let state: ReplayState = pass.isAtEnd ? .done : .running
        connection.add(
            ReplaySQL.advance, .id(id), .integer(pass.cursor), .integer(pass.cursor - stored.first), .integer(made),
            .time(now + pace.wait(after: made)), .integer(state.number), .time(pass.isAtEnd ? now : nil))
        if pass.isAtEnd { effects.signal(.upkeepDue) }
    }

    /// Ends deliveries of a cancelled replay that have not been tried, in the order of their events.
    private func endUntried(of stored: StoredReplay) throws {
        let id = stored.replay.id
        let rows = try connection.all(
            ReplaySQL.made, .id(id), .integer(stored.cursor), .integer(Self.eventsAtOnce + 1)
        ) { row in
            (
                event: row.integer(0), id: try row.id(1, as: DeliveryID.self),
                isUntried: row.int(2) == DeliveryState.pending.number && row.int(3) == 0
            )
        }
        var untried: [DeliveryID] = []
        var cursor = stored.cursor
        var isAtEnd = true
        for (index, row) in rows.enumerated() {
            let isFull = index >= Self.eventsAtOnce || untried.count >= Self.deliveriesAtOnce
            if isFull, row.event != cursor {
                isAtEnd = false
                break
            }
            cursor = row.event
            if row.isUntried { untried.append(row.id) }
        }
        for _ in try endUnclaimed(untried, reason: Self.replayCancellation) { replayEnds.add(id, .dead) }
        // As many deliveries of one event as a step looks at: the next one begins with the event after it.
        isAtEnd = isAtEnd && rows.count <= Self.eventsAtOnce
        let state: ReplayState = isAtEnd ? .cancelled : .cancelling
        connection.add(
            ReplaySQL.moveCancelled, .id(id), .integer(cursor), .integer(state.number), .time(isAtEnd ? now : nil))
        if isAtEnd { effects.signal(.upkeepDue) }
    }
}

/// The statements about replays.
enum ReplaySQL {
    static let destination = SQL(
        "SELECT p.group_id, p.account_id, p.removed_at IS NOT NULL FROM endpoints p WHERE p.id = $1")
    static let byID = SQL("SELECT \(ReplayRows.columns) FROM replays WHERE id = $1")
    static let lock = SQL("SELECT \(ReplayRows.columns) FROM replays WHERE id = $1 FOR UPDATE")
    static let latest = SQL("SELECT \(ReplayRows.columns) FROM replays ORDER BY id DESC LIMIT $1")
    static let due = SQL(
        """
        SELECT id FROM replays WHERE ended_at IS NULL
          AND step_at <= \(ServerClock.plus("$1"))
        ORDER BY step_at LIMIT $2
        """)
    static let next = SQL("SELECT min(step_at) FROM replays WHERE ended_at IS NULL")
    static let insert = SQL(
        """
        INSERT INTO replays (id, state, request, first_seq, last_seq, cursor, step_at, events_in_range, created_at)
        VALUES ($1, 0, $2, $3, $4, $3, $6, $5, $6)
        """)
    static let cancel = SQL("UPDATE replays SET state = 1, cursor = 0, step_at = $2 WHERE id = $1")
    static let advance = SQL(
        """
        UPDATE replays SET cursor = $2, events_seen = $3, created = created + $4, step_at = $5, state = $6,
          ended_at = $7
        WHERE id = $1
        """)
    static let made = SQL(
        """
        SELECT event, id, state, attempts FROM deliveries WHERE replay = $1 AND event > $2 ORDER BY event, lane_id
        LIMIT $3
        """)
    static let moveCancelled = SQL("UPDATE replays SET cursor = $2, state = $3, ended_at = $4 WHERE id = $1")
}
