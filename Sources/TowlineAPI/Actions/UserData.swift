import TowlineCore

/// Reads the `UserData` parameter (vod-api.md 1.4).
struct UserData: Sendable {
    /// `MessageCallback`: where the job's events go instead of the configured address.
    let callback: CallbackTarget?
    /// `Extend` as text.
    let extend: String?
    /// `TowlinePriority`: 1 for the most urgent to 16; 8 where it is missing.
    let priority: Int
    /// `TowlineExpireSeconds`: how long the jobs may wait; 0 for ever, nil where it is missing.
    let expireSeconds: Int?

    /// Reads the text; both keys may hold an object or a string that holds JSON.
    ///
    /// - Throws: ``VODError`` naming `UserData`, the key and what is allowed.
    init(_ text: String?, service: VODService) async throws {
        guard let text else {
            callback = nil
            extend = nil
            priority = Self.standardPriority
            expireSeconds = nil
            return
        }
        guard text.utf8.count <= 4096 else { throw VODError.lengthExceeded("UserData", limit: 4096) }
        let value: JSONValue
        do {
            value = try JSONParser.parse(text)
        } catch {
            throw VODError.invalidNamedParameter("UserData", "It is a JSON object: \(error).")
        }
        guard case .object = value else { throw VODError.invalidNamedParameter("UserData", "It is a JSON object.") }
        extend = try Self.extend(value["Extend"])
        priority = try Self.number(value, "TowlinePriority", in: 1...16) ?? Self.standardPriority
        expireSeconds = try Self.number(value, "TowlineExpireSeconds", in: 0...2_592_000)
        callback = try await Self.callback(value["MessageCallback"], service: service)
    }

    private static let standardPriority = 8

    private static func number(
        _ value: JSONValue, _ name: String, in range: ClosedRange<Int>
    ) throws(VODError) -> Int? {
        guard let text = value.member(ignoringCase: name), text != .null else { return nil }
        guard let number = text.integerValue.map({ Int($0) }), range.contains(number) else {
            throw .invalidNamedParameter(
                "UserData", "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    private static func extend(_ value: JSONValue?) throws(VODError) -> String? {
        guard let value, value != .null else { return nil }
        let text = value.string ?? value.compactText
        guard text.utf8.count <= 512 else { throw .lengthExceeded("Extend", limit: 512) }
        return text.isEmpty ? nil : text
    }

    private static func callback(_ value: JSONValue?, service: VODService) async throws -> CallbackTarget? {
        var value = value
        if let text = value?.string { value = text.isEmpty ? nil : (try? JSONParser.parse(text)) ?? .null }
        guard let value else { return nil }
        guard case .object = value else {
            throw VODError.invalidNamedParameter("UserData", "MessageCallback is an object, or a string holding one.")
        }
        switch (value.member(ignoringCase: "CallbackType")?.string ?? "http").lowercased() {
        case "http":
            let url = try member("CallbackURL", of: value)
            if let problem = await CallbackAddress.problem(of: url, judge: service.callbacks) {
                throw invalid("CallbackURL", problem)
            }
            return .http(url: url)
        case "mns":
            guard let queues = service.queues else {
                throw VODError.invalidNamedParameter(
                    "UserData", "MessageCallback.CallbackType is http; this server has no queues.")
            }
            let endpoint = try member(QueueTargets.endpointParameter, of: value)
            let name = try member(QueueTargets.nameParameter, of: value)
            do {
                return try await queues.target(endpoint: endpoint, name: name, callbacks: service.callbacks)
            } catch {
                throw invalid(error.parameter, error.detail)
            }
        default: throw VODError.invalidNamedParameter("UserData", "MessageCallback.CallbackType is http or mns.")
        }
    }

    private static func member(_ name: String, of value: JSONValue) throws(VODError) -> String {
        guard let text = value.member(ignoringCase: name)?.string, !text.isEmpty else {
            throw .invalidNamedParameter("UserData", "MessageCallback.\(name) is missing.")
        }
        return text
    }

    /// The error for a member of `MessageCallback`.
    static func invalid(_ name: String, _ detail: String) -> VODError {
        .invalidNamedParameter("UserData", "MessageCallback.\(name): \(detail)")
    }
}

/// The rules for a callback's address, wherever it is given.
enum CallbackAddress {
    /// Why a URL cannot be a callback's address; nil when it can.
    static func problem(of url: String, judge: any AddressJudge) async -> String? {
        guard url.utf8.count <= 256 else { return "It has more than 256 bytes." }
        do {
            return await judge.refusal(of: try HTTPURL(parsing: url))
        } catch {
            return error.reason
        }
    }
}
