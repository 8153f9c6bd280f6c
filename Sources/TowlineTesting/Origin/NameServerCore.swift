import NIOCore
import Synchronization
import TowlineCore

/// Reads questions and writes the replies of a scripted name server; the record of questions is under a lock.
final class NameServerCore: Sendable {
    private let answer: @Sendable (ScriptedNameServer.Question) -> ScriptedNameServer.Reply
    private let asked = Mutex<[ScriptedNameServer.Question]>([])

    init(answer: @escaping @Sendable (ScriptedNameServer.Question) -> ScriptedNameServer.Reply) {
        self.answer = answer
    }

    var questions: [ScriptedNameServer.Question] { asked.withLock { $0 } }

    /// Sends the replies to one message.
    func reply(to message: ByteBuffer, isTCP: Bool, send: @escaping @Sendable (ByteBuffer) -> Void) {
        guard let name = Self.name(in: message),
            let type = message.getInteger(at: message.readerIndex + 12 + name.length, as: UInt16.self),
            let head = message.getSlice(at: message.readerIndex, length: 12 + name.length + 4)
        else { return }
        let question = ScriptedNameServer.Question(name: name.text, type: type, isTCP: isTCP)
        asked.withLock { $0.append(question) }
        let reply = answer(question)
        Task { await Self.send(reply, head: head, question: question, send: send) }
    }

    private static func send(
        _ reply: ScriptedNameServer.Reply,
        head: ByteBuffer,
        question: ScriptedNameServer.Question,
        send: @escaping @Sendable (ByteBuffer) -> Void
    ) async {
        switch reply {
        case .addresses(let addresses, let aliases):
            let fitting = addresses.filter { $0.family == (question.type == 1 ? .v4 : .v6) }
            send(message(head, flags: 0x8180, addresses: fitting, aliases: aliases, type: question.type))
        case .noSuchName: send(message(head, flags: 0x8183))
        case .serverFailure: send(message(head, flags: 0x8182))
        case .truncated: send(message(head, flags: 0x8380))
        case .silence: break
        case .forged(let change): send(change(message(head, flags: 0x8180)))
        case .several(let replies):
            for reply in replies { await self.send(reply, head: head, question: question, send: send) }
        case .after(let signal, let reply):
            await signal.wait()
            await self.send(reply, head: head, question: question, send: send)
        }
    }

    /// A message with the question and records whose owners are written out or point to the question.
    private static func message(
        _ head: ByteBuffer,
        flags: UInt16,
        addresses: [IPAddress] = [],
        aliases: [String] = [],
        type: UInt16 = 1
    ) -> ByteBuffer {
        var message = head
        let start = message.readerIndex
        message.setInteger(flags, at: start + 2)
        message.setInteger(UInt16(1), at: start + 4)
        message.setInteger(UInt16(addresses.count + aliases.count), at: start + 6)
        message.setInteger(UInt32(0), at: start + 8)
        var owner: [UInt8] = [0xc0, 12]
        for alias in aliases {
            let target = encoded(alias)
            write(owner, 5, target, to: &message)
            owner = target
        }
        for address in addresses { write(owner, type, address.bytes, to: &message) }
        return message
    }

    private static func write(_ owner: [UInt8], _ type: UInt16, _ data: [UInt8], to message: inout ByteBuffer) {
        message.writeBytes(owner)
        message.writeMultipleIntegers(type, UInt16(1), UInt32(60), UInt16(data.count))
        message.writeBytes(data)
    }

    private static func encoded(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    private static func name(in message: ByteBuffer) -> (text: String, length: Int)? {
        var labels: [String] = []
        var length = 0
        while let count = message.getInteger(at: message.readerIndex + 12 + length, as: UInt8.self), count < 64 {
            length += 1
            guard count > 0 else { return (labels.joined(separator: ".").lowercased(), length) }
            guard let label = message.getString(at: message.readerIndex + 12 + length, length: Int(count)) else {
                return nil
            }
            labels.append(label)
            length += Int(count)
        }
        return nil
    }
}

/// Answers by UDP.
final class NameServerDatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let core: NameServerCore

    init(_ core: NameServerCore) {
        self.core = core
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let channel = context.channel
        core.reply(to: envelope.data, isTCP: false) { message in
            channel.writeAndFlush(AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: message), promise: nil)
        }
    }
}

/// Answers by TCP.
final class NameServerStreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let core: NameServerCore
    private var input = ByteBuffer()

    init(_ core: NameServerCore) {
        self.core = core
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        input.writeImmutableBuffer(unwrapInboundIn(data))
        let channel = context.channel
        while let question = input.readLengthPrefixedSlice(as: UInt16.self) {
            core.reply(to: question, isTCP: true) { message in
                var bytes = ByteBuffer(integer: UInt16(message.readableBytes))
                bytes.writeImmutableBuffer(message)
                channel.writeAndFlush(bytes, promise: nil)
            }
        }
    }
}
