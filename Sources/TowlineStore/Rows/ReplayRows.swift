package import TowlineCore

/// How replays are read: the same columns, in the same order, in every query that gives a whole replay.
package enum ReplayRows {
    /// Columns of a query over `replays`.
    package static let columns = """
        id, request, state, events_in_range, events_seen, created, delivered, dead, created_at, ended_at, \
        first_seq, last_seq, cursor, step_at
        """

    /// Reads ``columns`` for a caller.
    package static func replay(_ row: borrowing some StoredRow & ~Copyable) throws -> Replay {
        Replay(
            id: try row.id(0), request: try request(row.text(1)), state: try ReplayState(number: row.int(2)),
            eventsInRange: row.int(3), eventsSeen: row.int(4), created: row.int(5), delivered: row.int(6),
            dead: row.int(7), createdAt: row.time(8), endedAt: row.optionalTime(9))
    }

    /// A request as its column holds it: JSON without the members that are not set, times in milliseconds.
    package static func text(of request: ReplayRequest) -> String {
        let filter = request.filter
        return JSONValue.members([
            "type": (filter.type?.rawValue).json,
            "state": (filter.state?.rawValue).json,
            "endpoint": (filter.endpoint?.description).json,
            "job": (filter.job?.description).json,
            "account": (filter.account?.description).json,
            "appId": (filter.app?.description).json,
            "since": (filter.since?.milliseconds).map { .integer($0) },
            "until": (filter.until?.milliseconds).map { .integer($0) },
            "to": (request.destination?.description).json,
            "perSecond": request.perSecond.map { .integer($0) },
        ]).compactText
    }

    /// A request from its column.
    ///
    /// - Throws: ``StoreError`` with code `corrupted`: a filter that cannot be read must not let everything through.
    package static func request(_ text: String) throws -> ReplayRequest {
        let damage = StoreError(.corrupted, "the database holds a replay's request that cannot be read")
        guard let json = try? JSONParser.parse(text) else { throw damage }
        func value<T>(_ name: String, _ read: (JSONValue) -> T?) throws -> T? {
            guard let member = json[name] else { return nil }
            guard let value = read(member) else { throw damage }
            return value
        }
        func time(_ value: JSONValue) -> Timestamp? { value.integerValue.map { Timestamp(milliseconds: $0) } }
        var filter = EventFilter()
        filter.type = try value("type") { $0.string.flatMap { EventType(rawValue: $0) } }
        filter.state = try value("state") { $0.string.flatMap { DeliveryState(rawValue: $0) } }
        filter.endpoint = try value("endpoint") { $0.string.flatMap { EndpointID($0) } }
        filter.job = try value("job") { $0.string.flatMap { JobID($0) } }
        filter.account = try value("account") { $0.string.map { AccountID($0) } }
        filter.app = try value("appId") { $0.string.map { AppID($0) } }
        filter.since = try value("since", time)
        filter.until = try value("until", time)
        return ReplayRequest(
            filter: filter, destination: try value("to") { $0.string.flatMap { EndpointID($0) } },
            perSecond: try value("perSecond") { $0.integerValue.map { Int($0) } })
    }
}

/// A replay with its place as the writer sees it.
package struct StoredReplay {
    package let replay: Replay
    /// The row before the first event.
    package let first: Int64
    /// The row of the last event.
    package let last: Int64
    /// The row of the last event that was looked at; while it is cancelled, of the last whose deliveries were.
    package let cursor: Int64
    /// When the next step is due.
    package let stepAt: Timestamp

    /// Reads ``ReplayRows/columns``.
    package init(_ row: borrowing some StoredRow & ~Copyable) throws {
        replay = try ReplayRows.replay(row)
        first = row.integer(10)
        last = row.integer(11)
        cursor = row.integer(12)
        stepAt = row.time(13)
    }
}

extension ReplayState: StoredAsNumber {
    package var number: Int {
        switch self {
        case .running: 0
        case .cancelling: 1
        case .done: 2
        case .cancelled: 3
        }
    }
}
