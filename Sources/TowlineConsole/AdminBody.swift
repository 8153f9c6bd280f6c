import Hummingbird
import NIOCore
import TowlineCore

/// The JSON object of one request, each member known by name.
struct AdminBody {
    private let members: [JSONValue.Member]

    /// Bytes of a body that are read at most, unless a route says otherwise.
    static let limit = 64 << 10

    /// Reads a request's body; an empty one is an empty object.
    ///
    /// - Parameters:
    ///   - body: The body of the request.
    ///   - allowed: The members that the route knows.
    ///   - limit: Bytes that are read at most.
    /// - Throws: ``AdminError`` for a body that is too large, no JSON object, or has a member that is not known.
    init(_ body: RequestBody, allowed: [String], limit: Int = Self.limit) async throws {
        let bytes: ByteBuffer
        do {
            bytes = try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw AdminError(.contentTooLarge, "TooLarge", "the body is larger than \(limit >> 10) KiB")
        }
        let value: JSONValue
        do {
            value = bytes.readableBytes == 0 ? .object([]) : try JSONParser.parse(bytes.readableBytesView)
        } catch {
            throw AdminError.badRequest("the body is a JSON object: \(error)")
        }
        guard case .object(let members) = value else { throw AdminError.badRequest("the body is a JSON object") }
        if let unknown = members.first(where: { !allowed.contains($0.name) }) {
            let rule = allowed.isEmpty ? "none is allowed here" : "allowed are \(allowed.joined(separator: ", "))"
            throw AdminError.badRequest("unknown member '\(unknown.name.prefix(64))'; \(rule)")
        }
        self.members = members
    }

    /// Whether a member is there, null or not.
    func has(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// Whether a member is there and null.
    func isNull(_ name: String) -> Bool { members.contains { $0.name == name && $0.value == .null } }

    /// A member read by a rule; nil where it is absent or null.
    ///
    /// - Throws: ``AdminError`` that says what the member is, `rule`, where `read` gives nil.
    func value<Value>(_ name: String, _ rule: String, _ read: (JSONValue) throws -> Value?) throws -> Value? {
        guard let member = members.first(where: { $0.name == name }), member.value != .null else { return nil }
        guard let value = try read(member.value) else { throw AdminError.badRequest("\(name) is \(rule)") }
        return value
    }

    /// A string read by a rule.
    func string<Value>(_ name: String, _ rule: String, _ read: (String) -> Value?) throws -> Value? {
        try value(name, rule) { $0.string.flatMap(read) }
    }

    /// A text of at most `limit` bytes without control characters.
    func text(_ name: String, atMost limit: Int) throws -> String? {
        try string(name, "a text of at most \(limit) bytes without control characters") {
            $0.utf8.count <= limit && AdminRule.isPlain($0) ? $0 : nil
        }
    }

    /// An identifier.
    func id<ID: TimeOrderedID>(_ name: String) throws -> ID? {
        try string(name, ID.formRule) { ID($0) }
    }

    /// One name of a list.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type
    ) throws -> Choice? where Choice.RawValue == String {
        try string(name, AdminRule.oneOf(type)) { Choice(rawValue: $0) }
    }

    /// A moment.
    func time(_ name: String) throws -> Timestamp? { try string(name, AdminRule.time) { Timestamp(parsing: $0) } }

    /// A whole number in a range; a number, not a string of digits.
    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        try value(name, "a whole number from \(range.lowerBound) to \(range.upperBound)") { value in
            guard case .number(let digits) = value, let number = Int(digits), range.contains(number) else { return nil }
            return number
        }
    }

    /// A truth value.
    func bool(_ name: String) throws -> Bool? {
        try value(name, "true or false") { value in
            if case .bool(let bool) = value { bool } else { nil }
        }
    }

    /// A list of at most `limit` strings, each read by a rule.
    func list<Value>(_ name: String, atMost limit: Int, _ rule: String, _ read: (String) -> Value?) throws -> [Value]? {
        try value(name, "a list of at most \(limit) texts, each \(rule)") { value in
            guard let elements = value.elements, elements.count <= limit else { return nil }
            let values = elements.compactMap { $0.string.flatMap(read) }
            return values.count == elements.count ? values : nil
        }
    }

    /// An account's number.
    func account(_ name: String = "account") throws -> AccountID? {
        try string(name, AdminRule.account, AdminRule.account)
    }
}
