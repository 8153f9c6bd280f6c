import TowlineCore

/// A queue as the admin API shows it; what is missing is empty.
struct AdminQueue: Sendable, Hashable {
    let json: JSONValue
    let name: String
    let account: String
    let active: Int64
    let inactive: Int64
    let delayed: Int64

    init(_ json: JSONValue) {
        self.json = json
        name = json["name"]?.string ?? ""
        account = json["account"]?.string ?? ""
        active = json["activeMessages"]?.integerValue ?? 0
        inactive = json["inactiveMessages"]?.integerValue ?? 0
        delayed = json["delayedMessages"]?.integerValue ?? 0
    }

    /// Messages in every state.
    var messages: Int64 { active + inactive + delayed }

    /// Such as `orders-dead after 5 receives`; empty when messages go nowhere.
    var deadLetters: String {
        guard let target = json["deadLetterQueue"]?.string else { return "" }
        let receives = json["maxReceives"]?.integerValue ?? 0
        return "\(target) after \(receives) receive\(receives == 1 ? "" : "s")"
    }

    /// The lines for a person.
    func lines(style: Style) -> [String] {
        var facts = Facts()
        facts.add("Queue", name)
        facts.add("Account", account)
        facts.add("Messages", "\(active) active, \(inactive) received and hidden, \(delayed) delayed")
        facts.add("Delay", seconds("delaySeconds"))
        facts.add("Visibility timeout", seconds("visibilityTimeoutSeconds"))
        facts.add("Polling wait", seconds("pollingWaitSeconds"))
        facts.add("Retention", seconds("retentionSeconds"))
        facts.add("Max message size", json["maximumMessageSizeBytes"]?.text.map { "\($0) bytes" })
        facts.add("Logging", json["loggingEnabled"].map { $0 == .bool(true) ? "on" : "off" })
        facts.add("Dead letters", deadLetters.isEmpty ? "stay" : "to \(deadLetters)")
        facts.add("Created", json["createdAt"]?.string)
        facts.add("Changed", json["modifiedAt"]?.string)
        return facts.lines(style: style)
    }

    private func seconds(_ name: String) -> String? {
        json[name]?.integerValue.map { $0 < 60 ? "\($0) s" : "\($0) s (\(Self.span($0)))" }
    }

    /// Such as `4d`, `1h 30m`, `1m 5s`: the two largest units that are not zero.
    private static func span(_ seconds: Int64) -> String {
        let parts = [
            ("d", seconds / 86_400), ("h", seconds / 3600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60),
        ]
        return parts.filter { $0.1 > 0 }.prefix(2).map { "\($0.1)\($0.0)" }.joined(separator: " ")
    }
}

/// Queues as a table.
enum QueueTable {
    /// Nothing but the titles when there is no queue.
    static func table(_ queues: [AdminQueue]) -> Table {
        var table = Table([
            .init(title: "QUEUE"), .init(title: "ACTIVE", alignment: .right), .init(title: "HIDDEN", alignment: .right),
            .init(title: "DELAYED", alignment: .right), .init(title: "VISIBILITY", alignment: .right, minimum: 10),
            .init(title: "DEAD LETTERS", minimum: 12), .init(title: "CHANGED", minimum: 20),
        ])
        for queue in queues {
            table.add([
                queue.name, String(queue.active), String(queue.inactive), String(queue.delayed),
                queue.json["visibilityTimeoutSeconds"]?.text.map { "\($0) s" } ?? "", queue.deadLetters,
                queue.json["modifiedAt"]?.string ?? "",
            ])
        }
        return table
    }
}
