import ArgumentParser
import TowlineCore

/// What `towline listen` was asked for, checked.
struct ListenPlan: Sendable, Hashable {
    /// How events are handed to a local handler.
    struct Forwarding: Sendable, Hashable {
        /// Where to, in its canonical form.
        var url: HTTPURL
        /// The URL that is signed, byte for byte; nil for that of the configured callback, or the forward URL as typed.
        var signAs: String?
        /// The forward URL as typed: what is signed where no callback is configured.
        var typedURL: String
        /// Attempts for each event, at least 1.
        var attempts = 3
        /// Whether an event that no attempt brought ends the command.
        var isStoppingOnFailure = false
    }

    /// The queue that messages are received from; nil for a listener's events.
    var queue: QueueReference?
    /// The listener: 1 to 64 letters, digits, `-`, `.` and `_`.
    var name: String
    /// Where a new listener begins: `now`, `beginning` or the event before.
    var start = "now"
    /// Whether somebody chose ``start``.
    var isStartChosen = false
    var account: String?
    /// Only events of these types; empty for all.
    var types: Set<String> = []
    var forwarding: Forwarding?
    /// The command ends after so many events; nil for never.
    var limit: Int?
    var isJSON = false

    /// Whether the command shows an event of a type.
    func includes(_ type: String) -> Bool { types.isEmpty || types.contains(type) }

    /// The name unless another is given: `listen-` and the host's name, cleaned to what is allowed.
    static func standardName(host: String) -> String {
        let label = host.split(separator: ".").first.map(String.init) ?? ""
        let cleaned = label.unicodeScalars.map { isNameScalar($0) ? String($0) : "-" }.joined()
        return String("listen-\(cleaned.isEmpty ? "here" : cleaned)".prefix(64))
    }

    /// Whether a text can name a listener.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.unicodeScalars.allSatisfy(isNameScalar)
    }

    private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_": true
        default: false
        }
    }
}
