import TowlineCore

/// A message as the admin API shows it; what is missing is empty.
struct AdminMessage: Sendable, Hashable {
    let json: JSONValue
    let id: String
    /// Empty unless the message was received.
    let handle: String
    let enqueuedAt: String
    let dequeueCount: Int64

    init(_ json: JSONValue) {
        self.json = json
        id = json["id"]?.string ?? ""
        handle = json["receiptHandle"]?.string ?? ""
        enqueuedAt = json["enqueuedAt"]?.string ?? ""
        dequeueCount = json["dequeueCount"]?.integerValue ?? 0
    }

    /// The body as it was sent, or in Base64 where no text can hold it.
    var rawBody: String { json["body"]?.string ?? json["bodyBase64"]?.string ?? "" }

    /// What the body says: decoded where it is Base64 of a text.
    var text: String { json["decodedBody"]?.string ?? rawBody }

    /// The event that the body holds; nil when it holds none.
    ///
    /// Its time and its job are those that it tells.
    var event: AdminEvent? {
        guard let body = try? JSONParser.parse(text), let type = body["EventType"]?.string else { return nil }
        return AdminEvent(
            .members([
                "type": .string(type), "job": body["JobId"], "createdAt": body["EventTime"] ?? .string(enqueuedAt),
                "body": body,
            ]))
    }

    /// A line about the message, and its body beneath.
    ///
    /// - Parameters:
    ///   - isRaw: Whether the body is shown as it was sent.
    ///   - fate: What becomes of the message, such as `deleted`; empty for nothing.
    ///   - style: The colours.
    /// - Returns: The lines, safe for a terminal.
    func lines(isRaw: Bool, fate: String, style: Style) -> [String] {
        let count = dequeueCount == 1 ? "once" : "\(dequeueCount) times"
        let words = [
            "message \(id)", enqueuedAt.isEmpty ? "" : "sent \(enqueuedAt)",
            json["priority"]?.text.map { "priority \($0)" } ?? "", dequeueCount > 0 ? "received \(count)" : "", fate,
        ]
        let title = TerminalText.clean(words.filter { !$0.isEmpty }.joined(separator: ", "))
        return [style.bold(title)] + TerminalText.visibleLines(isRaw ? rawBody : text)
    }
}
