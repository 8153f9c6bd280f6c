import TowlineCore

/// The identity of a message: 32 upper-case hexadecimal digits, the newer of the forms seen (mns-api.md 4.1).
///
/// The first twelve digits are the time of sending in milliseconds, as the older form tells it too.
package struct MessageID: TimeOrderedID {
    package static let prefix = ""
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }

    package var description: String { UpperCaseHex.text(of: bytes) }
}

/// Bytes as the queue protocol writes them: two upper-case hexadecimal digits each.
enum UpperCaseHex {
    /// The digits of bytes.
    static func text(of bytes: [UInt8]) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        return String(unsafeUninitializedCapacity: 2 * bytes.count) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[2 * index] = digits[Int(byte >> 4)]
                buffer[2 * index + 1] = digits[Int(byte & 15)]
            }
            return 2 * bytes.count
        }
    }
}
