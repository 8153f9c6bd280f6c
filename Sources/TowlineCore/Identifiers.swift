/// A 128-bit identifier that sorts by the time of its making.
///
/// The upper 48 bits hold milliseconds since 1970 and the rest is random, so that new rows land next to each
/// other in an index. The text form is a prefix and 32 lower-case hexadecimal digits; identifiers that go over the
/// VOD wire have no prefix, since clients expect 32 digits (vod-api.md section 0).
package protocol TimeOrderedID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// What stands before the digits in text, for example `evt_`; empty for wire identifiers.
    static var prefix: String { get }
    /// The 128 bits.
    var rawValue: UInt128 { get }
    /// Wraps 128 bits as they are.
    init(rawValue: UInt128)
}

extension TimeOrderedID {
    /// Reads the text form; nil unless it is the prefix and exactly 32 lower-case hexadecimal digits.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let digits = text.utf8.dropFirst(Self.prefix.utf8.count)
        guard digits.count == 32 else { return nil }
        var value: UInt128 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt128(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt128(digit - 0x57)
            default: return nil
            }
        }
        self.init(rawValue: value)
    }

    /// Makes a new identifier from a time and 80 random bits.
    package init(at time: Timestamp, using random: inout some RandomNumberGenerator) {
        let high = UInt128(UInt64(clamping: time.milliseconds) & 0xFFFF_FFFF_FFFF) << 80
        let middle = UInt128(UInt16.random(in: .min ... .max, using: &random)) << 64
        self.init(rawValue: high | middle | UInt128(random.next()))
    }

    /// Wraps 16 bytes, most significant first; nil for any other count.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.init(rawValue: bytes.reduce(0) { $0 << 8 | UInt128($1) })
    }

    /// The 16 bytes, most significant first: the form in which stores keep identifiers.
    package var bytes: [UInt8] {
        (0..<16).map { UInt8(truncatingIfNeeded: rawValue >> (120 - 8 * UInt128($0))) }
    }

    /// The prefix and 32 lower-case hexadecimal digits.
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        let hex = (0..<32).map { digits[Int(truncatingIfNeeded: rawValue >> (124 - 4 * UInt128($0))) & 15] }
        return Self.prefix + String(decoding: hex, as: UTF8.self)
    }

    /// Orders by time of making.
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// One request to fetch one source; `JobId` on the wire.
package struct JobID: TimeOrderedID {
    package static let prefix = ""
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }
}

/// One stored media item; `MediaId` and `VideoId` on the wire.
package struct MediaID: TimeOrderedID {
    package static let prefix = ""
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }
}

/// One immutable event; never changes, whatever is sent again.
package struct EventID: TimeOrderedID {
    package static let prefix = "evt_"
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }
}

/// The duty to bring one event to one endpoint.
package struct DeliveryID: TimeOrderedID {
    package static let prefix = "dlv_"
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }
}

/// One receiver of events: a URL of an account.
package struct EndpointID: TimeOrderedID {
    package static let prefix = "ep_"
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }
}

/// One durable job that sends stored events again.
package struct ReplayID: TimeOrderedID {
    package static let prefix = "rpl_"
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }
}

/// The proof of one claim; every write by an engine carries it (design 4.8).
package struct LeaseToken: TimeOrderedID {
    package static let prefix = "lea_"
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }
}

/// The account that owns jobs, keys and configuration: decimal digits on the wire.
package struct AccountID: Sendable, Hashable, CustomStringConvertible {
    /// The account of keys that were made without naming one.
    package static let standard = AccountID("1000000000000001")
    package let description: String
    /// Wraps a name as it is.
    package init(_ description: String) { self.description = description }
}

/// The application within an account; the default is `app-1000000` (vod-api.md 1.1).
package struct AppID: Sendable, Hashable, CustomStringConvertible {
    /// The application of requests that name none.
    package static let standard = AppID("app-1000000")
    package let description: String
    /// Wraps a name as it is.
    package init(_ description: String) { self.description = description }
}

/// One running process.
package struct NodeID: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    /// Wraps a name as it is.
    package init(_ description: String) { self.description = description }
}

/// Where an object lies in an object store: letters, digits, `-`, `.`, `_` and `/`, never starting with `/`.
package struct ObjectKey: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    /// Wraps a key as it is.
    package init(_ description: String) { self.description = description }

    /// The key that one attempt alone writes to: named by the media item and the lease of the attempt (design 4.5).
    package init(media: MediaID, lease: LeaseToken, fileExtension: String?) {
        let name = media.description
        let token = lease.description.suffix(12)
        let suffix = fileExtension.map { "." + $0 } ?? ""
        self.init("\(name.suffix(2))/\(name)-\(token)\(suffix)")
    }
}
