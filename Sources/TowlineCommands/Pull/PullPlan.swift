import TowlineClient
import TowlineCore

/// What `towline pull` was asked for, checked and cut into calls.
struct PullPlan: Sendable {
    /// URLs to pull, in the order of the command line.
    let urls: [String]
    let title: String?
    let callback: String?
    let extend: String?
    let fileExtension: String?
    let appID: String?
    let sessionID: String?
    /// Further URLs of the one file.
    var mirrors: [String] = []
    /// Fields as `Name: value`.
    var headers: [String] = []
    var sha256: String?
    var priority: Int?
    var expireSeconds: Int?

    /// Checks what can be judged without a server.
    ///
    /// - Throws: ``CommandFailure`` with ``CommandExit/usage`` naming the argument and what is allowed.
    func check() throws(CommandFailure) {
        for url in urls {
            do throws(HTTPURLError) {
                _ = try HTTPURL(parsing: url)
            } catch {
                throw CommandFailure(.usage, "'\(url)' is not a URL to pull: \(Self.clause(error.reason))")
            }
        }
        if let callback {
            do throws(HTTPURLError) {
                _ = try HTTPURL(parsing: callback)
            } catch {
                throw CommandFailure(
                    .usage, "--callback '\(callback)' is not a URL to call: \(Self.clause(error.reason))")
            }
        }
        for mirror in mirrors {
            do throws(HTTPURLError) {
                _ = try HTTPURL(parsing: mirror)
            } catch {
                throw CommandFailure(
                    .usage, "--mirror '\(mirror)' is not a URL to pull: \(Self.clause(error.reason))")
            }
        }
        try checkOptions()
        guard sessionID == nil || urls.count <= UploadMediaByURLRequest.sourceLimit else {
            throw CommandFailure(
                .usage,
                "--session-id goes with at most \(UploadMediaByURLRequest.sourceLimit) URLs, since more take several calls "
                    + "and a session is good for one")
        }
    }

    private func checkOptions() throws(CommandFailure) {
        if urls.count > 1, !mirrors.isEmpty || sha256 != nil {
            throw CommandFailure(.usage, "--mirror and --sha256 go with one URL, since they are about one file")
        }
        guard headers.allSatisfy({ Self.field($0) != nil }) else {
            throw CommandFailure(.usage, "--header takes a name and a value, such as 'X-Token: abc'")
        }
        if let priority, !(1...16).contains(priority) {
            throw CommandFailure(.usage, "--priority takes a whole number from 1 to 16")
        }
        if let expireSeconds, !(0...2_592_000).contains(expireSeconds) {
            throw CommandFailure(.usage, "--expire-seconds takes a whole number from 0 to 2592000")
        }
    }

    private static func field(_ text: String) -> (name: String, value: String)? {
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else { return nil }
        let value = text[text.index(after: colon)...].drop { $0 == " " }
        return value.isEmpty ? nil : (String(text[..<colon]), String(value))
    }

    private var metadata: UploadMetadata? {
        var metadata = UploadMetadata(title: title, fileExtension: fileExtension)
        metadata.towline.mirrors = mirrors
        metadata.towline.sha256 = sha256
        for (name, value) in headers.compactMap(Self.field) { metadata.towline.headers[name] = value }
        return metadata == UploadMetadata() ? nil : metadata
    }

    /// The calls, each with at most 20 sources.
    var requests: [UploadMediaByURLRequest] {
        let asked = UploadUserData(
            callbackURL: callback, extend: extend, priority: priority, expireSeconds: expireSeconds)
        let userData = asked == UploadUserData() ? nil : asked
        let metadata = metadata
        return stride(from: 0, to: urls.count, by: UploadMediaByURLRequest.sourceLimit).map { first in
            let part = urls[first..<min(first + UploadMediaByURLRequest.sourceLimit, urls.count)]
            return UploadMediaByURLRequest(
                sources: part.map { UploadSource(url: $0, metadata: metadata) }, userData: userData,
                sessionID: sessionID, appID: appID)
        }
    }

    /// The name of a URL on the screen: the title if there is one URL, the file name otherwise.
    func label(for url: String) -> String {
        if urls.count == 1, let title { return TerminalText.clean(title) }
        guard let parsed = try? HTTPURL(parsing: url) else { return TerminalText.clean(url) }
        return TerminalText.clean(parsed.fileName ?? parsed.hostName)
    }

    private static func clause(_ reason: String) -> String {
        reason.hasSuffix(".") ? String(reason.dropLast()) : reason
    }
}
