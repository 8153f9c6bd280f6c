#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Names made of the system's randomness.
enum RandomNames {
    /// An upper-case UUID, as request ids are on the wire (vod-api.md 9.6).
    @Sendable static func requestID() -> String { UUID().uuidString }

    /// A fresh access key: an id that is easy to tell and a secret of 238 bits.
    @Sendable static func accessKey() -> (id: String, secret: String) {
        ("TL" + text(22), text(40))
    }

    private static func text(_ count: Int) -> String {
        let characters = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        var generator = SystemRandomNumberGenerator()
        return String((0..<count).map { _ in characters[Int.random(in: 0..<62, using: &generator)] })
    }
}
