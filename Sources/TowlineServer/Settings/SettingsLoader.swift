import Foundation

/// Brings settings together: flags over environment over file over defaults.
///
/// A setting that no layer names has its default. One that a layer names must be allowed by its kind. An empty value
/// stands for an empty list, and for the default of a setting whose default is not a fixed value; elsewhere it is
/// an error.
package struct SettingsLoader: Sendable {
    /// What defaults are made from.
    package struct Host: Sendable {
        /// The machine's name.
        package var name: String
        /// The folder for temporary folders, without a trailing slash.
        package var temporaryFolder: String
        /// Gives a new text of sixteen random hexadecimal digits.
        package var random: @Sendable () -> String
        /// The access key of buckets that the environment names.
        package var objectsKey: Settings.ObjectsKey?

        /// Describes a machine.
        ///
        /// - Parameters:
        ///   - name: The machine's name.
        ///   - temporaryFolder: The folder for temporary folders, without a trailing slash.
        ///   - random: Gives a new text of sixteen random hexadecimal digits.
        package init(name: String, temporaryFolder: String, random: @escaping @Sendable () -> String) {
            self.name = name
            self.temporaryFolder = temporaryFolder
            self.random = random
        }

        /// The machine that the process runs on.
        ///
        /// - Parameter environment: The variables of the process; `TMPDIR` names the folder for temporary folders.
        /// - Returns: What defaults are made from.
        package static func current(_ environment: [String: String]) -> Host {
            var buffer = [CChar](repeating: 0, count: 256)
            let name = gethostname(&buffer, buffer.count - 1) == 0 ? buffer : []
            var folder = environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
            while folder.hasSuffix("/"), folder.count > 1 { folder.removeLast() }
            var host = Host(
                name: String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self),
                temporaryFolder: folder,
                random: {
                    let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
                    return String(repeating: "0", count: 16 - digits.count) + digits
                })
            host.objectsKey = SettingsEnvironment.objectsKey(environment)
            return host
        }
    }

    private let mode: Settings.Mode
    private let environment: [String: String]
    private let host: Host

    /// Makes a loader.
    ///
    /// - Parameters:
    ///   - mode: Whose defaults hold.
    ///   - environment: The variables of the process.
    ///   - host: What defaults are made from; `nil` for the machine that the process runs on.
    package init(
        mode: Settings.Mode, environment: [String: String] = ProcessInfo.processInfo.environment, host: Host? = nil
    ) {
        self.mode = mode
        self.environment = environment
        self.host = host ?? .current(environment)
    }

    /// Reads and checks all settings.
    ///
    /// Reads the file with blocking calls; touches nothing else.
    ///
    /// - Parameters:
    ///   - flags: Texts by the settings' names, as ``SettingsFlags`` gives them.
    ///   - file: The path of a YAML file.
    /// - Returns: The settings in force.
    /// - Throws: ``SettingsError``, for the first fault found.
    package func load(flags: [String: String] = [:], file: String? = nil) throws(SettingsError) -> Settings {
        let known = SettingsKey.table.map(\.name)
        for name in flags.keys.sorted() where !known.contains(name) {
            let suggestion = SettingsKey.suggestion(for: name, among: known)
            throw SettingsError(.unknownSetting, "there is no setting \(SettingsError.shown(name))\(suggestion)")
        }
        var layers = [
            SettingsLayer(source: .flags, values: flags), try SettingsEnvironment.layer(environment),
        ]
        if let file { layers.append(try SettingsFile.layer(path: file)) }
        layers.append(SettingsLayer(source: .defaults, values: defaults()))
        return try Settings(try values(from: layers), mode: mode, host: host)
    }

    /// The fixed defaults by the settings' names.
    private func defaults() -> [String: String] {
        var defaults: [String: String] = [:]
        for key in SettingsKey.table {
            if case .text(let text) = key.defaultValue(in: mode) { defaults[key.name] = text }
        }
        return defaults
    }

    /// The strongest value of each setting that has one.
    private func values(from layers: [SettingsLayer]) throws(SettingsError) -> SettingsValues {
        var values = SettingsValues()
        for key in SettingsKey.table {
            for layer in layers {
                guard let text = layer.text(named: key.name) else { continue }
                values[key.name] = try value(of: key, text, from: layer.source)
                break
            }
        }
        return values
    }

    /// The value of one setting, or `nil` for an empty one whose default is not fixed.
    private func value(
        of key: SettingsKey, _ text: SettingsText, from source: SettingsSource
    ) throws(SettingsError) -> SettingsValue? {
        var text = text
        if case .file = source, text.isNull { text = .scalar("") }
        if text == .scalar(""), !key.kind.isList {
            if case .text = key.defaultValue(in: mode) {} else { return nil }
        }
        guard let value = key.kind.parse(text) else { throw .wrongValue(key, text, from: source) }
        return value
    }
}
