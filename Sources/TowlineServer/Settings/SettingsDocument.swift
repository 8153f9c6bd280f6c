/// Texts about all settings, made from their table.
package enum SettingsDocument {
    /// The settings as a help text: grouped, each flag with what it is for, what it takes and its default.
    ///
    /// - Parameter mode: Whose defaults are told.
    /// - Returns: Lines of at most 76 columns, without a line break at the end.
    package static func help(_ mode: Settings.Mode) -> String {
        var lines = wrapped(
            "Settings are given as flags, as environment variables (--pull-retries is TOWLINE_PULL_RETRIES) or in "
                + "a YAML file (retries under pull); the first of these that names a setting counts.",
            width: 76)
        var group = ""
        for key in SettingsKey.table {
            let next = groupTitle(of: key)
            if next != group { lines += ["", next] }
            group = next
            let aliases = key.flagAliases.map { "--\($0), " }.joined()
            let placeholder = key.kind == .boolean ? "" : " \(key.kind.placeholder)"
            lines.append("  \(aliases)\(key.flag)\(placeholder)")
            let text = "\(key.summary)\(words(of: key.kind)) \(sentence(of: key, in: mode))".replacing("`", with: "")
            lines += wrapped(text, width: 70).map { "      " + $0 }
        }
        return lines.joined(separator: "\n")
    }

    /// The page `docs/settings.md`.
    package static func page() -> String {
        var lines = [introduction]
        var group = ""
        for key in SettingsKey.table {
            let next = groupTitle(of: key)
            if next != group {
                lines += ["", "## \(next)", "", "| Setting | Default | Takes | |", "|---|---|---|---|"]
            }
            group = next
            let name = (["`\(key.name)`"] + key.flagAliases.map { "(also `--\($0)`)" }).joined(separator: " ")
            let secret = key.isSecret ? " Secret: never shown; better in the environment than in a flag." : ""
            let allowed = key.kind.allowed.replacing("|", with: "\\|")
            lines.append("| \(name) | \(defaultCell(key)) | \(allowed) | \(key.summary)\(secret) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The file `towline.example.yaml`: every setting of `serve` with its default.
    package static func exampleFile() -> String {
        var lines = exampleHead.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var open: [String] = []
        for key in SettingsKey.table {
            let groups = Array(key.components.dropLast())
            let shared = zip(open, groups).prefix { $0 == $1 }.count
            if groups.isEmpty || shared == 0 { lines.append("") }
            for (depth, group) in groups.enumerated().dropFirst(shared) {
                lines.append(indent(depth) + group + ":")
            }
            open = groups
            let margin = indent(groups.count)
            let comment = "\(key.summary) Takes \(key.kind.allowed)\(note(on: key)).".replacing("`", with: "")
            lines += wrapped(comment, width: 116 - margin.count).map { margin + "# " + $0 }
            let name = key.components.last ?? key.name
            if case .text(let text) = key.serveDefault {
                lines.append("\(margin)\(name): \(yaml(text, key.kind))")
            } else {
                lines.append("\(margin)# \(name):")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let introduction = """
        # Settings

        Made from the table in `Sources/TowlineServer/Settings/SettingsKey+Table.swift`; a test compares the two, and
        `UPDATE_GENERATED=1 swift test --filter SettingsDocumentTests` writes this page and the example file anew.

        A setting is given as a flag, as an environment variable or in the YAML file that `--config` names. The first
        of these that names it counts; what nobody names has its default.

        | | `pull.per-origin` is |
        |---|---|
        | flag | `--pull-per-origin 4` or `--pull-per-origin=4`; twice is an error |
        | environment | `TOWLINE_PULL_PER_ORIGIN=4` |
        | YAML | `per-origin: 4` under `pull:` |

        - A flag, a YAML key or a variable that begins with `TOWLINE_` and is not known is an error that names the
          nearest known one. Not counted are what commands read to find a server (`TOWLINE_API_URL`,
          `TOWLINE_ADMIN_URL`, `TOWLINE_ADMIN_TOKEN`, `TOWLINE_ACCESS_KEY_ID`, `TOWLINE_ACCESS_KEY_SECRET`) and what
          Kubernetes sets for a service of Towline's name (`TOWLINE_SERVICE_HOST`, `TOWLINE_PORT` and so on).
        - Sizes are bytes, or take `KiB`, `MiB`, `GiB` or `TiB`. Times are seconds, with up to three decimals.
        - Lists are separated by commas; in YAML they may be sequences. A list replaces a default list as a whole.
        - In YAML, text that begins with `[` is quoted: `listen: "[::1]:8787"`.
        - An empty value stands for an empty list, and for the default where that is no fixed value (set in italics
          below). Elsewhere it is an error.
        - Relative paths start at the working directory.
        - `admin.listen` on anything but a loopback address requires `admin.token`.
        - A setting that is wrong ends the command with exit code 2 before anything starts.

        `towline.example.yaml` holds every setting with its default. `towline dev` has defaults of its own where two
        are given.
        """

    private static let exampleHead = """
        # Every setting of `towline serve` with its default; docs/settings.md has the rules and the defaults of
        # `towline dev`. What has no fixed value by default is commented out.
        """

    /// The heading under which a setting stands.
    private static func groupTitle(of key: SettingsKey) -> String {
        switch key.components[0] {
        case "api": "The API"
        case "admin": "The console and the admin API"
        case "data", "secrets", "store", "objects": "Where things are kept"
        case "roles", "node", "shutdown", "lease": "The node"
        case "pull": "Pulls"
        case "net": "Outgoing connections"
        case "delivery": "Callbacks"
        case "queue": "Queues"
        case "limits": "Rate limits"
        default: "Logs"
        }
    }

    /// The words that a setting takes, in a sentence, unless its placeholder shows them.
    private static func words(of kind: SettingsKind) -> String {
        switch kind {
        case .choice where kind.placeholder == "WORD": " Takes \(kind.allowed)."
        case .choices: " Takes \(kind.allowed)."
        default: ""
        }
    }

    /// The default, in a sentence.
    private static func sentence(of key: SettingsKey, in mode: Settings.Mode) -> String {
        switch key.defaultValue(in: mode) {
        case .text(""): "Default: empty."
        case .text(let text): "Default: \(text)."
        case .unset: "Default: none."
        case .derived(let text): "Default: \(text)."
        }
    }

    /// The default, in a cell of a table.
    private static func defaultCell(_ key: SettingsKey) -> String {
        let serve = defaultText(key.serveDefault)
        return key.devDefault.map { "\(serve) (`dev`: \(defaultText($0)))" } ?? serve
    }

    private static func defaultText(_ value: SettingsKey.Default) -> String {
        switch value {
        case .text(""): "empty"
        case .text(let text): "`\(text)`"
        case .unset: "*none*"
        case .derived(let text): "*\(text)*"
        }
    }

    /// The default of a setting that the example file leaves out.
    private static func note(on key: SettingsKey) -> String {
        if case .derived(let text) = key.serveDefault { return "; by default \(text)" }
        return ""
    }

    /// A default as YAML.
    private static func yaml(_ text: String, _ kind: SettingsKind) -> String {
        kind.isList ? "[" + SettingsText.scalar(text).items.joined(separator: ", ") + "]" : text
    }

    private static func indent(_ depth: Int) -> String {
        String(repeating: "  ", count: depth)
    }

    /// A text in lines of a width, broken at spaces.
    private static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
