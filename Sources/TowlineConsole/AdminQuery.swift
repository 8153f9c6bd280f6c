import Hummingbird
import TowlineCore

/// The query parameters of one request, each known by name: a misspelt filter must not show everything.
struct AdminQuery {
    private let values: [String: String]

    /// Reads a request's query.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - allowed: The parameters that the route knows.
    /// - Throws: ``AdminError`` that names a parameter which is unknown or appears twice.
    init(_ request: Request, allowed: [String]) throws {
        var values: [String: String] = [:]
        for (key, value) in request.uri.queryParameters {
            let name = String(key)
            guard allowed.contains(name) else {
                let rule = allowed.isEmpty ? "none is allowed here" : "allowed are \(allowed.joined(separator: ", "))"
                throw AdminError.badRequest("unknown query parameter '\(name.prefix(64))'; \(rule)")
            }
            guard values.updateValue(String(value), forKey: name) == nil else {
                throw AdminError.badRequest("\(name) appears twice; it is given once")
            }
        }
        self.values = values
    }

    /// A parameter's text; nil where it is absent or empty.
    func text(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// A parameter read by a rule.
    ///
    /// - Throws: ``AdminError`` that says what the parameter is, `rule`, where `read` gives nil.
    func value<Value>(_ name: String, _ rule: String, _ read: (String) -> Value?) throws -> Value? {
        guard let text = text(name) else { return nil }
        guard let value = read(text) else { throw AdminError.badRequest("\(name) is \(rule)") }
        return value
    }

    /// An identifier.
    func id<ID: TimeOrderedID>(_ name: String) throws -> ID? {
        try value(name, ID.formRule) { ID($0) }
    }

    /// One name of a list.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type
    ) throws -> Choice? where Choice.RawValue == String {
        try value(name, AdminRule.oneOf(type)) { Choice(rawValue: $0) }
    }

    /// A moment.
    func time(_ name: String) throws -> Timestamp? { try value(name, AdminRule.time) { Timestamp(parsing: $0) } }

    /// The size of a page, 1 to 500, by default 50.
    func limit() throws -> Int { try integer("limit", in: 1...500) ?? 50 }

    /// A whole number in a range.
    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        try value(name, "a number from \(range.lowerBound) to \(range.upperBound)") { text in
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// The mark that the page before gave as `next`.
    func cursor<ID: TimeOrderedID>() throws -> ID? {
        try value("cursor", "the 'next' of the page before") { ID($0) }
    }
}

/// What fields of the admin API are, in the words of its errors.
enum AdminRule {
    static let time = "a time such as 2026-11-23T10:00:00Z or 2026-11-23T18:00:00+08:00"
    static let account = "1 to 32 digits"
    static let url = "an http or https URL"
    static let name = "1 to 64 letters, digits, '-', '.' and '_'"

    static func oneOf<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type
    ) -> String where Choice.RawValue == String {
        "one of " + type.allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// An account's number.
    static func account(_ text: String) -> AccountID? {
        let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return (1...32).contains(text.utf8.count) && isNumber ? AccountID(text) : nil
    }

    /// The name of an application, a listener or a key.
    static func name(_ text: String, atMost limit: Int = 64) -> String? {
        let isName = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || [0x2D, 0x2E, 0x5F].contains(byte)
        }
        return (1...limit).contains(text.utf8.count) && isName ? text : nil
    }

    /// A URL that a request can be sent to, as it is.
    static func url(_ text: String) -> String? { (try? HTTPURL(parsing: text)).map { _ in text } }

    /// Whether a text has no control characters.
    static func isPlain(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }
}

extension TimeOrderedID {
    /// What the identifier looks like, for errors.
    static var formRule: String {
        prefix.isEmpty ? "32 lower-case hexadecimal digits" : "\(prefix) and 32 lower-case hexadecimal digits"
    }
}
