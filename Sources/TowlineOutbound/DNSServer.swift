import NIOCore
package import TowlineCore

/// The address of a name server.
package struct DNSServer: Hashable, Sendable, CustomStringConvertible {
    /// Where it listens.
    package let address: IPAddress
    /// Its port, 53 unless given.
    package let port: Int

    /// Makes the address of a server.
    package init(address: IPAddress, port: Int = 53) {
        self.address = address
        self.port = port
    }

    /// Reads the address of a server, such as `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`.
    ///
    /// - Parameter text: An address, with a port if it is not 53.
    /// - Throws: ``DNSServerError``, which names what is allowed.
    package init(parsing text: String) throws(DNSServerError) {
        if let address = IPAddress(parsing: text) {
            self.init(address: address)
            return
        }
        let colon = text.lastIndex(of: ":") ?? text.endIndex
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        let digits = text[colon...].dropFirst()
        let isBracketed = text.hasPrefix("[")
        guard let address = IPAddress(parsing: host), (address.family == .v6) == isBracketed,
            !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = Int(digits),
            (1...65535).contains(port)
        else { throw DNSServerError(text: text) }
        self.init(address: address, port: port)
    }

    /// The address and, unless it is 53, the port.
    package var description: String {
        guard port != 53 else { return address.description }
        return address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}

/// Says that a text is not the address of a name server and what is allowed.
package struct DNSServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text that was given.
    package let text: String

    /// One sentence with the text and examples of what is allowed.
    package var description: String {
        "'\(text)' is not the address of a name server. Allowed: an IP address, with a port if it is not 53, "
            + "such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353."
    }
}
