#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

extension VODEvent {
    /// How much of a body from outside is read.
    public struct DecodingLimits: Sendable, Hashable {
        /// Most bytes of JSON text; more is refused unread.
        public let maximumBytes: Int

        /// Most levels of objects and arrays inside each other, the event itself being the first.
        public let maximumDepth: Int

        /// Sets the limits.
        ///
        /// - Parameters:
        ///   - maximumBytes: Most bytes of JSON text, at least 0; default 1 MiB.
        ///   - maximumDepth: Most levels of nesting; values outside of 1...256 become the nearest one within.
        public init(maximumBytes: Int = 1 << 20, maximumDepth: Int = 64) {
            self.maximumBytes = maximumBytes
            self.maximumDepth = min(max(maximumDepth, 1), 256)
        }
    }

    /// Decodes the body of an HTTP callback.
    ///
    /// - Parameters:
    ///   - body: The whole body: one JSON object in UTF-8, possibly with the oddities that ``VODEvent`` names.
    ///   - limits: How much to read.
    /// - Throws: ``VODEventError``; see its codes.
    public init(
        decoding body: some DataProtocol,
        limits: DecodingLimits = DecodingLimits()
    ) throws(VODEventError) {
        guard body.count <= limits.maximumBytes else { throw .tooLarge(limits) }
        var parser = VODJSONParser(Array(body), maximumDepth: limits.maximumDepth)
        try self.init(members: try parser.parseDocument())
    }

    /// Decodes the body of a queue message, plain or base64.
    ///
    /// The vendor does not say whether queue messages are base64, and several official clients decode it on receive. A
    /// text that begins with `{` is read as JSON, anything else as base64 of JSON; line breaks in base64 are allowed.
    ///
    /// - Parameters:
    ///   - queueMessageBody: The text of the element `MessageBody`, or what a client made of it.
    ///   - limits: How much to read; they hold for the JSON text after base64 decoding.
    /// - Throws: ``VODEventError``; ``VODEventError/Code/notBase64`` when it is neither.
    public init(
        queueMessageBody: some DataProtocol,
        limits: DecodingLimits = DecodingLimits()
    ) throws(VODEventError) {
        // Base64 is longer than its content by a third; the rest is room for line breaks.
        guard queueMessageBody.count / 2 <= limits.maximumBytes else { throw .tooLarge(limits) }
        let bytes = Array(queueMessageBody)
        let first = bytes.first { !Bytes.isBlank($0) }
        if first == 0x7B || first == 0xEF {
            try self.init(decoding: bytes, limits: limits)
            return
        }
        let text = Data(bytes.filter { !Bytes.isBlank($0) })
        guard !text.isEmpty, let decoded = Data(base64Encoded: text) else {
            throw VODEventError(.notBase64, "The queue message must be a JSON object or base64 of one")
        }
        try self.init(decoding: decoded, limits: limits)
    }

    /// Decodes the body of a queue message given as text, plain or base64.
    ///
    /// - Parameters:
    ///   - queueMessageBody: The text of the element `MessageBody`.
    ///   - limits: How much to read; they hold for the JSON text after base64 decoding.
    /// - Throws: ``VODEventError``; ``VODEventError/Code/notBase64`` when it is neither.
    public init(
        queueMessageBody: String,
        limits: DecodingLimits = DecodingLimits()
    ) throws(VODEventError) {
        try self.init(queueMessageBody: Array(queueMessageBody.utf8), limits: limits)
    }
}

extension VODEventError {
    static func tooLarge(_ limits: VODEvent.DecodingLimits) -> VODEventError {
        VODEventError(.bodyTooLarge, "The event must not have more than \(limits.maximumBytes) bytes")
    }
}
