import TowlineCore

/// What `towline listen` prints.
enum ListenReport {
    private static let lineLimit = 160

    /// Time, type, job, status, and the VideoId or the error code.
    static func line(of event: AdminEvent, style: Style) -> String {
        let words = [event.createdAt, event.type, event.job, event.status, event.outcome]
        let text = TerminalText.clean(words.filter { !$0.isEmpty }.joined(separator: " "))
        return event.status == "fail" ? style.red(text) : text
    }

    /// Such as `  attempt 1: 500 in 12 ms: no such table`.
    static func line(of attempt: ForwardAttempt, style: Style) -> String {
        let time = Measure.span(milliseconds: attempt.duration.wholeMilliseconds)
        let result = attempt.status.map(String.init) ?? "no answer (\(attempt.cause ?? "unknown"))"
        let body = attempt.firstLine.map { ": " + TerminalText.fit($0, lineLimit) } ?? ""
        let text = TerminalText.clean("attempt \(attempt.number): \(result) in \(time)\(body)")
        return "  " + (attempt.isSuccess ? style.green(text) : style.red(text))
    }

    /// A line for a message: that of its event, or its id with the beginning of its body where it holds none.
    static func line(of message: AdminMessage, style: Style) -> String {
        if let event = message.event { return line(of: event, style: style) }
        let text = TerminalText.fit(TerminalText.clean(message.text), lineLimit)
        return TerminalText.clean("\(message.enqueuedAt) message \(message.id) \(text)")
    }

    /// A message as the admin API shows it, with its event beside its members.
    static func json(of message: AdminMessage) -> JSONValue {
        guard case .object(let members) = message.json, let event = message.event else { return message.json }
        return .object(members + [.init("event", event.body)])
    }

    /// The event as the admin API shows it, with the attempts beside its members.
    static func json(of event: JSONValue, attempts: [ForwardAttempt], to url: String) -> JSONValue {
        guard case .object(let members) = event else { return event }
        let list = attempts.map { attempt in
            JSONValue.members([
                "number": .integer(attempt.number),
                "durationMilliseconds": .integer(attempt.duration.wholeMilliseconds),
                "httpStatus": attempt.status.map { .integer($0) },
                "firstLine": attempt.firstLine.json,
                "cause": attempt.cause.json,
            ])
        }
        let forward = JSONValue.members([
            "url": .string(url),
            "delivered": .bool(attempts.last?.isSuccess ?? false),
            "attempts": .array(list),
        ])
        return .object(members + [.init("forward", forward)])
    }

    /// Such as `evt_1 (UploadByURLComplete of job b7) after 3 attempts, the last with the answer 500`.
    static func undelivered(_ event: AdminEvent, attempts: [ForwardAttempt]) -> String {
        undelivered("\(event.id) (\(event.type) of job \(event.job))", attempts: attempts)
    }

    /// The same for anything that has a name.
    static func undelivered(_ name: String, attempts: [ForwardAttempt]) -> String {
        let count = "\(attempts.count) attempt\(attempts.count == 1 ? "" : "s")"
        let last = attempts.last.map { ", the last with \($0.result)" } ?? ""
        return "\(name) after \(count)\(last)"
    }
}
