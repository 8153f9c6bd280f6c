/// Takes an absolute http or https URL apart.
enum HTTPURLParser {
    /// Most bytes of a URL.
    static let maximumLength = 65_536

    static func parse(_ text: String) throws(HTTPURLError) -> HTTPURL {
        let bytes = Array(text.utf8)
        try checkCharacters(bytes)
        let (scheme, afterScheme) = try parseScheme(bytes)
        let authorityEnd = bytes[afterScheme...].firstIndex(where: isEndOfAuthority) ?? bytes.endIndex
        let authority = try parseAuthority(bytes[afterScheme..<authorityEnd], scheme: scheme)
        let (path, query) = splitTarget(bytes[authorityEnd...])
        return HTTPURL(
            scheme: scheme,
            host: authority.host,
            port: authority.port,
            path: path.first == UInt8(ascii: "/") ? PercentCoding.encode(path) : "/" + PercentCoding.encode(path),
            query: query.map { PercentCoding.encode($0) },
            credentials: authority.credentials
        )
    }

    /// Splits what follows the authority into path and query, without the fragment.
    static func splitTarget(_ bytes: ArraySlice<UInt8>) -> (path: ArraySlice<UInt8>, query: ArraySlice<UInt8>?) {
        let target = bytes.prefix { $0 != UInt8(ascii: "#") }
        guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return (target, nil) }
        return (target[..<mark], target[(mark + 1)...])
    }

    /// Refuses what no URL or reference may hold anywhere.
    static func checkCharacters(_ bytes: [UInt8]) throws(HTTPURLError) {
        guard bytes.count <= maximumLength else {
            throw HTTPURLError(.length, "The URL is longer than \(maximumLength) bytes.")
        }
        for byte in bytes {
            if byte < 0x20 || byte == 0x7f {
                throw HTTPURLError(.character, "The URL holds a control character; percent-encode it.")
            }
            if byte == UInt8(ascii: "\\") {
                throw HTTPURLError(.backslash, "The URL holds a backslash; write a slash, or %5C where one is meant.")
            }
        }
        guard bytes.first != 0x20, bytes.last != 0x20 else {
            throw HTTPURLError(.character, "The URL begins or ends with a blank; remove it.")
        }
    }

    // MARK: Scheme

    private static func parseScheme(_ bytes: [UInt8]) throws(HTTPURLError) -> (HTTPURL.Scheme, Int) {
        guard !bytes.isEmpty else { throw HTTPURLError(.length, "The URL is empty.") }
        for scheme in [HTTPURL.Scheme.https, .http] {
            let start = Array("\(scheme.rawValue)://".utf8)
            if bytes.count >= start.count, zip(bytes, start).allSatisfy({ ASCII.lowercased($0) == $1 }) {
                return (scheme, start.count)
            }
        }
        throw HTTPURLError(.scheme, "The URL must begin with http:// or https://.")
    }

    // MARK: Authority

    private struct Authority {
        var host: HTTPURL.Host
        var port: Int
        var credentials: HTTPURL.Credentials?
    }

    private static func isEndOfAuthority(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
    }

    private static func parseAuthority(
        _ bytes: ArraySlice<UInt8>,
        scheme: HTTPURL.Scheme
    ) throws(HTTPURLError) -> Authority {
        guard !bytes.contains(0x20) else {
            throw HTTPURLError(.character, "The URL holds a blank before its path.")
        }
        var hostAndPort = bytes
        var credentials: HTTPURL.Credentials?
        if let at = bytes.lastIndex(of: UInt8(ascii: "@")) {
            credentials = try parseUserInfo(bytes[..<at])
            hostAndPort = bytes[(at + 1)...]
        }
        let host: HTTPURL.Host
        let portText: ArraySlice<UInt8>
        if hostAndPort.first == UInt8(ascii: "[") {
            guard let close = hostAndPort.firstIndex(of: UInt8(ascii: "]")) else {
                throw HTTPURLError(.ipv6, "The bracket before the IPv6 address is not closed.")
            }
            host = try HTTPURLHost.parseBracketed(hostAndPort[(hostAndPort.startIndex + 1)..<close])
            portText = hostAndPort[(close + 1)...]
            guard portText.isEmpty || portText.first == UInt8(ascii: ":") else {
                throw HTTPURLError(.ipv6, "After the bracketed IPv6 address only a colon and a port may follow.")
            }
        } else {
            let colon = hostAndPort.firstIndex(of: UInt8(ascii: ":")) ?? hostAndPort.endIndex
            portText = hostAndPort[colon...]
            guard !portText.dropFirst().contains(UInt8(ascii: ":")) else {
                throw HTTPURLError(.port, "The host holds several colons; write an IPv6 address in brackets.")
            }
            host = try HTTPURLHost.parse(hostAndPort[..<colon])
        }
        let port = try parsePort(portText.dropFirst()) ?? scheme.defaultPort
        return Authority(host: host, port: port, credentials: credentials)
    }

    /// Reads a port; `nil` when there is none.
    private static func parsePort(_ bytes: ArraySlice<UInt8>) throws(HTTPURLError) -> Int? {
        guard !bytes.isEmpty else { return nil }
        var port = 0
        for byte in bytes {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), bytes.count <= 5 else {
                throw HTTPURLError(.port, "The port must be a number from 1 to 65535.")
            }
            port = port * 10 + Int(byte - UInt8(ascii: "0"))
        }
        guard (1...65535).contains(port), bytes.first != UInt8(ascii: "0") else {
            throw HTTPURLError(.port, "The port must be a number from 1 to 65535 without leading zeros.")
        }
        return port
    }

    private static func parseUserInfo(_ bytes: ArraySlice<UInt8>) throws(HTTPURLError) -> HTTPURL.Credentials {
        guard bytes.allSatisfy({ isUserInfo($0) }) else {
            throw HTTPURLError(
                .userInfo,
                "The user name or password before the host holds a character that must be percent-encoded."
            )
        }
        let colon = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
        guard colon > bytes.startIndex else {
            throw HTTPURLError(.userInfo, "The user name before the host is empty.")
        }
        func decoded(_ part: ArraySlice<UInt8>) -> String {
            PercentCoding.decode(Substring(String(decoding: part, as: UTF8.self)))
        }
        let user = decoded(bytes[..<colon])
        let password = decoded(bytes[colon...].dropFirst())
        // RFC 7617 section 2: neither may hold control characters, the user name no colon.
        let hasControl = (user + password).unicodeScalars.contains { $0.properties.generalCategory == .control }
        guard !hasControl, !user.contains(":") else {
            throw HTTPURLError(
                .userInfo,
                "The user name must not hold a colon, nor the user name or password a control character."
            )
        }
        return HTTPURL.Credentials(user: user, password: password)
    }

    /// Unreserved characters, sub-delimiters, the colon and the percent sign (RFC 3986 section 3.2.1).
    private static func isUserInfo(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: userInfoMarks.contains(byte)
        }
    }

    private static let userInfoMarks = Set("-._~!$&'()*+,;=:%".utf8)
}
