import TowlineCore

/// An endpoint as the admin API shows it; what is missing is empty.
struct AdminEndpoint: Sendable, Hashable {
    let json: JSONValue
    let id: String
    let kind: String
    let account: String
    /// Masked by the server.
    let url: String
    let state: String
    let failures: Int64
    let lastCause: String?
    let disabledReason: String?
    let webhookSecrets: Int64

    init(_ json: JSONValue) {
        self.json = json
        id = json["id"]?.string ?? ""
        kind = json["kind"]?.string ?? ""
        account = json["account"]?.string ?? ""
        url = json["url"]?.string ?? ""
        state = json["state"]?.string ?? ""
        failures = json["failures"]?.integerValue ?? 0
        lastCause = json["lastCause"]?.string
        disabledReason = json["disabledReason"]?.string
        webhookSecrets = json["webhookSecrets"]?.integerValue ?? 0
    }

    /// Why it is not as it should be, if so.
    var trouble: String { disabledReason ?? lastCause ?? "" }

    /// The lines for a person.
    func lines(style: Style) -> [String] {
        let isSubscription = kind == EndpointKind.subscription.rawValue
        var facts = Facts()
        facts.add("Endpoint", id)
        facts.add("Kind", kind)
        facts.add("Account", account)
        facts.add("URL", url)
        facts.add("Description", json["description"]?.string)
        facts.add("State", stateText, isBad: state == "disabled")
        facts.add("Failures", failureText, isBad: failures > 0)
        let unset = "as the settings say"
        let rate = json["maxPerSecond"]?.text
        facts.add("Policy", json["policy"]?.string ?? unset)
        facts.add("Max concurrency", json["maxConcurrency"]?.text ?? unset)
        facts.add("Max per second", rate == "0" ? "no limit" : rate ?? unset)
        if isSubscription {
            facts.add("Applications", Self.list("appIds", of: json))
            facts.add("Event types", Self.list("eventTypes", of: json))
            facts.add("Auth key", json["hasAuthKey"] == .bool(true) ? "set" : "none")
        }
        facts.add("Webhook secrets", webhookSecrets == 0 ? "none" : String(webhookSecrets))
        facts.add("Waiting", json["waiting"]?.integerValue.map { $0 >= 10_000 ? "10000 or more" : String($0) })
        facts.add("Running", json["running"]?.text)
        facts.add("Created", json["createdAt"]?.string)
        facts.add("Removed", json["removedAt"]?.string)
        return facts.lines(style: style)
    }

    private var stateText: String {
        switch state {
        case "disabled":
            let since = json["disabledAt"]?.string.map { " since \($0)" } ?? ""
            return "disabled\(since): \(disabledReason ?? "no reason given")"
        case "paused": return "paused until \(json["pausedUntil"]?.string ?? "?")"
        case "probing": return "probing: one attempt at a time until one succeeds"
        default: return state
        }
    }

    private var failureText: String {
        guard failures > 0 else { return "none since the last success" }
        let since = json["failingSince"]?.string.map { ", the first at \($0)" } ?? ""
        return "\(failures) in a row\(since)\(lastCause.map { "; last: \($0)" } ?? "")"
    }

    private static func list(_ name: String, of json: JSONValue) -> String {
        let texts = (json[name]?.elements ?? []).compactMap(\.string)
        return texts.isEmpty ? "all" : texts.joined(separator: ", ")
    }
}

/// What brings an endpoint into being.
enum EndpointKind: String, Sendable, CaseIterable {
    case callback
    case subscription
}

/// Endpoints as a table.
enum EndpointTable {
    /// Nothing but the titles when there is no endpoint.
    static func table(_ endpoints: [AdminEndpoint]) -> Table {
        var table = Table([
            .init(title: "ENDPOINT"), .init(title: "STATE"), .init(title: "KIND", minimum: 8),
            .init(title: "URL", minimum: 16), .init(title: "FAILURES", alignment: .right, minimum: 8),
            .init(title: "TROUBLE", minimum: 12), .init(title: "ACCOUNT", minimum: 16),
        ])
        for endpoint in endpoints {
            table.add([
                endpoint.id, endpoint.state, endpoint.kind, endpoint.url, String(endpoint.failures), endpoint.trouble,
                endpoint.account,
            ])
        }
        return table
    }
}
