/// One setting as users know it: its name, what it takes, its default and what it is for.
///
/// A name such as `pull.per-origin` gives the flag `--pull-per-origin`, the environment variable
/// `TOWLINE_PULL_PER_ORIGIN` and the nested YAML keys `pull:` and `per-origin:`. Names are lower-case words joined
/// by hyphens, in groups joined by dots. The keys are listed in ``table``.
package struct SettingsKey: Sendable, Equatable {
    /// What holds where nobody sets a value.
    package enum Default: Sendable, Equatable, ExpressibleByStringLiteral {
        /// A fixed value, written as a user would write it; empty for an empty list.
        case text(String)
        /// The setting has no value, and what it would switch on is off.
        case unset
        /// The value follows from something else; the text says from what.
        case derived(String)

        package init(stringLiteral value: String) {
            self = .text(value)
        }
    }

    /// The dotted name, such as `pull.concurrency`.
    package let name: String
    /// What the setting takes.
    package let kind: SettingsKind
    /// The default of `serve`, and of `dev` where that has none of its own.
    package let serveDefault: Default
    /// The default of `dev` where it differs.
    package let devDefault: Default?
    /// Whether the value must never be shown.
    package let isSecret: Bool
    /// Further flag names, without the two hyphens.
    package let flagAliases: [String]
    /// One sentence on what the setting is for.
    package let summary: String

    /// Describes one setting.
    ///
    /// - Parameters:
    ///   - name: The dotted name.
    ///   - kind: What the setting takes.
    ///   - serveDefault: The default.
    ///   - devDefault: The default of `dev` where it differs.
    ///   - isSecret: Whether the value must never be shown.
    ///   - flagAliases: Further flag names, without the two hyphens.
    ///   - summary: One sentence on what the setting is for.
    package init(
        _ name: String,
        _ kind: SettingsKind,
        default serveDefault: Default,
        dev devDefault: Default? = nil,
        isSecret: Bool = false,
        flagAliases: [String] = [],
        _ summary: String
    ) {
        self.name = name
        self.kind = kind
        self.serveDefault = serveDefault
        self.devDefault = devDefault
        self.isSecret = isSecret
        self.flagAliases = flagAliases
        self.summary = summary
    }

    /// The default in a mode.
    ///
    /// - Parameter mode: Which command's defaults are meant.
    /// - Returns: The default that holds in that mode.
    package func defaultValue(in mode: Settings.Mode) -> Default {
        switch mode {
        case .serve: serveDefault
        case .dev: devDefault ?? serveDefault
        }
    }

    /// The parts of the name between its dots, as YAML nests them.
    package var components: [String] {
        name.split(separator: ".").map(String.init)
    }

    /// The flag with its two hyphens, such as `--pull-per-origin`.
    package var flag: String {
        "--" + name.replacing(".", with: "-")
    }

    /// The environment variable, such as `TOWLINE_PULL_PER_ORIGIN`.
    package var environmentVariable: String {
        SettingsEnvironment.prefix + name.replacing(".", with: "_").replacing("-", with: "_").uppercased()
    }
}
