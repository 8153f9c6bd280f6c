import TowlineCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the body of a message can be, and what it says.
enum MessageText {
    static let rule = "base64 of the body's bytes"

    /// What a body says that is Base64 of a text, as most clients send it; nil for any other.
    static func decoded(_ body: [UInt8]) -> [UInt8]? {
        guard !body.isEmpty, let data = Data(base64Encoded: Data(body)) else { return nil }
        let bytes = Array(data)
        guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty else { return nil }
        let isText = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.generalCategory != .control || ["\t", "\n", "\r"].contains(scalar)
        }
        return isText ? bytes : nil
    }

    /// Why no queue can carry a body, as the rest of a sentence; nil when one can.
    ///
    /// Receivers get it as XML, which has no place for other bytes.
    static func refusal(of body: [UInt8]) -> String? {
        if body.isEmpty { return "is empty; it has 1 byte or more" }
        guard let text = String(validating: body, as: UTF8.self) else {
            return "is not UTF-8; send such bytes as a text in Base64"
        }
        guard let scalar = text.unicodeScalars.first(where: { !isXML($0.value) }) else { return nil }
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "has the character U+\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits), which XML "
            + "cannot carry; send such bytes as a text in Base64"
    }

    /// A `Char` of XML 1.0.
    private static func isXML(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }
}
