import TowlineCore

/// Names and values under each other, the values aligned.
struct Facts: Sendable {
    private var entries: [(name: String, value: String, isBad: Bool)] = []

    /// Nothing yet.
    init() {}

    /// Adds a line; one without a value is left out.
    mutating func add(_ name: String, _ value: String?, isBad: Bool = false) {
        guard let value, !value.isEmpty else { return }
        entries.append((name, TerminalText.clean(value), isBad))
    }

    /// The lines, the names padded to the longest.
    func lines(style: Style) -> [String] {
        let width = entries.reduce(0) { max($0, TerminalText.width(of: $1.name)) } + 2
        return entries.map { name, value, isBad in
            style.bold(TerminalText.pad(name, width)) + (isBad ? style.red(value) : value)
        }
    }
}

extension JSONValue {
    /// The value over several lines, two blanks deeper for each level; safe for a terminal.
    var prettyLines: [String] {
        switch self {
        case .array(let elements) where !elements.isEmpty:
            ["["] + Self.indented(elements.map(\.prettyLines)) + ["]"]
        case .object(let members) where !members.isEmpty:
            ["{"]
                + Self.indented(
                    members.map { member in
                        var lines = member.value.prettyLines
                        lines[0] = JSONValue.string(member.name).terminalText + ": " + lines[0]
                        return lines
                    }) + ["}"]
        default: [terminalText]
        }
    }

    private static func indented(_ blocks: [[String]]) -> [String] {
        blocks.enumerated().flatMap { index, block in
            block.enumerated().map { line, text in
                let isEnd = line == block.count - 1 && index < blocks.count - 1
                return "  " + text + (isEnd ? "," : "")
            }
        }
    }
}
