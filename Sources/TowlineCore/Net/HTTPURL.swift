/// An absolute http or https URL, read by the one parser that decides the host that is judged and connected.
///
/// The host is lower-case ASCII without a trailing dot. The path and the query are as given, but for bytes that cannot
/// stand in a request line: blanks, quotes, angle brackets, braces, backquotes, bytes outside ASCII and a `%` without
/// two hexadecimal digits are percent-encoded. A fragment is dropped. Dot segments of an absolute URL stay as given,
/// those of a reference are removed (RFC 3986 section 5.2).
package struct HTTPURL: Hashable, Sendable {
    /// The two schemes.
    package enum Scheme: String, Hashable, Sendable {
        /// Plain HTTP, port 80 unless given.
        case http
        /// HTTP over TLS, port 443 unless given.
        case https

        /// The port that is meant when none is given.
        package var defaultPort: Int { self == .http ? 80 : 443 }
    }

    /// What the URL names as its host.
    package enum Host: Hashable, Sendable {
        /// A name to be resolved: lower-case ASCII, no trailing dot, at most 253 bytes.
        case name(String)
        /// An address literal.
        case address(IPAddress)
    }

    /// A user name and password from the part before `@`, percent-decoded.
    package struct Credentials: Hashable, Sendable {
        /// The user name, not empty.
        package let user: String
        /// The password; empty when none was given.
        package let password: String
    }

    /// The scheme.
    package let scheme: Scheme
    /// The host.
    package let host: Host
    /// The port, 1...65535, the scheme's own when none was given.
    package let port: Int
    /// The path with its leading slash, at least `/`.
    package let path: String
    /// The query without its question mark; `nil` when there is none, empty for a lone question mark.
    package let query: String?
    /// The credentials that stood before the host; they are in no other member and in no text of the URL.
    package let credentials: Credentials?

    init(
        scheme: Scheme,
        host: Host,
        port: Int,
        path: String,
        query: String?,
        credentials: Credentials?
    ) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.query = query
        self.credentials = credentials
    }

    /// Reads an absolute URL.
    ///
    /// - Parameter text: At most 65,536 bytes, `http://` or `https://`, an optional `user:password@`, a host and what
    ///   follows. The host is a name, a plain dotted quad or an IPv6 address in brackets.
    /// - Throws: ``HTTPURLError``, which names what is allowed.
    package init(parsing text: String) throws(HTTPURLError) {
        self = try HTTPURLParser.parse(text)
    }

    /// The same URL with other credentials, or with none.
    package func replacingCredentials(with credentials: Credentials?) -> HTTPURL {
        HTTPURL(scheme: scheme, host: host, port: port, path: path, query: query, credentials: credentials)
    }
}

extension HTTPURL {
    /// The host as text, an IPv6 address without brackets.
    package var hostName: String {
        switch host {
        case .name(let name): name
        case .address(let address): address.description
        }
    }

    /// The value of the Host header: the host, an IPv6 address in brackets, and the port unless it is the scheme's own.
    package var hostHeader: String {
        port == scheme.defaultPort ? bracketedHost : "\(bracketedHost):\(port)"
    }

    /// The path and the query as they stand in a request line; never empty.
    package var requestTarget: String {
        query.map { "\(path)?\($0)" } ?? path
    }

    /// Scheme, host and port, the port left out when it is the scheme's own, such as `https://media.example.com`.
    package var origin: String {
        "\(scheme.rawValue)://\(hostHeader)"
    }

    /// The whole URL in its canonical form, without credentials and fragment.
    ///
    /// The query may hold a signature, so this belongs in requests and stores, not in logs: see ``masked``.
    package var absoluteString: String {
        origin + requestTarget
    }

    /// The URL for logs and lists: values of the query replaced by `…`, without credentials.
    package var masked: String {
        guard let query else { return origin + path }
        let fields = query.split(separator: "&", omittingEmptySubsequences: false).map { field -> String in
            guard let equals = field.firstIndex(of: "=") else { return field.isEmpty ? "" : "…" }
            return "\(field[..<equals])=…"
        }
        return "\(origin)\(path)?\(fields.joined(separator: "&"))"
    }

    /// The last segment of the path, percent-decoded, for use as a title or file name.
    ///
    /// Bytes that are not UTF-8 are replaced, control characters removed; only what follows the last slash or
    /// backslash counts, encoded ones too. `nil` when nothing but dots is left.
    package var fileName: String? {
        let segment = path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...]
        let decoded = PercentCoding.decode(segment)
        let last = decoded.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? ""
        var name = ""
        name.unicodeScalars.append(contentsOf: last.unicodeScalars.filter { $0.properties.generalCategory != .control })
        return name.allSatisfy { $0 == "." || $0 == " " } ? nil : name
    }

    /// What follows the last dot of the file name, in lower case, or `nil`.
    ///
    /// One to sixteen ASCII letters and digits; a name that only begins with a dot has no extension.
    package var fileExtension: String? {
        guard let name = fileName, let dot = name.lastIndex(of: "."), dot > name.startIndex else { return nil }
        let ending = name[name.index(after: dot)...]
        let isPlain = ending.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        return isPlain && (1...16).contains(ending.utf8.count) ? ending.lowercased() : nil
    }

    /// Whether another URL has the same scheme, host and port.
    package func isSameOrigin(as other: HTTPURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    private var bracketedHost: String {
        switch host {
        case .address(let address) where address.family == .v6: "[\(address)]"
        default: hostName
        }
    }
}

extension HTTPURL: CustomStringConvertible, CustomDebugStringConvertible {
    /// The masked URL, so that a URL in a log line shows no secret.
    package var description: String { masked }
    /// The masked URL.
    package var debugDescription: String { masked }
}
