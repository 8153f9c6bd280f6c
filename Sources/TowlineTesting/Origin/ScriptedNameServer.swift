package import NIOCore
import NIOPosix
package import TowlineCore

/// A name server on loopback that answers what a test's function says, by UDP and TCP on the same port.
package final class ScriptedNameServer: Sendable {
    /// One question that came.
    package struct Question: Hashable, Sendable {
        /// The name, in lower case.
        package let name: String
        /// The type of record: 1 for IPv4, 28 for IPv6 addresses.
        package let type: UInt16
        /// Whether it came by TCP.
        package let isTCP: Bool
    }

    /// What to answer.
    package enum Reply: Sendable {
        /// These addresses, those of the type that was asked for, behind aliases if there are any.
        case addresses([IPAddress], aliases: [String] = [])
        /// The name does not exist.
        case noSuchName
        /// The server failed.
        case serverFailure
        /// The answer is cut: ask again by TCP.
        case truncated
        /// Nothing.
        case silence
        /// The bytes that the function makes of a correct answer without addresses.
        case forged(@Sendable (ByteBuffer) -> ByteBuffer)
        /// Several answers, one after the other.
        indirect case several([Reply])
        /// An answer when the signal is fired.
        indirect case after(TestSignal, Reply)
    }

    /// The port that it listens on, UDP and TCP.
    package let port: Int
    private let channels: [any Channel]
    private let core: NameServerCore

    private init(port: Int, channels: [any Channel], core: NameServerCore) {
        self.port = port
        self.channels = channels
        self.core = core
    }

    /// Starts a server.
    ///
    /// - Parameter answer: Gives the reply to each question.
    /// - Returns: The server, listening.
    /// - Throws: The system's error when no port can be listened on.
    package static func start(_ answer: @escaping @Sendable (Question) -> Reply) async throws -> ScriptedNameServer {
        let core = NameServerCore(answer: answer)
        let stream = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NameServerStreamHandler(core))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let port = stream.localAddress?.port ?? 0
        let datagrams = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NameServerDatagramHandler(core))
                }
            }
            .bind(host: "127.0.0.1", port: port)
            .get()
        return ScriptedNameServer(port: port, channels: [stream, datagrams], core: core)
    }

    /// Every question up to now.
    package var questions: [Question] { core.questions }

    /// Stops the server.
    package func stop() async {
        for channel in channels { try? await channel.close() }
    }
}
