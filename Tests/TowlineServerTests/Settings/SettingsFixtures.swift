import Foundation

@testable import TowlineServer

/// Loads settings on a machine that is always the same.
///
/// - Returns: The settings in force.
func loadSettings(
    _ mode: Settings.Mode = .serve, flags: [String: String] = [:], environment: [String: String] = [:],
    file: String? = nil
) throws(SettingsError) -> Settings {
    let host = SettingsLoader.Host(
        name: "box.example", temporaryFolder: "/var/tmp", random: { "0123456789abcdef" })
    return try SettingsLoader(mode: mode, environment: environment, host: host).load(flags: flags, file: file)
}

/// Loads settings from a file with some content.
///
/// - Returns: The settings in force.
func loadSettings(_ mode: Settings.Mode = .serve, yaml: String) throws -> Settings {
    try withSettingsFile(Array(yaml.utf8)) { try loadSettings(mode, file: $0) }
}

/// Runs a body with a file of some bytes, which is removed afterwards.
func withSettingsFile<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) throws -> Result {
    let url = FileManager.default.temporaryDirectory.appending(path: "towline-\(UUID().uuidString).yaml")
    try Data(bytes).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    return try body(url.path)
}

/// What a body throws for wrong settings; `nil` when it throws nothing of that kind.
func settingsError(_ body: () throws -> Void) -> SettingsError? {
    do {
        try body()
        return nil
    } catch {
        return error as? SettingsError
    }
}
