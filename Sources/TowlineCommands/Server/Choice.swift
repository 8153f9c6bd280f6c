import ArgumentParser
import TowlineCore

/// Reads values of options whose errors name what is allowed.
enum Choice {
    /// The names of all cases, joined by commas: for help and errors.
    static func names<Value: CaseIterable & RawRepresentable<String>>(of type: Value.Type) -> String {
        type.allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// The case with a name, in any case of letters.
    ///
    /// - Throws: `ValidationError` naming the option and every case.
    static func value<Value: CaseIterable & RawRepresentable<String>>(
        _ text: String, _ option: String, of type: Value.Type = Value.self
    ) throws -> Value {
        guard let value = type.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
            throw ValidationError("\(option) must be one of \(names(of: type)); it is '\(TerminalText.clean(text))'.")
        }
        return value
    }

    /// Checks that a text looks like an id of a kind: only its prefix is judged, the rest is the server's to know.
    ///
    /// - Throws: `ValidationError` naming the option, the prefix and the command that lists such ids.
    static func checkID<ID: TimeOrderedID>(
        _ text: String, _ option: String, of type: ID.Type, listedBy command: String
    ) throws {
        guard text.hasPrefix(type.prefix), text.utf8.count > type.prefix.utf8.count else {
            throw ValidationError(
                "\(option) must be an id that begins with \(type.prefix), as 'towline \(command)' shows it; "
                    + "it is '\(TerminalText.clean(text))'.")
        }
    }

    /// Values of an option that may be repeated and may hold several, joined by commas.
    static func list(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",").map(String.init) }
    }
}
