package import TowlineCore
package import TowlineOutbound

/// A setting's value as a layer holds it, before its kind is looked at.
package enum SettingsText: Sendable, Equatable, CustomStringConvertible {
    /// One text: from a flag, a variable, a default or a YAML scalar.
    case scalar(String)
    /// A YAML sequence.
    case sequence([String])

    /// The texts of a list: the sequence, or the scalar's parts between commas; none for an empty scalar.
    package var items: [String] {
        switch self {
        case .scalar(""): []
        case .scalar(let text): text.split(separator: ",", omittingEmptySubsequences: false).map { Self.trimmed($0) }
        case .sequence(let items): items
        }
    }

    /// A text without spaces and tabs at its ends.
    static func trimmed(_ text: some StringProtocol) -> String {
        let head = text.drop { $0 == " " || $0 == "\t" }
        guard let last = head.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return String(head[...last])
    }

    /// The value on one line, as an error shows it.
    package var description: String {
        switch self {
        case .scalar(let text): text
        case .sequence(let items): "[" + items.joined(separator: ", ") + "]"
        }
    }
}

/// A setting's value once it was found to be allowed.
package enum SettingsValue: Sendable, Equatable {
    /// Of the kinds `integer` and `bytes`.
    case integer(Int)
    /// Of the kind `seconds`.
    case duration(Duration)
    /// Of the kind `waits`.
    case durations([Duration])
    /// Of the kind `boolean`.
    case boolean(Bool)
    /// Of the kinds `choice`, `webURL`, `path`, `nodeName` and `token`.
    case text(String)
    /// Of the kinds `choices` and `proxyExceptions`.
    case list([String])
    /// Of the kind `networks`.
    case networks([CIDR])
    /// Of the kind `nameServers`.
    case servers([Settings.HostPort])
    /// Of the kind `listen`.
    case listen(Settings.HostPort)
    /// Of the kind `proxy`.
    case proxy(OutboundProxy)
    /// Of the kind `storeURL`.
    case store(Settings.Store)
    /// Of the kind `objectsURL`.
    case objects(Settings.Objects)
}
