package import Logging
package import TowlineCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Log lines on standard error, as text or as one JSON object a line (`log.format`).
package struct LogOutput: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let isJSON: Bool
    private let wallClock: @Sendable () -> Timestamp

    /// A handler for one label.
    package init(
        label: String, level: Logger.Level, isJSON: Bool, wallClock: @escaping @Sendable () -> Timestamp
    ) {
        self.label = label
        logLevel = level
        self.isJSON = isJSON
        self.wallClock = wallClock
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let values = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let line: [UInt8]
        if isJSON {
            let fixed: [JSONValue.Member] = [
                .init("time", .string(wallClock().description)), .init("level", .string(event.level.rawValue)),
                .init("label", .string(label)), .init("message", .string(event.message.description)),
            ]
            line = JSONValue.object(fixed + values.map { .init($0.key, .string($0.value.description)) }).utf8
        } else {
            let pairs = values.map { " \($0.key)=\(Self.oneLine($0.value.description))" }.joined()
            line = Array("\(wallClock()) \(event.level.rawValue) \(event.message)\(pairs)".utf8)
        }
        (line + [0x0A]).withUnsafeBytes { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Values may come from outside: control characters are shown, not obeyed.
    private static func oneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return text }
        return text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? $0.escaped(asASCII: true) : String($0) }
            .joined()
    }
}
