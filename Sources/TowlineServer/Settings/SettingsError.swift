/// Why settings cannot be used.
///
/// Always the user's to mend: commands print ``description`` and end with ``exitCode``.
package struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of fault it is.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case unknownSetting = "settings.unknown"
            case wrongValue = "settings.wrong-value"
            case conflict = "settings.conflict"
            case unreadableFile = "settings.unreadable-file"
            case malformedFile = "settings.malformed-file"
            case usage = "settings.usage"
        }

        private let value: Value

        /// A flag, variable or YAML key that there is no setting for.
        package static let unknownSetting = Code(value: .unknownSetting)
        /// A value that its setting does not take.
        package static let wrongValue = Code(value: .wrongValue)
        /// Values that do not go together.
        package static let conflict = Code(value: .conflict)
        /// A settings file that cannot be read.
        package static let unreadableFile = Code(value: .unreadableFile)
        /// A settings file that is not YAML of the right shape.
        package static let malformedFile = Code(value: .malformedFile)
        /// Arguments that are no flags with values.
        package static let usage = Code(value: .usage)

        /// A fixed label.
        package var description: String { value.rawValue }
    }

    /// The exit code that goes with every such error: wrong usage.
    package static let exitCode: Int32 = 2

    /// What kind of fault it is.
    package let code: Code
    /// The setting at fault, where there is one.
    package let key: String?
    /// One sentence for the user, without secrets and without a full stop.
    package let description: String

    init(_ code: Code, key: String? = nil, _ description: String) {
        self.code = code
        self.key = key
        self.description = description
    }

    /// An error for a value that its setting does not take.
    static func wrongValue(_ key: SettingsKey, _ text: SettingsText, from source: SettingsSource) -> SettingsError {
        if case .scalar(let scalar) = text, let complaint = key.kind.complaint(about: scalar) {
            return SettingsError(
                .wrongValue, key: key.name, "\(key.name): \(shown(complaint, most: 400)) (set \(source.place(of: key)))"
            )
        }
        let found: String
        switch text {
        case _ where key.isSecret: found = ""
        case .scalar(""): found = ", not an empty value"
        case .scalar(let scalar): found = ", not \"\(shown(scalar))\""
        case .sequence where key.kind.isList: found = ", not \(shown(text.description))"
        case .sequence: found = ", not a list"
        }
        return SettingsError(
            .wrongValue, key: key.name, "\(key.name) takes \(key.kind.allowed)\(found) (set \(source.place(of: key)))")
    }

    /// A user's text as an error may show it: no passwords of URLs, no control characters, not endless.
    static func shown(_ text: String, most: Int = 100) -> String {
        var text = text
        if let start = text.firstRange(of: "://")?.upperBound, let at = text[start...].lastIndex(of: "@") {
            text.replaceSubrange(start..<at, with: "…")
        }
        let scalars = text.unicodeScalars.prefix(most + 1).map { scalar in
            scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar
        }
        var shown = String.UnicodeScalarView()
        shown.append(contentsOf: scalars.prefix(most))
        return String(shown) + (scalars.count > most ? "…" : "")
    }
}
