/// Reads settings from a command line.
///
/// Takes `--key value` and `--key=value`; a switch also `--key` and `--no-key`. A flag given twice, under either of
/// its names, is an error: one of the two would be lost.
package struct SettingsFlags: Sendable {
    private let keys: [String: SettingsKey]

    /// Makes a reader for some settings.
    ///
    /// - Parameter table: The settings that have flags.
    package init(table: [SettingsKey] = SettingsKey.table) {
        var keys: [String: SettingsKey] = [:]
        for key in table {
            keys[key.flag] = key
            for alias in key.flagAliases { keys["--" + alias] = key }
        }
        self.keys = keys
    }

    /// Reads settings from the arguments that a command itself does not know.
    ///
    /// - Parameter arguments: Flags with their values, in any order.
    /// - Returns: The value of each flag, by the setting's name; switches give `true` or `false`.
    /// - Throws: ``SettingsError`` with code `unknownSetting` for a flag that there is no setting for, and `usage`
    ///   for a missing value, a flag given twice, and an argument that is no flag.
    package static func parse(_ arguments: [String]) throws(SettingsError) -> [String: String] {
        try SettingsFlags().parse(arguments)
    }

    /// Reads settings from the arguments that a command itself does not know.
    ///
    /// - Parameter arguments: Flags with their values, in any order.
    /// - Returns: The value of each flag, by the setting's name; switches give `true` or `false`.
    /// - Throws: ``SettingsError`` as the static method of this name does.
    package func parse(_ arguments: [String]) throws(SettingsError) -> [String: String] {
        var values: [String: String] = [:]
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument.count > 2 else { throw Self.notAFlag(argument) }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            let (key, isNegated) = try key(of: name)
            let value: String
            if isNegated {
                guard parts.count == 1 else { throw SettingsError(.usage, key: key.name, "\(name) takes no value") }
                value = "false"
            } else if parts.count == 2 {
                value = String(parts[1])
            } else if key.kind == .boolean {
                value = "true"
            } else if let next = rest.first, !next.hasPrefix("--") {
                value = rest.removeFirst()
            } else {
                throw SettingsError(.usage, key: key.name, "\(name) needs a value: \(key.kind.allowed)")
            }
            guard values.updateValue(value, forKey: key.name) == nil else {
                throw SettingsError(.usage, key: key.name, "\(name) sets \(key.name) a second time")
            }
        }
        return values
    }

    private func key(of name: String) throws(SettingsError) -> (SettingsKey, isNegated: Bool) {
        if let key = keys[name] { return (key, false) }
        if name.hasPrefix("--no-"), let key = keys["--" + name.dropFirst(5)], key.kind == .boolean {
            return (key, true)
        }
        let suggestion = SettingsKey.suggestion(for: name, among: keys.keys.sorted(), prefix: "--")
        throw SettingsError(.unknownSetting, "there is no flag \(SettingsError.shown(name))\(suggestion)")
    }

    private static func notAFlag(_ argument: String) -> SettingsError {
        let shown = SettingsError.shown(argument)
        return SettingsError(.usage, "\"\(shown)\" is no flag; settings are given as --name value or --name=value")
    }
}
