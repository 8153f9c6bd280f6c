/// The address of a server: a scheme, a host and perhaps a port.
package struct Endpoint: Sendable, Hashable {
    /// Scheme, host and port as given, without a slash at the end.
    package let url: String
    /// Host and port as given: the value of the Host header.
    package let authority: String

    /// Reads an address.
    ///
    /// - Parameter text: `http://` or `https://`, a host, an IPv6 address in brackets, perhaps a port; nothing else but a
    ///   slash at the end.
    /// - Throws: ``VODClientError`` of kind ``VODClientError/Kind/invalidRequest`` saying what is allowed.
    package init(_ text: String) throws(VODClientError) {
        let lowercased = text.lowercased()
        guard let scheme = ["http://", "https://"].first(where: lowercased.hasPrefix) else { throw Self.refusal }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest.removeLast() }
        guard Self.isAuthority(rest) else { throw Self.refusal }
        authority = rest.lowercased()
        url = scheme + authority
    }

    private static let refusal = VODClientError.invalidRequest(
        "The endpoint must be http:// or https://, a host and perhaps a port, such as http://127.0.0.1:8787.")

    private static func isAuthority(_ text: Substring) -> Bool {
        var host = text
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
            guard let port = Int(text[text.index(after: colon)...]), (1...65_535).contains(port) else { return false }
            host = text[..<colon]
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        return !host.isEmpty
            && host.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                case 0x3A: isBracketed
                default: false
                }
            }
    }
}
