import TowlineCore

/// An event with its body and its deliveries, for a person to read.
struct EventReport: Sendable {
    private let event: AdminEvent

    /// Reads an event as the admin API shows it.
    init(_ json: JSONValue) { event = AdminEvent(json) }

    /// The lines: the facts, the body, the deliveries.
    func lines(style: Style) -> [String] {
        var facts = Facts()
        facts.add("Event", event.id)
        facts.add("Type", event.type)
        let outcome = event.outcome.isEmpty ? "" : " (\(event.outcome))"
        facts.add("Status", event.status.isEmpty ? nil : event.status + outcome)
        facts.add("Job", "\(event.job), run \(event.run)")
        facts.add("Account", event.account)
        facts.add("Application", event.app)
        facts.add("Created", event.createdAt)
        var lines = facts.lines(style: style)
        lines += ["", style.bold("Body")] + event.body.prettyLines
        lines += ["", style.bold("Deliveries")]
        if event.deliveries.isEmpty { lines.append("none: no callback or subscription was set for it") }
        return lines + event.deliveries.flatMap { Self.lines(of: $0, style: style) }
    }

    private static func lines(of delivery: AdminDelivery, style: Style) -> [String] {
        let summary = TerminalText.clean(delivery.summary)
        var place = "to \(delivery.url) (\(delivery.endpoint))"
        if delivery.origin != "event" { place += ", \(delivery.cause)" }
        if let time = delivery.nextAttemptAt { place += ", next attempt \(time)" }
        if let time = delivery.endedAt { place += ", ended \(time)" }
        return [
            "\(TerminalText.clean(delivery.id))  \(delivery.isBad ? style.red(summary) : summary)",
            "  " + style.dim(TerminalText.clean(place)),
        ]
    }
}
