/// The name of a queue, unique within its account.
///
/// Letters, digits and hyphens of ASCII, first a letter or a digit, 1 to 120 characters (mns-api.md 3.1, current
/// limits). Names that differ in case are different.
package struct QueueName: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Most characters of a name.
    package static let longest = 120

    package let description: String

    /// Reads a name.
    ///
    /// - Throws: ``QueueError`` with code `nameLength` or `nameInvalid`, saying what is allowed.
    package init(_ text: String) throws(QueueError) {
        let bytes = text.utf8
        guard (1...Self.longest).contains(bytes.count) else {
            throw QueueError(
                .nameLength, "a queue name has 1 to \(Self.longest) characters; this one has \(text.count)")
        }
        guard bytes.allSatisfy({ Self.isAlphanumeric($0) || $0 == UInt8(ascii: "-") }),
            bytes.first.map(Self.isAlphanumeric) == true
        else {
            throw QueueError(
                .nameInvalid, "a queue name has letters, digits and hyphens and begins with a letter or a digit")
        }
        description = text
    }

    /// Wraps a name that was read before, as stores do.
    package init(stored text: String) { description = text }

    /// Orders by bytes.
    package static func < (left: QueueName, right: QueueName) -> Bool { left.description < right.description }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}
