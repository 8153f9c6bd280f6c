import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The two uses of MD5 in the queue protocol.
package enum MNSDigest {
    /// The value of `MessageBodyMD5`: upper-case hexadecimal digits over the text as on the wire.
    ///
    /// - Parameter body: The text of `MessageBody`, neither decoded nor encoded.
    /// - Returns: 32 characters. Wire reference: mns-api 4.1.
    package static func ofMessageBody(_ body: String) -> String {
        ASCIIText.hex(md5(Array(body.utf8)), uppercase: true)
    }

    /// Tells whether the value of `Content-MD5` belongs to a body.
    ///
    /// Clients send two forms: base64 of the 16 bytes, and base64 of their lower-case hexadecimal text. Absence is for
    /// the caller to accept. Wire reference: mns-api 2.3.
    ///
    /// - Parameters:
    ///   - value: The value of the header.
    ///   - body: The body of the request, perhaps empty.
    /// - Returns: `false` when neither form matches; answer with `InvalidDegist`.
    package static func contentMD5(_ value: String, matches body: [UInt8]) -> Bool {
        let digest = md5(body)
        let text = ASCIIText.trimmed(value)
        return text == Data(ASCIIText.hex(digest, uppercase: false).utf8).base64EncodedString()
            || text == Data(digest).base64EncodedString()
    }

    private static func md5(_ bytes: [UInt8]) -> [UInt8] {
        Array(Insecure.MD5.hash(data: bytes))
    }
}
