extension SettingsKey {
    /// A clause that names the known name most like an unknown one.
    ///
    /// - Parameters:
    ///   - unknown: What the user wrote.
    ///   - known: What there is.
    ///   - prefix: What all names begin with and what therefore says nothing about likeness.
    /// - Returns: A clause that names the nearest name, or says where all are listed when none is near.
    static func suggestion(for unknown: String, among known: [String], prefix: String = "") -> String {
        // A setting that was taken for a group of settings.
        if let whole = known.first(where: { unknown.hasPrefix($0 + ".") }) { return "; the nearest one is \(whole)" }
        let stem = String(unknown.dropFirst(prefix.count))
        let ranked = known.map { (name: $0, distance: distance(String($0.dropFirst(prefix.count)), stem)) }
        guard let nearest = ranked.min(by: { $0.distance < $1.distance }),
            nearest.distance <= max(stem.count, nearest.name.count - prefix.count) / 2
        else {
            return "; towline serve --help lists what there is"
        }
        return "; the nearest one is \(nearest.name)"
    }

    /// How many characters must be put in, taken out or replaced to turn one text into the other.
    static func distance(_ first: String, _ second: String) -> Int {
        let second = Array(second.unicodeScalars.prefix(200))
        var row = Array(0...second.count)
        for (index, character) in first.unicodeScalars.prefix(200).enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in second.indices {
                let replaced = diagonal + (second[column] == character ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[second.count]
    }
}
