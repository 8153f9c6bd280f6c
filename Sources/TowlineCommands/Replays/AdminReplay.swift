import TowlineCore

/// A replay as the admin API shows it; what is missing is empty.
struct AdminReplay: Sendable, Hashable {
    let id: String
    let state: String
    let filter: JSONValue
    let destination: String?
    let perSecond: Int64?
    let eventsInRange: Int64
    let eventsSeen: Int64
    let created: Int64
    let delivered: Int64
    let dead: Int64
    let createdAt: String
    let endedAt: String?

    init(_ json: JSONValue) {
        id = json["id"]?.string ?? ""
        state = json["state"]?.string ?? ""
        filter = json["filter"] ?? .object([])
        destination = json["to"]?.string
        perSecond = json["perSecond"]?.integerValue
        eventsInRange = json["eventsInRange"]?.integerValue ?? 0
        eventsSeen = json["eventsSeen"]?.integerValue ?? 0
        created = json["created"]?.integerValue ?? 0
        delivered = json["delivered"]?.integerValue ?? 0
        dead = json["dead"]?.integerValue ?? 0
        createdAt = json["createdAt"]?.string ?? ""
        endedAt = json["endedAt"]?.string
    }

    /// Whether it makes no more deliveries.
    var hasEnded: Bool { isCancelled || state == "done" }

    /// Whether it was ended before its time.
    var isCancelled: Bool { state == "cancelled" }

    /// Deliveries that it has made and that have not ended.
    var open: Int64 { max(0, created - delivered - dead) }

    /// Such as `500 of 1000 events seen, 120 deliveries made: 100 delivered, 3 dead, 17 open`.
    var counts: String {
        "\(eventsSeen) of \(eventsInRange) events seen, \(created) deliver\(created == 1 ? "y" : "ies") made: "
            + "\(delivered) delivered, \(dead) dead, \(open) open"
    }

    /// Such as `500 of 1000 events, 120 made, 100 delivered, 3 dead`: short enough for a line that is drawn in place.
    var progress: String {
        "\(eventsSeen) of \(eventsInRange) events, \(created) made, \(delivered) delivered, \(dead) dead"
    }

    /// The id, the state and the counts.
    var line: String { TerminalText.clean("\(id) \(state) \(counts)") }

    /// The lines for a person.
    func lines(style: Style) -> [String] {
        var facts = Facts()
        facts.add("Replay", id)
        facts.add("State", state, isBad: isCancelled)
        let share = Measure.percent(eventsSeen, of: eventsInRange)
        facts.add("Events", "\(eventsSeen) of \(eventsInRange) seen (\(share))")
        facts.add("Deliveries", "\(created) made: \(delivered) delivered, \(dead) dead, \(open) open")
        facts.add("Filter", filterText)
        facts.add("To", destination)
        facts.add("Rate", perSecond.map { "\($0) a second" })
        facts.add("Created", createdAt)
        facts.add("Ended", endedAt)
        return facts.lines(style: style)
    }

    private var filterText: String {
        guard case .object(let members) = filter, !members.isEmpty else { return "every event" }
        return members.map { "\($0.name) \($0.value.text ?? $0.value.compactText)" }.joined(separator: ", ")
    }
}

/// Replays as a table.
enum ReplayTable {
    /// Nothing but the titles when there is no replay.
    static func table(_ replays: [AdminReplay]) -> Table {
        var table = Table([
            .init(title: "REPLAY"), .init(title: "STATE"), .init(title: "SEEN", alignment: .right),
            .init(title: "MADE", alignment: .right), .init(title: "DELIVERED", alignment: .right),
            .init(title: "DEAD", alignment: .right), .init(title: "CREATED", minimum: 20),
        ])
        for replay in replays {
            table.add([
                replay.id, replay.state, Measure.percent(replay.eventsSeen, of: replay.eventsInRange),
                String(replay.created), String(replay.delivered), String(replay.dead), replay.createdAt,
            ])
        }
        return table
    }
}
