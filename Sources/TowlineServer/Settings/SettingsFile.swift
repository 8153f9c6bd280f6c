import Configuration
import Foundation
import Synchronization

/// A YAML file as a layer of settings.
enum SettingsFile {
    /// Largest file that is read, in bytes.
    static let maxBytes = 1 << 20

    /// Makes the layer of a file.
    ///
    /// - Parameter path: The file's path.
    /// - Returns: A layer of what the file sets; empty for a file of comments only.
    /// - Throws: ``SettingsError`` with code `unreadableFile` when the file cannot be read, `malformedFile` when it is
    ///   not YAML of nested keys, and `unknownSetting` for a key that there is no setting for.
    static func layer(path: String) throws(SettingsError) -> SettingsLayer {
        let source = SettingsSource.file(path: path)
        let text = try contents(of: path)
        guard hasContent(text) else { return SettingsLayer(source: source, values: [:]) }
        let keys = SeenKeys()
        let options = YAMLSnapshot.ParsingOptions(secretsSpecifier: .dynamic { name, _ in keys.add(name) })
        let snapshot: YAMLSnapshot
        do {
            snapshot = try YAMLSnapshot(data: Array(text.utf8).span.bytes, providerName: path, parsingOptions: options)
        } catch {
            let shown = SettingsError.shown(path)
            throw SettingsError(.malformedFile, "the settings file \(shown) is malformed: \(summary(of: error))")
        }
        let layer = SettingsLayer(source: source, snapshot: snapshot)
        try check(keys.all, in: layer, path: path)
        return layer
    }

    /// Refuses keys that there is no setting for, that stand twice, or that give a group a value.
    private static func check(_ names: [String], in layer: SettingsLayer, path: String) throws(SettingsError) {
        let place = "in \(SettingsError.shown(path))"
        let known = SettingsKey.table.map(\.name)
        var seen: Set<String> = []
        for name in names {
            guard seen.insert(name).inserted else {
                throw SettingsError(.malformedFile, key: name, "\(SettingsError.shown(name)) is set twice \(place)")
            }
            if known.contains(name) { continue }
            guard known.contains(where: { $0.hasPrefix(name + ".") }) else {
                let suggestion = SettingsKey.suggestion(for: name, among: known)
                throw SettingsError(
                    .unknownSetting, "there is no setting \(SettingsError.shown(name)) \(place)\(suggestion)")
            }
            // A group whose members are all commented out reads as a null.
            guard layer.text(named: name)?.isNull ?? false else {
                throw SettingsError(
                    .malformedFile, "\(name) \(place) is a group of settings and takes no value of its own")
            }
        }
    }

    /// Whether YAML has more than comments and document marks.
    static func hasContent(_ text: String) -> Bool {
        text.split(whereSeparator: \.isNewline).contains { line in
            let line = SettingsText.trimmed(line).drop { $0 == "\u{FEFF}" }
            return !line.isEmpty && !line.hasPrefix("#") && line != "---" && line != "..."
        }
    }

    /// The parser's complaint on one line, without the lines of the file that it quotes: they may hold a secret.
    static func summary(of error: any Error) -> String {
        var words: [Substring] = []
        for line in "\(error)".split(whereSeparator: \.isNewline).prefix(2) {
            words.append(line)
            if line.hasSuffix(":") || line.hasSuffix(".") { break }
        }
        let summary = words.joined(separator: " ")
        return summary.hasSuffix(":") || summary.hasSuffix(".") ? String(summary.dropLast()) : summary
    }

    private static func contents(of path: String) throws(SettingsError) -> String {
        func refusal(_ reason: String) -> SettingsError {
            SettingsError(.unreadableFile, "cannot read the settings file \(SettingsError.shown(path)): \(reason)")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw refusal(reason(errno)) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw refusal(reason(errno)) }
            guard count > 0 else { break }
            bytes += buffer[..<count]
            guard bytes.count <= maxBytes else { throw refusal("it is larger than 1 MiB") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw refusal("it is not UTF-8 text") }
        return text
    }

    private static func reason(_ code: Int32) -> String {
        String(cString: strerror(code))
    }

    /// The keys that a parser comes across, in its order.
    private final class SeenKeys: Sendable {
        private let names = Mutex<[String]>([])

        /// All keys so far.
        var all: [String] { names.withLock { $0 } }

        /// Notes a key and says whether its value is secret.
        func add(_ name: String) -> Bool {
            names.withLock { $0.append(name) }
            return SettingsKey.named(name)?.isSecret ?? false
        }
    }
}

extension SettingsText {
    /// Whether YAML means no value by it.
    var isNull: Bool {
        guard case .scalar(let text) = self else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }
}
