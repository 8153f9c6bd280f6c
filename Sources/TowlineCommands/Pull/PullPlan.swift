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
        guard sessionID == nil || urls.count <= UploadMediaByURLRequest.sourceLimit else {
            throw CommandFailure(
                .usage,
                "--session-id goes with at most \(UploadMediaByURLRequest.sourceLimit) URLs, since more take several calls "
                    + "and a session is good for one")
        }
    }

    /// The calls, each with at most 20 sources.
    var requests: [UploadMediaByURLRequest] {
        let userData =
            callback == nil && extend == nil ? nil : UploadUserData(callbackURL: callback, extend: extend)
        let metadata =
            title == nil && fileExtension == nil ? nil : UploadMetadata(title: title, fileExtension: fileExtension)
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
