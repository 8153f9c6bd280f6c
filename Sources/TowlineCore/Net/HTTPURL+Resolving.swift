extension HTTPURL {
    /// Resolves a reference, such as the value of a Location header, against this URL (RFC 3986 section 5.2).
    ///
    /// Credentials of this URL go along with a reference that stays on its authority; an absolute reference has those
    /// that are written in it. The fragment is dropped.
    ///
    /// - Parameter reference: An absolute URL, or a reference relative to the scheme, the authority, the path or the
    ///   query. It passes the same checks as a URL.
    /// - Returns: The absolute URL that is meant.
    /// - Throws: ``HTTPURLError`` when the result is not an http or https URL that may be used.
    package func resolving(_ reference: String) throws(HTTPURLError) -> HTTPURL {
        let bytes = Array(reference.utf8)
        try HTTPURLParser.checkCharacters(bytes)
        if Self.hasScheme(bytes) { return try HTTPURL(parsing: reference) }
        if bytes.starts(with: "//".utf8) { return try HTTPURL(parsing: "\(scheme.rawValue):\(reference)") }
        let (newPath, newQuery) = HTTPURLParser.splitTarget(bytes[...])
        let encodedQuery = newQuery.map { PercentCoding.encode($0) }
        guard !newPath.isEmpty else { return replacing(path: path, query: encodedQuery ?? query) }
        let encodedPath = PercentCoding.encode(newPath)
        let base = encodedPath.hasPrefix("/") ? "" : path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        return replacing(path: Self.removingDotSegments(from: base + encodedPath), query: encodedQuery)
    }

    private func replacing(path: String, query: String?) -> HTTPURL {
        HTTPURL(scheme: scheme, host: host, port: port, path: path, query: query, credentials: credentials)
    }

    /// Whether a reference begins with a scheme and a colon.
    private static func hasScheme(_ bytes: [UInt8]) -> Bool {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return false }
        return bytes[..<colon].enumerated().allSatisfy { index, byte in
            switch ASCII.lowercased(byte) {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                index > 0
            default: false
            }
        }
    }

    /// Removes `.` and `..` segments from a path that begins with a slash (RFC 3986 section 5.2.4).
    private static func removingDotSegments(from path: String) -> String {
        var kept: [Substring] = []
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment {
            case ".":
                if isLast { kept.append("") }
            case "..":
                _ = kept.popLast()
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/")
    }
}
