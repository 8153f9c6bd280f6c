/// A request target taken apart: the segments of its path and the parameters of its query.
struct MNSTarget {
    /// The segments, decoded; one slash at the end does not count.
    let path: [String]

    private let query: [String: String]

    /// Takes a target apart, as it stands on the request line; the form with scheme and host is fine.
    ///
    /// Names of parameters count without regard to case. Escapes are decoded exactly once; what is not an escape stays,
    /// a `+` does too, and a value begins at the first `=`.
    ///
    /// - Throws: ``MNSError`` with `InvalidRequestURL` or `InvalidQueryString`.
    init(_ target: String) throws(MNSError) {
        let parts = Self.origin(target).split(
            separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        path = try Self.segments(parts[0])
        query = parts.count == 2 ? try Self.parameters(parts[1]) : [:]
    }

    /// The value of a parameter, its name in lower case; `nil` when it is absent or empty.
    func parameter(_ name: String) -> String? {
        query[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether a parameter says `true`, in any case.
    func isTrue(_ name: String) -> Bool {
        parameter(name).map(ASCIIText.lowercased) == "true"
    }

    /// The first segment that is not empty, as it stands.
    static func firstSegment(_ target: String) -> String? {
        let path = origin(target).prefix { $0 != UInt8(ascii: "?") }
        return path.split(separator: UInt8(ascii: "/")).first.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The target without scheme and host.
    private static func origin(_ target: String) -> ArraySlice<UInt8> {
        let bytes = Array(target.utf8)
        let start = ASCIIText.lowercased(String(decoding: bytes.prefix(8), as: UTF8.self))
        for scheme in ["http://", "https://"] where start.hasPrefix(scheme) {
            return bytes.dropFirst(scheme.utf8.count).drop { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        }
        return bytes[...]
    }

    private static func segments(_ path: ArraySlice<UInt8>) throws(MNSError) -> [String] {
        guard path.isEmpty || path.first == UInt8(ascii: "/") else {
            throw MNSError(.invalidRequestURL, "The path must begin with a slash.")
        }
        var pieces = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if pieces.last?.isEmpty == true { pieces.removeLast() }
        var segments: [String] = []
        for piece in pieces {
            guard let segment = unescaped(piece) else {
                throw MNSError(.invalidRequestURL, "The path must be UTF-8.")
            }
            segments.append(segment)
        }
        return segments
    }

    private static func parameters(_ query: ArraySlice<UInt8>) throws(MNSError) -> [String: String] {
        var parameters: [String: String] = [:]
        for piece in query.split(separator: UInt8(ascii: "&")) {
            let equals = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
            guard let name = unescaped(piece[..<equals]), let value = unescaped(piece[equals...].dropFirst()) else {
                throw MNSError(.invalidQueryString, "The query must be UTF-8.")
            }
            guard parameters.updateValue(value, forKey: ASCIIText.lowercased(name)) == nil else {
                let shown = ASCIIText.excerpt(name.utf8)
                throw MNSError(.invalidQueryString, "The parameter \(shown) must not occur twice.")
            }
        }
        return parameters
    }

    /// Replaces `%XX` by its byte, once; `nil` when the result is not UTF-8.
    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String? {
        guard bytes.contains(UInt8(ascii: "%")) else { return String(validating: bytes, as: UTF8.self) }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.endIndex,
                let high = ASCIIText.hexValue(bytes[index + 1]), let low = ASCIIText.hexValue(bytes[index + 2])
            {
                output.append(UInt8(high << 4 | low))
                index += 3
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return String(validating: output, as: UTF8.self)
    }
}
