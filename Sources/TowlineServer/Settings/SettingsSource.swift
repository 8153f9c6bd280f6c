/// Where a value came from, strongest first.
package enum SettingsSource: Sendable, Equatable {
    /// The command line.
    case flags
    /// The environment.
    case environment
    /// A settings file.
    case file(path: String)
    /// Nobody set it.
    case defaults

    /// The place in words that follow "set".
    ///
    /// - Parameter key: The setting that is meant.
    /// - Returns: Such as "by --pull-concurrency" or "in towline.yaml".
    package func place(of key: SettingsKey) -> String {
        switch self {
        case .flags: "by \(key.flag)"
        case .environment: "by \(key.environmentVariable)"
        case .file(let path): "in \(SettingsError.shown(path))"
        case .defaults: "by default"
        }
    }
}
