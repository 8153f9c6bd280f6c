import NIOCore
import TowlineCore

/// The parts of DNS messages that a stub resolver needs (RFC 1035, RFC 3596, RFC 6891).
enum DNSMessage {
    /// The record types that are asked for or understood.
    enum RecordType: UInt16, Sendable {
        case a = 1
        case cname = 5
        case aaaa = 28
    }

    /// One question.
    struct Question: Hashable, Sendable {
        let id: UInt16
        let name: String
        let type: RecordType
    }

    /// What a server answered.
    struct Answer: Hashable, Sendable {
        /// Addresses of the name that was asked for, aliases followed.
        var addresses: [IPAddress] = []
        /// Where the aliases led, when they led to a name without addresses in the message.
        var alias: String?
    }

    /// Why a message is no answer.
    enum Refusal: Error, Hashable, Sendable {
        /// The message does not belong to the question or cannot be read; a forged one looks like this.
        case unrelated
        /// The answer was cut and has to be asked for by TCP.
        case truncated
        /// The name does not exist.
        case noSuchName
        /// The server cannot or will not answer.
        case serverFailure
    }

    /// Most records of one message that are looked at.
    private static let maximumRecords = 512
    /// Most aliases that are followed inside one message.
    private static let maximumAliases = 16

    /// Writes a question, asking for recursion and answers of up to 1,232 bytes.
    ///
    /// - Returns: `nil` when the name cannot be written.
    static func encode(_ question: Question) -> ByteBuffer? {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(question.id, UInt16(0x0100), UInt16(1), UInt16(0), UInt16(0), UInt16(1))
        for label in question.name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...63).contains(label.count) else { return nil }
            buffer.writeInteger(UInt8(label.count))
            buffer.writeBytes(label)
        }
        guard buffer.readableBytes <= 12 + 254 else { return nil }
        buffer.writeMultipleIntegers(UInt8(0), question.type.rawValue, UInt16(1))
        // An OPT record: the root name, type 41, the size, no flags, no data.
        buffer.writeMultipleIntegers(UInt8(0), UInt16(41), UInt16(1_232), UInt32(0), UInt16(0))
        return buffer
    }

    /// Reads the answer to a question.
    static func decode(_ message: ByteBuffer, for question: Question) throws(Refusal) -> Answer {
        var reader = DNSReader(message)
        guard let id = reader.integer(UInt16.self), let flags = reader.integer(UInt16.self),
            let questions = reader.integer(UInt16.self), let answers = reader.integer(UInt16.self),
            reader.skip(4), id == question.id, flags & 0xf800 == 0x8000, questions == 1,
            let name = reader.name(), name == question.name.lowercased(),
            reader.integer(UInt16.self) == question.type.rawValue, reader.integer(UInt16.self) == 1
        else { throw .unrelated }
        switch flags & 0x000f {
        case 0: break
        case 3: throw .noSuchName
        default: throw .serverFailure
        }
        guard flags & 0x0200 == 0 else { throw .truncated }
        return try answer(to: name, type: question.type, records: Int(answers), reader: &reader)
    }

    private static func answer(
        to name: String,
        type: RecordType,
        records: Int,
        reader: inout DNSReader
    ) throws(Refusal) -> Answer {
        var aliases: [String: String] = [:]
        var addresses: [String: [IPAddress]] = [:]
        for _ in 0..<min(records, maximumRecords) {
            guard let record = reader.record() else { throw .unrelated }
            switch record.data {
            case .alias(let target): aliases[record.owner] = target
            case .address(let address) where record.type == type.rawValue:
                addresses[record.owner, default: []].append(address)
            default: break
            }
        }
        var owner = name
        for _ in 0..<maximumAliases {
            if let found = addresses[owner] { return Answer(addresses: found) }
            guard let target = aliases[owner] else { return Answer(alias: owner == name ? nil : owner) }
            owner = target
        }
        throw .serverFailure
    }
}

/// Reads a DNS message, never past its end and never in circles.
struct DNSReader {
    /// What a record holds.
    enum Data {
        case address(IPAddress)
        case alias(String)
        case other
    }

    private let message: ByteBuffer
    private var position: Int

    init(_ message: ByteBuffer) {
        self.message = message.slice()
        position = 0
    }

    mutating func skip(_ count: Int) -> Bool {
        guard position + count <= message.readableBytes else { return false }
        position += count
        return true
    }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
        guard let value = message.getInteger(at: position, as: type) else { return nil }
        position += MemoryLayout<Value>.size
        return value
    }

    /// Reads a name in lower case, compressed or not.
    mutating func name() -> String? {
        var labels: [String] = []
        var length = 0
        var at = position
        var end: Int?
        // Each jump goes backwards only, so that it ends.
        var lowest = position
        while let count = message.getInteger(at: at, as: UInt8.self) {
            switch count {
            case 0:
                position = end ?? at + 1
                return labels.joined(separator: ".")
            case 1...63:
                length += Int(count) + 1
                guard length <= 254, let bytes = message.getBytes(at: at + 1, length: Int(count)) else { return nil }
                labels.append(String(decoding: bytes, as: UTF8.self).lowercased())
                at += Int(count) + 1
            case 0xc0...0xff:
                guard let pointer = message.getInteger(at: at, as: UInt16.self) else { return nil }
                end = end ?? at + 2
                at = Int(pointer & 0x3fff)
                guard at < lowest else { return nil }
                lowest = at
            default: return nil
            }
        }
        return nil
    }

    mutating func record() -> (owner: String, type: UInt16, data: Data)? {
        guard let owner = name(), let type = integer(UInt16.self), let recordClass = integer(UInt16.self), skip(4),
            let length = integer(UInt16.self), position + Int(length) <= message.readableBytes
        else { return nil }
        let end = position + Int(length)
        defer { position = end }
        guard recordClass == 1 else { return (owner, type, .other) }
        switch DNSMessage.RecordType(rawValue: type) {
        case .a, .aaaa:
            let isRight = length == (type == DNSMessage.RecordType.a.rawValue ? 4 : 16)
            guard isRight, let bytes = message.getBytes(at: position, length: Int(length)),
                let address = IPAddress(bytes: bytes)
            else { return nil }
            return (owner, type, .address(address))
        case .cname:
            guard let target = name(), position == end else { return nil }
            return (owner, type, .alias(target))
        case nil: return (owner, type, .other)
        }
    }
}
