/// Says why a text is not an http or https URL that may be used, and what is allowed.
package struct HTTPURLError: Error, Hashable, Sendable {
    /// The kinds of refusal.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// The text is empty or longer than 65,536 bytes.
        case length
        /// A control character is inside, or white space before the path or at an end.
        case character
        /// A backslash is inside, which some programs read as a slash.
        case backslash
        /// The scheme is missing or neither http nor https.
        case scheme
        /// The user name or password is malformed.
        case userInfo = "user-info"
        /// The host is missing.
        case emptyHost = "empty-host"
        /// The host has a character that is not allowed, an empty or overlong label, or is overlong itself.
        case host
        /// The host has characters outside ASCII.
        case nonASCIIHost = "non-ascii-host"
        /// The last label of the host is a number, but the host is not a plain dotted quad.
        case numericHost = "numeric-host"
        /// The bracketed host is not an IPv6 address.
        case ipv6
        /// The bracketed host has a zone id.
        case zone
        /// The port is not a number from 1 to 65535.
        case port
    }

    /// The kind of refusal.
    package let code: Code
    /// What is wrong and what is allowed, as one sentence without the URL.
    package let reason: String

    init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }
}

extension HTTPURLError: CustomStringConvertible {
    /// The reason; never the URL, since it may hold secrets.
    package var description: String { reason }
}
