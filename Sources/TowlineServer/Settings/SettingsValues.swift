import TowlineCore

/// The values of settings by their names, each of the type that its kind gives.
///
/// The readers stop the process when a name and a type do not belong together: that is a mistake in the table, and
/// the first load meets it.
struct SettingsValues: Sendable {
    private var values: [String: SettingsValue] = [:]

    /// The value of one setting; `nil` when it has none.
    subscript(name: String) -> SettingsValue? {
        get {
            precondition(SettingsKey.named(name) != nil, "there is no setting \(name)")
            return values[name]
        }
        set { values[name] = newValue }
    }

    /// A number, or a size in bytes.
    func integer(_ name: String) -> Int {
        guard case .integer(let number) = self[name] else { mismatch(name) }
        return number
    }

    /// A switch.
    func flag(_ name: String) -> Bool {
        guard case .boolean(let isOn) = self[name] else { mismatch(name) }
        return isOn
    }

    /// A time.
    func duration(_ name: String) -> Duration {
        guard case .duration(let duration) = self[name] else { mismatch(name) }
        return duration
    }

    /// A number with decimals.
    func number(_ name: String) -> Double {
        guard case .number(let number) = self[name] else { mismatch(name) }
        return number
    }

    /// A text; `nil` when the setting has no value.
    func text(_ name: String) -> String? {
        switch self[name] {
        case nil: nil
        case .text(let text): text
        default: mismatch(name)
        }
    }

    /// One of several words.
    func choice<Word: RawRepresentable<String>>(_ name: String, _ type: Word.Type = Word.self) -> Word {
        guard case .text(let text) = self[name], let word = Word(rawValue: text) else { mismatch(name) }
        return word
    }

    /// A list.
    func list(_ name: String) -> [String] {
        guard case .list(let items) = self[name] else { mismatch(name) }
        return items
    }

    /// A list of durations.
    func durations(_ name: String) -> [Duration] {
        guard case .durations(let durations) = self[name] else { mismatch(name) }
        return durations
    }

    /// A list of blocks of addresses.
    func networks(_ name: String) -> [CIDR] {
        guard case .networks(let blocks) = self[name] else { mismatch(name) }
        return blocks
    }

    /// Where to listen.
    func listen(_ name: String) -> Settings.HostPort {
        guard case .listen(let address) = self[name] else { mismatch(name) }
        return address
    }

    /// Stops the process over a mistake in the table.
    private func mismatch(_ name: String) -> Never {
        preconditionFailure("the setting \(name) is read as what it is not")
    }
}
