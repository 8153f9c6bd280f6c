import TowlineCore

/// A delivery with its attempts, for a person who wants to know why a receiver refuses.
struct DeliveryReport: Sendable {
    private let delivery: AdminDelivery
    private let attempts: [DeliveryAttemptReport]

    /// Reads a delivery as the admin API shows it.
    init(_ json: JSONValue) {
        delivery = AdminDelivery(json)
        attempts = (json["attemptList"]?.elements ?? []).map { DeliveryAttemptReport($0) }
    }

    /// The lines: the facts, then a block for each attempt.
    func lines(style: Style) -> [String] {
        var facts = Facts()
        facts.add("Delivery", delivery.id)
        facts.add("State", delivery.summary, isBad: delivery.isBad)
        facts.add("Event", "\(delivery.event) (\(delivery.eventType))")
        facts.add("Endpoint", delivery.endpoint)
        facts.add("URL", delivery.url)
        facts.add("Policy", delivery.policy)
        facts.add("Origin", delivery.replay.map { "replay \($0)" } ?? delivery.origin)
        facts.add("Created", delivery.createdAt)
        facts.add("Next attempt", delivery.nextAttemptAt)
        facts.add("Ended", delivery.endedAt)
        let head = facts.lines(style: style)
        guard !attempts.isEmpty else { return head + ["", "No attempt has ended, or its log was removed."] }
        return head + attempts.flatMap { [""] + $0.lines(style: style) }
    }
}

/// One attempt: when, where, what was sent, what came back.
struct DeliveryAttemptReport: Sendable {
    private let number: Int64
    private let startedAt: String
    private let milliseconds: Int64?
    private let address: String?
    private let status: Int64?
    private let requestHead: String
    private let requestBody: String?
    private let responseHead: String?
    private let responseBody: String?
    private let isBinary: Bool
    private let cause: String?

    /// Lines and characters of a body that are shown; --json has the rest.
    private static let lineLimit = 60
    private static let characterLimit = 4096

    init(_ json: JSONValue) {
        number = json["number"]?.integerValue ?? 0
        startedAt = json["startedAt"]?.string ?? ""
        milliseconds = json["durationMilliseconds"]?.integerValue
        address = json["address"]?.string
        status = json["httpStatus"]?.integerValue
        requestHead = json["requestHead"]?.string ?? ""
        requestBody = json["requestBody"]?.string
        responseHead = json["responseHead"]?.string
        responseBody = json["responseBody"]?.string
        isBinary = json["responseBodyBase64"]?.string != nil
        cause = json["cause"]?.string
    }

    func lines(style: Style) -> [String] {
        var words = ["Attempt \(number)", startedAt]
        if let address { words.append("to \(address)") }
        if let milliseconds { words.append("took \(Measure.span(milliseconds: milliseconds))") }
        var lines = [style.bold(TerminalText.clean(words.joined(separator: "  ")))]
        if !requestHead.isEmpty {
            lines += Self.marked("  >", Self.headLines(requestHead), style: style)
            lines += Self.marked("  >", Self.bodyLines(requestBody), style: style)
        }
        if let status {
            var head = Self.headLines(responseHead ?? "")
            if head.first?.hasPrefix("HTTP/") != true { head.insert("HTTP \(status)", at: 0) }
            lines += Self.marked("  <", head, style: style)
            lines += Self.marked("  <", Self.bodyLines(responseBody), style: style)
            if isBinary { lines.append("  (the body is not UTF-8; --json has its bytes)") }
        } else if let responseHead, !responseHead.isEmpty {
            // A built-in queue answers without HTTP.
            lines += Self.marked("  <", Self.headLines(responseHead), style: style)
        } else {
            lines.append("  no answer")
        }
        if let cause {
            lines.append("  " + style.red("failed: \(TerminalText.visible(cause))"))
        } else {
            lines.append("  " + style.green("accepted"))
        }
        return lines
    }

    private static func headLines(_ head: String) -> [String] {
        var lines = TerminalText.visibleLines(head)
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// An empty line and the beginning of the body; nothing for an empty one.
    private static func bodyLines(_ body: String?) -> [String] {
        guard let body, !body.isEmpty else { return [] }
        let shown = body.unicodeScalars.prefix(characterLimit)
        var lines = TerminalText.visibleLines(String(shown))
        let isCut = shown.endIndex < body.unicodeScalars.endIndex || lines.count > lineLimit
        lines = Array(lines.prefix(lineLimit))
        if lines.last?.isEmpty == true { lines.removeLast() }
        if isCut { lines.append("… (--json has all that is kept)") }
        return [""] + lines
    }

    private static func marked(_ mark: String, _ lines: [String], style: Style) -> [String] {
        lines.map { style.dim(mark) + ($0.isEmpty ? "" : " \($0)") }
    }
}
