import TowlineCore
import TowlineOutbound

extension SettingsKind {
    /// Reads a value of this kind.
    ///
    /// - Parameter text: What a layer holds.
    /// - Returns: The value, or `nil` when it is not ``allowed``: out of bounds, malformed, a list where one value
    ///   is due, or empty where that means nothing.
    package func parse(_ text: SettingsText) -> SettingsValue? {
        if isList { return parseList(text.items) }
        guard case .scalar(let scalar) = text, !scalar.isEmpty else { return nil }
        return switch self {
        case .integer(let range): Self.integer(scalar, in: range).map { .integer($0) }
        case .bytes(let range): Self.bytes(scalar, in: range).map { .integer($0) }
        case .seconds(let range): Self.seconds(scalar, in: range).map { .duration($0) }
        case .boolean: Self.boolean(scalar).map { .boolean($0) }
        case .choice(let words): words.contains(scalar) ? .text(scalar) : nil
        case .listen: Settings.HostPort(scalar).map { .listen($0) }
        case .webURL: Self.webURL(scalar).map { .text($0) }
        case .proxy: OutboundProxy(parsing: scalar).map { .proxy($0) }
        case .storeURL: Settings.Store(url: scalar).map { .store($0) }
        case .objectsURL: Settings.Objects(url: scalar).map { .objects($0) }
        case .path: Self.isPath(scalar) ? .text(scalar) : nil
        case .nodeName: scalar.utf8.count <= 64 && scalar.utf8.allSatisfy(Self.isNameByte) ? .text(scalar) : nil
        case .token: scalar.utf8.count <= 256 && scalar.utf8.allSatisfy { (0x21...0x7e) ~= $0 } ? .text(scalar) : nil
        case .choices, .networks, .nameServers, .proxyExceptions, .waits: nil
        }
    }

    private func parseList(_ items: [String]) -> SettingsValue? {
        switch self {
        case .choices(let words):
            guard !items.isEmpty, Set(items).count == items.count, items.allSatisfy(words.contains) else { return nil }
            return .list(items)
        case .waits(let count):
            let waits = items.compactMap { Self.seconds($0, in: 0.1...2_592_000) }
            return waits.count == items.count && count.contains(waits.count) ? .durations(waits) : nil
        case .networks:
            let blocks = items.compactMap { try? CIDR(parsing: $0) }
            return blocks.count == items.count ? .networks(blocks) : nil
        case .nameServers:
            let servers = items.compactMap { Settings.HostPort(nameServer: $0) }
            return servers.count == items.count ? .servers(servers) : nil
        case .proxyExceptions:
            return items.allSatisfy { OutboundProxy.Exception(parsing: $0) != nil } ? .list(items) : nil
        default:
            return nil
        }
    }

    /// Whether a text can be a path: not empty and without NUL.
    static func isPath(_ text: String) -> Bool {
        !text.isEmpty && !text.utf8.contains(0)
    }

    /// Whether a byte may be part of a node's name.
    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func integer(_ text: some StringProtocol, in range: ClosedRange<Int>) -> Int? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 }), let number = Int(text) else {
            return nil
        }
        return range.contains(number) ? number : nil
    }

    private static func bytes(_ text: String, in range: ClosedRange<Int>) -> Int? {
        let lowered = text.lowercased()
        for unit in sizeUnits where lowered.hasSuffix(unit.name.lowercased()) {
            guard let count = integer(SettingsText.trimmed(lowered.dropLast(unit.name.count)), in: 0...Int.max) else {
                return nil
            }
            let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
            return !overflow && range.contains(bytes) ? bytes : nil
        }
        return integer(text, in: range)
    }

    private static func seconds(_ text: String, in range: ClosedRange<Double>) -> Duration? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ integer($0, in: 0...Int.max) != nil }),
            parts.count == 1 || parts[1].count <= 3, let number = Double(text), range.contains(number)
        else {
            return nil
        }
        return .milliseconds(Int((number * 1_000).rounded()))
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }

    /// An absolute web URL without its trailing slashes.
    private static func webURL(_ text: String) -> String? {
        guard let colon = text.firstRange(of: "://"), ["http", "https"].contains(text[..<colon.lowerBound]),
            text.utf8.allSatisfy({ (0x21...0x7e) ~= $0 }), !text.contains(where: { "?#@\\\"<>".contains($0) })
        else {
            return nil
        }
        let rest = text[colon.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        guard Settings.HostPort.isAuthority(String(authority)) else { return nil }
        var end = text.endIndex
        while text[text.index(before: end)] == "/" { end = text.index(before: end) }
        return String(text[..<end])
    }
}
