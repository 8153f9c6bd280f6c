import TowlineCore

/// Reads the `UserData` parameter (vod-api.md 1.4).
struct UserData: Sendable {
    /// `MessageCallback`: where the job's events go instead of the configured address.
    let callback: CallbackTarget?
    /// `Extend` as text.
    let extend: String?

    /// Reads the text; both keys may hold an object or a string that holds JSON.
    ///
    /// - Throws: ``VODError`` naming `UserData`, the key and what is allowed.
    init(_ text: String?, judge: any AddressJudge) async throws {
        guard let text else {
            callback = nil
            extend = nil
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
        callback = try await Self.callback(value["MessageCallback"], judge: judge)
    }

    private static func extend(_ value: JSONValue?) throws(VODError) -> String? {
        guard let value, value != .null else { return nil }
        let text = value.string ?? value.compactText
        guard text.utf8.count <= 512 else { throw .lengthExceeded("Extend", limit: 512) }
        return text.isEmpty ? nil : text
    }

    private static func callback(_ value: JSONValue?, judge: any AddressJudge) async throws -> CallbackTarget? {
        var value = value
        if let text = value?.string { value = text.isEmpty ? nil : (try? JSONParser.parse(text)) ?? .null }
        guard let value else { return nil }
        guard case .object = value else {
            throw VODError.invalidNamedParameter("UserData", "MessageCallback is an object, or a string holding one.")
        }
        let type = value.member(ignoringCase: "CallbackType")?.string ?? "http"
        guard type.lowercased() == "http" else {
            throw VODError.invalidNamedParameter("UserData", "MessageCallback.CallbackType is http.")
        }
        guard let url = value.member(ignoringCase: "CallbackURL")?.string, !url.isEmpty else {
            throw VODError.invalidNamedParameter("UserData", "MessageCallback.CallbackURL is missing.")
        }
        if let problem = await CallbackAddress.problem(of: url, judge: judge) {
            throw VODError.invalidNamedParameter("UserData", "MessageCallback.CallbackURL: \(problem)")
        }
        return .http(url: url)
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
