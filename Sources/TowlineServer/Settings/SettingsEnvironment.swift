import Configuration

/// The environment as a layer of settings.
enum SettingsEnvironment {
    /// What all of Towline's variables begin with.
    static let prefix = "TOWLINE_"

    /// Variables by which commands find a server and its keys; the server itself does not read them.
    ///
    /// `TOWLINE_ADMIN_TOKEN` is both: what commands show is what the server expects (`admin.token`).
    static let clientVariables = [
        "TOWLINE_API_URL", "TOWLINE_ADMIN_URL", "TOWLINE_ADMIN_TOKEN", "TOWLINE_ACCESS_KEY_ID",
        "TOWLINE_ACCESS_KEY_SECRET",
    ]

    /// Makes the layer.
    ///
    /// - Parameter environment: All variables of the process.
    /// - Returns: A snapshot that knows settings by their names.
    /// - Throws: ``SettingsError`` with code `unknownSetting` for a variable with Towline's prefix that means nothing.
    static func layer(_ environment: [String: String]) throws(SettingsError) -> SettingsLayer {
        let ours = environment.filter { $0.key.hasPrefix(prefix) }
        let known = SettingsKey.table.map(\.environmentVariable) + clientVariables
        for (name, value) in ours.sorted(by: { $0.key < $1.key })
        where !known.contains(name) && !isServiceLink(name, value) {
            let suggestion = SettingsKey.suggestion(for: name, among: known, prefix: prefix)
            throw SettingsError(
                .unknownSetting, "there is no environment variable \(SettingsError.shown(name))\(suggestion)")
        }
        let secrets = SettingsKey.table.filter(\.isSecret).map(\.environmentVariable)
        let provider = EnvironmentVariablesProvider(
            environmentVariables: ours, secretsSpecifier: .specific(Set(secrets))
        ).prefixKeys(with: "towline")
        return SettingsLayer(source: .environment, snapshot: provider.snapshot())
    }

    /// The access key that the tools of S3 take from the environment.
    ///
    /// - Parameter environment: All variables of the process.
    /// - Returns: The key, or `nil` unless both of its parts are there.
    static func objectsKey(_ environment: [String: String]) -> Settings.ObjectsKey? {
        func text(_ name: String) -> String? { environment["AWS_" + name].flatMap { $0.isEmpty ? nil : $0 } }
        guard let id = text("ACCESS_KEY_ID"), let secret = text("SECRET_ACCESS_KEY") else { return nil }
        return Settings.ObjectsKey(
            id: id, secret: Settings.Secret(secret), sessionToken: text("SESSION_TOKEN").map { Settings.Secret($0) })
    }

    /// Whether a variable is one that Kubernetes sets in every pod for a service whose name begins with `towline`.
    ///
    /// Such as `TOWLINE_SERVICE_HOST` and `TOWLINE_SERVICE_PORT_HTTP`, with `TOWLINE_PORT` and
    /// `TOWLINE_PORT_8787_TCP_ADDR` beside them (Kubernetes, Service, "Environment variables").
    static func isServiceLink(_ name: String, _ value: String) -> Bool {
        let words = name.split(separator: "_")
        let pairs = zip(words, words.dropFirst())
        if pairs.contains(where: { $0 == "SERVICE" && ($1 == "HOST" || $1 == "PORT") }) { return true }
        let hasProtocol = zip(pairs, words.dropFirst(2)).contains { pair, word in
            pair.0 == "PORT" && Int(pair.1) != nil && ["TCP", "UDP", "SCTP"].contains(word)
        }
        if hasProtocol { return true }
        return words.last == "PORT" && ["tcp://", "udp://", "sctp://"].contains { value.hasPrefix($0) }
    }
}
