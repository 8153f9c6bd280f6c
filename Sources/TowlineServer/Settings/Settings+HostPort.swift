import TowlineCore

extension Settings {
    /// A host and a port.
    package struct HostPort: Sendable, Hashable, CustomStringConvertible {
        /// An IPv4 address, an IPv6 address without brackets, or a host name.
        package var host: String
        /// The port, 0 to 65535.
        package var port: Int

        /// Names a host and a port.
        ///
        /// - Parameters:
        ///   - host: An address without brackets, or a host name.
        ///   - port: The port, 0 to 65535.
        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Reads `host:port`, with an IPv6 address in brackets.
        ///
        /// - Parameter text: Such as `127.0.0.1:8787`, `[::1]:0` or `localhost:80`; anything else gives `nil`.
        package init?(_ text: String) {
            guard let (host, port) = Self.split(text), let port else { return nil }
            self.init(host: host, port: port)
        }

        /// Reads a name server: an address, with port 53 unless one is given.
        ///
        /// - Parameter text: Such as `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`;
        ///   anything else gives `nil`.
        package init?(nameServer text: String) {
            if Self.isIPv6(text) {
                self.init(host: text, port: 53)
                return
            }
            guard let (host, port) = Self.split(text), Self.isIPv4(host) || Self.isIPv6(host), port != 0 else {
                return nil
            }
            self.init(host: host, port: port ?? 53)
        }

        /// `host:port`, with an IPv6 address in brackets.
        package var description: String {
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }

        /// Whether only this machine can reach a listener there.
        ///
        /// True for 127.0.0.0/8, `::1`, the IPv4-mapped forms of the first, and `localhost`.
        package var isLoopback: Bool {
            if host.lowercased() == "localhost" { return true }
            guard let address = IPAddress(parsing: host)?.unmapped else { return false }
            if let number = address.v4Value { return number >> 24 == 127 }
            return address.high == 0 && address.low == 1
        }

        /// Whether a listener there takes connections to every address of the machine.
        package var isWildcard: Bool {
            IPAddress(parsing: host)?.bytes.allSatisfy { $0 == 0 } ?? false
        }

        /// Whether a text is a host with or without a port, as in a URL.
        static func isAuthority(_ text: String) -> Bool {
            split(text) != nil
        }

        /// Splits a text into its host and, where there is one, its port.
        private static func split(_ text: String) -> (host: String, port: Int?)? {
            if text.hasPrefix("[") {
                guard let end = text.firstIndex(of: "]") else { return nil }
                let host = String(text[text.index(after: text.startIndex)..<end])
                let rest = text[text.index(after: end)...]
                guard isIPv6(host) else { return nil }
                if rest.isEmpty { return (host, nil) }
                guard rest.hasPrefix(":"), let port = digits(rest.dropFirst(), atMost: 65_535) else { return nil }
                return (host, port)
            }
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard let host = parts.first.map(String.init), parts.count <= 2, isHost(host) else { return nil }
            guard parts.count == 2 else { return (host, nil) }
            return digits(parts[1], atMost: 65_535).map { (host, $0) }
        }

        /// Whether a text is an IPv4 address or can be a host name.
        ///
        /// A name whose last label is all digits would be a misspelt address.
        private static func isHost(_ text: String) -> Bool {
            if isIPv4(text) { return true }
            let labels = text.split(separator: ".", omittingEmptySubsequences: false)
            guard text.utf8.count <= 253, labels.last?.allSatisfy({ $0.isASCII && $0.isNumber }) == false else {
                return false
            }
            return labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.utf8.allSatisfy(SettingsKind.isNameByte)
                    && !label.hasPrefix("-") && !label.hasSuffix("-")
            }
        }

        private static func isIPv4(_ text: String) -> Bool { IPAddress(parsing: text)?.family == .v4 }

        private static func isIPv6(_ text: String) -> Bool { IPAddress(parsing: text)?.family == .v6 }

        private static func digits(_ text: some StringProtocol, atMost limit: Int) -> Int? {
            guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 }),
                let number = Int(text), number <= limit
            else {
                return nil
            }
            return number
        }
    }
}
