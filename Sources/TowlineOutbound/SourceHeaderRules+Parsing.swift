import FoundationEssentials
import TowlineCore

/// Says which line of a file of header rules is wrong, and what is allowed there; never a value.
package struct SourceHeaderRulesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The line, from 1.
    package let line: Int
    /// What is wrong and what is allowed.
    package let reason: String

    /// The line and the reason.
    package var description: String { "line \(line): \(reason)" }
}

extension SourceHeaderRules {
    /// Most rules of a file.
    private static let maximumRules = 1_000
    /// Most fields of a rule.
    private static let maximumFields = 32
    /// Most bytes of a line.
    private static let maximumLine = 16_384

    /// Reads rules from the text of a file.
    ///
    /// A line `[PATTERN]` begins a rule, lines `Name: value` behind it are its fields, and `login: user:password` is an
    /// `Authorization` field of the Basic scheme. Empty lines and lines that begin with `#` mean nothing.
    ///
    /// - Throws: ``SourceHeaderRulesError`` for the first line that is wrong.
    package init(parsing text: String) throws(SourceHeaderRulesError) {
        var rules: [Rule] = []
        var firstLines: [Int] = []
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            number += 1
            let line = Self.trimmed(line)
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            guard line.utf8.count <= Self.maximumLine else {
                throw SourceHeaderRulesError(
                    line: number, reason: "a line may have at most \(Self.maximumLine) bytes")
            }
            if line.hasPrefix("[") {
                try Self.checkFields(of: rules.last, line: firstLines.last)
                let pattern = try Self.pattern(line, number)
                if let index = rules.firstIndex(where: { $0.pattern == pattern }) {
                    throw SourceHeaderRulesError(
                        line: number, reason: "the rule of line \(firstLines[index]) is for the same; join the two")
                }
                guard rules.count < Self.maximumRules else {
                    throw SourceHeaderRulesError(
                        line: number, reason: "there may be at most \(Self.maximumRules) rules")
                }
                rules.append(Rule(pattern: pattern, fields: []))
                firstLines.append(number)
                continue
            }
            let field = try Self.field(line, number)
            guard let last = rules.indices.last else {
                throw SourceHeaderRulesError(
                    line: number, reason: "a line such as [files.example.com] must come before the first field")
            }
            try Self.add(field, to: &rules[last], number)
        }
        try Self.checkFields(of: rules.last, line: firstLines.last)
        self.init(rules)
    }

    private static func checkFields(of rule: Rule?, line: Int?) throws(SourceHeaderRulesError) {
        guard let rule, let line, rule.fields.isEmpty else { return }
        throw SourceHeaderRulesError(
            line: line, reason: "the rule has no fields; a field is a line such as Name: value")
    }

    private static func add(
        _ field: (name: String, value: String), to rule: inout Rule, _ number: Int
    ) throws(SourceHeaderRulesError) {
        guard !rule.fields.contains(where: { $0.name.lowercased() == field.name.lowercased() }) else {
            throw SourceHeaderRulesError(
                line: number,
                reason: "the rule has a field \(field.name) already; each name may stand once, and "
                    + "login is an Authorization field")
        }
        guard rule.fields.count < maximumFields else {
            throw SourceHeaderRulesError(line: number, reason: "a rule may have at most \(maximumFields) fields")
        }
        rule.fields.append(field)
    }

    // MARK: Lines

    private static let patternHelp =
        "a rule begins with a line such as [files.example.com], [*.example.com:8443] or [http://10.0.0.5:*]"

    /// Reads `[` pattern `]`.
    private static func pattern(_ line: Substring, _ number: Int) throws(SourceHeaderRulesError) -> Pattern {
        guard line.hasSuffix("]"), let pattern = Pattern(parsing: line.dropFirst().dropLast()) else {
            throw SourceHeaderRulesError(line: number, reason: patternHelp)
        }
        return pattern
    }

    /// Reads name `:` value.
    private static func field(
        _ line: Substring, _ number: Int
    ) throws(SourceHeaderRulesError) -> (name: String, value: String) {
        guard let colon = line.firstIndex(of: ":") else {
            throw SourceHeaderRulesError(line: number, reason: "a field is a line such as Name: value")
        }
        let name = String(line[..<colon])
        let value = String(trimmed(line[line.index(after: colon)...]))
        guard !name.isEmpty, HTTP1Lexer.areAll(name, HTTP1Lexer.isToken) else {
            throw SourceHeaderRulesError(
                line: number,
                reason: "a field's name may hold letters, digits and hyphens, and its colon follows at once")
        }
        guard !value.isEmpty, HTTP1Lexer.areAll(value, HTTP1Lexer.isText) else {
            throw SourceHeaderRulesError(
                line: number, reason: "the value of \(name) must not be empty or hold control characters")
        }
        guard !isReserved(name) else {
            throw SourceHeaderRulesError(
                line: number,
                reason: "\(name) is set by Towline itself; any other name but these is allowed: "
                    + reservedNames.sorted().joined(separator: ", "))
        }
        guard name.lowercased() == "login" else { return (name, value) }
        guard let split = value.firstIndex(of: ":"), split > value.startIndex else {
            throw SourceHeaderRulesError(line: number, reason: "a login is a line such as login: user:password")
        }
        return ("Authorization", "Basic " + Data(value.utf8).base64EncodedString())
    }

    private static func trimmed(_ text: Substring) -> Substring {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" || character == "\r" }
        let head = text.drop(while: isBlank)
        guard let last = head.lastIndex(where: { !isBlank($0) }) else { return "" }
        return head[...last]
    }
}

extension SourceHeaderRules.Pattern {
    /// Reads `[scheme://]host[:port]`, the host perhaps behind `*.`, the port perhaps `*`.
    init?(parsing text: Substring) {
        var rest = text
        var scheme = HTTPURL.Scheme.https
        for known in [HTTPURL.Scheme.http, .https] where rest.lowercased().hasPrefix("\(known.rawValue)://") {
            scheme = known
            rest = rest.dropFirst(known.rawValue.utf8.count + 3)
        }
        let isBelow = rest.hasPrefix("*.")
        if isBelow { rest = rest.dropFirst(2) }
        let isAnyPort = rest.hasSuffix(":*")
        if isAnyPort { rest = rest.dropLast(2) }
        guard !rest.isEmpty, !rest.hasSuffix(":"), !rest.contains(where: { "/?#@*\\".contains($0) }),
            !(isAnyPort && Self.hasPort(rest)),
            let url = try? HTTPURL(parsing: "\(scheme.rawValue)://\(rest)/")
        else { return nil }
        self.scheme = scheme
        port = isAnyPort ? nil : url.port
        guard isBelow else {
            host = .exact(url.host)
            return
        }
        // A single label would give the fields to half of the world.
        guard case .name(let name) = url.host, name.contains(".") else { return nil }
        host = .below("." + name)
    }

    private static func hasPort(_ text: Substring) -> Bool {
        text.hasPrefix("[") ? !text.hasSuffix("]") : text.contains(":")
    }
}
