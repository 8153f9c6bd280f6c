/// The address of a queue service: scheme, host and port.
///
/// Wire reference: mns-api 1.1 and 7.1.
package struct MNSEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// `http` or `https`.
    package let scheme: String
    /// The host in lower case, with brackets if it is an IPv6 address.
    package let host: String
    /// The port; `nil` for the scheme's own.
    package let port: Int?

    /// Parses an address; slashes at its end are dropped.
    ///
    /// - Parameter text: `http://host`, `https://host:port`; no user, path, query or fragment.
    /// - Throws: ``MNSClientError`` of the kind `invalidRequest` that says what is allowed.
    package init(parsing text: String) throws(MNSClientError) {
        guard let parts = Self.parse(ASCIIText.trimmed(text)) else {
            throw .invalidRequest(
                "The endpoint of a queue service must be http:// or https:// with a host and perhaps a port, no path.")
        }
        (scheme, host, port) = parts
    }

    /// The address without a slash at its end.
    package var description: String {
        "\(scheme)://\(host)\(port.map { ":\($0)" } ?? "")"
    }

    private static func parse(_ text: String) -> (String, String, Int?)? {
        let lowercased = ASCIIText.lowercased(text)
        guard let scheme = ["https", "http"].first(where: { lowercased.hasPrefix($0 + "://") }) else { return nil }
        var authority = lowercased.dropFirst(scheme.count + 3)
        while authority.hasSuffix("/") { authority.removeLast() }
        var host = authority
        var port: Int?
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            let digits = authority[authority.index(after: colon)...]
            guard digits.utf8.allSatisfy(ASCIIText.isDigit), let number = Int(digits), (1...65_535).contains(number)
            else { return nil }
            host = authority[..<colon]
            port = number
        }
        return isHost(host) ? (scheme, String(host), port == (scheme == "http" ? 80 : 443) ? nil : port) : nil
    }

    /// Whether a text is a name of labels or an address; which ones exist, the resolver says.
    private static func isHost(_ host: Substring) -> Bool {
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast().utf8
            return !address.isEmpty
                && address.allSatisfy {
                    ASCIIText.hexValue($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
                }
        }
        return (1...253).contains(host.utf8.count)
            && host.utf8.allSatisfy {
                ASCIIText.isLetter($0) || ASCIIText.isDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "_")
            }
    }
}
