import Crypto

/// `MessageBodyMD5`: the MD5 of a body's UTF-8 as sent, that is of the base64 text if the client encoded (mns-api.md 4.1).
package struct BodyDigest: Sendable, Hashable, CustomStringConvertible {
    /// The 16 bytes.
    package let bytes: [UInt8]

    /// Digests a body.
    package init(of body: [UInt8]) { bytes = Array(Insecure.MD5.hash(data: body)) }

    /// Wraps 16 bytes that a store kept.
    package init(stored bytes: [UInt8]) { self.bytes = bytes }

    /// 32 upper-case hexadecimal digits.
    package var description: String { UpperCaseHex.text(of: bytes) }
}
