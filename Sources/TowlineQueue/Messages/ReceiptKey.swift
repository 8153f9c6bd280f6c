import Crypto
import TowlineCore

/// Makes handles into text that only this installation can have made, and reads it again.
///
/// The text is `1-` and 56 characters of `A–Z a–z 0–9 - _`: number, receive, revision and end of the handle, and the
/// first half of an HMAC-SHA256 over them, the account and the queue. Clients paste it into a query unescaped
/// (mns-api.md 4.9).
package struct ReceiptKey: Sendable {
    private static let prefix = Array("1-".utf8)
    private static let contentBytes = 26
    private static let tagBytes = 16

    private let key: SymmetricKey

    /// A key of some bytes, 32 in practice, that are kept as long as the store.
    package init(bytes: [UInt8]) { key = SymmetricKey(data: bytes) }

    /// The text of a handle of a queue.
    package func text(of handle: ReceiptHandle, in queue: QueueAddress) -> String {
        let content = Self.encode(handle)
        let bytes = content + tag(of: content, in: queue)
        return String(decoding: Self.prefix + Base64URL.text(of: bytes), as: UTF8.self)
    }

    /// Reads a text that was made for the same queue.
    ///
    /// - Throws: ``QueueError`` with code `handleInvalid`.
    package func handle(from text: String, of queue: QueueAddress) throws(QueueError) -> ReceiptHandle {
        let characters = Array(text.utf8.prefix(Self.prefix.count + 2 * (Self.contentBytes + Self.tagBytes)))
        guard characters.starts(with: Self.prefix),
            let bytes = Base64URL.bytes(of: characters[Self.prefix.count...]),
            bytes.count == Self.contentBytes + Self.tagBytes
        else { throw .badHandle }
        let content = Array(bytes.prefix(Self.contentBytes))
        let found = bytes.suffix(Self.tagBytes)
        // Every byte is looked at, so that the time tells nothing about the right tag.
        let difference = zip(found, tag(of: content, in: queue)).reduce(0) { $0 | ($1.0 ^ $1.1) }
        guard difference == 0 else { throw .badHandle }
        return Self.decode(content)
    }

    private func tag(of content: [UInt8], in queue: QueueAddress) -> [UInt8] {
        var code = HMAC<SHA256>(key: key)
        code.update(data: content)
        // Neither has a zero byte, and the content's length is fixed.
        code.update(data: Array(queue.account.description.utf8) + [0] + Array(queue.name.description.utf8))
        return Array(code.finalize().prefix(Self.tagBytes))
    }

    private static func encode(_ handle: ReceiptHandle) -> [UInt8] {
        func append(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
            for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(count - 1 - index)))) }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(contentBytes + tagBytes)
        append(UInt64(bitPattern: handle.message), 8, to: &bytes)
        append(UInt64(bitPattern: handle.receive), 8, to: &bytes)
        append(UInt64(clamping: handle.revision), 4, to: &bytes)
        append(UInt64(clamping: handle.validUntil.milliseconds), 6, to: &bytes)
        return bytes
    }

    private static func decode(_ bytes: [UInt8]) -> ReceiptHandle {
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        return ReceiptHandle(
            message: Int64(bitPattern: number(0..<8)), receive: Int64(bitPattern: number(8..<16)),
            revision: Int(number(16..<20)), validUntil: Timestamp(milliseconds: Int64(number(20..<26))))
    }
}

/// Base64 of RFC 4648 section 5 without padding, for whole groups of three bytes.
enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// The characters of bytes, whose count is a multiple of three.
    static func text(of bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count / 3 * 4)
        for start in stride(from: 0, to: bytes.count - bytes.count % 3, by: 3) {
            let group = UInt32(bytes[start]) << 16 | UInt32(bytes[start + 1]) << 8 | UInt32(bytes[start + 2])
            for shift in [18, 12, 6, 0] as [UInt32] { text.append(alphabet[Int(group >> shift & 63)]) }
        }
        return text
    }

    /// The bytes of characters, whose count is a multiple of four; nil for anything else.
    static func bytes(of text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        for (index, character) in text.enumerated() {
            let value = values[Int(character)]
            guard value < 64 else { return nil }
            group = group << 6 | UInt32(value)
            if index % 4 == 3 {
                for shift in [16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: group >> shift)) }
            }
        }
        return bytes
    }
}
