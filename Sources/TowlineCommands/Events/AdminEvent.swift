import TowlineCore

/// An event as the admin API shows it; what is missing is empty.
struct AdminEvent: Sendable, Hashable {
    let id: String
    let type: String
    let account: String
    let app: String
    let job: String
    let run: Int
    let createdAt: String
    let body: JSONValue
    /// In the order of their making.
    let deliveries: [AdminDelivery]

    init(_ json: JSONValue) {
        id = json["id"]?.string ?? ""
        type = json["type"]?.string ?? ""
        account = json["account"]?.string ?? ""
        app = json["appId"]?.string ?? ""
        job = json["job"]?.string ?? ""
        run = Int(json["run"]?.integerValue ?? 1)
        createdAt = json["createdAt"]?.string ?? ""
        body = json["body"] ?? .null
        deliveries = (json["deliveries"]?.elements ?? []).map { AdminDelivery($0) }
    }

    /// `success` or `fail`, as the event says it.
    var status: String { body["Status"]?.string ?? "" }

    /// What the event is about beside its job: the media, or the error code.
    var outcome: String { body["VideoId"]?.string ?? body["ErrorCode"]?.string ?? "" }

    /// Such as `2 delivered, 1 dead`; a hyphen when the event was for nobody.
    var deliverySummary: String {
        guard !deliveries.isEmpty else { return "–" }
        let states = deliveries.map(\.state)
        let names = DeliveryState.allCases.map(\.rawValue).filter(states.contains)
        if states.count == 1 { return states[0] }
        return names.map { name in "\(states.count { $0 == name }) \(name)" }.joined(separator: ", ")
    }
}

/// Events as a table.
enum EventTable {
    /// Nothing but the titles when there is no event.
    static func table(_ events: [AdminEvent]) -> Table {
        var table = Table([
            .init(title: "EVENT"), .init(title: "CREATED", minimum: 20), .init(title: "TYPE", minimum: 8),
            .init(title: "DELIVERIES", minimum: 10), .init(title: "STATUS", minimum: 7),
            .init(title: "JOB", minimum: 32),
        ])
        for event in events {
            table.add([event.id, event.createdAt, event.type, event.deliverySummary, event.status, event.job])
        }
        return table
    }
}
