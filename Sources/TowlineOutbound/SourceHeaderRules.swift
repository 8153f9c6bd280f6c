package import NIOHTTP1
package import TowlineCore

/// Header fields that an operator gives to origins, such as a token for a private file server.
///
/// Each rule names an origin: `files.example.com` is https at port 443; `http://files.example.com:8080` is what it says;
/// `:*` is any port. `*.example.com` is every host below, at any depth, and not `example.com` itself: labels are
/// compared, never parts of them. A client asks anew for each hop, so that a redirect to another host gets that host's
/// fields and no others. All values count as secrets: no text of a rule shows one.
package struct SourceHeaderRules: Sendable {
    /// Which origins a rule is for.
    struct Pattern: Hashable, Sendable {
        enum HostPattern: Hashable, Sendable {
            /// That host.
            case exact(HTTPURL.Host)
            /// Every host below; the text begins with a dot.
            case below(String)
        }

        var scheme: HTTPURL.Scheme
        var host: HostPattern
        /// `nil` for any port.
        var port: Int?

        func matches(_ url: HTTPURL) -> Bool {
            guard url.scheme == scheme, port == nil || port == url.port else { return false }
            switch (host, url.host) {
            case (.exact(let exact), let host): return exact == host
            case (.below(let ending), .name(let name)):
                return name.utf8.count > ending.utf8.count && name.hasSuffix(ending)
            case (.below, .address): return false
            }
        }

        /// Greater for a pattern whose fields win over those of others.
        var rank: Int {
            let hasPort = port == nil ? 0 : 1
            switch host {
            case .exact: return 2 * 1_000 + hasPort
            case .below(let ending): return 2 * ending.utf8.count + hasPort
            }
        }
    }

    /// The fields for some origins.
    struct Rule: Sendable {
        var pattern: Pattern
        var fields: [(name: String, value: String)]
    }

    /// The most specific first.
    private let rules: [Rule]

    /// No rules.
    package init() {
        rules = []
    }

    init(_ rules: [Rule]) {
        self.rules = rules.sorted { $0.pattern.rank > $1.pattern.rank }
    }

    /// How many rules there are.
    package var count: Int { rules.count }

    /// Adds the fields for the origin of a request.
    ///
    /// What the request has itself stays: a field of that name, and credentials in its URL. Where several rules match,
    /// a field is taken from the most specific one that has it: the host itself before a wildcard, a long wildcard
    /// before a short one.
    func apply(to request: inout OutboundRequest) {
        for rule in rules where rule.pattern.matches(request.url) {
            for (name, value) in rule.fields where !request.headers.contains(name: name) {
                if request.url.credentials != nil, HTTP1Lexer.isSame(name, "authorization") { continue }
                request.headers.add(name: name, value: value)
            }
        }
    }

    /// The fields that a URL would get, for tests and explanations.
    package func fields(for url: HTTPURL) -> HTTPHeaders {
        var request = OutboundRequest(url: url)
        apply(to: &request)
        return request.headers
    }

    /// Whether a field belongs to the client, to the connection or to the part of a file that is asked for, so that
    /// neither an operator nor a caller may set it.
    package static func isReserved(_ name: String) -> Bool {
        reservedNames.contains(name.lowercased())
    }

    /// The names of ``isReserved(_:)`` in lower case.
    package static let reservedNames: Set<String> = [
        "accept-encoding", "connection", "content-length", "expect", "host", "http2-settings", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "proxy-authorization",
        "proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade",
    ]
}

extension SourceHeaderRules: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The number of rules and nothing of what they hold.
    package var description: String { "\(rules.count) rules (hidden)" }
    /// The same.
    package var debugDescription: String { description }
    /// A mirror without children.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
