import Configuration

/// One source of settings: flags, environment, file or defaults.
struct SettingsLayer: Sendable {
    /// What the layer is, for errors.
    let source: SettingsSource
    /// What the layer holds, by the settings' names.
    let snapshot: any ConfigSnapshot

    /// Names a layer.
    ///
    /// - Parameters:
    ///   - source: What the layer is.
    ///   - snapshot: What the layer holds, by the settings' names.
    init(source: SettingsSource, snapshot: any ConfigSnapshot) {
        self.source = source
        self.snapshot = snapshot
    }

    /// Makes a layer of texts.
    ///
    /// - Parameters:
    ///   - source: What the layer is.
    ///   - values: Texts by the settings' names.
    init(source: SettingsSource, values: [String: String]) {
        let pairs = values.map { name, text in
            let isSecret = SettingsKey.named(name)?.isSecret ?? false
            return (AbsoluteConfigKey(ConfigKey(name)), ConfigValue(.string(text), isSecret: isSecret))
        }
        let provider = InMemoryProvider(values: Dictionary(uniqueKeysWithValues: pairs))
        self.init(source: source, snapshot: provider.snapshot())
    }

    /// What the layer holds for a setting.
    ///
    /// - Parameter name: A dotted name.
    /// - Returns: The text or list, or `nil` when the layer says nothing about it.
    func text(named name: String) -> SettingsText? {
        let key = AbsoluteConfigKey(ConfigKey(name))
        // A snapshot refuses a type that differs from what it holds: what is no text is a list.
        if let result = try? snapshot.value(forKey: key, type: .string) {
            guard case .string(let text) = result.value?.content else { return nil }
            return .scalar(text)
        }
        guard let result = try? snapshot.value(forKey: key, type: .stringArray),
            case .stringArray(let items) = result.value?.content
        else {
            return nil
        }
        return .sequence(items)
    }
}
