import TowlineCore
import TowlineStore

/// Events and their deliveries.
extension AdminJSON {
    static func event(_ event: Event, deliveries: [Delivery]? = nil) -> JSONValue {
        .members([
            "id": .string(event.id.description),
            "type": .string(event.type.rawValue),
            "account": .string(event.account.description),
            "appId": .string(event.app.description),
            "job": .string(event.job.description),
            "run": .integer(event.run),
            "createdAt": .string(event.createdAt.description),
            "body": body(event),
            "deliveries": deliveries.map { .array($0.map(delivery)) },
        ])
    }

    static func delivery(_ delivery: Delivery) -> JSONValue {
        var replay: ReplayID?
        if case .replay(let id) = delivery.origin { replay = id }
        return .members([
            "id": .string(delivery.id.description),
            "event": .string(delivery.event.description),
            "eventType": .string(delivery.eventType.rawValue),
            "endpoint": .string(delivery.endpoint.description),
            "url": .string(masked(delivery.target.text)),
            "origin": .string(delivery.origin.name),
            "replay": replay.map { .string($0.description) },
            "policy": .string(delivery.policy.rawValue),
            "state": .string(delivery.state.rawValue),
            "attempts": .integer(delivery.attempts),
            "reason": delivery.reason.json,
            "createdAt": .string(delivery.createdAt.description),
            "nextAttemptAt": delivery.dueAt.map { .string($0.description) },
            "endedAt": delivery.endedAt.map { .string($0.description) },
        ])
    }

    static func deliveryDetail(_ detail: DeliveryDetail) -> JSONValue {
        guard case .object(let members) = delivery(detail.delivery) else { return .null }
        return .object(
            members + [
                .init("eventBody", body(detail.event)),
                .init("attemptList", .array(detail.attempts.map { attempt($0, of: detail.event) })),
            ])
    }

    private static func body(_ event: Event) -> JSONValue { (try? JSONParser.parse(event.body)) ?? .null }

    /// Bytes as text; what is no UTF-8, and NUL, which no JSON of ours may hold, is replaced.
    private static func shown(_ bytes: [UInt8]) -> String {
        String(String(decoding: bytes, as: UTF8.self).map { $0 == "\0" ? "\u{FFFD}" : $0 })
    }

    private static func attempt(_ attempt: DeliveryAttempt, of event: Event) -> JSONValue {
        let record = attempt.record
        let response = record.responseBody
        let isText = response.map { String(validating: $0, as: UTF8.self) != nil && !$0.contains(0) } ?? true
        return .members([
            "number": .integer(attempt.number),
            "startedAt": .string(attempt.startedAt.description),
            "durationMilliseconds": .integer(record.duration.wholeMilliseconds),
            "address": record.address.json,
            "httpStatus": record.httpStatus.map { .integer($0) },
            "requestHead": .string(HeadMask.masked(record.requestHead)),
            "requestBody": .string(String(decoding: event.body, as: UTF8.self)),
            "responseHead": record.responseHead.map { .string(HeadMask.masked($0)) },
            "responseBody": response.map { .string(shown($0)) },
            "responseBodyBase64": isText ? nil : response.map { .string(Base64.text($0)) },
            "cause": record.cause.json,
        ])
    }
}

/// Hides what a recorded head must not show, whoever recorded it.
enum HeadMask {
    private static let secrets: Set<String> = [
        "authorization", "proxy-authorization", "cookie", "set-cookie", "x-vod-signature", "webhook-signature",
        "www-authenticate", "proxy-authenticate", "authentication-info",
    ]

    /// The head with the queries of URLs and the values of secret headers masked.
    static func masked(_ head: String) -> String {
        head.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard let colon = line.firstIndex(of: ":"), !line[..<colon].contains(" ") else { return requestLine(line) }
            let name = line[..<colon].lowercased()
            if secrets.contains(name) { return "\(line[..<colon]): (masked)" }
            if name == "location" || name == "content-location" {
                return "\(line[..<colon]):\(withoutQuery(line[line.index(after: colon)...]))"
            }
            return String(line)
        }.joined(separator: "\n")
    }

    private static func requestLine(_ line: Substring) -> String {
        let parts = line.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2].hasPrefix("HTTP/") else { return String(line) }
        return "\(parts[0]) \(withoutQuery(parts[1])) \(parts[2])"
    }

    private static func withoutQuery(_ target: Substring) -> String {
        guard let mark = target.firstIndex(of: "?") else { return String(target) }
        let end = target.hasSuffix("\r") ? "\r" : ""
        return "\(target[...mark])…\(end)"
    }
}
