import TowlineCore

/// A delivery as the admin API shows it; what is missing is empty.
struct AdminDelivery: Sendable, Hashable {
    let id: String
    let event: String
    let eventType: String
    let endpoint: String
    /// Masked by the server.
    let url: String
    let origin: String
    let replay: String?
    let policy: String
    let state: String
    let attempts: Int
    let reason: String?
    let createdAt: String
    let nextAttemptAt: String?
    let endedAt: String?

    init(_ json: JSONValue) {
        id = json["id"]?.string ?? ""
        event = json["event"]?.string ?? ""
        eventType = json["eventType"]?.string ?? ""
        endpoint = json["endpoint"]?.string ?? ""
        url = json["url"]?.string ?? ""
        origin = json["origin"]?.string ?? ""
        replay = json["replay"]?.string
        policy = json["policy"]?.string ?? ""
        state = json["state"]?.string ?? ""
        attempts = Int(json["attempts"]?.integerValue ?? 0)
        reason = json["reason"]?.string
        createdAt = json["createdAt"]?.string ?? ""
        nextAttemptAt = json["nextAttemptAt"]?.string
        endedAt = json["endedAt"]?.string
    }

    /// Whether it will not arrive unless somebody does something.
    var isBad: Bool { state == DeliveryState.dead.rawValue || state == DeliveryState.held.rawValue }

    /// Such as `dead after 3 attempts: HTTP 500`.
    var summary: String {
        var text = state
        if attempts > 0 { text += " after \(attempts) attempt\(attempts == 1 ? "" : "s")" }
        if let reason { text += ": \(reason)" }
        return text
    }

    /// Such as `redelivery`, or the replay that made it.
    var cause: String { replay ?? origin }
}

/// Deliveries as a table.
enum DeliveryTable {
    /// Nothing but the titles when there is no delivery.
    static func table(_ deliveries: [AdminDelivery]) -> Table {
        var table = Table([
            .init(title: "DELIVERY"), .init(title: "STATE"), .init(title: "ATTEMPTS", alignment: .right),
            .init(title: "URL", minimum: 16), .init(title: "REASON", minimum: 12),
            .init(title: "CREATED", minimum: 20), .init(title: "EVENT", minimum: 36),
        ])
        for delivery in deliveries {
            table.add([
                delivery.id, delivery.state, String(delivery.attempts), delivery.url, delivery.reason ?? "",
                delivery.createdAt, delivery.event,
            ])
        }
        return table
    }
}
