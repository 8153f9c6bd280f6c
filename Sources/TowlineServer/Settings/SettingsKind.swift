import TowlineObjectsS3

/// What a setting takes, with its bounds.
package enum SettingsKind: Sendable, Equatable {
    /// A whole number.
    case integer(ClosedRange<Int>)
    /// A number of bytes: plain, or with `KiB`, `MiB`, `GiB` or `TiB`.
    case bytes(ClosedRange<Int>)
    /// A number of seconds with up to three decimals.
    case seconds(ClosedRange<Double>)
    /// A number of times in a second with up to three decimals.
    case rate(ClosedRange<Double>)
    /// A list of waits in seconds, each from 0.1 s to 30 days, with a number of items in bounds.
    case waits(ClosedRange<Int>)
    /// A switch.
    case boolean
    /// One of several words.
    case choice([String])
    /// A list of one or more of several words.
    case choices([String])
    /// A list of addresses and CIDR blocks, possibly empty.
    case networks
    /// A list of name servers, possibly empty.
    case nameServers
    /// An address or host name with a port.
    case listen
    /// An `http` or `https` URL that others are built from.
    case webURL
    /// The URL of an HTTP proxy.
    case proxy
    /// A list of what is reached without a proxy, possibly empty.
    case proxyExceptions
    /// Where the store is.
    case storeURL
    /// Where objects are.
    case objectsURL
    /// The path of a file or folder; a relative one starts at the working directory.
    case path
    /// A node's name.
    case nodeName
    /// A secret that fits into a header.
    case token

    /// Whether the value is a list: separated by commas in text, a sequence in YAML.
    package var isList: Bool {
        switch self {
        case .choices, .networks, .nameServers, .proxyExceptions, .waits: true
        default: false
        }
    }

    /// What is allowed, in words that follow "takes".
    package var allowed: String {
        switch self {
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .bytes(let range):
            "a size from \(Self.sizeText(range.lowerBound)) to \(Self.sizeText(range.upperBound)), "
                + "in bytes or with KiB, MiB, GiB or TiB"
        case .seconds(let range):
            "a number of seconds from \(Self.secondsText(range.lowerBound)) to \(Self.secondsText(range.upperBound))"
        case .rate(let range):
            "a number from \(Self.secondsText(range.lowerBound)) to \(Self.secondsText(range.upperBound)), with up to "
                + "three decimals"
        case .waits(let count):
            "a list of \(count.lowerBound) to \(count.upperBound) numbers of seconds, each from 0.1 to 2592000"
        case .boolean: "true or false"
        case .choice(let words): Self.joined(words)
        case .choices(let words): "a list of one or more of \(Self.joined(words)), each once"
        case .networks: "a list of addresses or CIDR blocks such as 10.0.0.0/8 or fd00::/8, no bit set after a prefix"
        case .nameServers: "a list of name server addresses such as 192.0.2.53 or [2001:db8::53]:5353"
        case .listen: "an address and a port such as 127.0.0.1:8787 or [::1]:8787"
        case .webURL: "an http or https URL of a host, without user, query or fragment"
        case .proxy: "a URL such as http://proxy.example:3128 or http://user:password@proxy.example:3128, no path"
        case .proxyExceptions:
            "a list of host names, such with *. before them, addresses and CIDR blocks, such as files.example.com, "
                + "*.example.com or 10.0.0.0/8"
        case .storeURL: "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE"
        case .objectsURL: "file:PATH or s3://BUCKET/PREFIX?endpoint=URL&region=REGION&path-style=true"
        case .path: "a path"
        case .nodeName: "1 to 64 letters, digits, dots, hyphens or underscores"
        case .token: "1 to 256 visible ASCII characters without spaces"
        }
    }

    /// What is wrong with a text that looks like one of this kind, to follow a colon; nil where that says nothing more.
    func complaint(about text: String) -> String? {
        guard self == .objectsURL, text.hasPrefix("s3:") else { return nil }
        do {
            _ = try S3Location(parsing: text)
            return nil
        } catch {
            return error.description
        }
    }

    /// The placeholder that stands for the value in help texts.
    package var placeholder: String {
        switch self {
        case .integer, .rate: "N"
        case .bytes: "SIZE"
        case .seconds: "SECONDS"
        case .boolean: "true|false"
        case .choice(let words): words.count > 3 ? "WORD" : words.joined(separator: "|")
        case .choices, .networks, .nameServers, .proxyExceptions, .waits: "LIST"
        case .listen: "HOST:PORT"
        case .webURL, .proxy, .storeURL, .objectsURL: "URL"
        case .path: "PATH"
        case .nodeName: "NAME"
        case .token: "TOKEN"
        }
    }

    /// Sizes a user may write, largest first.
    static let sizeUnits: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ]

    /// A size in the largest unit that divides it.
    private static func sizeText(_ bytes: Int) -> String {
        for unit in sizeUnits where bytes > 0 && bytes % unit.bytes == 0 {
            return "\(bytes / unit.bytes) \(unit.name)"
        }
        return "\(bytes)"
    }

    /// Seconds without a needless fraction.
    private static func secondsText(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }

    /// Words as a sentence lists alternatives.
    private static func joined(_ words: [String]) -> String {
        guard let last = words.last, words.count > 1 else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " or " + last
    }
}
