import VODSignatures

/// One call as it came: the request line, its parameters decoded once, and its headers.
struct VODRequest: Sendable {
    let method: String
    let path: String
    let query: [NameValuePair]
    let form: [NameValuePair]
    /// Names in lower case, values trimmed; repeated headers stand once for each.
    let headers: [NameValuePair]
    let body: [UInt8]

    /// The value of a header by its lower-case name; the first if there are several.
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The value of a parameter from the query or the form; the first if there are several.
    func parameter(_ name: String) -> String? {
        (query.first { $0.name == name } ?? form.first { $0.name == name })?.value
    }

    /// Whether the request is signed by headers (V3) rather than by parameters (vod-api.md 9.1).
    var isACS3: Bool { header("authorization").map(ACS3Authorization.isPresent(in:)) ?? false }
}

/// The parameters of an action, after authentication.
struct ActionParameters: Sendable {
    private let values: [String: String]

    init(_ request: VODRequest) {
        values = Dictionary(
            (request.query + request.form).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// The value of a parameter; nil when it is absent or empty.
    subscript(name: String) -> String? {
        guard let value = values[name], !value.isEmpty else { return nil }
        return value
    }

    /// Whether the parameter was sent at all, be it empty.
    func contains(_ name: String) -> Bool { values[name] != nil }

    /// Refuses what cannot stand in XML answers and JSON rows; line breaks and tabs are fine, since some clients send
    /// indented JSON.
    func refuseControlCharacters() throws(VODError) {
        for (name, value) in values
        where value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }) {
            throw .invalidParameter(String(name.prefix(64)), "It has control characters.")
        }
    }

    /// The names that were sent.
    var names: some Collection<String> { values.keys }

    /// A parameter that must be there and not be empty.
    func required(_ name: String) throws(VODError) -> String {
        guard let value = self[name] else { throw .missingParameter(name) }
        return value
    }

    /// A boolean, written `true` or `false` in any case, as Python and the others send it.
    func boolean(_ name: String) throws(VODError) -> Bool? {
        switch self[name]?.lowercased() {
        case nil: return nil
        case "true": return true
        case "false": return false
        default: throw .invalidParameter(name, "It is true or false.")
        }
    }

    /// The application, `app-1000000` unless named.
    func appID() throws(VODError) -> String? {
        guard let app = self["AppId"] else { return nil }
        guard app.utf8.count <= 64, app.utf8.allSatisfy(\.isNameCharacter) else {
            throw .invalidParameter("AppId", "It has at most 64 letters, digits, '-' and '_'.")
        }
        return app
    }
}

extension UInt8 {
    /// Letters, digits, hyphen and underscore of ASCII.
    var isNameCharacter: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
