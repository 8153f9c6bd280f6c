#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How a payload becomes the text of `MessageBody`, which is a matter between sender and receiver.
///
/// Wire reference: mns-api 4.2 and 7.3.
package enum MNSBodyEncoding: String, Sendable, Hashable, CaseIterable {
    /// Base64, which most official clients do by default; carries everything.
    case base64
    /// The text itself; carries what XML 1.0 can carry.
    case plain

    /// Encodes a text.
    ///
    /// - Parameter text: The payload.
    /// - Returns: What goes into `MessageBody`.
    /// - Throws: ``MNSError`` with `InvalidArgument` when the text is plain and XML cannot carry one of its characters.
    package func encode(_ text: String) throws(MNSError) -> String {
        switch self {
        case .base64: return Data(text.utf8).base64EncodedString()
        case .plain:
            if let character = XMLText.firstForbiddenCharacter(in: text) {
                let code = String(character.value, radix: 16, uppercase: true)
                throw .invalid("MessageBody must not hold U+\(code), which XML cannot carry; encode it with base64")
            }
            return text
        }
    }

    /// Decodes a body of which the encoding is not known.
    ///
    /// Text that begins with `{` is plain. Other text is base64 if it reads as such, line breaks allowed, and plain
    /// otherwise; so a plain word of 4, 8, … letters is taken for base64.
    ///
    /// - Parameter body: The text of `MessageBody`.
    /// - Returns: The payload, and how it was encoded.
    package static func decode(_ body: String) -> (payload: [UInt8], encoding: MNSBodyEncoding) {
        let plain = Array(body.utf8)
        let start = plain.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let first = plain[start...].first { !XMLText.isBlank($0) }
        guard first != UInt8(ascii: "{") else { return (plain, .plain) }
        let compact = plain.filter { $0 != 0x0A && $0 != 0x0D }
        guard !compact.isEmpty, let data = Data(base64Encoded: Data(compact)) else { return (plain, .plain) }
        return (Array(data), .base64)
    }
}
